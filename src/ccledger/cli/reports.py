"""`ccledger daily`, `weekly`, `monthly` and `session`: tables for people, JSON in ccusage's shape for scripts."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ccledger.cli.options import parse_date, place_options, settings_from
from ccledger.core.errors import UsageError
from ccledger.core.measures import Measures, total
from ccledger.core.money import usd
from ccledger.core.periods import iso, week_start, zone
from ccledger.stats.report import Asked, Line, SessionLine, by_period, by_session, sum_models
from ccledger.stats.spent import local_day
from ccledger.stats.totals import cost_nano, count, total_tokens

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _report_options(command: _Command) -> _Command:
    for option in reversed(
        (
            click.option("-s", "--since", metavar="DATE", help="First day (YYYY-MM-DD or YYYYMMDD)."),
            click.option("-u", "--until", metavar="DATE", help="Last day, included."),
            click.option(
                "--last", type=click.IntRange(min=1), metavar="N", help="Only the last N days, weeks or months."
            ),
            click.option("-z", "--timezone", metavar="ZONE", help="Count days in this IANA time zone."),
            click.option("-p", "--project", metavar="NAME", help="Only this project (directory name or path)."),
            click.option(
                "-o", "--order", type=click.Choice(["asc", "desc"]), default="asc", help="Oldest or newest first."
            ),
            click.option("-b", "--breakdown", is_flag=True, help="Show each model's part in a row of its own."),
            click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON in ccusage's shape."),
            click.option(
                "-O", "--offline/--no-offline", default=True, help="Accepted; prices never come from the network."
            ),
            click.option("--compact", is_flag=True, help="Leave out columns, as on a narrow terminal."),
            click.option("--color/--no-color", default=None, help="Force colours, or leave them out."),
        )
    ):
        command = option(command)
    return place_options(command)


@click.command()
@click.option("-i", "--instances", is_flag=True, help="Tell projects apart.")
@_report_options
def daily(**flags: Any) -> None:
    """What each day cost."""
    _report("daily", "date", lambda day: day.isoformat(), lambda day, n: day - timedelta(days=n - 1), flags)


@click.command()
@click.option("-w", "--start-of-week", type=click.Choice(_WEEKDAYS), default="sunday", help="First day of the week.")
@_report_options
def weekly(start_of_week: str, **flags: Any) -> None:
    """What each week cost, by its first day."""
    weekday = _WEEKDAYS.index(start_of_week)

    def first_of(day: date, n: int) -> date:
        return week_start(day, weekday) - timedelta(weeks=n - 1)

    _report("weekly", "week", lambda day: week_start(day, weekday).isoformat(), first_of, flags)


@click.command()
@_report_options
def monthly(**flags: Any) -> None:
    """What each month cost."""

    def first_of(day: date, n: int) -> date:
        months = day.year * 12 + day.month - n
        return date(months // 12, months % 12 + 1, 1)

    _report("monthly", "month", lambda day: day.isoformat()[:7], first_of, flags)


@click.command()
@click.option("-i", "--id", "only", metavar="ID", help="Only this session.")
@_report_options
def session(only: str | None, **flags: Any) -> None:
    """What each session cost, its sub-agents included."""

    def run(store: "Store", asked: Asked) -> None:
        lines = by_session(store, asked, only)
        lines = lines[::-1] if flags["order"] == "desc" else lines
        if flags["as_json"]:
            _print_json({"sessions": [_session_json(line) for line in lines], "totals": _totals_json(lines)})
            return
        from ccledger.cli.table import session_table

        session_table(lines, flags)

    _with_ledger(flags, None, run)


def _report(
    name: str, key: str, label: Callable[[date], str], first_of: Callable[[date, int], date], flags: dict[str, Any]
) -> None:
    def run(store: "Store", asked: Asked) -> None:
        lines = by_period(store, asked, label)
        lines = lines[::-1] if flags["order"] == "desc" else lines
        if flags["as_json"]:
            _print_json({**_lines_json(name, key, lines, by_project=asked.by_project), "totals": _totals_json(lines)})
            return
        from ccledger.cli.table import period_table

        period_table(name, lines, flags)

    _with_ledger(flags, first_of, run)


def _with_ledger(
    flags: dict[str, Any],
    first_of: Callable[[date, int], date] | None,
    run: "Callable[[Store, Asked], None]",
) -> None:
    from ccledger import app
    from ccledger.cli.imports import up_to_date

    settings, surroundings = settings_from(data_dir=flags["data_dir"], claude_dirs=flags["claude_dirs"])
    zone_name = flags["timezone"] or app.zone_name(settings, surroundings)
    tz = zone(zone_name)
    since, until = parse_date(flags["since"], "--since"), parse_date(flags["until"], "--until")
    if since is not None and until is not None and since > until:
        raise UsageError(f"--since {since} is after --until {until}")
    if flags["last"]:
        today = local_day(app.clock(), tz)
        since = (first_of or (lambda day, n: day - timedelta(days=n - 1)))(today, flags["last"])
    asked = Asked(zone_name, tz, since, until, flags["project"], flags.get("instances", False))
    with up_to_date(settings, surroundings) as store:
        run(store, asked)


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def _lines_json(name: str, key: str, lines: Sequence[Line], *, by_project: bool) -> dict[str, Any]:
    if not by_project:
        return {name: [{key: line.label, **_row_json(line.models)} for line in lines]}
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
    row = {
        "modelName": model,
        **_counts_json(measures),
        "cost": None if cost is None else usd(cost),
        "cost_nano": None if cost is None else str(cost),
    }
    return {**row, "missingPricing": True} if count(measures, "unpriced_calls") else row


def _totals_json(lines: "Sequence[Line] | Sequence[SessionLine]") -> dict[str, Any]:
    models = sum_models(lines)
    unpriced = sorted(model for model, measures in models.items() if count(measures, "unpriced_calls"))
    row = _sums_json(total(models.values()))
    return {**row, "unpricedModels": unpriced} if unpriced else row


def _sums_json(measures: Measures) -> dict[str, Any]:
    cost = cost_nano(measures)
    return {
        **_counts_json(measures),
        "totalTokens": total_tokens(measures),
        "totalCost": None if cost is None else usd(cost),
        "total_cost_nano": None if cost is None else str(cost),
        "complete": not count(measures, "unpriced_calls"),
    }


def _counts_json(measures: Measures) -> dict[str, int]:
    return {
        "inputTokens": count(measures, "input_tokens"),
        "outputTokens": count(measures, "output_tokens"),
        "cacheCreationTokens": count(measures, "cache_write_5m_tokens") + count(measures, "cache_write_1h_tokens"),
        "cacheReadTokens": count(measures, "cache_read_tokens"),
    }
