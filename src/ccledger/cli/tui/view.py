"""Everything the live view shows, as one frozen value made from the ledger; it draws nothing and waits for nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ccledger.cli.tui.asks import Asks, Limit, Pace, Window
from ccledger.core.measures import ZERO, Measures
from ccledger.core.periods import day_number, each_day, midnight_ms, milliseconds
from ccledger.stats.moments import days_ago, spent_between
from ccledger.stats.overview import ACTIVE_MS, IDLE_MS, Figures, SeriesPoint, dearest_first, figures
from ccledger.stats.report import Asked, SessionLine, by_session
from ccledger.stats.spent import add_to, local_day, spent_by_day
from ccledger.stats.totals import cache_hit_rate, cost_nano, count, is_complete, total_tokens

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_CHART_HOURS: Final = 24
_DAY: Final = timedelta(days=1)


class Span(NamedTuple):
    """How far back the view looks: that many days, today included."""

    days: int
    name: str
    before: str
    """What it is compared with."""


TODAY: Final = Span(1, "today", "yesterday")
SPANS: Final = (TODAY, Span(7, "7 days", "7 days before"), Span(30, "30 days", "30 days before"))


class Spend(NamedTuple):
    """What a group of calls cost and counted."""

    cost_nano: int | None
    """None when none of the calls has a price."""
    tokens: int
    calls: int
    from_cache: float
    """The part of the input that came from the cache, 0 to 1."""
    complete: bool
    """Whether every call has a price and a count; else the cost is a lower bound."""
    equivalent_nano: int
    """The part of the cost that a subscription covers."""


class Bar(NamedTuple):
    """What one hour or day cost; it begins at `start_ms`."""

    start_ms: int
    cost_nano: int


class SessionRow(NamedTuple):
    """A session with a call in the span, and what it spent there. Times in milliseconds since 1970."""

    session: str
    project: str
    """Its path, or the transcripts' directory where the path is not known."""
    branch: str
    agents: int
    first_at_ms: int
    last_at_ms: int
    state: Literal["active", "idle", "over"]
    spend: Spend
    models: tuple[tuple[str, Measures], ...]
    """By cost, the dearest first."""


class View(NamedTuple):
    """The ledger at one moment, in one time zone."""

    now_ms: int
    zone_name: str
    tz: tzinfo
    span: Span
    ever_calls: int
    """How many calls the whole ledger holds."""
    spend: Spend
    """Of the span."""
    before: Spend
    """Of as many days before it, until the clock showed what it shows now."""
    pace: Pace
    """Of the last hour."""
    projected_day_nano: int | None
    window: Window | None
    limits: tuple[Limit, ...]
    bars: tuple[Bar, ...]
    """Hours of the last 24, or the days of the span; oldest first."""
    sessions: tuple[SessionRow, ...]
    """Newest first."""
    unpriced: tuple[str, ...]
    """Models with calls that have no price."""


class Question(NamedTuple):
    """What a view is asked for."""

    zone_name: str
    tz: tzinfo
    span: Span
    asks: Asks


def view_of(store: "Store", ever: Mapping[str, Measures], question: Question, now_ms: int) -> View:
    """The view of a ledger at a moment; `ever` is what each model spent in all time."""
    zone_name, tz, span, asks = question
    first = figures(store, ever, tz, now_ms, _CHART_HOURS)
    spend, before = _compared(store, tz, span, now_ms)
    return View(
        now_ms=now_ms,
        zone_name=zone_name,
        tz=tz,
        span=span,
        ever_calls=first.ledger.calls,
        spend=spend,
        before=before,
        pace=Pace(_nano(first.burn.cost_nano_per_hour), first.burn.tokens_per_minute),
        projected_day_nano=_nano(first.burn.projected_day_cost_nano),
        window=asks.window(store, now_ms),
        limits=tuple(asks.limits(store, now_ms)),
        bars=_hours(first) if span == TODAY else _days(store, question, now_ms),
        sessions=_sessions(store, question, now_ms),
        unpriced=tuple(model.model for model in first.unpriced),
    )


def spend_of(measures: Measures) -> Spend:
    """What a group of calls cost and counted."""
    return Spend(
        cost_nano=cost_nano(measures),
        tokens=total_tokens(measures),
        calls=count(measures, "calls"),
        from_cache=cache_hit_rate(measures),
        complete=is_complete(measures),
        equivalent_nano=count(measures, "equivalent_cost"),
    )


def _compared(store: "Store", tz: tzinfo, span: Span, now_ms: int) -> tuple[Spend, Spend]:
    """What the span spent, and the days before it until the same time."""
    day = local_day(now_ms, tz)
    start = midnight_ms(day - _DAY * (span.days - 1), tz)
    earlier = midnight_ms(day - _DAY * (2 * span.days - 1), tz)
    [now] = spent_between(store, start, now_ms + 1)
    [then] = spent_between(store, earlier, days_ago(now_ms, tz, span.days) + 1)
    return spend_of(now.get("", ZERO)), spend_of(then.get("", ZERO))


def _nano(text: str | None) -> int | None:
    return None if text is None else int(text)


def _hours(first: Figures) -> tuple[Bar, ...]:
    return tuple(Bar(milliseconds(datetime.fromisoformat(point.start)), _cost(point)) for point in first.series.points)


def _cost(point: SeriesPoint) -> int:
    costs = (
        point.input_cost_nano,
        point.output_cost_nano,
        point.cache_creation_cost_nano,
        point.cache_read_cost_nano,
        point.web_search_cost_nano,
    )
    return sum(int(cost or 0) for cost in costs)


def _days(store: "Store", question: Question, now_ms: int) -> tuple[Bar, ...]:
    last = local_day(now_ms, question.tz)
    first = last - _DAY * (question.span.days - 1)
    sums: dict[int, Measures] = {}
    for spent in spent_by_day(store, question.zone_name, question.tz, first, last):
        add_to(sums, day_number(spent.day), spent.measures)
    return tuple(
        Bar(midnight_ms(day, question.tz), cost_nano(sums.get(day_number(day), ZERO)) or 0)
        for day in each_day(first, last)
    )


def _sessions(store: "Store", question: Question, now_ms: int) -> tuple[SessionRow, ...]:
    last = local_day(now_ms, question.tz)
    asked = Asked(question.zone_name, question.tz, last - _DAY * (question.span.days - 1), last)
    rows = [_row(line, now_ms) for line in by_session(store, asked)]
    return tuple(sorted(rows, key=lambda row: (-row.last_at_ms, row.session)))


def _row(line: SessionLine, now_ms: int) -> SessionRow:
    info = line.info
    return SessionRow(
        session=info.session,
        project=info.project or info.folder,
        branch=info.branch,
        agents=info.agents,
        first_at_ms=info.first_at,
        last_at_ms=info.last_at,
        state=_state(now_ms - info.last_at),
        spend=spend_of(line.sum),
        models=tuple((name, line.models[name]) for name in dearest_first(line.models)),
    )


def _state(age_ms: int) -> Literal["active", "idle", "over"]:
    if age_ms <= ACTIVE_MS:
        return "active"
    return "idle" if age_ms <= IDLE_MS else "over"
