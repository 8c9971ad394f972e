from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.call import Cost, Fact, Place, Reading, Source, Timing, Usage
from ccledger.ledger.store import Store, open_store
from ccledger.stats.report import Asked, Line, SessionLine, by_period, by_session, is_project, sum_models
from ccledger.stats.totals import cost_nano, count

ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Africa/Cairo", "Pacific/Apia")
START = datetime(2026, 10, 29, tzinfo=ZoneInfo("UTC"))
"""Clocks change in Cairo on the first of these days, and in St. John's on the fourth."""
QUARTERS = 4 * 96


class Made(NamedTuple):
    """One made-up call."""

    at: datetime
    session: str
    project: str
    model: str
    output: int


def moment(quarter: int, ms: int) -> datetime:
    return START + timedelta(minutes=15 * quarter, milliseconds=ms)


MADE = st.builds(
    Made,
    at=st.builds(moment, st.integers(0, QUARTERS), st.sampled_from([-1, 0, 1, 1000])),
    session=st.sampled_from(["s1", "s2", "s22"]),
    project=st.sampled_from(["/a/one", "/b/one", "/b/two"]),
    model=st.sampled_from(["m1", "m2", "unpriced"]),
    output=st.integers(1, 9),
)
LIMITS = st.none() | st.dates(date(2026, 10, 28), date(2026, 11, 3))


def fact(number: int, made: Made) -> Fact:
    ms = (made.at - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))) // timedelta(milliseconds=1)
    return Fact(
        keys=(f"msg:{number}",),
        timing=Timing(Source.TRANSCRIPT, ms),
        reading=Reading(made.model, Usage(output_tokens=made.output)),
        place=Place(
            Source.TRANSCRIPT, session=made.session, project=made.project, folder=made.project.replace("/", "-")
        ),
        placed_at=ms,
        sources=1 << Source.TRANSCRIPT,
    )


def price(reading: Reading, _: int) -> Cost | None:
    return None if reading.model == "unpriced" else Cost(output=reading.usage.output_tokens * 1000)


