"""What a stretch of time cost, and what given counts of tokens would cost; it changes nothing."""

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Struct, field

from ccledger.core.call import Cost, Reading
from ccledger.core.measures import Measures, total
from ccledger.core.money import usd
from ccledger.core.periods import iso
from ccledger.core.prices import PriceBook
from ccledger.stats.moments import spent_by_model
from ccledger.stats.totals import COSTS, cost_nano, count, is_complete, is_unpriced
from ccledger.stats.words import Moment, Nano, about, costs_nano, nano_text

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class Costs(Struct, frozen=True):
    """What calls of one model cost, by kind: plain numbers in USD, `…_nano` the same exactly; null when unpriced."""

    total_cost: float | None
    input_cost: float | None
    output_cost: float | None
    cache_creation_cost: float | None
    cache_read_cost: float | None
    web_search_cost: float | None
    total_cost_nano: Nano | None
    input_cost_nano: Nano | None
    output_cost_nano: Nano | None
    cache_creation_cost_nano: Nano | None
    cache_read_cost_nano: Nano | None
    web_search_cost_nano: Nano | None
    calls: int
    unpriced_calls: Annotated[int, about("Calls whose price is not known; the costs leave them out.")]


class PeriodEstimate(Struct, frozen=True, kw_only=True):
    """What was spent between two moments."""

    timezone: str
    from_: Annotated[Moment, about("The first moment.")] = field(name="from")
    to: Annotated[Moment, about("The moment after the last.")]
    total_cost: Annotated[float | None, about("In USD; null when none of the calls has a price.")]
    total_cost_nano: Nano | None
    complete: Annotated[bool, about("False when some calls have no price or no counts: the sums are lower bounds.")]
    breakdown: Annotated[dict[str, Costs], about("By model, the dearest first.")]


class KindCost(Struct, frozen=True):
    """What the tokens of one kind cost."""

    tokens: Annotated[int, about("For web searches: how many.")]
    cost: Annotated[float | None, about("In USD; null when the model has no price then.")]
    cost_nano: Nano | None


class CountsEstimate(Struct, frozen=True):
    """What one call with these counts costs."""

    model: Annotated[str, about("The model as the price book calls it.")]
    at: Annotated[Moment, about("The moment whose prices are meant.")]
    total_cost: Annotated[float | None, about("In USD; null when the model has no price then.")]
    total_cost_nano: Nano | None
    complete: Annotated[bool, about("Whether there is a price.")]
    breakdown: Annotated[dict[str, KindCost], about("By input, output, cache_creation, cache_read and web_search.")]


def estimate_counts(book: PriceBook, reading: Reading, at: int) -> CountsEstimate:
    """What a call would cost that starts at a moment (milliseconds since 1970)."""
    cost = book.cost(reading, at)
    usage = reading.usage
    tokens = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        usage.cache_read_tokens,
        usage.web_searches,
    )
    parts = (None,) * len(tokens) if cost is None else tuple(cost)
    return CountsEstimate(
        model=book.listed_name(reading.model),
        at=iso(at),
        total_cost=None if cost is None else usd(cost.total),
        total_cost_nano=None if cost is None else str(cost.total),
        complete=cost is not None,
        breakdown={
            kind: KindCost(number, None if part is None else usd(part), nano_text(part))
            for kind, number, part in zip(Cost._fields, tokens, parts, strict=True)
        },
    )


def estimate_period(store: "Store", zone_name: str, start: int, end: int, model: str | None) -> PeriodEstimate:
    """What calls cost that began at or after `start` and before `end` (milliseconds), of one model or all."""
    sums = spent_by_model(store, start, end)
    if model is not None:
        sums = {name: measures for name, measures in sums.items() if name == model}
    whole = total(sums.values())
    cost = cost_nano(whole)
    dearest = sorted(sums, key=lambda name: (-(cost_nano(sums[name]) or 0), name))
    return PeriodEstimate(
        timezone=zone_name,
        from_=iso(start),
        to=iso(end),
        total_cost=None if cost is None else usd(cost),
        total_cost_nano=nano_text(cost),
        complete=is_complete(whole),
        breakdown={name: _costs(sums[name]) for name in dearest},
    )


def _costs(measures: Measures) -> Costs:
    cost, unpriced = cost_nano(measures), is_unpriced(measures)
    kinds: dict[str, Any] = {name: None if unpriced else usd(count(measures, name)) for name in COSTS}
    return Costs(
        total_cost=None if cost is None else usd(cost),
        total_cost_nano=nano_text(cost),
        calls=count(measures, "calls"),
        unpriced_calls=count(measures, "unpriced_calls"),
        **kinds,
        **costs_nano(measures),
    )
