"""Checks days against every quarter-hour of zones that change clocks at awkward times, and with awkward offsets."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.errors import UsageError
from ccledger.core.periods import (
    QUARTER_MS,
    Days,
    day_number,
    day_of_number,
    each_day,
    iso,
    midnight_ms,
    milliseconds,
    moment,
    week_start,
    zone,
)

DAY = timedelta(days=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "America/Nuuk",
    "America/Santiago",
    "America/Asuncion",
    "America/St_Johns",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
zones = st.sampled_from(ZONES).map(zone)
dates = st.dates(date(2011, 1, 1), date(2035, 12, 31))
times = st.integers(milliseconds(datetime(2011, 1, 1, tzinfo=UTC)), milliseconds(datetime(2036, 1, 1, tzinfo=UTC)))


def make_quarters(first: date, last: date) -> range:
    """Number the quarter-hours of some days, UTC, with a margin on both sides."""
    return range(day_number(first) * 96 - 96, day_number(last) * 96 + 192)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", [2011, 2023, 2026])
def test_days_are_the_quarter_hours_that_a_wall_clock_shows_in_them(name: str, year: int) -> None:
    tz = zone(name)
    days = Days(tz)
    first, last = date(year, 1, 1), date(year, 12, 31)
    on_the_wall = {
        day: list(quarters)
        for day, quarters in groupby(
            make_quarters(first, last),
            lambda quarter: datetime.fromtimestamp(quarter * QUARTER_MS / 1000, tz).date(),
        )
    }
    for day in each_day(first, last):
        assert list(days.quarters(day)) == on_the_wall.get(day, [])
        assert {days.of_quarter(quarter) for quarter in days.quarters(day)} <= {day_number(day)}


@pytest.mark.parametrize(
    ("name", "day", "length"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 92),
        ("Europe/Berlin", date(2026, 10, 25), 100),
        ("America/New_York", date(2026, 3, 8), 92),
        ("America/New_York", date(2026, 11, 1), 100),
        ("Australia/Lord_Howe", date(2026, 4, 5), 98),
        ("Australia/Lord_Howe", date(2026, 10, 4), 94),
        ("America/Santiago", date(2026, 9, 6), 92),
        ("America/Santiago", date(2026, 4, 4), 100),
        ("America/Havana", date(2026, 11, 1), 100),
        ("America/Nuuk", date(2026, 3, 28), 92),
        ("Asia/Beirut", date(2026, 3, 29), 92),
        ("Africa/Cairo", date(2026, 4, 24), 92),
        ("Africa/Cairo", date(2026, 10, 29), 100),
        ("Pacific/Apia", date(2011, 12, 29), 96),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("Pacific/Apia", date(2011, 12, 31), 96),
        ("Asia/Kathmandu", date(2026, 6, 1), 96),
    ],
)
def test_days_on_which_clocks_change_are_longer_or_shorter(name: str, day: date, length: int) -> None:
    assert len(Days(zone(name)).quarters(day)) == length


@pytest.mark.parametrize(
    ("name", "day", "starts"),
    [
        ("UTC", date(2026, 1, 1), "2026-01-01T00:00:00.000Z"),
        ("Asia/Kolkata", date(2026, 1, 1), "2025-12-31T18:30:00.000Z"),
        ("Asia/Kathmandu", date(2026, 1, 1), "2025-12-31T18:15:00.000Z"),
        ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00:00.000Z"),
        ("Asia/Beirut", date(2026, 3, 29), "2026-03-28T22:00:00.000Z"),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00.000Z"),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00.000Z"),
        ("America/Nuuk", date(2026, 10, 25), "2026-10-25T02:00:00.000Z"),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00.000Z"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00.000Z"),
    ],
)
def test_a_day_starts_at_its_first_instant_even_without_a_midnight(name: str, day: date, starts: str) -> None:
    assert iso(midnight_ms(day, zone(name))) == starts


@given(zones, times)
def test_every_moment_is_in_the_day_that_the_zone_says(tz: tzinfo, ms: int) -> None:
    day = moment(ms).astimezone(tz).date()
    assert midnight_ms(day, tz) <= ms < midnight_ms(day + DAY, tz)
    assert Days(tz).of_quarter(ms // QUARTER_MS) == day_number(day)


@given(zones, dates)
def test_days_follow_each_other_without_gap_or_overlap(tz: tzinfo, day: date) -> None:
    days = Days(tz)
    assert days.quarters(day).stop == days.quarters(day + DAY).start


def test_every_zone_in_use_keeps_to_quarter_hours() -> None:
    moments = [datetime(year, month, 1, tzinfo=UTC) for year in range(2024, 2030) for month in (1, 4, 7, 10)]
    names = [name for name in available_timezones() if not name.startswith(("posix", "right"))]
    offsets = {at.astimezone(tz).utcoffset() for tz in map(ZoneInfo, names) for at in moments}
    assert {offset % timedelta(minutes=15) for offset in offsets if offset is not None} == {timedelta()}


@pytest.mark.parametrize("name", ["UTC", "utc", "Z"])
def test_utc_needs_no_time_zone_data(name: str) -> None:
    assert zone(name) is UTC


@pytest.mark.parametrize("name", ["", " ", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "zone.tab"])
def test_a_name_that_no_zone_has_is_refused_with_examples(name: str) -> None:
    with pytest.raises(UsageError, match="Europe/Berlin"):
        zone(name)


@given(st.text(max_size=40))
def test_any_name_is_a_zone_or_refused(name: str) -> None:
    with suppress(UsageError):
        assert datetime(2026, 1, 1, tzinfo=zone(name)).utcoffset() is not None


@given(times)
def test_milliseconds_come_back_whole(ms: int) -> None:
    assert milliseconds(moment(ms)) == ms
    assert datetime.fromisoformat(iso(ms)) == moment(ms)
    assert iso(ms).endswith("Z")


def test_microseconds_are_cut_off() -> None:
    last = datetime(2026, 10, 20, 23, 59, 59, 999_999, tzinfo=UTC)
    assert iso(milliseconds(last)) == "2026-10-20T23:59:59.999Z"


@given(st.dates())
def test_days_are_numbered_from_1970(day: date) -> None:
    assert day_of_number(day_number(day)) == day
    assert day_number(date(1970, 1, 1)) == 0


@given(dates, st.integers(-3, 400))
def test_each_day_counts_both_ends(first: date, more: int) -> None:
    days = list(each_day(first, first + timedelta(days=more)))
    assert len(days) == max(0, more + 1)
    assert all(later - earlier == DAY for earlier, later in pairwise(days))


@given(dates, st.integers(0, 6))
def test_a_week_starts_on_its_first_weekday_at_most_six_days_before(day: date, first_weekday: int) -> None:
    start = week_start(day, first_weekday)
    assert start.weekday() == first_weekday
    assert timedelta() <= day - start < timedelta(days=7)
