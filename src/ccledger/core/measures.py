"""The numbers kept per group of calls and what calls are grouped by; numbers only ever add up.

A correction is a difference, so a group is right whatever the order in which calls arrive.
"""

from collections.abc import Iterable
from enum import IntEnum
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

class Grain(IntEnum):
    """The spans that are kept; the number is stored."""

    QUARTER = 0
    """15 minutes of UTC; a span is named by its number since 1970."""
    DAY = 1
    """A day in the ledger's time zone; a span is named by its number since 1970-01-01."""


class Dimension(IntEnum):
    """What a roll-up is kept by, beside the model; the number is stored."""

    ALL = 0
    ACCESS_TOKEN = 1
    ACCOUNT = 2
    USER = 3
    PROJECT = 4


ZERO: Final[Measures] = (0,) * len(MEASURES)


def plus(a: Measures, b: Measures) -> Measures:
    """Both groups together."""
    return tuple(map(add, a, b))


def total(groups: Iterable[Measures]) -> Measures:
    """All groups together."""
    result = ZERO
    for group in groups:
        result = plus(result, group)
    return result
