"""What the first page asks: today against yesterday, the pace, the last hours, who is running; it only reads."""

from collections.abc import Iterable, Mapping
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from ccledger.core.measures import ZERO, Dimension, Grain, Measures, plus, total
from ccledger.core.periods import QUARTER_MS, iso, midnight_ms, moment
from ccledger.stats.spent import LAST_DAY, by_model, local_day, same_time_yesterday, spent_between
from ccledger.stats.totals import cost_nano, count, total_tokens, totals

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

HOUR_MS = 3_600_000
ACTIVE_MS = 2 * 60_000
IDLE_MS = 30 * 60_000
"""A session with a call this recently is active, or idle; after that it is over."""
_BURN_MS = HOUR_MS
_SHOWN_SESSIONS = 20
_SHOWN_MOVERS = 5
_SERIES_COUNTS = ("calls", "input_tokens", "output_tokens", "cache_read_tokens")
_SERIES_COSTS = ("input_cost", "output_cost", "cache_creation_cost", "cache_read_cost", "web_search_cost")


def current(store: "Store") -> dict[str, Any]:
    """Everything ever recorded: `totals`, and `models` by name."""
    rows = store.spans(Grain.DAY, Dimension.ALL, 0, LAST_DAY)
    models = by_model((row.model, row.measures) for row in rows)
    return {
        "totals": totals(total(models.values())),
        "models": {name: totals(models[name]) for name in sorted(models, key=lambda name: _rank(models[name]))},
    }


def _rank(measures: Measures) -> tuple[int, int]:
    return (-(cost_nano(measures) or 0), -total_tokens(measures))


def overview(store: "Store", tz: tzinfo, now_ms: int, hours: int) -> dict[str, Any]:
    """The figures of the first page for the person in that time zone, at that moment."""
    start_of_day = midnight_ms(local_day(now_ms, tz), tz)
    today = spent_between(store, start_of_day, now_ms + 1)
    yesterday = spent_between(store, _previous_midnight(now_ms, tz), same_time_yesterday(now_ms, tz) + 1)
    summary = store.summary()
    return {
        "ledger": {
            "calls": summary.calls,
            "sessions": summary.sessions,
            "first_call_at": None if summary.first_at is None else iso(summary.first_at),
            "last_call_at": None if summary.last_at is None else iso(summary.last_at),
        },
        "today": totals(total(today.values())),
        "yesterday_same_time": totals(total(yesterday.values())),
        "burn": _burn(store, tz, now_ms, total(today.values())),
        "series": {"grain": "hour", "points": _series(store, tz, now_ms, hours)},
        "sessions": running_sessions(store, now_ms),
        "movers": _movers(store, tz, now_ms),
        "unpriced": unpriced_models(store),
    }


def _previous_midnight(now_ms: int, tz: tzinfo) -> int:
    return midnight_ms(local_day(now_ms, tz) - timedelta(days=1), tz)


def _burn(store: "Store", tz: tzinfo, now_ms: int, today: Measures) -> dict[str, Any]:
    """The pace of the last hour, and where the day ends at that pace."""
    last_hour = total(spent_between(store, now_ms - _BURN_MS, now_ms + 1).values())
    cost = cost_nano(last_hour)
    spent = cost_nano(today)
    end_of_day = midnight_ms(local_day(now_ms, tz) + timedelta(days=1), tz)
    projected = None if cost is None or spent is None else spent + cost * (end_of_day - now_ms) // _BURN_MS
    return {
        "window_minutes": _BURN_MS // 60_000,
        "cost_nano_per_hour": None if cost is None else str(cost),
        "tokens_per_minute": round(total_tokens(last_hour) / (_BURN_MS / 60_000)),
        "projected_day_cost_nano": None if projected is None else str(projected),
    }


