"""The words in which numbers leave the program, one vocabulary for every row and total; it reads no ledger."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import Meta, Struct

from ccledger.core.measures import MEASURES, Measures
from ccledger.core.money import usd
from ccledger.stats.totals import (
    COSTS,
    cache_creation_tokens,
    cache_hit_rate,
    cost_nano,
    count,
    is_complete,
    is_unpriced,
    total_tokens,
)

COUNTS = (
    "calls",
    "error_calls",
    "unpriced_calls",
    "estimated_calls",
    "partial_calls",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "web_searches",
)

Nano = Annotated[str, Meta(pattern=r"^-?\d+$")]
"""An amount as JSON carries it without loss: whole nano-USD (1e-9 USD) as a decimal string."""
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time as JSON carries it: RFC 3339, UTC, with milliseconds."""


def about(text: str) -> Meta:
    """What a field means, for whoever reads the API's description."""
    return Meta(description=text)


class Totals(Struct, frozen=True):
    """What a group of calls counted and cost.

    `…_cost` are plain numbers in USD, `…_cost_nano` the same exactly. A cost is null when none of the calls has a
    price, and a lower bound when `complete` is false.
    """

    calls: Annotated[int, about("Requests to a model, with their answers.")]
    error_calls: Annotated[int, about("Calls that ended with an error.")]
    unpriced_calls: Annotated[int, about("Calls whose price is not known; the costs leave them out.")]
    estimated_calls: Annotated[int, about("Calls whose tokens are an estimate.")]
    partial_calls: Annotated[int, about("Calls whose final counts may never have been written.")]
    input_tokens: Annotated[int, about("Plain input: what was neither written to the cache nor read from it.")]
    output_tokens: Annotated[int, about("Output, thinking included.")]
    cache_write_5m_tokens: Annotated[int, about("Input written to the cache for five minutes.")]
    cache_write_1h_tokens: Annotated[int, about("Input written to the cache for an hour.")]
    cache_creation_tokens: Annotated[int, about("All input written to the cache.")]
    cache_read_tokens: Annotated[int, about("Input read from the cache.")]
    total_tokens: Annotated[int, about("Every token, cache included.")]
    web_searches: Annotated[int, about("Web searches that were made for the model.")]
    input_cost: Annotated[float | None, about("Cost of plain input in USD.")]
    output_cost: Annotated[float | None, about("Cost of output in USD.")]
    cache_creation_cost: Annotated[float | None, about("Cost of writing to the cache in USD.")]
    cache_read_cost: Annotated[float | None, about("Cost of reading from the cache in USD.")]
    web_search_cost: Annotated[float | None, about("Cost of web searches in USD.")]
    total_cost: Annotated[float | None, about("The whole cost in USD.")]
    input_cost_nano: Annotated[Nano | None, about("Cost of plain input in nano-USD.")]
    output_cost_nano: Annotated[Nano | None, about("Cost of output in nano-USD.")]
    cache_creation_cost_nano: Annotated[Nano | None, about("Cost of writing to the cache in nano-USD.")]
    cache_read_cost_nano: Annotated[Nano | None, about("Cost of reading from the cache in nano-USD.")]
    web_search_cost_nano: Annotated[Nano | None, about("Cost of web searches in nano-USD.")]
    total_cost_nano: Annotated[Nano | None, about("The whole cost in nano-USD.")]
    equivalent_cost_nano: Annotated[
        Nano, about("The part of the whole cost that a subscription covers: not really spent, in nano-USD.")
    ]
    cache_hit_rate: Annotated[float, about("What part of the input came from the cache: read / (read + input).")]
    complete: Annotated[bool, about("False when some calls have no price or no counts: the sums are lower bounds.")]


def _count(name: str) -> "Callable[[Measures], int]":
    return itemgetter(MEASURES.index(name))


def _cost(name: str) -> "Callable[[Measures], float | None]":
    at = MEASURES.index(name)
    return lambda measures: None if is_unpriced(measures) else usd(measures[at])


def _cost_nano(name: str) -> "Callable[[Measures], str | None]":
    at = MEASURES.index(name)
    return lambda measures: None if is_unpriced(measures) else str(measures[at])


def _total_cost(measures: Measures) -> float | None:
    cost = cost_nano(measures)
    return None if cost is None else usd(cost)


METRICS: "Mapping[str, Callable[[Measures], Any]]" = MappingProxyType(
    {
        **{name: _count(name) for name in COUNTS},
        "cache_creation_tokens": cache_creation_tokens,
        "total_tokens": total_tokens,
        **{name: _cost(name) for name in COSTS},
        "total_cost": _total_cost,
        **{f"{name}_nano": _cost_nano(name) for name in COSTS},
        "total_cost_nano": lambda measures: nano_text(cost_nano(measures)),
        "equivalent_cost_nano": lambda measures: str(count(measures, "equivalent_cost")),
        "cache_hit_rate": cache_hit_rate,
        "complete": is_complete,
    }
)
"""How each field of `Totals` is read from the measures of a group."""


def totals(measures: Measures) -> Totals:
    """The measures of a group in the shared vocabulary."""
    return Totals(**{name: read(measures) for name, read in METRICS.items()})


def nano_text(nano: int | None) -> str | None:
    """An amount of nano-USD as JSON carries it."""
    return None if nano is None else str(nano)


def costs_nano(measures: Measures) -> dict[str, Any]:
    """Each kind of cost by its name with `_nano`; all None when none of the calls has a price."""
    unpriced = is_unpriced(measures)
    return {f"{name}_nano": None if unpriced else str(count(measures, name)) for name in COSTS}
