"""`ccledger daily`, `weekly`, `monthly` and `session`: tables for people, JSON in ccusage's shape for scripts."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ccledger.cli.imports import up_to_date
from ccledger.cli.options import a_count, a_date, place_options, settings_from
from ccledger.cli.output import write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import UsageError
from ccledger.core.measures import Measures, total
from ccledger.core.money import usd
from ccledger.core.periods import iso, week_start, zone
from ccledger.stats.estimated import Estimate, joined
from ccledger.stats.report import Asked, Line, SessionLine, by_period, by_session, sum_models
from ccledger.stats.spent import local_day
from ccledger.stats.totals import cache_creation_tokens, cost_nano, count, is_complete, total_tokens

if TYPE_CHECKING:
    from ccledger.cli.table import Look
    from ccledger.ledger.store import Store

_Row = TypeVar("_Row")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class _Period(NamedTuple):
    """One way to cut time: what its report is called, how a day names its period, where the n-th last one begins."""

    name: str
    key: str
    label: Callable[[date], str]
    first: Callable[[date, int], date]


def _report_options(parser: Parser) -> None:
    parser.value("-s", "--since", metavar="DATE", read=a_date, text="First day (YYYY-MM-DD or YYYYMMDD).")
    parser.value("-u", "--until", metavar="DATE", read=a_date, text="Last day, included.")
    parser.value(
        "--last", metavar="N", read=a_count, text="Only the last N days, weeks or months; 1 is the running one."
    )
    parser.value("-z", "--timezone", metavar="ZONE", text="Count days in this IANA time zone.")
    parser.value("-p", "--project", metavar="NAME", text="Only this project (directory name or path).")
    parser.choice("-o", "--order", accepted=("asc", "desc"), default="asc", text="Oldest or newest first.")
    parser.flag("-b", "--breakdown", text="Show each model's part in a row of its own.")
    parser.flag("-j", "--json", to="as_json", text="Print JSON in ccusage's shape.")
    parser.switch("-O", "--offline", default=True, text="Accepted; prices never come from the network.")
    parser.flag("--compact", text="Leave out columns, as on a narrow terminal.")
    parser.switch("--color", default=None, text="Force colours, or leave them out.")
    place_options(parser)


def _declare_daily(parser: Parser) -> None:
    parser.flag("-i", "--instances", text="Tell projects apart.")
    _report_options(parser)


def _daily(flags: Namespace) -> None:
    _report(_Period("daily", "date", date.isoformat, _last_days), flags)


def _last_days(day: date, n: int) -> date:
    return day - timedelta(days=n - 1)


def _declare_weekly(parser: Parser) -> None:
    parser.choice("-w", "--start-of-week", accepted=_WEEKDAYS, default="sunday", text="First day of the week.")
    _report_options(parser)


def _weekly(flags: Namespace) -> None:
    weekday = _WEEKDAYS.index(flags.start_of_week)

    def label(day: date) -> str:
        return week_start(day, weekday).isoformat()

    def first(day: date, n: int) -> date:
        return week_start(day, weekday) - timedelta(weeks=n - 1)

    _report(_Period("weekly", "week", label, first), flags)


def _monthly(flags: Namespace) -> None:
    def label(day: date) -> str:
        return day.isoformat()[:7]

    def first(day: date, n: int) -> date:
        months = day.year * 12 + day.month - n
        return date(months // 12, months % 12 + 1, 1)

    _report(_Period("monthly", "month", label, first), flags)


def _declare_session(parser: Parser) -> None:
    parser.value("-i", "--id", metavar="ID", text="Only this session; the beginning of its id is enough.")
    _report_options(parser)


def _session(flags: Namespace) -> None:
    def ask(store: "Store", asked: Asked) -> list[SessionLine]:
        return by_session(store, asked, flags.id)

    asked, lines = _ask(flags, _last_days, ask)
    if flags.as_json:
        write_json({"sessions": [_session_json(line) for line in lines], "totals": _totals_json(lines)})
        return
    from ccledger.cli.table import session_table

    write(session_table(lines, asked.tz, _look(flags)))


def _report(period: _Period, flags: Namespace) -> None:
    def ask(store: "Store", asked: Asked) -> list[Line]:
        return by_period(store, asked, period.label)

    asked, lines = _ask(flags, period.first, ask)
    if flags.as_json:
        shown = _projects_json(period.key, lines) if asked.by_project else _lines_json(period, lines)
        write_json({**shown, "totals": _totals_json(lines)})
        return
    from ccledger.cli.table import period_table

    write(period_table(period.name, lines, _look(flags), by_project=asked.by_project))


def _look(flags: Namespace) -> "Look":
    from ccledger.cli.table import Look
    from ccledger.cli.terminal import takes_colour, width

    return Look(width(), takes_colour(flags.color), flags.compact, flags.breakdown)


def _ask(
    flags: Namespace, first: Callable[[date, int], date], ask: "Callable[[Store, Asked], list[_Row]]"
) -> tuple[Asked, list[_Row]]:
    """What a report is about, and its rows in the order asked for. The ledger is free again when this returns."""
    from ccledger import app
    from ccledger.settings import canonical_zone

    settings, surroundings = settings_from(flags)
    zone_name = canonical_zone(flags.timezone) if flags.timezone else app.zone_name(settings, surroundings)
    tz = zone(zone_name)
    since = _first_day(flags, first, tz)
    asked = Asked(zone_name, tz, since, flags.until, flags.project, getattr(flags, "instances", False))
    with up_to_date(settings, surroundings) as current:
        rows = ask(current.store, asked)
    return asked, rows[::-1] if flags.order == "desc" else rows


def _first_day(flags: Namespace, first: Callable[[date, int], date], tz: tzinfo) -> date | None:
    if flags.last is None:
        if flags.since is not None and flags.until is not None and flags.since > flags.until:
            raise UsageError(f"--since {flags.since} is after --until {flags.until}")
        return flags.since
    if flags.since is not None:
        raise UsageError("--since and --last both say where to begin; give one of them")
    from ccledger import app

    try:
        return first(local_day(app.clock(), tz), flags.last)
    except (OverflowError, ValueError):
        return None


def _lines_json(period: _Period, lines: Sequence[Line]) -> dict[str, Any]:
    return {
        period.name: [
            {period.key: line.label, **_row_json(line.models), **_estimate_json(line.estimate, line.sum)}
            for line in lines
        ]
    }


def _projects_json(key: str, lines: Sequence[Line]) -> dict[str, Any]:
    projects: dict[str, list[Any]] = {}
    for line in lines:
        row = {key: line.label, "project": line.folder, **_row_json(line.models)}
        projects.setdefault(line.folder, []).append(row)
    return {"projects": projects}


def _session_json(line: SessionLine) -> dict[str, Any]:
    info = line.info
    return {
        "sessionId": info.session,
        "projectPath": info.folder or info.project,
        "firstActivity": iso(info.first_at),
        "lastActivity": iso(info.last_at),
        **_row_json(line.models),
    }


def _row_json(models: dict[str, Measures]) -> dict[str, Any]:
    ranked = sorted(models.items(), key=lambda entry: (-(cost_nano(entry[1]) or 0), entry[0]))
    return {
        **_sums_json(total(models.values())),
        "modelsUsed": sorted(models),
        "modelBreakdowns": [_model_json(model, measures) for model, measures in ranked],
    }


def _model_json(model: str, measures: Measures) -> dict[str, Any]:
    cost = cost_nano(measures)
    row: dict[str, Any] = {
        "modelName": model,
        **_counts_json(measures),
        "cost": None if cost is None else usd(cost),
        "cost_nano": None if cost is None else str(cost),
    }
    if count(measures, "estimated_calls"):
        row["estimated"] = True
    return {**row, "missingPricing": True} if count(measures, "unpriced_calls") else row


def _totals_json(lines: "Sequence[Line] | Sequence[SessionLine]") -> dict[str, Any]:
    models = sum_models(lines)
    unpriced = sorted(model for model, measures in models.items() if count(measures, "unpriced_calls"))
    sums = total(models.values())
    row = {**_sums_json(sums), **_estimate_json(joined(line.estimate for line in lines), sums)}
    return {**row, "unpricedModels": unpriced} if unpriced else row


def _estimate_json(estimate: Estimate | None, measures: Measures) -> dict[str, Any]:
    """What a row says that holds days from Claude Code's own statistics; others say nothing."""
    if estimate is None:
        return {}
    cost = cost_nano(measures)
    return {
        "estimated": True,
        "as_of": estimate.as_of.isoformat(),
        "estimatedDays": len(estimate.days),
        "total_cost_low_nano": None if cost is None else str(cost - estimate.low_by),
    }


def _sums_json(measures: Measures) -> dict[str, Any]:
    cost = cost_nano(measures)
    return {
        **_counts_json(measures),
        "totalTokens": total_tokens(measures),
        "totalCost": None if cost is None else usd(cost),
        "total_cost_nano": None if cost is None else str(cost),
        "complete": is_complete(measures),
    }


def _counts_json(measures: Measures) -> dict[str, int]:
    return {
        "inputTokens": count(measures, "input_tokens"),
        "outputTokens": count(measures, "output_tokens"),
        "cacheCreationTokens": cache_creation_tokens(measures),
        "cacheReadTokens": count(measures, "cache_read_tokens"),
    }


DAILY = Command(_declare_daily, _daily)
WEEKLY = Command(_declare_weekly, _weekly)
MONTHLY = Command(_report_options, _monthly)
SESSION = Command(_declare_session, _session)