def _series(store: "Store", tz: tzinfo, now_ms: int, hours: int) -> list[dict[str, Any]]:
    """The last hours, the running one included: one point an hour of the local clock, also where nothing happened."""
    shift = _minutes_past_the_hour(tz, now_ms) * 60_000
    last = (now_ms + shift) // HOUR_MS
    first = last - hours + 1
    start = (first * HOUR_MS - shift) // QUARTER_MS
    sums: dict[int, Measures] = {}
    for row in store.spans(Grain.QUARTER, Dimension.ALL, start, start + hours * 4 - 1):
        hour = (row.start * QUARTER_MS + shift) // HOUR_MS
        sums[hour] = plus(sums.get(hour, ZERO), row.measures)
    return [_point(hour * HOUR_MS - shift, sums.get(hour, ZERO)) for hour in range(first, last + 1)]


def _minutes_past_the_hour(tz: tzinfo, now_ms: int) -> int:
    """How far a zone's clock is off the full hours of UTC: 30 in India, 45 in Nepal."""
    offset = moment(now_ms).astimezone(tz).utcoffset() or timedelta()
    return int(offset / timedelta(minutes=1)) % 60


def _point(start_ms: int, measures: Measures) -> dict[str, Any]:
    point: dict[str, Any] = {"start": iso(start_ms)}
    point.update((name, count(measures, name)) for name in _SERIES_COUNTS)
    point["cache_creation_tokens"] = count(measures, "cache_write_5m_tokens") + count(measures, "cache_write_1h_tokens")
    point.update((f"{name}_nano", str(count(measures, name))) for name in _SERIES_COSTS)
    return point


def running_sessions(store: "Store", now_ms: int) -> list[dict[str, Any]]:
    """Sessions with a recent call, newest first, each with all it has spent."""
    names = store.recent_sessions(now_ms - IDLE_MS, _SHOWN_SESSIONS)
    infos = {info.session: info for info in store.session_infos(names)}
    spent = _by_session(store, names)
    result: list[dict[str, Any]] = []
    for name in names:
        info, models = infos[name], spent.get(name, {})
        result.append(
            {
                "session_id": name,
                "project": info.project or info.folder,
                "branch": info.branch or None,
                "models": sorted(models, key=lambda model: _rank(models[model])),
                "state": "active" if now_ms - info.last_at <= ACTIVE_MS else "idle",
                "started_at": iso(info.first_at),
                "last_call_at": iso(info.last_at),
                "subagents": info.agents,
                "totals": totals(total(models.values())),
            }
        )
    return result


def _by_session(store: "Store", names: Iterable[str]) -> Mapping[str, dict[str, Measures]]:
    spent: dict[str, dict[str, Measures]] = {}
    for row in store.sessions_named(names):
        models = spent.setdefault(row.session, {})
        models[row.model] = plus(models.get(row.model, ZERO), row.measures)
    return spent


def _movers(store: "Store", tz: tzinfo, now_ms: int) -> list[dict[str, Any]]:
    """The projects whose cost differs most from yesterday's at the same time."""
    start_of_day = midnight_ms(local_day(now_ms, tz), tz)
    today = _by_project(spent_between(store, start_of_day, now_ms + 1, Dimension.PROJECT))
    yesterday = _by_project(
        spent_between(store, _previous_midnight(now_ms, tz), same_time_yesterday(now_ms, tz) + 1, Dimension.PROJECT)
    )

    def change(project: str) -> tuple[int, str]:
        before, after = yesterday.get(project, ZERO), today.get(project, ZERO)
        return (-abs((cost_nano(after) or 0) - (cost_nano(before) or 0)), project)

    return [
        {
            "project": project,
            "today": totals(today.get(project, ZERO)),
            "yesterday_same_time": totals(yesterday.get(project, ZERO)),
        }
        for project in sorted({*today, *yesterday}, key=change)[:_SHOWN_MOVERS]
    ]


def _by_project(sums: Mapping[tuple[str, str], Measures]) -> dict[str, Measures]:
    return by_model((project, measures) for (project, _), measures in sums.items() if project)


def unpriced_models(store: "Store") -> list[dict[str, Any]]:
    rows = store.spans(Grain.DAY, Dimension.ALL, 0, LAST_DAY)
    models = by_model((row.model, row.measures) for row in rows if count(row.measures, "unpriced_calls"))
    return [
        {"model": name, "calls": count(measures, "unpriced_calls"), "total_tokens": total_tokens(measures)}
        for name, measures in sorted(models.items())
    ]
