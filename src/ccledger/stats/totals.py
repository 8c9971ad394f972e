"""Arithmetic on what a group of calls counted and cost; it asks nobody and knows no form of output."""

from ccledger.core.measures import MEASURES, Measures

_INDEX = {name: number for number, name in enumerate(MEASURES)}
COSTS = ("input_cost", "output_cost", "cache_creation_cost", "cache_read_cost", "web_search_cost")

_CALLS, _UNPRICED_CALLS = _INDEX["calls"], _INDEX["unpriced_calls"]
_INPUT_TOKENS, _CACHE_READ_TOKENS = _INDEX["input_tokens"], _INDEX["cache_read_tokens"]
_INPUT_COST, _CACHE_READ_COST = _INDEX["input_cost"], _INDEX["cache_read_cost"]
_WEB_SEARCH_COST = _INDEX["web_search_cost"]


def count(measures: Measures, name: str) -> int:
    """One measure by name."""
    return measures[_INDEX[name]]


def cost_nano(measures: Measures) -> int | None:
    """The whole cost in nano-USD, None when none of the calls has a price; a lower bound when some have none."""
    if is_unpriced(measures):
        return None
    return sum(measures[_INPUT_COST : _CACHE_READ_COST + 1]) + measures[_WEB_SEARCH_COST]


def is_unpriced(measures: Measures) -> bool:
    """Whether there is something to be priced and none of it has a price. Estimated days come without calls."""
    unpriced = measures[_UNPRICED_CALLS]
    return unpriced > 0 and unpriced >= measures[_CALLS] and not any(count(measures, name) for name in COSTS)


def is_complete(measures: Measures) -> bool:
    """Whether every call has a price and counts, so that the sums are no lower bounds."""
    return not count(measures, "unpriced_calls") and not count(measures, "unknown_calls")


def total_tokens(measures: Measures) -> int:
    """All tokens, cache included."""
    return sum(measures[_INPUT_TOKENS : _CACHE_READ_TOKENS + 1])


def cache_creation_tokens(measures: Measures) -> int:
    """All tokens written to the cache."""
    return count(measures, "cache_write_5m_tokens") + count(measures, "cache_write_1h_tokens")


def cache_hit_rate(measures: Measures) -> float:
    """The part of plain and cached input that came from the cache: read / (read + input), 0 without any."""
    read, fresh = count(measures, "cache_read_tokens"), count(measures, "input_tokens")
    return read / (read + fresh) if read + fresh else 0.0
