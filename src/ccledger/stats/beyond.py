"""What Claude Code's own statistics add beyond the ledger, in the words of the API; it decides nothing about days."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Struct

from ccledger.core.measures import total
from ccledger.core.money import usd
from ccledger.stats.estimated import estimate_of, estimated_days
from ccledger.stats.totals import cost_nano, count, total_tokens
from ccledger.stats.words import Nano, about, nano_text

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class Estimated(Struct, frozen=True):
    """What Claude Code's own statistics tell of days that the ledger has no call of. No total holds it."""

    days: Annotated[int, about("On how many days.")]
    first_day: str
    last_day: str
    as_of: Annotated[str, about("The last day that the statistics held when they were read.")]
    total_tokens: int
    total_cost: Annotated[
        float | None, about("In USD, with cache writes at the price of an hour; null when no model has a price.")
    ]
    total_cost_nano: Nano | None
    total_cost_low_nano: Annotated[Nano | None, about("The same with cache writes at the price of five minutes.")]
    complete: Annotated[
        bool,
        about("False when a model has no price, or when an old file left out the cache: then it is a lower bound."),
    ]


def estimated_ever(store: "Store") -> Estimated | None:
    """What such statistics add to all recorded time, None when they add nothing."""
    entries = estimated_days(store)
    estimate = estimate_of(entries)
    if estimate is None:
        return None
    measures = total(entry.measures for entry in entries)
    cost = cost_nano(measures)
    return Estimated(
        days=len(estimate.days),
        first_day=min(estimate.days).isoformat(),
        last_day=max(estimate.days).isoformat(),
        as_of=estimate.as_of.isoformat(),
        total_tokens=total_tokens(measures),
        total_cost=None if cost is None else usd(cost),
        total_cost_nano=nano_text(cost),
        total_cost_low_nano=None if cost is None else str(cost - estimate.low_by),
        complete=estimate.with_cache and not count(measures, "unpriced_calls"),
    )
