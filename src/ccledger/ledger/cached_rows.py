"""Translates days of Claude Code's own statistics to rows and back; it never touches a store."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ccledger.ledger.cached import KeptDay

FILE: Final = ("root", "seen", "version", "computed_on", "left_out", "problem")
DAY: Final = (
    "root",
    "day",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "with_cache",
    "input_cost",
    "output_cost",
    "cache_creation_cost",
    "cache_read_cost",
    "cost_low",
    "computed_on",
)
"""The columns of `cached_file` and `cached_day`."""


def day_row(kept: "KeptDay") -> tuple[Any, ...]:
    """A day in the order of `DAY`."""
    root, (day, model, usage, with_cache), cost, cost_low, computed_on = kept
    tokens = (usage.input_tokens, usage.output_tokens, usage.cache_write_1h_tokens, usage.cache_read_tokens)
    costs = (None,) * 4 if cost is None else cost[:4]
    return (root, day, model, *tokens, int(with_cache), *costs, cost_low, computed_on)


def read_day(row: tuple[Any, ...]) -> "KeptDay":
    """The day in a row of `DAY`; the inverse of `day_row`."""
    from ccledger.core.cached import CachedDay
    from ccledger.core.call import Cost, Usage
    from ccledger.ledger.cached import KeptDay

    root, day, model, fresh, output, written, read, with_cache, *costs, cost_low, computed_on = row
    told = CachedDay(day, model, Usage(fresh, output, 0, written, read), bool(with_cache))
    return KeptDay(root, told, None if costs[0] is None else Cost(*costs), cost_low, computed_on)
