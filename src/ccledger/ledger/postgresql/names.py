"""Gives texts their small ids in the PostgreSQL ledger and finds them again, many at a time; it knows no booking.

An id is given in a small transaction of its own and never taken back, so whatever any node remembers stays true.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from ccledger.core.call import Call, Fact, Party, Place
from ccledger.ledger.kinds import Kind
from ccledger.ledger.postgresql.link import Row
from ccledger.ledger.rows import COLUMNS, Names, decode

_Project = tuple[str | None, str | None]

_FIND_NAMES: Final = """
    SELECT kind, text, id FROM unnest($1::integer[], $2::text[]) AS wanted (kind, text) JOIN name USING (kind, text)
"""
_KEEP_NAMES: Final = """
    INSERT INTO name (kind, text) SELECT * FROM unnest($1::integer[], $2::text[])
    ON CONFLICT (kind, md5(text)) DO NOTHING
"""
_FIND_PROJECTS: Final = """
    SELECT project.path, project.folder, id FROM unnest($1::text[], $2::text[]) AS wanted (path, folder)
    JOIN project ON md5(project.path) = md5(wanted.path) AND md5(project.folder) = md5(wanted.folder)
"""
_KEEP_PROJECTS: Final = """
    INSERT INTO project (path, folder) SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (md5(path), md5(folder)) DO NOTHING
"""
_TEXTS: Final = "SELECT id, text FROM name WHERE id = ANY ($1::integer[])"
_PROJECTS: Final = "SELECT id, path, folder FROM project WHERE id = ANY ($1::integer[])"
_TEXT_COLUMNS: Final = tuple(
    COLUMNS.index(f"{name}_id")
    for name in ("model", "session", "branch", "agent", "token", "account", "user", "mode", "endpoint")
)
_PROJECT_COLUMN: Final = COLUMNS.index("project_id")


class KeptNames:
    """The part of a store that knows the tables `name` and `project`. Whoever inherits it lends the connections."""

    def __init__(self) -> None:
        self._texts: dict[int, str | None] = {0: None}
        self._projects: dict[int, _Project] = {0: (None, None)}
        self._known_names: dict[tuple[int, str], int] = {}
        self._known_projects: dict[tuple[str, str], int] = {}
        self._known_places: set[Place | Party | None] = {None}

    @abstractmethod
    def _rows(self, query: str, *values: Any) -> list[Row]:
        """What a reading connection answers."""

    @abstractmethod
    def _run(self, query: str, *values: Any) -> list[Row]:
        """What the writing connection answers, in a transaction of its own."""

    def _text_of(self, ids: Iterable[int]) -> Mapping[int, str | None]:
        """The texts of ids, and maybe of others."""
        known = self._texts
        if missing := [number for number in {*ids} if number not in known]:
            known.update((row[0], row[1]) for row in self._rows(_TEXTS, missing))
        return known

    def _project_of(self, ids: Iterable[int]) -> Mapping[int, _Project]:
        """Path and folder of projects, and maybe of others."""
        known = self._projects
        if missing := [number for number in {*ids} if number not in known]:
            known.update((row[0], (row[1] or None, row[2] or None)) for row in self._rows(_PROJECTS, missing))
        return known

    def _calls_of(self, rows: Sequence[Row], keys: Mapping[int, Sequence[str]] | None = None) -> "list[Call]":
        """The calls in rows of `COLUMNS`, with the keys that are known of them."""
        texts = self._text_of(row[at] for row in rows for at in _TEXT_COLUMNS)
        projects = self._project_of(row[_PROJECT_COLUMN] for row in rows)
        known = keys or {}
        return [
            decode(tuple(row), tuple(sorted(known.get(row[0], ()))), texts.__getitem__, projects.__getitem__)
            for row in rows
        ]

    @cached_property
    def _names(self) -> Names:
        return Names(self._intern, self._intern_project)

    def _intern(self, kind: int, text: str) -> int:
        number = self._known_names.get((kind, text))
        if number is None:
            self._give_names([(int(kind), text)])
            number = self._known_names[kind, text]
        return number

    def _intern_project(self, path: str, folder: str) -> int:
        number = self._known_projects.get((path, folder))
        if number is None:
            self._give_projects([(path, folder)])
            number = self._known_projects[path, folder]
        return number

    def _name_all(self, facts: "Iterable[Fact]") -> None:
        """Sees to it that every text of some facts has its id, with few questions."""
        known, known_places = self._known_names, self._known_places
        places = {fact.place for fact in facts} | {fact.party for fact in facts}
        models = {(Kind.MODEL.value, fact.reading.model) for fact in facts if fact.reading is not None}
        ends = {(Kind.ENDPOINT.value, fact.exchange.endpoint) for fact in facts if fact.exchange is not None}
        new = places - known_places
        wanted = models | ends | {name for one in new if one is not None for name in _names_in(one)}
        if missing := sorted(wanted - known.keys()):
            self._give_names(missing)
        projects = {(path or "", folder or "") for path, folder in map(_project_in, new) if path or folder}
        if absent := sorted(projects - self._known_projects.keys()):
            self._give_projects(absent)
        known_places |= new

    def _give_names(self, names: Sequence[tuple[int, str]]) -> None:
        known = self._known_names
        for _ in range(2):
            missing = [name for name in names if name not in known]
            if not missing:
                return
            columns = [kind for kind, _ in missing], [text for _, text in missing]
            found = self._run(_FIND_NAMES, *columns)
            known.update(((kind, text), number) for kind, text, number in found)
            if len(found) < len(missing):
                rest = [name for name in missing if name not in known]
                self._run(_KEEP_NAMES, [kind for kind, _ in rest], [text for _, text in rest])

    def _give_projects(self, projects: Sequence[tuple[str, str]]) -> None:
        known = self._known_projects
        for _ in range(2):
            missing = [project for project in projects if project not in known]
            if not missing:
                return
            found = self._run(_FIND_PROJECTS, [path for path, _ in missing], [folder for _, folder in missing])
            known.update(((path, folder), number) for path, folder, number in found)
            if len(found) < len(missing):
                rest = [project for project in missing if project not in known]
                self._run(_KEEP_PROJECTS, [path for path, _ in rest], [folder for _, folder in rest])


def _names_in(told: "Place | Party") -> list[tuple[int, str]]:
    if isinstance(told, Place):
        texts = ((Kind.SESSION, told.session), (Kind.BRANCH, told.branch), (Kind.AGENT, told.agent))
    else:
        texts = (
            (Kind.ACCESS_TOKEN, told.access_token),
            (Kind.ACCOUNT, told.account),
            (Kind.USER, told.user),
            (Kind.MODE, told.mode),
        )
    return [(kind.value, text) for kind, text in texts if text is not None]


def _project_in(told: "Place | Party | None") -> _Project:
    return (told.project, told.folder) if isinstance(told, Place) else (None, None)