@contextmanager
def ledger(calls: Iterable[Made], zone: str) -> Generator[Store]:
    """A real ledger that holds these calls."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'ledger.db'}", lambda: price, zone)
        store.append([fact(number, made) for number, made in enumerate(calls)], {}, now=0)
        try:
            yield store
        finally:
            store.close()


def asked(zone: str, since: date | None = None, until: date | None = None, project: str | None = None) -> Asked:
    return Asked(zone, ZoneInfo(zone), since, until, project)


def within(made: Made, about: Asked) -> bool:
    day = made.at.astimezone(about.tz).date()
    return (about.since is None or about.since <= day) and (about.until is None or day <= about.until)


def outputs(lines: Sequence[Line] | Sequence[SessionLine]) -> dict[tuple[str, str], int]:
    """Output tokens by row and model."""
    return {
        (line.label if isinstance(line, Line) else line.info.session, model): count(measures, "output_tokens")
        for line in lines
        for model, measures in line.models.items()
    }


@given(st.lists(MADE, max_size=12), st.sampled_from(ZONES), st.sampled_from(ZONES), LIMITS, LIMITS)
@settings(max_examples=60, deadline=None)
def test_limits_are_exact_in_any_zone_whatever_the_ledgers_own(
    calls: list[Made], own: str, other: str, since: date | None, until: date | None
) -> None:
    about = asked(other, since, until)
    sessions: dict[tuple[str, str], int] = {}
    days: dict[tuple[str, str], int] = {}
    for made in calls:
        if within(made, about):
            day = made.at.astimezone(about.tz).date().isoformat()
            for sums, key in ((sessions, made.session), (days, day)):
                sums[key, made.model] = sums.get((key, made.model), 0) + made.output
    with ledger(calls, own) as store:
        assert outputs(by_session(store, about)) == sessions
        assert outputs(by_period(store, about, date.isoformat)) == days


AT = START + timedelta(hours=10)


def test_sessions_come_by_their_last_call() -> None:
    calls = [
        Made(AT + timedelta(hours=hour), name, "/a/one", "m1", 1) for hour, name in enumerate(["b", "a", "c", "b"])
    ]
    with ledger(calls, "UTC") as store:
        assert [line.info.session for line in by_session(store, asked("UTC"))] == ["a", "c", "b"]


def test_a_session_is_found_by_how_its_id_begins() -> None:
    calls = [Made(AT, name, "/a/one", "m1", 1) for name in ("s1", "s2", "s22")]
    with ledger(calls, "UTC") as store:
        assert {line.info.session for line in by_session(store, asked("UTC"), "s2")} == {"s2", "s22"}
        assert by_session(store, asked("UTC"), "2") == []


def test_periods_are_sorted_and_named_as_told() -> None:
    calls = [Made(AT + timedelta(days=day), "s1", "/a/one", "m1", 1) for day in (1, 0, 5)]
    with ledger(calls, "UTC") as store:
        lines = by_period(store, asked("UTC"), lambda day: f"{day:%Y-%m}")
    assert outputs(lines) == {("2026-10", "m1"): 2, ("2026-11", "m1"): 1}
    assert [line.label for line in lines] == ["2026-10", "2026-11"]


def test_projects_are_told_apart_only_when_asked() -> None:
    calls = [Made(AT, "s1", project, "m1", 1) for project in ("/a/one", "/b/one", "/b/two")]
    with ledger(calls, "UTC") as store:
        together = by_period(store, asked("UTC"), date.isoformat)
        apart = by_period(store, asked("UTC")._replace(by_project=True), date.isoformat)
        named = by_period(store, asked("UTC", project="one"), date.isoformat)
        sessions = {name: len(by_session(store, asked("UTC", project=name))) for name in ("one", "two")}
    assert [line.folder for line in together] == [""]
    assert [line.folder for line in apart] == ["-a-one", "-b-one", "-b-two"]
    assert outputs(named) == {("2026-10-29", "m1"): 2}
    assert sessions == {"one": 0, "two": 1}, "a session is where its last call was"


@pytest.mark.parametrize(
    ("name", "means"),
    [("/b/one", True), ("-b-one", True), ("one", True), ("/b/one/", True), ("on", False), ("b", False), ("", False)],
)
def test_a_project_has_three_names(name: str, means: bool) -> None:
    assert is_project(name, "/b/one", "-b-one") is means


def test_an_unpriced_call_adds_tokens_and_leaves_the_cost_a_lower_bound() -> None:
    calls = [Made(AT, "s1", "/a/one", model, 2) for model in ("m1", "unpriced")]
    with ledger(calls, "UTC") as store:
        (line,) = by_period(store, asked("UTC"), date.isoformat)
    assert cost_nano(line.models["unpriced"]) is None
    assert cost_nano(line.sum) == 2000
    assert (count(line.sum, "output_tokens"), count(line.sum, "unpriced_calls")) == (4, 1)


def test_models_add_up_over_all_rows() -> None:
    calls = [Made(AT + timedelta(days=day), f"s{day}", "/a/one", "m1", 1 + day) for day in range(3)]
    with ledger(calls, "UTC") as store:
        for lines in (by_period(store, asked("UTC"), date.isoformat), by_session(store, asked("UTC"))):
            assert {model: count(sums, "output_tokens") for model, sums in sum_models(lines).items()} == {"m1": 6}


@pytest.mark.parametrize(("since", "until"), [(date.min, date.max), (date(1970, 1, 1), date(2243, 10, 17))])
def test_limits_beyond_all_calls_are_none(since: date, until: date) -> None:
    with ledger([Made(AT, "s1", "/a/one", "m1", 1)], "UTC") as store:
        for zone in ("UTC", "Pacific/Apia"):
            assert outputs(by_session(store, asked(zone, since, until))) == {("s1", "m1"): 1}
            assert len(by_period(store, asked(zone, since, until), date.isoformat)) == 1
