"""Ranges as people name them, and the pieces of clocks that jump."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.errors import UsageError
from ccledger.core.periods import iso
from ccledger.stats.ranges import Bucketing, before, cut, read_range
from tests.stats.test_moments import HOUR, at

NOW = at("2026-11-20T10:00")


def between(start: str | None, end: str | None, days: int | None = None, zone: str = "UTC") -> list[str]:
    asked = read_range(start, end, days, zone, NOW)
    return [iso(asked.start)[:16], iso(asked.end)[:16]]


@pytest.mark.parametrize(
    ("start", "end", "days", "zone", "expected"),
    [
        (None, None, None, "UTC", ["2026-10-22T00:00", "2026-11-21T00:00"]),
        (None, None, 1, "UTC", ["2026-11-20T00:00", "2026-11-21T00:00"]),
        (None, None, 1, "Asia/Kathmandu", ["2026-11-19T18:15", "2026-11-20T18:15"]),
        ("2026-11-01", "2026-11-01", None, "UTC", ["2026-11-01T00:00", "2026-11-02T00:00"]),
        ("2026-11-01", None, None, "UTC", ["2026-11-01T00:00", "2026-11-21T00:00"]),
        (None, "2026-11-01", None, "UTC", ["2026-10-03T00:00", "2026-11-02T00:00"]),
        ("2026-11-01T08:00:00Z", "2026-11-01T09:30:00Z", None, "UTC", ["2026-11-01T08:00", "2026-11-01T09:30"]),
        ("2026-11-01T08:00", "2026-11-01", None, "Asia/Tokyo", ["2026-10-31T23:00", "2026-11-01T15:00"]),
        ("2026-11-01T08:00:00 02:00", "2026-11-02", None, "UTC", ["2026-11-01T06:00", "2026-11-03T00:00"]),
        ("0001-01-01", "9999-12-31", None, "UTC", ["1970-01-01T00:00", "2243-10-18T00:00"]),
        (
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:00:00-12:00",
            None,
            "UTC",
            ["1970-01-01T00:00", "2243-10-17T00:00"],
        ),
    ],
)
def test_a_range_is_what_was_said(
    start: str | None, end: str | None, days: int | None, zone: str, expected: list[str]
) -> None:
    assert between(start, end, days, zone) == expected


@pytest.mark.parametrize(
    ("start", "end", "days", "said"),
    [
        ("2026-13-01", None, None, "start_date is a date or a time"),
        (None, "yesterday", None, "end_date is a date or a time"),
        ("2026-11-20T25:00", None, None, "start_date is a date or a time"),
        ("2026-11-02", "2026-11-01", None, "start_date comes first"),
        ("2026-11-02T10:00", "2026-11-02T10:00", None, "start_date comes first"),
        (None, None, 0, "days is 1"),
        (None, None, -3, "days is 1"),
        (None, None, 10**9, "days is 1"),
        ("2026-11-01", None, 3, "not both"),
    ],
)
def test_nonsense_is_refused_with_what_is_accepted(
    start: str | None, end: str | None, days: int | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        between(start, end, days)


def test_a_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="IANA"):
        between(None, None, None, "Mars/Olympus")


def lengths(day: str, zone: str, bucketing: Bucketing) -> list[float]:
    """How long the pieces of a day are, in hours."""
    pieces = cut(read_range(day, day, None, zone, NOW), bucketing)
    return [(end - start) / HOUR for start, end in pieces]


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-11-20", "Asia/Kathmandu", [1.0] * 24),
        ("2026-03-29", "Europe/Berlin", [1.0] * 23),
        ("2026-10-25", "Europe/Berlin", [1.0] * 25),
        ("2026-11-01", "America/St_Johns", [1.0] * 25),
        ("2026-04-05", "Australia/Lord_Howe", [1.0, 1.0, 0.5, *[1.0] * 22]),
        ("2026-10-04", "Australia/Lord_Howe", [1.0, 1.0, 0.5, *[1.0] * 21]),
    ],
)
def test_hours_are_those_of_the_clock(day: str, zone: str, hours: list[float]) -> None:
    assert lengths(day, zone, Bucketing.HOUR) == hours
    assert lengths(day, zone, Bucketing.DAY) == [sum(hours)]


def test_weeks_begin_on_monday_and_end_with_the_range() -> None:
    pieces = cut(read_range("2026-11-15", "2026-11-24", None, "UTC", NOW), Bucketing.WEEK)
    assert [iso(start)[:10] for start, _ in pieces] == ["2026-11-15", "2026-11-16", "2026-11-23"]
    months = cut(read_range("2026-01-31", "2026-03-01", None, "UTC", NOW), Bucketing.MONTH)
    assert [iso(start)[:10] for start, _ in months] == ["2026-01-31", "2026-02-01", "2026-03-01"]


@given(
    st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "America/Havana"]),
    st.dates(min_value=date(2025, 1, 1), max_value=date(2027, 12, 31)),
    st.integers(0, 40),
    st.sampled_from(Bucketing),
)
def test_pieces_fill_their_range_and_so_do_those_before(
    zone: str, first: date, days: int, bucketing: Bucketing
) -> None:
    asked = read_range(first.isoformat(), (first + timedelta(days=days)).isoformat(), None, zone, NOW)
    assert asked.days == days + 1
    pieces = cut(asked, bucketing)
    earlier, earlier_pieces = before(asked, pieces)
    assert earlier.end == asked.start
    assert len(earlier_pieces) == len(pieces)
    for whole, parts in ((asked, pieces), (earlier, earlier_pieces)):
        assert (parts[0][0], parts[-1][1]) == (whole.start, whole.end)
        assert all(one[1] == other[0] for one, other in pairwise(parts))
        assert all(start <= end for start, end in parts)


def test_too_many_pieces_are_refused() -> None:
    with pytest.raises(UsageError, match="coarser grain"):
        cut(read_range("2000-01-01", "2026-01-01", None, "UTC", NOW), Bucketing.HOUR)
