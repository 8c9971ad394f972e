from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ccledger.app import price_book
from ccledger.core.call import Usage
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger.store import Slice, Store, open_store
from ccledger.stats.pricing import Difference, Prices, differences, jumps, models_meant, period_at, pricing
from tests.stats.facts import UNPRICED, fact

BOOK = price_book()
NOW = 1_795_168_800_000
DAY_MS = 86_400_000
ALL = Slice(0, 1 << 42)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'ledger.db'}", lambda: BOOK.cost, "UTC")
    yield opened
    opened.close()


def override(model: str, usd: str, start: int = 0, end: int = FOREVER) -> Override:
    return Override(model, Period(start, end, Card((Decimal(usd),) * 5), "a mail"), NOW, "me")


def test_the_book_in_force_follows_what_is_set_and_is_made_once(store: Store) -> None:
    shipped: list[int] = []
    prices = Prices(store, lambda: shipped.append(1) or BOOK)
    assert prices.book() is prices.book()
    assert prices.book().find("claude-nova-9") is None
    store.override(override("claude-nova-9", "7"))
    assert prices.book().find("claude-nova-9") is not None
    assert prices.book() is prices.book()
    store.withdraw("claude-nova-9", None, by="me", now=NOW)
    assert prices.book().find("claude-nova-9") is None
    assert len(shipped) == 3


def test_differences_are_those_of_the_calls_one_by_one(store: Store) -> None:
    made = [
        fact("1", NOW, model="claude-opus-5", usage=Usage(100)),
        fact("2", NOW - 3 * DAY_MS, model="claude-opus-5", usage=Usage(1000)),
        fact("3", NOW, model="claude-haiku-4-5", usage=Usage(9)),
        fact("4", NOW - DAY_MS, model=UNPRICED, usage=Usage(7)),
        fact("5", NOW, model="claude-sonnet-5", usage=Usage(0)),
    ]
    store.append(made, {}, now=NOW)
    book = BOOK.overlaid([override("claude-opus-5", "6"), override(UNPRICED, "1"), override("claude-sonnet-5", "9")])
    found = differences(store, book, ALL)
    assert found == {
        "claude-opus-5": Difference(2, 1100 * 5000, 1100 * 6000),
        UNPRICED: Difference(1, 0, 7 * 1000, 1, 0),
    }
    assert list(found) == ["claude-opus-5", UNPRICED]
    late = differences(store, book, Slice(NOW - DAY_MS, 1 << 42, frozenset(["claude-opus-5"])))
    assert late == {"claude-opus-5": Difference(1, 100 * 5000, 100 * 6000)}
    assert differences(store, BOOK, ALL) == {}


def test_a_call_whose_start_was_known_late_is_among_the_differences(store: Store) -> None:
    for key, days_ago in (("1", 1), ("2", 5), ("1", 9)):
        store.append([fact(key, NOW - days_ago * DAY_MS, model="claude-opus-5", usage=Usage(100))], {}, now=NOW)
    book = BOOK.overlaid([override("claude-opus-5", "6")])
    assert differences(store, book, ALL) == {"claude-opus-5": Difference(2, 200 * 5000, 200 * 6000)}


def test_a_price_that_goes_makes_calls_unpriced(store: Store) -> None:
    store.append([fact("1", NOW, model="claude-opus-5", usage=Usage(100))], {}, now=NOW)
    (opus,) = [model for model in BOOK.models if model.name == "claude-opus-5"]
    gone = type(BOOK)([model for model in BOOK.models if model is not opus], BOOK.modifiers)
    assert differences(store, gone, ALL) == {"claude-opus-5": Difference(1, 500_000, 0, 0, 1)}


def test_an_empty_ledger_has_no_differences(store: Store) -> None:
    assert differences(store, BOOK, ALL) == {}


def test_a_preview_says_exactly_what_pricing_anew_does(store: Store) -> None:
    store.append([fact(str(n), NOW - n * DAY_MS // 3, model="claude-opus-5") for n in range(20)], {}, now=NOW)
    part = Slice(NOW - 3 * DAY_MS, NOW)
    new = BOOK.overlaid([override("claude-opus-5", "6", NOW - 2 * DAY_MS)])
    (seen,) = differences(store, new, part).values()
    vars(store)["_price"] = new.cost
    store.reprice(store.begin_repricing("x", by="me", now=1), part, -1, 100, now=1)
    (change,) = store.price_changes()
    assert (change.calls, change.old_cost, change.new_cost) == (seen.calls, seen.old_cost, seen.new_cost)
    assert differences(store, new, part) == {}


@pytest.mark.parametrize(
    ("usd", "kinds"),
    [
        ("15", ["cache write 1h"]),
        ("15.000001", ["input", "cache write 1h"]),
    ],
)
def test_a_jump_is_more_than_three_times_off(usd: str, kinds: list[str]) -> None:
    card = Card((Decimal(usd), Decimal(25), Decimal("6.25"), Decimal(31), Decimal("0.5")))
    found = jumps(BOOK, Override("claude-opus-5", Period(NOW, FOREVER, card, ""), NOW, "me"))
    assert [text.rpartition(" instead of ")[0].rpartition(" ")[0] for text in found] == kinds


def test_a_price_below_a_third_is_a_jump_and_a_free_one_too() -> None:
    (text,) = {one.partition(" ")[0] for one in jumps(BOOK, override("claude-opus-5", "1.6"))} & {"input"}
    assert text == "input"
    assert len(jumps(BOOK, override("claude-opus-5", "0"))) == 5


def test_jumps_are_looked_for_in_every_period_that_is_replaced_and_in_no_other() -> None:
    (sonnet,) = [model for model in BOOK.models if model.name == "claude-sonnet-5-5"]
    card = sonnet.periods[0].card
    cheap = Card((*card.usd_per_mtok[:4], Decimal("0.5")))
    first = Override(sonnet.name, Period(0, sonnet.periods[0].end, cheap, ""), NOW, "me")
    assert jumps(BOOK, first) == []
    assert jumps(BOOK, first._replace(period=Period(0, FOREVER, cheap, ""))) == ["cache read 0.5 instead of 0.1"]
    assert jumps(BOOK, override("claude-nova-9", "99")) == []


def test_models_are_meant_in_any_spelling() -> None:
    recorded = ["claude-opus-5", "claude-opus-5-20260724", "us.anthropic.claude-opus-5-v1:0", "claude-opus-5-5", "x"]
    assert models_meant(BOOK, ["Claude-Opus-5"], recorded) == frozenset(recorded[:3])
    assert models_meant(BOOK, ["x", "y"], recorded) == frozenset(["x"])


def test_pricing_of_a_day_shows_what_held_then() -> None:
    (sonnet,) = [model for model in BOOK.models if model.name == "claude-sonnet-5-5"]
    change = sonnet.periods[1].start
    for at, read in ((change - 1, 0.2), (change, 0.1)):
        assert pricing(BOOK, [], at, {}).models["claude-sonnet-5-5"].cache_read_price == read
    assert pricing(BOOK, [], 0, {}).models["claude-sonnet-5-5"].input_price is None
    assert period_at(sonnet, 0) is None


def test_what_is_left_of_a_shipped_period_is_still_shipped() -> None:
    laid = [override("claude-opus-5", "6", NOW, NOW + DAY_MS)]
    periods = pricing(BOOK.overlaid(laid), laid, NOW, {}).models["claude-opus-5"].periods
    assert [period.origin for period in periods] == ["shipped", "set", "shipped"]
    assert periods[1].effective_date == "2026-11-20"
