"""The days of a request log: today, how the last days went, and the newest calls; it only reads."""

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

from msgspec import Struct

from ccledger.core.measures import ZERO, Axis, Cut, Measures
from ccledger.core.money import usd
from ccledger.ledger.store import Wanted
from ccledger.stats.ranges import Bucketing, Range, cut
from ccledger.stats.request_rows import RequestLog, Titles, request_log
from ccledger.stats.requests import Place, Sort, list_requests
from ccledger.stats.spans import Asked
from ccledger.stats.spent import local_day, spent
from ccledger.stats.totals import cache_creation_tokens, cost_nano, count, is_complete, total_tokens
from ccledger.stats.words import Nano, about, nano_text

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_NEWEST = 10


class DayOfRequests(Struct, frozen=True):
    """What the calls of one day were."""

    date: str
    requests: int
    success_count: Annotated[int, about("Those that ended well.")]
    error_count: Annotated[int, about("The others: with an error, or cut short.")]
    success_rate: Annotated[float | None, about("Per cent of them that ended well; null without any.")]
    total_tokens: Annotated[int, about("Every token, cache included.")]
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    total_cost: Annotated[float | None, about("In USD; null when none of the calls has a price.")]
    total_cost_nano: Annotated[Nano | None, about("The same exactly, in nano-USD.")]
    avg_duration_ms: Annotated[int | None, about("Of those whose duration is known.")]
    avg_ttft_ms: Annotated[int | None, about("How long the first token took, of those where that is known.")]
    complete: Annotated[bool, about("False when some calls have no price or no counts: the sums are lower bounds.")]


class RecentRequests(Struct, frozen=True):
    """The days of a request log."""

    timezone: str
    today: DayOfRequests
    trend: Annotated[list[DayOfRequests], about("Every day of the range, oldest first, today included.")]
    latest: Annotated[list[RequestLog], about("The newest calls, at most ten.")]


def recent_requests(store: "Store", asked: Range, source: str | None, titles: Titles) -> RecentRequests:
    """The days of a range that ends today, of the calls of one source or of all."""
    days = cut(asked, Bucketing.DAY)
    only = {} if source is None else {Axis.SOURCE: frozenset({source})}
    sums = [groups.get((), ZERO) for groups in spent(store, days, Cut(only=only))]
    trend = [_day(start, measures, asked.tz) for (start, _), measures in zip(days, sums, strict=True)]
    newest = Asked(asked.start, asked.end, Wanted(source=source))
    latest = list_requests(store, newest, Sort(), Place(limit=_NEWEST), lambda: False).calls
    return RecentRequests(asked.zone_name, trend[-1], trend, [request_log(call, titles) for call in latest])


def _day(start: int, measures: Measures, tz: tzinfo) -> DayOfRequests:
    calls = count(measures, "calls")
    failed = count(measures, "error_calls") + count(measures, "aborted_calls")
    nano = cost_nano(measures)
    return DayOfRequests(
        date=local_day(start, tz).isoformat(),
        requests=calls,
        success_count=calls - failed,
        error_count=failed,
        success_rate=round(100 * (calls - failed) / calls, 2) if calls else None,
        total_tokens=total_tokens(measures),
        input_tokens=count(measures, "input_tokens"),
        output_tokens=count(measures, "output_tokens"),
        cache_creation_tokens=cache_creation_tokens(measures),
        cache_read_tokens=count(measures, "cache_read_tokens"),
        total_cost=None if nano is None else usd(nano),
        total_cost_nano=nano_text(nano),
        avg_duration_ms=_average(measures, "duration_ms", "timed_calls"),
        avg_ttft_ms=_average(measures, "first_token_ms", "first_token_calls"),
        complete=is_complete(measures),
    )


def _average(measures: Measures, whole: str, parts: str) -> int | None:
    number = count(measures, parts)
    return round(count(measures, whole) / number) if number else None
