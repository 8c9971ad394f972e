"""Trends: exactly their days, nothing left out, each span under its name."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Usage
from ccledger.core.periods import day_number
from ccledger.ledger.store import Store
from ccledger.stats.ranges import read_range
from ccledger.stats.trends import Period, TrendPoint, trend
from tests.conformance.stores import fresh_store
from tests.stats.facts import UNPRICED, fact, price
from tests.stats.test_moments import at

NOW = at("2026-10-25T10:00")
"""The day on which clocks are set back in Berlin."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh_store("memory", tmp_path, "Europe/Berlin", price) as opened:
        opened.append(
            [
                fact("1", at("2026-10-25T00:30")),  # 02:30, summer time
                fact("2", at("2026-10-25T01:30")),  # 02:30, winter time
                fact("3", at("2026-10-23T12:00"), model=UNPRICED),
                fact("long ago", at("2026-09-01T12:00")),
            ],
            {},
            now=NOW,
        )
        yield opened


def ask(store: Store, period: Period, days: int) -> list[TrendPoint]:
    return trend(store, read_range(None, None, days, "Europe/Berlin", NOW), period)


def test_a_trend_has_exactly_its_days_and_zeros_where_nothing_was(store: Store) -> None:
    points = ask(store, Period.DAILY, 3)
    assert [(point.date, point.calls) for point in points] == [("2026-10-23", 1), ("2026-10-24", 0), ("2026-10-25", 2)]
    assert [point.cost_nano for point in points] == [None, "0", "1920"]
    assert [point.complete for point in points] == [False, True, True]


def test_an_hour_that_comes_twice_is_there_twice(store: Store) -> None:
    points = ask(store, Period.HOURLY, 1)
    assert len(points) == 25
    assert [point.date for point in points if point.calls] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]


def test_weeks_and_months_are_named_by_their_beginning_and_count_only_the_range(store: Store) -> None:
    assert [(point.date, point.calls) for point in ask(store, Period.WEEKLY, 8)] == [
        ("2026-10-12", 0),
        ("2026-10-19", 3),
    ]
    months = ask(store, Period.MONTHLY, 50)
    assert [(point.date, point.calls) for point in months] == [("2026-09", 0), ("2026-10", 3)]
    assert sum(point.calls for point in ask(store, Period.MONTHLY, 60)) == 4


def test_the_numbers_are_those_of_the_totals(store: Store) -> None:
    point = ask(store, Period.DAILY, 1)[0]
    assert point == TrendPoint(
        date="2026-10-25",
        total_tokens=300,
        input_tokens=20,
        output_tokens=40,
        cache_creation_tokens=140,
        cache_read_tokens=100,
        cache_hit_rate=100 / 120,
        cost=1920 / 1e9,
        cost_nano="1920",
        calls=2,
        complete=True,
        as_of=None,
    )


def test_days_without_a_call_are_filled_in_from_the_statistics_and_say_so(store: Store) -> None:
    days = [CachedDay(day_number(date(2026, 10, number)), "claude-opus-4-5", Usage(7)) for number in (22, 23)]
    store.keep_cached_days(CachedFile("/home/u/.claude", b"", 3, day_number(date(2026, 10, 24))), days)
    points = {point.date: point for point in ask(store, Period.DAILY, 5)}
    estimated = points["2026-10-22"]
    assert (estimated.calls, estimated.total_tokens, estimated.as_of) == (0, 7, "2026-10-24")
    assert estimated.complete is False
    assert points["2026-10-23"].as_of is None
    assert [point.as_of for point in ask(store, Period.WEEKLY, 5)] == ["2026-10-24"]
    assert {point.as_of for point in ask(store, Period.HOURLY, 5)} == {None}
