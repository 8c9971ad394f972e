"""Days and clocks that jump, and sums between two moments, against plain counting."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccledger.core.call import Place, Source
from ccledger.core.measures import Dimension, Measures, plus, widen
from ccledger.core.periods import moment
from ccledger.core.rollup import measure
from ccledger.ledger.store import Store, open_store
from ccledger.stats.moments import days_ago, spent_between, spent_by_model, today, yesterday
from ccledger.stats.totals import count
from tests.stats.facts import UNPRICED, fact, ledger, price

MINUTE = 60_000
HOUR = 60 * MINUTE
CHANGES = {
    "UTC": ["2026-11-20T10:00"],
    "Asia/Kolkata": ["2026-11-20T10:00"],
    "Asia/Kathmandu": ["2026-11-20T10:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "America/Havana": ["2026-03-08T05:00", "2026-11-01T05:00"],
    "Asia/Beirut": ["2026-03-28T22:00", "2026-10-24T21:00"],
}
"""Zones, and moments (UTC) at which their clocks change, or none in particular."""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and a moment, most often within two days of a change of its clocks."""
    name = draw(st.sampled_from(sorted(CHANGES)))
    change = at(draw(st.sampled_from(CHANGES[name])))
    near = draw(st.sampled_from([0, 24 * HOUR, -24 * HOUR])) + draw(st.integers(-3 * HOUR, 3 * HOUR))
    return name, change + draw(st.one_of(st.just(near), st.integers(-50 * HOUR, 50 * HOUR)))


def clock(ms: int, tz: ZoneInfo) -> datetime:
    return moment(ms).astimezone(tz).replace(tzinfo=None)


def first(start: int, offsets: Sequence[int], true: Callable[[int], bool]) -> int:
    """The first moment from `start` on that fits, tried minute by minute: clocks change on whole minutes only."""
    minute = start - start % MINUTE
    while True:
        for offset in sorted(offsets):
            if minute + offset >= start and true(minute + offset):
                return minute + offset
        minute += MINUTE


@settings(max_examples=150, deadline=None)
@given(moments())
def test_a_day_goes_from_its_first_moment_to_the_next_days(asked: tuple[str, int]) -> None:
    name, now = asked
    tz = ZoneInfo(name)
    day = clock(now, tz).date()
    start, end = today(now, tz)
    assert start == first(now - 27 * HOUR, [0], lambda ms: clock(ms, tz).date() >= day)
    assert end == first(now, [0], lambda ms: clock(ms, tz).date() > day)
    assert start <= now < end
    assert end - start in (23 * HOUR, 23.5 * HOUR, 24 * HOUR, 24.5 * HOUR, 25 * HOUR)


@settings(max_examples=150, deadline=None)
@given(moments())
def test_yesterday_ends_when_its_clock_first_showed_the_time_it_is_now(asked: tuple[str, int]) -> None:
    name, now = asked
    tz = ZoneInfo(name)
    target = clock(now, tz) - timedelta(days=1)
    start, end = yesterday(now, tz)
    assert start == first(now - 52 * HOUR, [0], lambda ms: clock(ms, tz).date() >= target.date())
    assert end == first(start, [0, now % MINUTE], lambda ms: clock(ms, tz) >= target)


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("America/New_York", "2026-03-08T16:00", 23),
        ("America/New_York", "2026-11-01T17:00", 25),
        ("Australia/Lord_Howe", "2026-04-05T01:00", 24.5),
        ("Australia/Lord_Howe", "2026-10-04T01:00", 23.5),
        ("Asia/Kathmandu", "2026-10-04T01:00", 24),
    ],
)
def test_days_are_as_long_as_they_are(zone: str, now: str, hours: float) -> None:
    start, end = today(at(now), ZoneInfo(zone))
    assert (end - start) / HOUR == hours


@pytest.mark.parametrize(
    ("zone", "now", "then"),
    [
        ("America/New_York", "2026-11-20T15:04:05.006", "2026-11-19T15:04:05.006"),
        ("America/New_York", "2026-03-09T06:30", "2026-03-08T07:00"),  # 02:30, skipped the day before: the jump
        ("America/New_York", "2026-03-09T07:00", "2026-03-08T07:00"),  # 03:00, the first time after it
        ("America/New_York", "2026-03-09T16:00", "2026-03-08T16:00"),
        ("America/New_York", "2026-03-08T16:00", "2026-03-07T17:00"),  # noon to noon is 23 hours
        ("America/New_York", "2026-11-02T06:30", "2026-11-01T05:30"),  # 01:30, twice the day before: the first
        ("America/New_York", "2026-11-01T05:30", "2026-10-31T05:30"),  # 01:30, both times to the same
        ("America/New_York", "2026-11-01T06:30", "2026-10-31T05:30"),
        ("Australia/Lord_Howe", "2026-10-04T15:45", "2026-10-03T15:45"),  # 02:45
        ("Australia/Lord_Howe", "2026-10-04T15:15", "2026-10-03T15:30"),  # 02:15, skipped: clocks jump by half an hour
    ],
)
def test_the_same_time_yesterday_is_by_the_clock(zone: str, now: str, then: str) -> None:
    expected = int(datetime.fromisoformat(then).replace(tzinfo=UTC).timestamp() * 1000)
    asked = int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp() * 1000)
    assert yesterday(asked, ZoneInfo(zone))[1] == expected


