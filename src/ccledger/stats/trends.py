"""How spending went, hour by hour, day by day, week by week or month by month; it only reads."""

from collections.abc import Collection
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from msgspec import Struct

from ccledger.core.measures import ZERO, Cut, Measures, plus, total
from ccledger.core.periods import moment
from ccledger.stats.estimated import EstimatedDay, estimated_days
from ccledger.stats.ranges import Bucketing, Range, bucket_day, cut
from ccledger.stats.spent import local_day, spent
from ccledger.stats.totals import cache_creation_tokens, cache_hit_rate, cost_nano, count, is_complete, total_tokens
from ccledger.stats.words import METRICS, Nano, about, nano_text

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class Period(StrEnum):
    """How long a span of a trend is."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


_BUCKETING = {
    Period.HOURLY: Bucketing.HOUR,
    Period.DAILY: Bucketing.DAY,
    Period.WEEKLY: Bucketing.WEEK,
    Period.MONTHLY: Bucketing.MONTH,
}


class TrendPoint(Struct, frozen=True):
    """What was spent in one span of a trend; a span without calls is there with zeros."""

    date: Annotated[
        str,
        about("The day (`2026-11-20`), the week's Monday, the month (`2026-11`), or the hour with the clock's offset."),
    ]
    total_tokens: int
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    cache_hit_rate: Annotated[float, about("What part of the input came from the cache: read / (read + input).")]
    cost: Annotated[float | None, about("In USD; null when none of the calls has a price.")]
    cost_nano: Annotated[Nano | None, about("The same exactly, in nano-USD.")]
    calls: int
    complete: Annotated[bool, about("False when some calls have no price or no counts: the sums are lower bounds.")]
    as_of: Annotated[
        str | None,
        about(
            "The last day that Claude Code's own statistics held, where they fill in days without any call: estimates."
        ),
    ]


def trend(store: "Store", asked: Range, period: Period) -> list[TrendPoint]:
    """The range in spans, oldest first; the first and the last one count only what is in the range.

    Raises `UsageError` when there would be too many.
    """
    pieces = cut(asked, _BUCKETING[period])
    sums = spent(store, pieces, Cut())
    estimates = {} if period is Period.HOURLY else _estimates(store, asked, period)
    points: list[TrendPoint] = []
    for (start, _), groups in zip(pieces, sums, strict=True):
        label = _label(start, asked, period)
        points.append(_point(label, groups.get((), ZERO), estimates.get(label, ())))
    return points


def _estimates(store: "Store", asked: Range, period: Period) -> dict[str, list[EstimatedDay]]:
    found: dict[str, list[EstimatedDay]] = {}
    for entry in estimated_days(store, local_day(asked.start, asked.tz), local_day(asked.end - 1, asked.tz)):
        found.setdefault(_label_of(entry.day, period), []).append(entry)
    return found


def _label(start_ms: int, asked: Range, period: Period) -> str:
    if period is Period.HOURLY:
        return _hour(start_ms, asked)
    return _label_of(local_day(start_ms, asked.tz), period)


def _label_of(day: date, period: Period) -> str:
    day = bucket_day(day, _BUCKETING[period])
    return day.isoformat()[:7] if period is Period.MONTHLY else day.isoformat()


def _hour(start_ms: int, asked: Range) -> str:
    return moment(start_ms).astimezone(asked.tz).isoformat(timespec="seconds")


def _point(label: str, measured: Measures, estimates: Collection[EstimatedDay]) -> TrendPoint:
    measures = plus(measured, total(entry.measures for entry in estimates))
    cost = cost_nano(measures)
    return TrendPoint(
        date=label,
        total_tokens=total_tokens(measures),
        input_tokens=count(measures, "input_tokens"),
        output_tokens=count(measures, "output_tokens"),
        cache_creation_tokens=cache_creation_tokens(measures),
        cache_read_tokens=count(measures, "cache_read_tokens"),
        cache_hit_rate=cache_hit_rate(measures),
        cost=METRICS["total_cost"](measures),
        cost_nano=nano_text(cost),
        calls=count(measures, "calls"),
        complete=is_complete(measures),
        as_of=max(entry.as_of for entry in estimates).isoformat() if estimates else None,
    )
