"""Reads rows of calls from the SQLite ledger, by time and in order; it sums up nothing and writes nothing."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from array import array
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apsw

from ccledger.core.periods import QUARTER_MS, Days, day_of_number
from ccledger.core.periods import zone as zone_named
from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.store import SpanCount, Wanted

if TYPE_CHECKING:
    from ccledger.core.call import Call
    from ccledger.core.measures import Grain

_Row = tuple[Any, ...]
_MODEL, _SESSION = 1, 2
_ALL, _PROJECT = 0, 4
_NOBODY: Final = -1
"""An id that nothing has."""
_EVERYTHING: Final = Wanted()
_WHEN = itemgetter(1, 0)


class _Condition(NamedTuple):
    """What is asked for, as SQL to be added to a WHERE, and the values it binds."""

    text: str
    values: dict[str, Any]


class CallReader:
    """The half of a store that answers with rows of calls. Whoever inherits it lends the connections."""

    def _reader(self) -> AbstractContextManager[apsw.Connection]:
        raise NotImplementedError

    def _text_reader(self, connection: apsw.Connection) -> Callable[[int], str | None]:
        raise NotImplementedError

    def _project_reader(self, connection: apsw.Connection) -> Callable[[int], tuple[str | None, str | None]]:
        raise NotImplementedError

    def zone(self) -> str:
        """See `Store.zone`."""
        with self._reader() as connection:
            return connection.execute("SELECT value FROM setting WHERE name = 'zone'").get

    @cached_property
    def _days(self) -> Days:
        return Days(zone_named(self.zone()))

    def calls(self, start: int, end: int) -> "list[Call]":
        """See `Store.calls`."""
        return list(self.oldest(start, end, _EVERYTHING))

    def newest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> "Generator[Call]":
        """See `Store.newest`."""
        return self._each(start, end, wanted, skip, "DESC")

    def oldest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> "Generator[Call]":
        """See `Store.oldest`."""
        return self._each(start, end, wanted, skip, "ASC")

    def _each(self, start: int, end: int, wanted: Wanted, skip: int, order: str) -> "Generator[Call]":
        from ccledger.ledger.rows import decode

        with ExitStack() as stack:
            connection = stack.enter_context(self._reader())
            text_of, project_of = self._text_reader(connection), self._project_reader(connection)
            condition = _condition(connection, wanted)
            bounds = bounds_of(start, end) | condition.values

            def rows(query: str) -> Iterator[_Row]:
                cursor = connection.cursor()
                stack.callback(cursor.close, force=True)
                return cursor.execute(query, bounds)

            in_place = rows(questions.calls_in_place(condition.text, order))
            moved = rows(questions.calls_moved(condition.text, order))
            for row in islice(_merged(in_place, moved, order), skip, None):
                yield decode(row, (), text_of, project_of)

    def first_call_at(self, start: int, end: int) -> int | None:
        """See `Store.first_call_at`."""
        return self._edge_start(start, end, "ASC")

    def last_call_at(self, start: int, end: int) -> int | None:
        """See `Store.last_call_at`."""
        return self._edge_start(start, end, "DESC")

    def _edge_start(self, start: int, end: int, order: str) -> int | None:
        with self._reader() as connection:
            return connection.execute(questions.edge_start(order), bounds_of(start, end)).get

    def count(self, start: int, end: int, wanted: Wanted) -> int:
        """See `Store.count`."""
        with self._reader() as connection:
            condition = _condition(connection, wanted)
            bounds = bounds_of(start, end) | condition.values
            return connection.execute(questions.count_calls(condition.text), bounds).get

    def counts(self, grain: "Grain", first: int, last: int, wanted: Wanted) -> list[SpanCount]:
        """See `Store.counts`."""
        if wanted.session is not None:
            return self._session_counts(grain, first, last, wanted)
        with self._reader() as connection:
            condition = _condition(connection, wanted, project="key_id")
            dimension = _ALL if wanted.projects is None else _PROJECT
            query = questions.count_spans(dimension, condition.text)
            bounds = {"grain": int(grain), "first": first, "last": last}
            return [SpanCount(*row) for row in _fetch(connection, query, bounds | condition.values)]

    def _session_counts(self, grain: "Grain", first: int, last: int, wanted: Wanted) -> list[SpanCount]:
        """A session has few calls beside all there are, so they are counted themselves."""
        days = self._days
        start, end = first, last + 1
        if grain:
            start, end = days.quarters(day_of_number(first)).start, days.quarters(day_of_number(last)).stop
        with self._reader() as connection:
            condition = _condition(connection, wanted)
            bounds = {"start": start * QUARTER_MS, "end": end * QUARTER_MS} | condition.values
            found = _fetch(connection, questions.count_session_quarters(condition.text), bounds)
        sums: dict[int, int] = {}
        for quarter, calls in found:
            span = days.of_quarter(quarter) if grain else quarter
            sums[span] = sums.get(span, 0) + calls
        return [SpanCount(*entry) for entry in sums.items()]

    def projects(self) -> list[tuple[str, str]]:
        """See `Store.projects`."""
        with self._reader() as connection:
            return _fetch(connection, questions.PROJECTS, {})


def _fetch(connection: apsw.Connection, query: str, bounds: dict[str, Any]) -> list[Any]:
    return connection.execute(query, bounds).fetchall()


def _merged(in_place: Iterator[_Row], moved: Iterator[_Row], order: str) -> Iterator[_Row]:
    """Both in one order; mostly there is nothing to be merged."""
    first = next(moved, None)
    if first is None:
        return in_place
    return merge(in_place, _again(first, moved), key=_WHEN, reverse=order == "DESC")


def _again(first: _Row, rest: Iterator[_Row]) -> Iterator[_Row]:
    yield first
    yield from rest


def bounds_of(start: int, end: int) -> dict[str, Any]:
    """A time, and the first and the last id that calls can have whose ids lie in it."""
    from ccledger.ledger.ids import NODES, SEQUENCES, call_id

    last = call_id(end - 1, NODES - 1, SEQUENCES - 1)
    return {"start": start, "end": end, "first": call_id(start, 0, 0), "last": last}


def _condition(connection: apsw.Connection, wanted: Wanted, project: str = "project_id") -> _Condition:
    parts: list[str] = []
    values: dict[str, Any] = {}
    if wanted.model is not None:
        parts.append(" AND model_id = :model")
        values["model"] = _name_id(connection, _MODEL, wanted.model)
    if wanted.session is not None:
        parts.append(" AND session_id = :session")
        values["session"] = _name_id(connection, _SESSION, wanted.session)
    if wanted.projects is not None:
        parts.append(f" AND {project} IN (SELECT value FROM carray(:projects))")
        values["projects"] = _project_ids(connection, wanted.projects)
    return _Condition("".join(parts), values)


def _name_id(connection: apsw.Connection, kind: int, text: str) -> int:
    if not text:
        return 0
    found = connection.execute("SELECT id FROM name WHERE kind = ? AND text = ?", (kind, text)).get
    return _NOBODY if found is None else found


def _project_ids(connection: apsw.Connection, projects: frozenset[tuple[str, str]]) -> Any:
    rows = _fetch(connection, "SELECT id, path, folder FROM project", {})
    found = [number for number, path, folder in rows if (path, folder) in projects]
    return apsw.carray(array("q", found or [_NOBODY]))
