"""The reports by day, week, month and session, as values; their form on a screen or in JSON is somebody else's."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.measures import Axis, Cut, Dimension, Measures, total
from ccledger.core.periods import day_of_number, midnight_ms
from ccledger.stats.estimated import Estimate, EstimatedDay, estimate_of, estimated_days
from ccledger.stats.spent import LAST_DAY, Stretch, add_to, spent, spent_by_day

if TYPE_CHECKING:
    from ccledger.ledger.store import SessionInfo, Store


_FIRST_DATE, _LAST_DATE = day_of_number(0), day_of_number(LAST_DAY)
"""Limits beyond these are no limits; with them, no calendar arithmetic runs out of dates."""
_DAY = timedelta(days=1)


class Line(NamedTuple):
    """A row of a report: a period (and project) with what each model spent in it."""

    label: str
    folder: str
    """The project's directory name; empty where projects are not told apart."""
    models: dict[str, Measures]
    estimate: Estimate | None = None
    """What of it is from Claude Code's own statistics, None where all of it is from calls."""

    @property
    def sum(self) -> Measures:
        """All models together."""
        return total(self.models.values())


class SessionLine(NamedTuple):
    """A session with what each model spent in it."""

    info: "SessionInfo"
    models: dict[str, Measures]
    estimate: None = None
    """Claude Code's own statistics know no sessions."""

    @property
    def sum(self) -> Measures:
        """All models together."""
        return total(self.models.values())


class Asked(NamedTuple):
    """What a report is about."""

    zone_name: str
    tz: tzinfo
    since: date | None = None
    until: date | None = None
    project: str | None = None
    """Only this project: its directory's name, its path, or the last part of its path."""
    by_project: bool = False


def is_project(asked: str, path: str, folder: str) -> bool:
    """Whether a project is meant by a name."""
    name, place = asked.rstrip("/"), path.rstrip("/")
    return bool(name) and name in (place, folder, place.rpartition("/")[2])


def by_period(store: "Store", asked: Asked, label: Callable[[date], str]) -> list[Line]:
    """What was spent per period, as `label` names it from a day, oldest first.

    Days without calls that Claude Code's own statistics tell of are counted in; they know no projects, so a report by
    project has none.
    """
    projects = asked.by_project or asked.project is not None
    dimension = Dimension.PROJECT if projects else Dimension.ALL
    lines: dict[tuple[str, str], dict[str, Measures]] = {}
    since, until = _limits(asked)
    for row in spent_by_day(store, asked.zone_name, asked.tz, since, until, dimension):
        if asked.project is not None and not is_project(asked.project, row.project, row.folder):
            continue
        folder = (row.folder or row.project) if asked.by_project else ""
        add_to(lines.setdefault((label(row.day), folder), {}), row.model, row.measures)
    estimated: dict[str, list[EstimatedDay]] = {}
    for entry in () if projects else estimated_days(store, since, until):
        name = label(entry.day)
        add_to(lines.setdefault((name, ""), {}), entry.model, entry.measures)
        estimated.setdefault(name, []).append(entry)
    return [
        Line(name, folder, models, estimate_of(estimated.get(name, ())))
        for (name, folder), models in sorted(lines.items())
    ]


def by_session(store: "Store", asked: Asked, only: str | None = None) -> list[SessionLine]:
    """What was spent per session, by last activity; `only` is a session's id or how that begins.

    Limits count what was spent between them, to the millisecond of the zone asked for, not whole sessions.
    """
    sessions: dict[str, dict[str, Measures]] = {}
    cut = Cut((Axis.SESSION, Axis.MODEL), without={Axis.SESSION: frozenset({""})})
    for (session, model), measures in spent(store, [_stretch(asked)], cut)[0].items():
        if only is None or session.startswith(only):
            sessions.setdefault(session, {})[model] = measures
    lines = [SessionLine(info, sessions[info.session]) for info in store.session_infos(sessions)]
    if asked.project is not None:
        lines = [line for line in lines if is_project(asked.project, line.info.project, line.info.folder)]
    return sorted(lines, key=lambda line: (line.info.last_at, line.info.session))


def _limits(asked: Asked) -> tuple[date | None, date | None]:
    since = None if asked.since is None or asked.since <= _FIRST_DATE else asked.since
    until = None if asked.until is None or asked.until >= _LAST_DATE else asked.until
    return since, until


def _stretch(asked: Asked) -> Stretch:
    since, until = _limits(asked)
    start = 0 if since is None else midnight_ms(since, asked.tz)
    return start, midnight_ms(_LAST_DATE if until is None else until + _DAY, asked.tz)


def sum_models(lines: "Iterable[Line | SessionLine]") -> dict[str, Measures]:
    """What each model spent in all lines together."""
    models: dict[str, Measures] = {}
    for line in lines:
        for model, measures in line.models.items():
            add_to(models, model, measures)
    return models
