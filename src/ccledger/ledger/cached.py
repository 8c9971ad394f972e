"""Prices the days that Claude Code's own statistics tell of; it never touches a store."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.cached import CachedDay
from ccledger.core.call import Cost, Reading, Usage
from ccledger.core.money import divide_half_even

if TYPE_CHECKING:
    from ccledger.ledger.plan import Price

_DAY_MS = 86_400_000
_SAMPLE = 10_000
"""Tokens that are priced in place of a day's: few enough to be no long prompt, which a day's sum says nothing of, and
enough that no price has a fraction of a nano-dollar."""
_SHORT_WRITES = Usage(cache_write_5m_tokens=_SAMPLE)
_OTHERS = Usage(_SAMPLE, _SAMPLE, cache_write_1h_tokens=_SAMPLE, cache_read_tokens=_SAMPLE)
_LARGEST = (1 << 63) - 1


class KeptDay(NamedTuple):
    """A day of Claude Code's statistics as the ledger keeps it."""

    root: str
    told: CachedDay
    cost: Cost | None
    """With cache writes at the price of an hour; None when the model has no price."""
    cost_low: int | None
    """The whole cost in nano-USD, were all cache writes for five minutes."""
    computed_on: int
    """The last day its file counts, in days since 1970-01-01."""


def keep_days(root: str, computed_on: int, days: Iterable[CachedDay], price: "Price") -> list[KeptDay]:
    """The days with what they cost at the prices of their noon."""
    return [KeptDay(root, day, *_costs(day, price), computed_on) for day in days]


def _costs(day: CachedDay, price: "Price") -> tuple[Cost | None, int | None]:
    noon = day.day * _DAY_MS + _DAY_MS // 2
    rates, short = (price(Reading(day.model, sample), noon) for sample in (_OTHERS, _SHORT_WRITES))
    if rates is None or short is None:
        return None, None
    fresh, output, _, written, read, _ = day.usage
    cost = Cost(
        _part(fresh, rates.input),
        _part(output, rates.output),
        _part(written, rates.cache_creation),
        _part(read, rates.cache_read),
    )
    if cost.total > _LARGEST:
        return None, None
    return cost, cost.total - cost.cache_creation + _part(written, short.cache_creation)


def _part(tokens: int, sample_cost: int) -> int:
    return divide_half_even(tokens * sample_cost, _SAMPLE)


def replaced_days(days: Sequence[KeptDay], newer: Iterable[int]) -> list[KeptDay]:
    """Those of the days that may replace what is kept: the days that a newer file told of already stay."""
    kept = set(newer)
    return [day for day in days if day.told.day not in kept]
