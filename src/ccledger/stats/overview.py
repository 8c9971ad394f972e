"""What the first page asks: today against yesterday, the pace, the last hours, who is running; it only reads."""

from collections.abc import Mapping
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Struct

from ccledger.core.measures import ZERO, Dimension, Grain, Measures, total
from ccledger.core.periods import QUARTER_MS, iso, moment
from ccledger.stats.moments import spent_between, today, yesterday
from ccledger.stats.spent import add_to
from ccledger.stats.totals import cache_creation_tokens, cost_nano, count, total_tokens
from ccledger.stats.words import Moment, Nano, Totals, about, costs_nano, nano_text, totals

if TYPE_CHECKING:
    from ccledger.ledger.store import SessionInfo, Store

HOUR_MS = 3_600_000
ACTIVE_MS = 2 * 60_000
IDLE_MS = 30 * 60_000
"""A session with a call this recently is active, or idle; after that it is over."""
_SHOWN_SESSIONS = 20
_SHOWN_MOVERS = 5


class LedgerFacts(Struct, frozen=True):
    """The extent of the ledger."""

    calls: int
    sessions: int
    first_call_at: Annotated[Moment | None, about("When the oldest call started, null while there is none.")]
    last_call_at: Annotated[Moment | None, about("When the newest call started, null while there is none.")]


class Burn(Struct, frozen=True):
    """The pace of the last hour, and where the day ends at that pace."""

    window_minutes: int
    cost_nano_per_hour: Annotated[Nano | None, about("In nano-USD; null when none of the hour's calls has a price.")]
    tokens_per_minute: int
    projected_day_cost_nano: Annotated[
        Nano | None, about("Today's cost so far and the rest of the day at this pace, in nano-USD.")
    ]


class SeriesPoint(Struct, frozen=True):
    """What one bucket of time counted and cost. Costs are null when none of its calls has a price."""

    start: Moment
    calls: int
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    input_cost_nano: Nano | None
    output_cost_nano: Nano | None
    cache_creation_cost_nano: Nano | None
    cache_read_cost_nano: Nano | None
    web_search_cost_nano: Nano | None


class Series(Struct, frozen=True):
    """Buckets of time, oldest first, without gaps; the last one is still running."""

    grain: Literal["quarter", "hour"]
    points: list[SeriesPoint]


class RunningSession(Struct, frozen=True):
    """A session with a recent call, and all that it spent so far."""

    session_id: str
    project: str
    branch: str | None
    models: Annotated[list[str], about("By cost, the dearest first.")]
    state: Annotated[Literal["active", "idle"], about("Active: the last call is at most two minutes old; idle: 30.")]
    started_at: Moment
    last_call_at: Moment
    subagents: Annotated[int, about("How many sub-agents made calls in it.")]
    totals: Totals


class Mover(Struct, frozen=True):
    """A project whose cost differs from yesterday's at the same time."""

    project: str
    today: Totals
    yesterday_same_time: Totals


class UnpricedModel(Struct, frozen=True):
    """A model with calls whose price is not known."""

    model: str
    calls: Annotated[int, about("Calls without a price.")]
    total_tokens: Annotated[int, about("Tokens of all calls of the model.")]


class Figures(Struct, frozen=True):
    """The figures of the first page."""

    ledger: LedgerFacts
    today: Annotated[Totals, about("Calls of the running day.")]
    yesterday_same_time: Annotated[Totals, about("Yesterday's calls until the clock showed what it shows now.")]
    burn: Burn
    series: Series
    sessions: Annotated[list[RunningSession], about("Newest first, at most 20.")]
    movers: Annotated[list[Mover], about("At most five, the largest difference first.")]
    unpriced: list[UnpricedModel]


def figures(store: "Store", ever: Mapping[str, Measures], tz: tzinfo, now_ms: int, hours: int) -> Figures:
    """The figures for a person in that time zone at that moment; `ever` is what each model spent in all time."""
    both = (Dimension.ALL, Dimension.PROJECT)
    day, day_projects = spent_between(store, *today(now_ms, tz), both)
    start, same_time = yesterday(now_ms, tz)
    before, before_projects = spent_between(store, start, same_time + 1, both)
    so_far = day.get("", ZERO)
    return Figures(
        ledger=ledger_facts(store),
        today=totals(so_far),
        yesterday_same_time=totals(before.get("", ZERO)),
        burn=_burn(store, so_far, now_ms, today(now_ms, tz)[1]),
        series=Series("hour", _hours(store, tz, now_ms, hours)),
        sessions=running_sessions(store, now_ms),
        movers=_movers(day_projects, before_projects),
        unpriced=unpriced_models(ever),
    )


