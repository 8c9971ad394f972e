"""What days of Claude Code's own statistics cost, with the prices that ship."""

from datetime import date

from ccledger.app import price_book
from ccledger.core.cached import CachedDay
from ccledger.core.call import Cost, Reading, Usage
from ccledger.core.periods import day_number
from ccledger.ledger.cached import keep_days

BOOK = price_book()
NOON = 43_200_000


def test_a_day_costs_what_many_short_calls_of_that_day_would() -> None:
    number = day_number(date(2026, 10, 10))
    for model in ("claude-opus-5-5", "claude-haiku-5-5", "claude-sonnet-4-5", "us.anthropic.claude-opus-4-8-v1:0"):
        usage = Usage(3_000_000, 2_000_000, 0, 5_000_000, 900_000_000)
        (kept,) = keep_days("", 0, [CachedDay(number, model, usage)], BOOK.cost)
        at = number * 86_400_000 + NOON
        one = BOOK.cost(Reading(model, Usage(30, 20, 0, 50, 9000)), at)
        short = BOOK.cost(Reading(model, Usage(30, 20, 50, 0, 9000)), at)
        assert one is not None
        assert short is not None
        assert kept.cost == Cost(*(part * 100_000 for part in one))
        assert kept.cost_low == short.total * 100_000


def test_the_price_is_that_of_the_day() -> None:
    days = [
        CachedDay(day_number(date(2026, 10, n)), "claude-sonnet-5-5", Usage(cache_read_tokens=1_000_000))
        for n in (6, 7)
    ]
    before, after = keep_days("", 0, days, BOOK.cost)
    assert before.cost is not None
    assert after.cost is not None
    assert before.cost != after.cost


def test_before_its_first_price_a_model_has_no_cost() -> None:
    (kept,) = keep_days("", 0, [CachedDay(day_number(date(2025, 1, 1)), "claude-opus-5", Usage(1))], BOOK.cost)
    assert (kept.cost, kept.cost_low) == (None, None)