BASE = at("2026-11-20T10:00")
PLACES = [
    None,
    Place(Source.TRANSCRIPT, "s", "/home/u/app", "-home-u-app"),
    Place(Source.TRANSCRIPT, "s", "/home/u/app", "-another-folder"),
    Place(Source.TRANSCRIPT, "s", None, "-only-a-folder"),
    Place(Source.TRANSCRIPT, "s", None, None),
]


def beside(quarter: int, off: int) -> int:
    return quarter * 15 * MINUTE + off


near_an_edge = st.one_of(
    st.integers(-3 * HOUR, 3 * HOUR),
    st.builds(beside, st.integers(-9, 9), st.integers(-2, 2)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(near_an_edge, st.sampled_from(PLACES)), max_size=25),
    st.lists(st.tuples(near_an_edge, near_an_edge), min_size=3, max_size=6),
)
def test_between_two_moments_every_call_counts_once(
    calls: list[tuple[int, Place | None]], spans: list[tuple[int, int]]
) -> None:
    with TemporaryDirectory() as folder:
        store = ledger(Path(folder))
        facts = [
            fact(str(number), BASE + offset, place=place or Place(Source.TRANSCRIPT))
            for number, (offset, place) in enumerate(calls)
        ]
        store.append(facts, {}, now=BASE)
        for start, end in spans:
            found = spent_between(store, BASE + start, BASE + end, (Dimension.ALL, Dimension.PROJECT))
            inside = [place for offset, place in calls if start <= offset < end]
            names = [place.project or place.folder for place in inside if place is not None]
            whole, projects = [{name: count(sums[name], "calls") for name in sums} for sums in found]
            assert whole == ({"": len(inside)} if inside else {})
            assert projects == {name: names.count(name) for name in names if name}
        store.close()


@pytest.mark.parametrize(
    ("days", "then"),
    [(0, "2026-04-01T08:30"), (1, "2026-03-31T08:30"), (3, "2026-03-29T08:30"), (30, "2026-03-02T09:30")],
)
def test_days_ago_is_by_the_clock_whatever_lies_between(days: int, then: str) -> None:
    assert days_ago(at("2026-04-01T08:30"), ZoneInfo("Europe/Berlin"), days) == at(then)


AUTUMN = 1_793_350_000_000
"""30 October 2026: New York and St John's turn their clocks back two days later, Lord Howe changed by half an hour."""
times = st.integers(AUTUMN, AUTUMN + 5 * 24 * HOUR)
rough = times.map(lambda ms: ms // 900_000 * 900_000)


def counted(store: Store, start: int, end: int) -> dict[str, Measures]:
    sums: dict[str, Measures] = {}
    for call in store.calls(start, end):
        assert call.fact.reading is not None
        name = call.fact.reading.model
        measures = widen(measure(call.fact, call.cost))
        sums[name] = plus(sums[name], measures) if name in sums else measures
    return {name: tuple(map(int, measures)) for name, measures in sums.items()}


@given(
    starts=st.lists(st.tuples(times | rough, st.sampled_from(["claude-opus-4-5", UNPRICED])), max_size=40),
    bounds=st.lists(st.tuples(times | rough, times | rough), min_size=1, max_size=6),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "America/New_York"]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_stretch_of_time_is_the_sum_of_its_calls(
    starts: Sequence[tuple[int, str]],
    bounds: Sequence[tuple[int, int]],
    zone: str,
) -> None:
    store = open_store("memory://", lambda: price, zone)
    store.append([fact(str(n), at, model=model) for n, (at, model) in enumerate(starts)], {}, now=1)
    for pair in bounds:
        start, end = sorted(pair)
        assert spent_by_model(store, start, end) == counted(store, start, end)
    assert spent_by_model(store, 0, AUTUMN * 2) == counted(store, 0, AUTUMN * 2)
