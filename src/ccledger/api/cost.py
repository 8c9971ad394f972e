"""What calls cost, what they would cost, and the prices behind it, over HTTP; it changes nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from ccledger.api.ranges import Days, EndDate, StartDate
from ccledger.api.stats import Timezone
from ccledger.core.call import Origin, Reading, Terms, Usage
from ccledger.core.errors import UsageError
from ccledger.stats.estimate import CountsEstimate, PeriodEstimate, estimate_counts, estimate_period
from ccledger.stats.lifetime import Lifetime
from ccledger.stats.pricing import Prices, Pricing, pricing
from ccledger.stats.ranges import read_moment, read_range

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_MOST_TOKENS = 10**15
_ALL = "all"

_Model = Annotated[
    str | None, QueryParameter(description="Only this model, or the one whose price is asked for; `all`: every model.")
]
_At = Annotated[
    str | None, QueryParameter(description="With counts: the date or time whose prices are meant. Without it: now.")
]
_Count = Annotated[int | None, QueryParameter(description="So many tokens: what one call with them costs is asked.")]
_Flag = Annotated[bool | None, QueryParameter(description="With counts: whether the call is of this kind.")]


class _Period(NamedTuple):
    """A stretch of time."""

    start_date: str | None
    end_date: str | None
    days: int | None


class _Manner(NamedTuple):
    """How a call is made."""

    at: str | None
    fast: bool | None
    batch: bool | None


_Counts = dict[str, int]
"""Counts by their names; those that were not given are left out."""


def _read_period(start_date: StartDate = None, end_date: EndDate = None, days: Days = None) -> _Period:
    return _Period(start_date, end_date, days)


def _read_manner(at: _At = None, fast: _Flag = None, batch: _Flag = None) -> _Manner:
    return _Manner(at, fast, batch)


def _read_counts(
    input_tokens: _Count = None,
    output_tokens: _Count = None,
    cache_creation_tokens: _Count = None,
    cache_write_5m_tokens: _Count = None,
    cache_write_1h_tokens: _Count = None,
    cache_read_tokens: _Count = None,
    web_searches: _Count = None,
) -> _Counts:
    counts = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cache_creation_tokens": cache_creation_tokens,
        "cache_write_5m_tokens": cache_write_5m_tokens,
        "cache_write_1h_tokens": cache_write_1h_tokens,
        "cache_read_tokens": cache_read_tokens,
        "web_searches": web_searches,
    }
    return {name: number for name, number in counts.items() if number is not None}


def cost_routes(
    store: "Store", lifetime: Lifetime, prices: Prices, now: Callable[[], int], default_zone: str
) -> list[Any]:
    """`cost/estimate` and `cost/pricing`."""

    @get(
        "/cost/estimate",
        operation_id="estimateCost",
        sync_to_thread=True,
        dependencies={
            "period": Provide(_read_period, sync_to_thread=False),
            "counts": Provide(_read_counts, sync_to_thread=False),
            "manner": Provide(_read_manner, sync_to_thread=False),
        },
    )
    def cost_estimate(
        period: NamedDependency[_Period],
        counts: NamedDependency[_Counts],
        manner: NamedDependency[_Manner],
        model: _Model = None,
        timezone: Timezone = None,
    ) -> PeriodEstimate | CountsEstimate:
        """What a stretch of time cost; or, with a model and counts, what one such call costs."""
        zone_name = timezone or default_zone
        if not counts:
            _refuse(manner._asdict(), "asks for the price of a call; say its tokens, too")
            asked = read_range(*period, zone_name, now())
            return estimate_period(store, zone_name, asked.start, asked.end, None if model in (None, _ALL) else model)
        _refuse(period._asdict(), "does not go with counts of tokens; say at")
        moment = now() if manner.at is None else read_moment(manner.at, "at", zone_name)
        return estimate_counts(prices.book(), _reading(model, counts, manner), moment)

    @get("/cost/pricing", operation_id="getPricing", sync_to_thread=True)
    def cost_pricing() -> Pricing:
        """All prices in USD per million tokens, with their dates and where they were read."""
        return pricing(prices.book(), prices.overrides(), now(), lifetime.models())

    return [cost_estimate, cost_pricing]


def _refuse(parameters: dict[str, Any], why: str) -> None:
    for name, value in parameters.items():
        if value is not None:
            raise UsageError(f"{name} {why}")


def _reading(model: str | None, counts: _Counts, manner: _Manner) -> Reading:
    if model is None or not model.strip() or model == _ALL:
        raise UsageError("say which model the tokens are for, as in model=claude-opus-5")
    for name, number in counts.items():
        if not 0 <= number <= _MOST_TOKENS:
            raise UsageError(f"{name} is a whole number from 0 to {_MOST_TOKENS}, not {number}")
    if manner.fast and manner.batch:
        raise UsageError("there is no fast mode in batches; say fast or batch")
    # What does not say for how long it was written is a write for five minutes, as in transcripts.
    whole = counts.get("cache_creation_tokens", 0)
    written_5m, written_1h = counts.get("cache_write_5m_tokens"), counts.get("cache_write_1h_tokens", 0)
    usage = Usage(
        counts.get("input_tokens", 0),
        counts.get("output_tokens", 0),
        max(whole - written_1h, 0) if written_5m is None else written_5m,
        written_1h,
        counts.get("cache_read_tokens", 0),
        counts.get("web_searches", 0),
    )
    written = usage.cache_write_5m_tokens + written_1h
    if "cache_creation_tokens" in counts and written != whole:
        raise UsageError("cache_creation_tokens is the sum of cache_write_5m_tokens and cache_write_1h_tokens")
    terms = (Terms.FAST if manner.fast else 0) | (Terms.BATCH if manner.batch else 0)
    return Reading(model, usage, terms, Origin.ESTIMATED)
