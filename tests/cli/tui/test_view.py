from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.tui.asks import Asks, Limit, open_window
from ccledger.cli.tui.view import SPANS, TODAY, Question, Span, View, view_of
from ccledger.core.periods import midnight_ms, zone
from ccledger.ledger.store import Store
from ccledger.stats.spent import local_day, spent_ever
from tests.cli.tui.ledgers import booked, call
from tests.cli.tui.views import DAY, HOUR, LIMITS, MINUTE, NOW
from tests.stats.facts import UNPRICED

COST = 10 * 4 + 20 * 20 + 30 * 5 + 40 * 8 + 50
TOKENS = 10 + 20 + 30 + 40 + 50
"""Of a call, by the prices and counts of `tests.stats.facts`."""


def the_limits(_store: Store, _now: int) -> Sequence[Limit]:
    return LIMITS


def seen(store: Store, span: Span = TODAY, zone_name: str = "Europe/Berlin") -> View:
    question = Question(zone_name, zone(zone_name), span, Asks(partial(open_window, list), the_limits))
    return view_of(store, spent_ever(store), question, NOW)


def test_an_empty_ledger_is_a_view_of_nothing(tmp_path: Path) -> None:
    view = seen(booked(tmp_path))
    assert (view.ever_calls, view.spend.cost_nano, view.spend.calls) == (0, 0, 0)
    assert (view.window, view.sessions, view.unpriced) == (None, (), ())
    assert [bar.cost_nano for bar in view.bars] == [0] * 24


def test_today_is_compared_with_yesterday_until_the_same_time(tmp_path: Path) -> None:
    at_that_time, later, earlier = call("same", 24 * 60), call("later", 24 * 60 - 1), call("earlier", 36 * 60)
    view = seen(booked(tmp_path, call("now", 1), at_that_time, later, earlier))
    assert (view.spend.calls, view.spend.cost_nano, view.spend.tokens) == (1, COST, TOKENS)
    assert (view.before.calls, view.before.cost_nano) == (2, 2 * COST)


def test_it_asks_for_window_and_limits(tmp_path: Path) -> None:
    view = seen(booked(tmp_path, call("a", 30)))
    assert view.limits == LIMITS
    assert view.window is not None
    assert view.window.cost_nano == COST
    assert (view.pace.cost_nano_per_hour, view.pace.tokens_per_minute) == (COST, round(TOKENS / 60))


def test_sessions_are_those_with_a_call_in_the_span_newest_first(tmp_path: Path) -> None:
    store = booked(
        tmp_path,
        call("a", 1, "s-active", "shop"),
        call("b", 20, "s-idle", "docs"),
        call("c", 21, "s-idle", "docs", UNPRICED),
        call("d", 300, "s-over", "infra"),
        call("e", 3 * 24 * 60, "s-old", "notes"),
    )
    today = seen(store).sessions
    assert [(row.session, row.state, row.project) for row in today] == [
        ("s-active", "active", "/home/u/shop"),
        ("s-idle", "idle", "/home/u/docs"),
        ("s-over", "over", "/home/u/infra"),
    ]
    assert [row.spend.cost_nano for row in today] == [COST, COST, COST]
    assert [row.spend.complete for row in today] == [True, False, True]
    assert [name for name, _ in today[1].models] == ["claude-opus-4-5", UNPRICED]
    assert seen(store, SPANS[1]).sessions[-1].session == "s-old"
    assert seen(store).unpriced == (UNPRICED,)


@pytest.mark.parametrize("span", SPANS[1:])
def test_days_are_the_bars_of_a_longer_span(span: Span, tmp_path: Path) -> None:
    view = seen(booked(tmp_path, call("a", 1), call("b", 24 * 60), call("c", 40 * 24 * 60)), span)
    assert len(view.bars) == span.days
    assert [bar.cost_nano for bar in view.bars[-3:]] == [0, COST, COST]
    tz = zone("Europe/Berlin")
    assert view.bars[-1].start_ms == midnight_ms(local_day(NOW, tz), tz)


@pytest.mark.parametrize("zone_name", ["Europe/Berlin", "Asia/Kathmandu", "Asia/Kolkata", "America/New_York"])
def test_hours_are_those_of_the_zone(zone_name: str, tmp_path: Path) -> None:
    view = seen(booked(tmp_path, call("a", 0), call("b", 61), call("c", 25 * 60)), zone_name=zone_name)
    assert len(view.bars) == 24
    assert view.bars[-1].start_ms <= NOW < view.bars[-1].start_ms + HOUR
    assert all(later.start_ms - bar.start_ms == HOUR for bar, later in zip(view.bars, view.bars[1:], strict=False))
    for at in (NOW, NOW - 61 * MINUTE):
        [bar] = [bar for bar in view.bars if bar.start_ms <= at < bar.start_ms + HOUR]
        assert bar.cost_nano == COST
    assert sum(bar.cost_nano for bar in view.bars) == 2 * COST


@given(
    minutes=st.lists(st.integers(0, 70 * 24 * 60), max_size=25),
    span=st.sampled_from(SPANS),
    zone_name=st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_amounts_are_a_plain_count_of_the_calls(
    minutes: Sequence[int], span: Span, zone_name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    facts = [call(str(number), at, f"s{number % 4}") for number, at in enumerate(minutes)]
    store = booked(tmp_path_factory.mktemp("ledger"), *facts)
    view = seen(store, span, zone_name)
    store.close()
    tz = zone(zone_name)
    start = midnight_ms(local_day(NOW, tz), tz)
    first = midnight_ms(local_day(start - (span.days - 1) * DAY + DAY // 2, tz), tz)
    starts = [NOW - minute * MINUTE for minute in minutes]
    within = [number for number, at in enumerate(starts) if first <= at]
    assert (view.spend.calls, view.spend.cost_nano) == (len(within), len(within) * COST)
    assert {row.session for row in view.sessions} == {f"s{number % 4}" for number in within}
    assert sum(row.spend.calls for row in view.sessions) == len(within)
    assert view.ever_calls == len(minutes)
    if span != TODAY:
        assert sum(bar.cost_nano for bar in view.bars) == len(within) * COST
