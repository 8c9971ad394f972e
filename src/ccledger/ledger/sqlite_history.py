"""Reads rows of calls from the SQLite ledger, by time and in order; it sums up nothing and writes nothing."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apsw

from ccledger.core.measures import Dimension
from ccledger.core.periods import QUARTER_MS, Days, day_of_number
from ccledger.core.periods import zone as zone_named
from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.kinds import KEYED, NAMED, Kind
from ccledger.ledger.store import Ranking, SpanCount, Wanted

if TYPE_CHECKING:
    from ccledger.core.call import Call
    from ccledger.core.measures import Grain

_Row = tuple[Any, ...]
_ALL, _PROJECT, _SOURCE = Dimension.ALL.value, Dimension.PROJECT.value, Dimension.SOURCE.value
_TRANSCRIPT: Final = 1
_USUAL_STATUS: Final = 200
_UNUSUAL: Final = f" AND status_code <> {_USUAL_STATUS}"
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

    def ranked(
        self, start: int, end: int, wanted: Wanted, ranking: Ranking, limit: int, *, falling: bool
    ) -> "list[Call]":
        """See `Store.ranked`."""
        from ccledger.ledger.rows import decode
        from ccledger.ledger.selection import first_ranked

        with self._reader() as connection:
            text_of, project_of = self._text_reader(connection), self._project_reader(connection)
            condition = _condition(connection, wanted)
            bounds = bounds_of(start, end) | condition.values | {"limit": limit}
            questions_of_both = questions.ranked_calls(condition.text, ranking, "DESC" if falling else "ASC")
            rows = [row for query in questions_of_both for row in _fetch(connection, query, bounds)]
            found = [decode(row, (), text_of, project_of) for row in rows]
        return first_ranked(found, ranking, limit, falling=falling)

    def call(self, number: int) -> "Call | None":
        """See `Store.call`."""
        from ccledger.ledger.rows import decode

        with self._reader() as connection:
            row = connection.execute(questions.select_calls(questions.CALL), (number,)).fetchone()
            return row and decode(row, (), self._text_reader(connection), self._project_reader(connection))

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
            dimension, condition = _key_condition(connection, wanted)
            query = questions.count_spans(dimension, condition.text, success=wanted.success)
            bounds = {"grain": int(grain), "first": first, "last": last} | condition.values
            if dimension:
                kept = _fetch(connection, questions.SPANS_KEPT, {"grain": int(grain)})[0]
                if kept[0] is None:
                    return []
                bounds["starts"] = _numbers(range(max(first, kept[0]), min(last, kept[1]) + 1))
            return [SpanCount(*row) for row in _fetch(connection, query, bounds)]

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


def _condition(connection: apsw.Connection, wanted: Wanted) -> _Condition:
    """The calls themselves that are meant."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    for name, kind, column in NAMED:
        text: str | None = getattr(wanted, name)
        if text is not None:
            parts.append(f" AND {column} = :{name}")
            values[name] = _name_id(connection, kind, text)
    if wanted.projects is not None:
        parts.append(" AND project_id IN (SELECT value FROM carray(:projects))")
        values["projects"] = _project_ids(connection, wanted.projects)
    if wanted.source is not None:
        parts.append(" AND traits >> 7 & 7 = :source")
        values["source"] = _source_id(wanted.source) or _TRANSCRIPT
    if wanted.status is not None:
        # Literally the condition of the index that holds every other status.
        parts.append(" AND status_code = :status" + ("" if wanted.status == _USUAL_STATUS else _UNUSUAL))
        values["status"] = wanted.status
    if wanted.success is not None:
        parts.append(" AND outcome = 0" if wanted.success else " AND outcome > 0")
    return _Condition("".join(parts), values)


def _key_condition(connection: apsw.Connection, wanted: Wanted) -> tuple[int, _Condition]:
    """The dimension whose sums tell most of the calls that are meant, and which of its rows are meant."""
    text, values = "", dict[str, Any]()
    if wanted.model is not None:
        text, values["model"] = " AND model_id = :model", _name_id(connection, Kind.MODEL, wanted.model)
    for name, kind, dimension in KEYED:
        if key := getattr(wanted, name):
            return dimension, _Condition(f"{text} AND key_id = :key", values | {"key": _name_id(connection, kind, key)})
    if wanted.projects is not None and ("", "") not in wanted.projects:
        text += " AND key_id IN (SELECT value FROM carray(:projects))"
        return _PROJECT, _Condition(text, values | {"projects": _project_ids(connection, wanted.projects)})
    if wanted.source is not None and (key := _source_id(wanted.source)):
        return _SOURCE, _Condition(f"{text} AND key_id = :key", values | {"key": key})
    return _ALL, _Condition(text, values)


def _source_id(name: str) -> int:
    """A source as the roll-ups tell it apart; transcripts are 0."""
    from ccledger.ledger.rows import SOURCES

    return next((number for number, known in SOURCES.items() if known == name), _NOBODY)


def _name_id(connection: apsw.Connection, kind: int, text: str) -> int:
    if not text:
        return 0
    found = connection.execute("SELECT id FROM name WHERE kind = ? AND text = ?", (kind, text)).get
    return _NOBODY if found is None else found


def _project_ids(connection: apsw.Connection, projects: frozenset[tuple[str, str]]) -> Any:
    rows = _fetch(connection, "SELECT id, path, folder FROM project", {})
    found = [number for number, path, folder in [(0, "", ""), *rows] if (path, folder) in projects]
    return _numbers(found)


def _numbers(numbers: Iterable[int]) -> Any:
    return apsw.carray(array("q", numbers) or array("q", [_NOBODY]))
