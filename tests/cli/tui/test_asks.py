from __future__ import annotations

from pathlib import Path

from ccledger.cli.tui.asks import Window, asks_of
from ccledger.core.limits import Limit, LimitReading
from ccledger.ledger.store import Store
from ccledger.stats.moments import spent_between
from ccledger.stats.totals import cost_nano, total_tokens
from tests.cli.tui.ledgers import booked, call
from tests.cli.tui.views import HOUR, MINUTE, NOW
from tests.stats.facts import UNPRICED


def ask(store: Store) -> Window | None:
    return asks_of(list).window(store, NOW)


def window_after(tmp_path: Path, *minutes_ago: int) -> tuple[int, int] | None:
    store = booked(tmp_path, *(call(str(number), at) for number, at in enumerate(minutes_ago)))
    window = ask(store)
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
    store = booked(tmp_path, call("a", 100), call("b", 20), call("c", 10))
    window = ask(store)
    assert window is not None
    [spent] = spent_between(store, window.start_ms, NOW + 1)
    cost, tokens = cost_nano(spent[""]), total_tokens(spent[""])
    assert cost is not None
    assert (window.cost_nano, window.tokens) == (cost, tokens)
    assert window.pace == (cost * 60 // 90, round(tokens / 90))
    assert window.projected_cost_nano == cost + round(cost * (window.end_ms - NOW) / (90 * MINUTE))
    assert (window.complete, window.origin) == (True, "estimated")


def test_the_providers_window_takes_the_place_of_the_guess(tmp_path: Path) -> None:
    resets_at = NOW + 2 * HOUR
    told = [LimitReading(NOW - MINUTE, "", Limit("five_hour", 40.0, resets_at))]
    asks = asks_of(lambda: told)
    store = booked(tmp_path, call("a", 4 * 60), call("b", 5))
    window = asks.window(store, NOW)
    assert window is not None
    assert (window.start_ms, window.end_ms, window.origin) == (resets_at - 5 * HOUR, resets_at, "official")
    [limit] = asks.limits(store, NOW)
    assert (limit.name, limit.used_percentage, limit.resets_at_ms, limit.stale) == ("five_hour", 40.0, resets_at, False)


def test_without_a_price_it_says_nothing_of_money(tmp_path: Path) -> None:
    window = ask(booked(tmp_path, call("a", 5, model=UNPRICED)))
    assert window is not None
    assert (window.cost_nano, window.projected_cost_nano, window.pace.cost_nano_per_hour) == (None, None, None)
    assert window.complete is False
