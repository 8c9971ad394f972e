"""Gives texts their small ids in the SQLite ledger and finds them again; it knows no call."""

# As in engines/sqlite.py: apsw's type stubs leave the types of values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

import apsw

from ccledger.ledger.sqlite_writing import insert_all

if TYPE_CHECKING:
    from ccledger.ledger.rows import Names


class KeptNames:
    """The part of a store that knows the tables `name` and `project`. Whoever inherits it lends the connections."""

    _writer: apsw.Connection | None

    def __init__(self) -> None:
        self._new_names: list[tuple[int, int, str]] = []
        self._new_projects: list[tuple[int, str, str]] = []
        self._texts: dict[int, str | None] = {0: None}
        self._projects: dict[int, tuple[str | None, str | None]] = {0: (None, None)}

    @cached_property
    def _names(self) -> "Names":
        from ccledger.ledger.rows import Names

        return Names(self._intern, self._intern_project)

    def _intern(self, kind: int, text: str) -> int:
        known = self._known_names
        number = known.get((kind, text))
        if number is None:
            number = known[kind, text] = next(self._name_ids)
            self._new_names.append((number, kind, text))
        return number

    @cached_property
    def _known_names(self) -> dict[tuple[int, str], int]:
        assert self._writer is not None
        return {(kind, text): number for number, kind, text in self._writer.execute("SELECT id, kind, text FROM name")}

    @cached_property
    def _name_ids(self) -> Iterator[int]:
        # A ledger that came from another engine has gaps in its ids.
        return count(max(self._known_names.values(), default=0) + 1)

    def _intern_project(self, path: str, folder: str) -> int:
        known = self._known_projects
        number = known.get((path, folder))
        if number is None:
            number = known[path, folder] = next(self._project_ids)
            self._new_projects.append((number, path, folder))
        return number

    @cached_property
    def _known_projects(self) -> dict[tuple[str, str], int]:
        assert self._writer is not None
        rows = self._writer.execute("SELECT id, path, folder FROM project")
        return {(path, folder): number for number, path, folder in rows}

    @cached_property
    def _project_ids(self) -> Iterator[int]:
        return count(max(self._known_projects.values(), default=0) + 1)

    def _forget_names(self) -> None:
        """After a transaction that did not happen, ids given in it are free again."""
        self._names.forget()
        self._new_names.clear()
        self._new_projects.clear()
        for name in ("_known_names", "_known_projects", "_name_ids", "_project_ids"):
            vars(self).pop(name, None)
        self._texts, self._projects = {0: None}, {0: (None, None)}

    def _keep_names(self, connection: apsw.Connection) -> None:
        insert_all(connection, "name", ("id", "kind", "text"), self._new_names)
        insert_all(connection, "project", ("id", "path", "folder"), self._new_projects)
        self._new_names.clear()
        self._new_projects.clear()

    def _text_reader(self, connection: apsw.Connection) -> "Callable[[int], str | None]":
        known = self._texts

        def text_of(number: int) -> str | None:
            if number not in known:
                known[number] = connection.execute("SELECT text FROM name WHERE id = ?", (number,)).get
            return known[number]

        return text_of

    def _project_reader(self, connection: apsw.Connection) -> "Callable[[int], tuple[str | None, str | None]]":
        known = self._projects

        def project_of(number: int) -> tuple[str | None, str | None]:
            if number not in known:
                row = connection.execute("SELECT path, folder FROM project WHERE id = ?", (number,)).fetchone()
                known[number] = (row[0] or None, row[1] or None) if row else (None, None)
            return known[number]

        return project_of
