from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccledger.cli.tui.asks import asks_of, estimated_window
from ccledger.stats.moments import spent_between
from ccledger.stats.totals import cost_nano, total_tokens
from tests.cli.tui.ledgers import booked, call
from tests.cli.tui.views import HOUR, MINUTE, NOW
from tests.stats.facts import UNPRICED


def window_after(tmp_path: Path, *minutes_ago: int) -> tuple[int, int] | None:
    store = booked(tmp_path, *(call(str(number), at) for number, at in enumerate(minutes_ago)))
    window = estimated_window(store, NOW)
    store.close()
    return None if window is None else (window.start_ms, window.end_ms)


def test_no_window_is_open_without_a_call(tmp_path: Path) -> None:
    assert window_after(tmp_path) is None


def test_a_window_begins_with_the_full_hour_of_its_first_call_and_lasts_five(tmp_path: Path) -> None:
    start = NOW - NOW % HOUR - 2 * HOUR
    assert window_after(tmp_path, 130, 60, 1) == (start, start + 5 * HOUR)


def test_a_window_that_has_ended_is_not_open(tmp_path: Path) -> None:
    assert window_after(tmp_path, 6 * 60) is None


def test_the_next_window_begins_when_the_one_before_has_ended(tmp_path: Path) -> None:
    start = NOW - NOW % HOUR - HOUR
    assert window_after(tmp_path, 6 * 60, 4 * 60, 70) == (start, start + 5 * HOUR)


def test_it_says_what_was_spent_how_fast_and_where_that_leads(tmp_path: Path) -> None:
    store = booked(tmp_path, call("a", 100), call("b", 20), call("c", 5))
    window = estimated_window(store, NOW)
    assert window is not None
    [spent] = spent_between(store, window.start_ms, NOW + 1)
    [hour] = spent_between(store, NOW - HOUR, NOW + 1)
    cost, pace = cost_nano(spent[""]), cost_nano(hour[""])
    assert cost is not None
    assert pace is not None
    assert pace * 3 == cost * 2
    assert (window.cost_nano, window.tokens) == (cost, total_tokens(spent[""]))
    assert window.pace == (pace, round(total_tokens(hour[""]) / 60))
    assert window.projected_cost_nano == cost + pace * (window.end_ms - NOW) // HOUR
    assert (window.complete, window.origin) == (True, "estimated")


def test_without_a_price_it_says_nothing_of_money(tmp_path: Path) -> None:
    window = estimated_window(booked(tmp_path, call("a", 5, model=UNPRICED)), NOW)
    assert window is not None
    assert (window.cost_nano, window.projected_cost_nano, window.pace.cost_nano_per_hour) == (None, None, None)
    assert window.complete is False


def test_limits_are_asked_for_in_one_place(tmp_path: Path) -> None:
    asks = asks_of(tmp_path)
    store = booked(tmp_path, call("a", 5))
    assert asks.window(store, NOW) is not None
    assert list(asks.limits(store, NOW)) == []


def by_the_rule(starts: Iterable[int]) -> int | None:
    """When the open window began, told plainly."""
    begun = None
    for at in sorted(starts):
        if begun is None or at >= begun + 5 * HOUR:
            begun = at - at % HOUR
    return begun if begun is not None and begun + 5 * HOUR > NOW else None


@given(minutes=st.lists(st.integers(0, 40 * 60), max_size=12))
@example(minutes=[33, 273])
def test_it_is_the_window_of_the_rule(minutes: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    store = booked(tmp_path_factory.mktemp("ledger"), *(call(str(number), at) for number, at in enumerate(minutes)))
    window = estimated_window(store, NOW)
    store.close()
    assert (None if window is None else window.start_ms) == by_the_rule(NOW - minute * MINUTE for minute in minutes)
