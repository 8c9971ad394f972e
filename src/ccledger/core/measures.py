"""The numbers kept per group of calls, in one fixed order; they only ever add up, so a correction is a difference."""

from collections.abc import Iterable
from operator import add
from typing import Final

Measures = tuple[int, ...]
"""One integer per name in `MEASURES`; money in nano-USD, times in milliseconds."""

MEASURES: Final = (
    "calls",
    "error_calls",
    "aborted_calls",
    "unpriced_calls",
    "estimated_calls",
    "unknown_calls",
    "partial_calls",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "web_searches",
    "input_cost",
    "output_cost",
    "cache_creation_cost",
    "cache_read_cost",
    "web_search_cost",
    "equivalent_cost",
    "duration_ms",
    "timed_calls",
    "first_token_ms",
    "first_token_calls",
)

ZERO: Final[Measures] = (0,) * len(MEASURES)

COST_MEASURES: Final = ("input_cost", "output_cost", "cache_creation_cost", "cache_read_cost", "web_search_cost")
TOKEN_MEASURES: Final = (
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
)


def plus(a: Measures, b: Measures) -> Measures:
    """Both groups together."""
    return tuple(map(add, a, b))


def total(groups: Iterable[Measures]) -> Measures:
    """All groups together."""
    result = ZERO
    for group in groups:
        result = plus(result, group)
    return result