def ledger_facts(store: "Store") -> LedgerFacts:
    """How much the ledger holds and since when."""
    summary = store.summary()
    return LedgerFacts(
        calls=summary.calls,
        sessions=summary.sessions,
        first_call_at=None if summary.first_at is None else iso(summary.first_at),
        last_call_at=None if summary.last_at is None else iso(summary.last_at),
    )


def _burn(store: "Store", so_far: Measures, now_ms: int, end_of_day: int) -> Burn:
    [hour] = spent_between(store, now_ms - HOUR_MS, now_ms + 1)
    pace, spent = cost_nano(hour.get("", ZERO)), cost_nano(so_far)
    projected = None if pace is None or spent is None else spent + pace * (end_of_day - now_ms) // HOUR_MS
    return Burn(
        window_minutes=60,
        cost_nano_per_hour=nano_text(pace),
        tokens_per_minute=round(total_tokens(hour.get("", ZERO)) / 60),
        projected_day_cost_nano=nano_text(projected),
    )


def _hours(store: "Store", tz: tzinfo, now_ms: int, hours: int) -> list[SeriesPoint]:
    """The last hours, the running one included: one point an hour of the local clock, also where nothing happened."""
    shift = _past_the_hour_ms(tz, now_ms)
    last = (now_ms + shift) // HOUR_MS
    first = last - hours + 1
    quarter = (first * HOUR_MS - shift) // QUARTER_MS
    sums: dict[int, Measures] = {}
    for row in store.spans(Grain.QUARTER, Dimension.ALL, quarter, quarter + hours * 4 - 1):
        add_to(sums, (row.start * QUARTER_MS + shift) // HOUR_MS, row.measures)
    return [_point(hour * HOUR_MS - shift, sums.get(hour, ZERO)) for hour in range(first, last + 1)]


def _past_the_hour_ms(tz: tzinfo, now_ms: int) -> int:
    """How far a zone's clock is off the full hours of UTC: half an hour in India, 45 minutes in Nepal."""
    offset = moment(now_ms).astimezone(tz).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1) % HOUR_MS


def _point(start_ms: int, measures: Measures) -> SeriesPoint:
    return SeriesPoint(
        start=iso(start_ms),
        calls=count(measures, "calls"),
        input_tokens=count(measures, "input_tokens"),
        output_tokens=count(measures, "output_tokens"),
        cache_creation_tokens=cache_creation_tokens(measures),
        cache_read_tokens=count(measures, "cache_read_tokens"),
        **costs_nano(measures),
    )


def running_sessions(store: "Store", now_ms: int) -> list[RunningSession]:
    """Sessions with a recent call, newest first, each with all it has spent."""
    names = store.recent_sessions(now_ms - IDLE_MS, _SHOWN_SESSIONS)
    spent: dict[str, dict[str, Measures]] = {}
    for row in store.sessions_named(names):
        add_to(spent.setdefault(row.session, {}), row.model, row.measures)
    infos = [info for info in store.session_infos(names) if -ACTIVE_MS <= now_ms - info.last_at <= IDLE_MS]
    infos.sort(key=lambda info: (-info.last_at, info.session))
    return [_running(info, spent.get(info.session, {}), now_ms) for info in infos]


def _running(info: "SessionInfo", models: Mapping[str, Measures], now_ms: int) -> RunningSession:
    return RunningSession(
        session_id=info.session,
        project=info.project or info.folder,
        branch=info.branch or None,
        models=dearest_first(models),
        state="active" if now_ms - info.last_at <= ACTIVE_MS else "idle",
        started_at=iso(info.first_at),
        last_call_at=iso(info.last_at),
        subagents=info.agents,
        totals=totals(total(models.values())),
    )


def dearest_first(models: Mapping[str, Measures]) -> list[str]:
    """Models by cost, then by tokens, then by name."""
    return sorted(models, key=lambda name: (-(cost_nano(models[name]) or 0), -total_tokens(models[name]), name))


def _movers(day: Mapping[str, Measures], before: Mapping[str, Measures]) -> list[Mover]:
    """The projects whose cost differs most from yesterday's at the same time."""

    def change(project: str) -> tuple[int, str]:
        costs = (cost_nano(day.get(project, ZERO)) or 0, cost_nano(before.get(project, ZERO)) or 0)
        return (-abs(costs[0] - costs[1]), project)

    return [
        Mover(project, totals(day.get(project, ZERO)), totals(before.get(project, ZERO)))
        for project in sorted({*day, *before}, key=change)[:_SHOWN_MOVERS]
    ]


def unpriced_models(ever: Mapping[str, Measures]) -> list[UnpricedModel]:
    """Models with calls that have no price."""
    return [
        UnpricedModel(name, count(measures, "unpriced_calls"), total_tokens(measures))
        for name, measures in sorted(ever.items())
        if count(measures, "unpriced_calls")
    ]
