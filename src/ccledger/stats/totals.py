"""One vocabulary for every row and total that leaves the program; it turns measures into it and asks nobody."""

from ccledger.core.measures import MEASURES, Measures
from ccledger.core.money import usd

_INDEX = {name: number for number, name in enumerate(MEASURES)}
COUNTS = (
    "calls",
    "error_calls",
    "aborted_calls",
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
COSTS = ("input_cost", "output_cost", "cache_creation_cost", "cache_read_cost", "web_search_cost")


def count(measures: Measures, name: str) -> int:
    """One measure by name. Zeros at the end may have been left out."""
    at = _INDEX[name]
    return measures[at] if at < len(measures) else 0


def cost_nano(measures: Measures) -> int | None:
    """The whole cost in nano-USD, None when none of the calls has a price; a lower bound when some have none."""
    if is_unpriced(measures):
        return None
    return sum(count(measures, name) for name in COSTS)


def is_unpriced(measures: Measures) -> bool:
    """Whether there are calls and none of them has a price."""
    calls = count(measures, "calls")
    return calls > 0 and count(measures, "unpriced_calls") == calls


def total_tokens(measures: Measures) -> int:
    """All tokens, cache included."""
    return sum(measures[_INDEX["input_tokens"] : _INDEX["cache_read_tokens"] + 1])


def cache_hit_rate(measures: Measures) -> float:
    """The part of plain and cached input that came from the cache: read / (read + input), 0 without any."""
    read, fresh = count(measures, "cache_read_tokens"), count(measures, "input_tokens")
    return read / (read + fresh) if read + fresh else 0.0


def totals(measures: Measures) -> dict[str, object]:
    """The measures in the shared vocabulary: counts, costs in USD, the same exact as `…_nano` strings."""
    result: dict[str, object] = {name: int(count(measures, name)) for name in COUNTS}
    five_minutes, one_hour = count(measures, "cache_write_5m_tokens"), count(measures, "cache_write_1h_tokens")
    result["cache_creation_tokens"] = five_minutes + one_hour
    result["total_tokens"] = total_tokens(measures)
    unpriced = is_unpriced(measures)
    for name in COSTS:
        nano = count(measures, name)
        result[name] = None if unpriced else usd(nano)
        result[f"{name}_nano"] = None if unpriced else str(nano)
    total = cost_nano(measures)
    result["total_cost"] = None if total is None else usd(total)
    result["total_cost_nano"] = None if total is None else str(total)
    result["equivalent_cost_nano"] = str(count(measures, "equivalent_cost"))
    result["cache_hit_rate"] = cache_hit_rate(measures)
    result["complete"] = not count(measures, "unpriced_calls") and not count(measures, "unknown_calls")
    return result
