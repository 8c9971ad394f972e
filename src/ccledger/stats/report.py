"""The reports by day, week, month and session, as values; their form on a screen or in JSON is somebody else's."""

from collections.abc import Callable, Iterable
from datetime import date, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.measures import ZERO, Dimension, Measures, plus, total
from ccledger.core.periods import day_number
from ccledger.stats.spent import LAST_DAY, spent_by_day

if TYPE_CHECKING:
    from ccledger.ledger.store import SessionInfo, Store


class Line(NamedTuple):
    """A row of a report: a period (and project) with what each model spent in it."""

    label: str
    folder: str
    """The project's directory name; empty where projects are not told apart."""
    models: dict[str, Measures]

    @property
    def sum(self) -> Measures:
        """All models together."""
        return total(self.models.values())


class SessionLine(NamedTuple):
    """A session with what each model spent in it."""

    info: "SessionInfo"
    models: dict[str, Measures]

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
    return asked in (path, folder) or asked == path.rstrip("/").rpartition("/")[2]


def by_period(store: "Store", asked: Asked, label: Callable[[date], str]) -> list[Line]:
    """What was spent per period, as `label` names it from a day, oldest first."""
    projects = asked.by_project or asked.project is not None
    dimension = Dimension.PROJECT if projects else Dimension.ALL
    lines: dict[tuple[str, str], dict[str, Measures]] = {}
    for spent in spent_by_day(store, asked.zone_name, asked.tz, asked.since, asked.until, dimension):
        if asked.project is not None and not is_project(asked.project, spent.project, spent.folder):
            continue
        folder = (spent.folder or spent.project) if asked.by_project else ""
        _count_in(lines.setdefault((label(spent.day), folder), {}), spent.model, spent.measures)
    return [Line(name, folder, models) for (name, folder), models in sorted(lines.items())]


def by_session(store: "Store", asked: Asked, only: str | None = None) -> list[SessionLine]:
    """What was spent per session, by last activity; days are the ledger's own."""
    first = 0 if asked.since is None else day_number(asked.since)
    last = LAST_DAY if asked.until is None else day_number(asked.until)
    sessions: dict[str, dict[str, Measures]] = {}
    for row in store.sessions(first, last):
        if only is None or row.session == only:
            _count_in(sessions.setdefault(row.session, {}), row.model, row.measures)
    lines = [SessionLine(info, sessions[info.session]) for info in store.session_infos(sessions)]
    if asked.project is not None:
        lines = [line for line in lines if is_project(asked.project, line.info.project, line.info.folder)]
    return sorted(lines, key=lambda line: (line.info.last_at, line.info.session))


def _count_in(models: dict[str, Measures], model: str, measures: Measures) -> None:
    models[model] = plus(models.get(model, ZERO), measures)


def sum_models(lines: "Iterable[Line | SessionLine]") -> dict[str, Measures]:
    """What each model spent in all lines together."""
    models: dict[str, Measures] = {}
    for line in lines:
        for model, measures in line.models.items():
            _count_in(models, model, measures)
    return models
