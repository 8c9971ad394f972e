"""Days of any time zone, from whatever days the ledger keeps, against plain counting."""

from collections.abc import Sequence
from datetime import date
from itertools import count as numbers
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.call import Place, Source
from ccledger.core.measures import Axis, Cut, Dimension, Grain
from ccledger.core.periods import moment
from ccledger.ledger.engines.sqlite import SqliteStore
from ccledger.ledger.store import SumRow
from ccledger.stats.spent import local_day, spent, spent_by_day, spent_ever
from ccledger.stats.totals import count
from tests.stats.facts import UNPRICED, fact, ledger
from tests.stats.test_moments import CHANGES, HOUR, at

MODELS = ["claude-opus-4-5", UNPRICED]
PLACES = [
    Place(Source.TRANSCRIPT),
    Place(Source.TRANSCRIPT, "s", "/home/u/app", "-home-u-app"),
    Place(Source.TRANSCRIPT, "s", "/home/u/app", "-copy"),
    Place(Source.TRANSCRIPT, "s", None, "-only"),
]
calls = st.lists(
    st.tuples(st.integers(-80 * HOUR, 80 * HOUR), st.sampled_from(MODELS), st.sampled_from(PLACES)), max_size=25
)


@settings(max_examples=80, deadline=None)
@given(st.data(), calls)
def test_every_call_counts_on_its_day(data: st.DataObject, made: list[tuple[int, str, Place]]) -> None:
    name = data.draw(st.sampled_from(sorted(CHANGES)))
    kept_in = data.draw(st.sampled_from([name, "UTC", "Asia/Kathmandu"]))
    base = at(data.draw(st.sampled_from(CHANGES[name])))
    tz = ZoneInfo(name)
    days = [moment(base + offset).astimezone(tz).date() for offset, _, _ in made]
    limits = st.none() | st.dates(date(2026, 2, 25), date(2026, 12, 1)) | st.sampled_from(days or [None])
    first, last = data.draw(limits), data.draw(limits)
    with TemporaryDirectory() as folder:
        store = ledger(Path(folder), kept_in)
        facts = [fact(str(n), base + offset, model=model, place=place) for n, (offset, model, place) in enumerate(made)]
        store.append(facts, {}, now=base)
        whole = spent_by_day(store, name, tz, first, last)
        projects = spent_by_day(store, name, tz, first, last, Dimension.PROJECT)
        ever = spent_ever(store)
        store.close()
    inside = [
        (day, model, place)
        for day, (_, model, place) in zip(days, made, strict=True)
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    by_day = [(day, model) for day, model, _ in inside]
    assert {(row.day, row.model): count(row.measures, "calls") for row in whole} == {
        key: by_day.count(key) for key in by_day
    }
    by_place = [
        (day, place.project or "", place.folder or "", model)
        for day, model, place in inside
        if place.project or place.folder
    ]
    assert {(row.day, row.project, row.folder, row.model): count(row.measures, "calls") for row in projects} == {
        key: by_place.count(key) for key in by_place
    }
    models = [model for _, model, _ in made]
    assert {model: count(measures, "calls") for model, measures in ever.items()} == {
        model: models.count(model) for model in models
    }


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("UTC", "2026-11-20T23:59:59.999", "2026-11-20"),
        ("Asia/Kolkata", "2026-11-20T18:30", "2026-11-21"),
        ("Asia/Kolkata", "2026-11-20T18:29", "2026-11-20"),
        ("America/New_York", "2026-11-20T04:59", "2026-11-19"),
    ],
)
def test_the_date_is_that_of_the_zone(zone: str, now: str, day: str) -> None:
    assert local_day(at(now), ZoneInfo(zone)) == date.fromisoformat(day)


def test_what_is_booked_meanwhile_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ledger(tmp_path)
    store.append([fact("0", 0)], {}, now=1)
    ask, keys = SqliteStore.sum_spans, map(str, numbers(1))

    def ask_while_somebody_books(
        self: SqliteStore, grain: Grain, dimension: Dimension, stretches: Sequence[tuple[int, int]], cut: Cut
    ) -> list[SumRow]:
        rows = ask(self, grain, dimension, stretches, cut)
        store.append([fact(next(keys), 0)], {}, now=1)
        return rows

    monkeypatch.setattr(SqliteStore, "sum_spans", ask_while_somebody_books)
    [groups] = spent(store, [(0, 86_400_000)], Cut((Axis.PROJECT,)))
    assert {values: measures[0] for values, measures in groups.items()} == {("/home/u/app",): 1}
    store.close()
