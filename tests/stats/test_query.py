"""Any question in any zone, against plain counting of the calls."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ccledger.core.call import Fact, Party, Place, Source, Timing, Usage
from ccledger.core.measures import Axis, Cut, Measures, plus, widen
from ccledger.core.periods import moment
from ccledger.core.rollup import measure
from ccledger.ledger.store import Store
from ccledger.stats.query import Answer, Question, answer
from ccledger.stats.ranges import Bucketing, Range, read_range
from ccledger.stats.totals import count
from tests.conformance.stores import fresh_store
from tests.conformance.test_store import cuts, on_axis
from tests.stats.facts import UNPRICED, fact, price
from tests.stats.test_moments import HOUR, at

QUARTER = HOUR // 4
CHANGES = {
    "UTC": ["2026-11-20T10:00"],
    "Asia/Kathmandu": ["2026-11-20T10:00"],
    "America/St_Johns": ["2026-03-08T05:30", "2026-11-01T04:30"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "Europe/Berlin": ["2026-03-29T01:00", "2026-10-25T01:00"],
}
"""Zones, and moments (UTC) at which their clocks change, or none in particular."""

NAMES = st.sampled_from([None, "a", "b"])
MODELS = st.sampled_from(["claude-opus-5", "unpriced-1"])
PLACES = st.builds(Place, st.just(Source.TRANSCRIPT), session=NAMES, project=NAMES, folder=NAMES)
PARTIES = st.none() | st.builds(Party, st.just(Source.GATEWAY), access_token=NAMES, account=NAMES, user=NAMES)


def offset(quarters: int, ms: int) -> int:
    """How far something is from the change of clocks, in milliseconds."""
    return quarters * QUARTER + ms


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh_store("memory", tmp_path, prices=price) as opened:
        yield opened


OFFSETS = st.builds(offset, st.integers(-4 * 24 * 4, 4 * 24 * 4), st.sampled_from([-1, 0, 1, 77_777]))


class Made(NamedTuple):
    """A made-up call, by how far from the change of clocks it is."""

    offset: int
    model: str
    source: Source
    place: Place
    party: Party | None


MADE = st.lists(st.builds(Made, OFFSETS, MODELS, st.sampled_from(Source), PLACES, PARTIES), max_size=20)
LIMITS = st.integers(-5, 5)


@st.composite
def ranges(draw: st.DrawFn, zone: str, base: int) -> tuple[Range, Callable[[int], bool]]:
    """Draw a range near a moment, and what tells in a plain way whether a time is in it."""
    tz = ZoneInfo(zone)
    here = moment(base).astimezone(tz)
    if draw(st.booleans()):
        first, last = sorted((here.date() + timedelta(days=draw(LIMITS)), here.date() + timedelta(days=draw(LIMITS))))
        asked = read_range(first.isoformat(), last.isoformat(), None, zone, base)
        return asked, lambda ms: first <= moment(ms).astimezone(tz).date() <= last
    start, length = base + draw(OFFSETS), draw(st.integers(1, 5 * 24 * HOUR))
    asked = read_range(moment(start).isoformat(), moment(start + length).isoformat(), None, zone, base)
    return asked, lambda ms: start <= ms < start + length


def label(ms: int, tz: ZoneInfo, bucketing: Bucketing) -> Hashable:
    """What tells one piece of time from another, read off the clock and the calendar."""
    local = moment(ms).astimezone(tz)
    match bucketing:
        case Bucketing.NONE:
            return None
        case Bucketing.HOUR:
            return local.utcoffset(), local.date(), local.hour
        case Bucketing.DAY:
            return local.date()
        case Bucketing.WEEK:
            return local.date().isocalendar()[:2]
        case Bucketing.MONTH:
            return local.year, local.month


def make_fact(number: int, base: int, made: Made) -> Fact:
    plain = fact(str(number), base + made.offset, model=made.model, place=made.place)
    return replace(plain, timing=Timing(made.source, base + made.offset), party=made.party, sources=1 << made.source)


@settings(max_examples=150, deadline=None)
@given(st.data(), MADE)
def test_every_answer_is_a_plain_count(data: st.DataObject, made: list[Made]) -> None:
    zone = data.draw(st.sampled_from(sorted(CHANGES)))
    kept_in = data.draw(st.sampled_from([zone, "UTC", "Asia/Kathmandu"]))
    base = at(data.draw(st.sampled_from(CHANGES[zone])))
    asked, is_in = data.draw(ranges(zone, base))
    cut = data.draw(cuts())
    bucketing = data.draw(st.sampled_from(Bucketing))
    question = Question(asked, cut, bucketing, limit=data.draw(st.sampled_from([1, 2, 100])), compare=True)
    engine = data.draw(st.sampled_from(["memory", "sqlite"]))
    with TemporaryDirectory() as folder, fresh_store(engine, Path(folder), kept_in) as store:
        store.append([make_fact(number, base, each) for number, each in enumerate(made)], {}, now=base)
        calls = store.calls(0, 1 << 42)
        found = answer(store, question)
    tz = ZoneInfo(zone)
    meant = [
        (call.fact.timing.started_at, tuple(on_axis(call, axis) for axis in cut.by), measure(call.fact, call.cost))
        for call in calls
        if all(cut.takes(axis, on_axis(call, axis)) for axis in Axis)
    ]
    now = [call for call in meant if is_in(call[0])]
    then = [call for call in meant if is_before(call[0], asked)]
    assert found.whole.measures == added(measures for *_, measures in now)
    assert found.whole.previous == added(measures for *_, measures in then)
    assert_rows(found, now, lambda ms: label(ms, tz, bucketing))


def is_before(ms: int, asked: Range) -> bool:
    """Whether a time is in the range of the same length before."""
    if asked.days is None:
        return 2 * asked.start - asked.end <= ms < asked.start
    tz = ZoneInfo(asked.zone_name)
    return 0 < (day_of(asked.start, tz) - day_of(ms, tz)).days <= asked.days


def day_of(ms: int, tz: ZoneInfo) -> date:
    return moment(ms).astimezone(tz).date()


Counted = tuple[int, tuple[str, ...], Measures]


def assert_rows(found: Answer, now: Sequence[Counted], label_of: Callable[[int], Hashable]) -> None:
    """Check every row and the rest beyond the limit, piece by piece."""
    counted: dict[tuple[Hashable, tuple[str, ...]], list[Measures]] = {}
    for ms, values, measures in now:
        counted.setdefault((label_of(ms), values), []).append(measures)
    shown = dict.fromkeys(row.values for row in found.rows)
    rows = {(label_of(row.start), row.values): row.measures for row in found.rows}
    assert len(rows) == len(found.rows)
    assert {key: row for key, row in rows.items() if row[0]} == {
        key: added(values) for key, values in counted.items() if key[1] in shown
    }
    if found.rest:
        hidden: dict[Hashable, list[Measures]] = {}
        for (piece, values), measures in counted.items():
            if values not in shown:
                hidden.setdefault(piece, []).extend(measures)
        whole, *pieces = found.rest
        assert whole.measures == added([one for several in hidden.values() for one in several])
        assert {label_of(row.start): row.measures for row in pieces if row.measures[0]} == {
            piece: added(several) for piece, several in hidden.items()
        }
    else:
        assert {values for _, values, _ in now} <= {*shown}
    assert len(shown) <= found.question.limit


def added(all_measures: Iterable[Measures]) -> Measures:
    result = widen(())
    for measures in all_measures:
        result = plus(result, measures)
    return tuple(map(int, result))


def ask(store: Store, asked: Range, cut: Cut, **rest: Any) -> Answer:
    return answer(store, Question(asked, cut, **rest))


def test_every_piece_is_compared_with_the_same_piece_before(store: Store) -> None:
    base = at("2026-03-29T01:00")  # clocks change in Berlin
    days = [base + 24 * HOUR * n for n in range(-6, 3)]
    store.append([fact(str(n), ms, usage=Usage(n)) for n, ms in enumerate(days)], {}, now=base)
    asked = read_range("2026-03-28", "2026-03-30", None, "Europe/Berlin", base)
    found = ask(store, asked, Cut(), bucketing=Bucketing.DAY, compare=True)
    inputs = [(count(row.measures, "input_tokens"), count(row.previous, "input_tokens")) for row in found.rows]
    assert inputs == [(5, 2), (6, 3), (7, 4)]
    assert found.previous_range is not None
    assert found.previous_range.end == asked.start
    assert found.previous_range.days == 3


def test_a_group_that_only_was_there_before_is_shown_with_nothing(store: Store) -> None:
    base = at("2026-11-20T10:00")
    store.append([fact("1", base - 24 * HOUR, model="gone"), fact("2", base, model="new")], {}, now=base)
    today = read_range(None, None, 1, "UTC", base)
    found = ask(store, today, Cut((Axis.MODEL,)), compare=True, order="model")
    assert [(row.values, row.measures[0], row.previous[0]) for row in found.rows] == [
        (("gone",), 0, 1),
        (("new",), 1, 0),
    ]
    assert [row.values for row in ask(store, today, Cut((Axis.MODEL,))).rows] == [("new",)]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("-total_cost", ["b", "a", "c", UNPRICED]),
        ("total_cost", ["c", "a", "b", UNPRICED]),
        ("-total_cost_nano", ["b", "a", "c", UNPRICED]),
        ("-calls", [UNPRICED, "c", "b", "a"]),
        ("calls", ["b", "a", "c", UNPRICED]),
        ("model", ["a", "b", "c", UNPRICED]),
        ("-model", [UNPRICED, "c", "b", "a"]),
    ],
)
def test_groups_come_in_the_order_asked_for_and_unpriced_ones_last(store: Store, order: str, names: list[str]) -> None:
    base = at("2026-11-20T10:00")
    made = {"a": [20], "b": [100], "c": [4, 5], UNPRICED: [1, 1, 1]}
    store.append(
        [
            fact(f"{model}{n}", base + n, model=model, usage=Usage(0, tokens))
            for model, several in made.items()
            for n, tokens in enumerate(several)
        ],
        {},
        now=base,
    )
    rows = ask(store, read_range(None, None, 1, "UTC", base), Cut((Axis.MODEL,)), order=order).rows
    assert [row.values[0] for row in rows] == names


def test_what_has_no_value_is_a_group_of_its_own(store: Store) -> None:
    base = at("2026-11-20T10:00")
    store.append([fact("1", base), fact("2", base, place=Place(Source.TRANSCRIPT))], {}, now=base)
    today = read_range(None, None, 1, "UTC", base)
    rows = ask(store, today, Cut((Axis.PROJECT,)), order="project").rows
    assert [(row.values[0], row.measures[0]) for row in rows] == [("", 1), ("/home/u/app", 1)]
    [row] = ask(store, today, Cut((), {Axis.PROJECT: frozenset({""})})).rows
    assert row.measures[0] == 1
