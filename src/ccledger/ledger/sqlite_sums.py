"""Sums calls up from the roll-ups of the SQLite ledger, or from its rows; it writes nothing."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import abstractmethod
from array import array
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.kinds import AXES, KINDS, project_name
from ccledger.ledger.months import split
from ccledger.ledger.sqlite_months import closed_before
from ccledger.ledger.store import SpanRow, SumRow

if TYPE_CHECKING:
    from ccledger.core.measures import Axis, Cut, Dimension, Grain

_NO_ID: Final = -1
_Asked = Sequence[tuple[int, tuple[int, ...]]]
"""Stretches, each with the number it goes by: what a question is bound to, its first and its last span at the end."""


class CallSums:
    """The part of a store that answers with sums. Whoever inherits it lends the connections."""

    _texts: dict[int, str | None]

    @abstractmethod
    def _reader(self) -> AbstractContextManager[apsw.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]: ...

    @abstractmethod
    def _project_reader(self, connection: apsw.Connection) -> Callable[[int], tuple[str | None, str | None]]: ...

    def spans(self, grain: "Grain", dimension: "Dimension", first: int, last: int) -> list[SpanRow]:
        """See `Store.spans`."""
        if not dimension:
            rows = self._rows(questions.SPANS_OF_ALL, (int(grain), first, last))
        elif dimension == 4:
            rows = self._rows(questions.SPANS_OF_PROJECTS, (int(grain), first, last))
        elif dimension == 5:
            from ccledger.ledger.rows import SOURCES

            rows = self._rows(questions.SPANS_OF_SOURCES, (int(grain), first, last))
            return [SpanRow(row[0], SOURCES[row[1]], row[2], row[3] or "", row[4:]) for row in rows]
        else:
            rows = self._rows(questions.SPANS_OF_NAMES, (int(grain), int(dimension), first, last))
        return [SpanRow(row[0], row[1], row[2], row[3] or "", row[4:]) for row in rows]

    def sum_spans(
        self, grain: "Grain", dimension: "Dimension", stretches: Sequence[tuple[int, int]], cut: "Cut"
    ) -> list[SumRow]:
        """See `Store.sum_spans`."""
        axis = AXES.get(dimension)
        spans, months = questions.spans_table(axis), questions.months_table(axis)
        asked = list(enumerate(stretches))
        over: list[tuple[int, tuple[int, ...]]] = []
        with self._snapshot() as connection:
            closed = closed_before(connection) if grain else 0
            if closed:
                parts = [(number, split(*stretch, closed)) for number, stretch in asked]
                over = [(number, (int(dimension), *part.months)) for number, part in parts if part.months]
                asked = [(number, days) for number, part in parts for days in part.days]
            rows = self._sums(
                connection, spans, [(number, (int(grain), int(dimension), *times)) for number, times in asked], cut
            )
            return rows + self._sums(connection, months, over, cut) if over else rows

    def sum_days(self, stretches: Sequence[tuple[int, int]], cut: "Cut") -> list[SumRow]:
        """See `Store.sum_days`."""
        with self._snapshot() as connection:
            return self._sums(connection, questions.DAYS, list(enumerate(stretches)), cut)

    def sum_calls(self, stretches: Sequence[tuple[int, int]], cut: "Cut") -> list[SumRow]:
        """See `Store.sum_calls`."""
        asked = list(enumerate(stretches))
        by_id = [(number, _ids_between(*stretch)) for number, stretch in asked]
        with self._snapshot() as connection:
            in_place = self._sums(connection, questions.CALLS_IN_PLACE, by_id, cut)
            return in_place + self._sums(connection, questions.CALLS_MOVED, asked, cut)

    @contextmanager
    def _snapshot(self) -> Generator[apsw.Connection]:
        """A connection that sees one state of the ledger, whatever is written meanwhile."""
        with self._reader() as connection, connection:
            yield connection

    def _sums(
        self,
        connection: apsw.Connection,
        table: questions.Table,
        asked: "_Asked",
        cut: "Cut",
    ) -> list[SumRow]:
        try:
            return self._sums_as(questions.EXACT, connection, table, asked, cut)
        except apsw.SQLError as error:
            if "overflow" not in str(error):
                raise
            return self._sums_as(questions.ROUGH, connection, table, asked, cut)

    def _sums_as(
        self,
        function: str,
        connection: apsw.Connection,
        table: questions.Table,
        asked: "_Asked",
        cut: "Cut",
    ) -> list[SumRow]:
        lists = [
            integers(self._ids_of(connection, axis, values))
            for filters in (cut.only, cut.without)
            for axis, values in filters.items()
        ]
        width = len(cut.by)
        length = _length_in_row(asked) if table.span else 0
        put = questions.sums_in_row if length else questions.sums
        question = put(table, cut.by, tuple(cut.only), tuple(cut.without), function)
        if length:
            numbers, rows = _ask_at_once(connection, question, asked, length, lists)
        else:
            numbers, rows = _ask_each(connection, question, asked, lists, width)
        texts = [self._texts_of(connection, axis, {row[at] for row in rows}) for at, axis in enumerate(cut.by)]
        columns = [[text[row[at]] for row in rows] for at, text in enumerate(texts)]
        values = zip(*columns, strict=True) if columns else repeat(())
        return list(map(SumRow, numbers, values, [row[width:] for row in rows]))

    def _ids_of(self, connection: apsw.Connection, axis: "Axis", values: "AbstractSet[str]") -> list[int]:
        """The ids of an axis's values; that of having none is 0. No name holds a NUL, and `carray` takes none."""
        values = {value for value in values if "\0" not in value}
        if not values:
            return []
        if axis == "source":
            from ccledger.ledger.rows import SOURCES

            return [number for number, name in SOURCES.items() if name in values]
        wanted = apsw.carray(tuple(values))
        if axis == "project":
            rows = connection.execute(questions.IDS_OF_PROJECTS, (wanted,))
        else:
            rows = connection.execute(questions.IDS_OF_NAMES, (int(KINDS[axis]), wanted))
        return [*(number for (number,) in rows), *([0] if "" in values else [])]

    def _texts_of(self, connection: apsw.Connection, axis: "Axis", ids: "AbstractSet[int]") -> Mapping[int, str]:
        """The names of ids on an axis."""
        if axis == "source":
            from ccledger.ledger.rows import SOURCES

            return SOURCES
        if axis == "project":
            project_of = self._project_reader(connection)
            return {number: project_name(*project_of(number)) for number in ids}
        known = self._texts
        if missing := [number for number in ids if number not in known]:
            known.update(connection.execute(questions.NAMES_OF_IDS, (integers(missing),)))
        return {number: known.get(number) or "" for number in ids}


def _ask_at_once(
    connection: apsw.Connection, question: str, asked: "_Asked", length: int, lists: Sequence[Any]
) -> tuple[list[int], list[Any]]:
    """The number of each row's stretch, and the rows: from one question for stretches in a row."""
    *constants, first, _ = asked[0][1]
    last = asked[-1][1][-1]
    found: list[Any] = connection.execute(question, (first, length, *constants, first, last, *lists)).fetchall()
    return [asked[row[0]][0] for row in found], [row[1:] for row in found]


def _ask_each(
    connection: apsw.Connection, question: str, asked: "_Asked", lists: Sequence[Any], width: int
) -> tuple[list[int], list[Any]]:
    """The same from a question for each stretch. A sum of nothing is no row."""
    numbers: list[int] = []
    rows: list[Any] = []
    for number, times in asked:
        found: list[Any] = connection.execute(question, (*times, *lists)).fetchall()
        if found and found[0][width] is not None:
            numbers.extend([number] * len(found))
            rows.extend(found)
    return numbers, rows


def _length_in_row(asked: "_Asked") -> int:
    """The length of several stretches that follow each other and are of one length; 0 of any others."""
    if len(asked) < 2:
        return 0
    first, last = asked[0][1][-2:]
    length = last - first + 1
    if length < 1:
        return 0
    starts = range(first, first + len(asked) * length, length)
    in_row = all(times[-2:] == (start, start + length - 1) for (_, times), start in zip(asked, starts, strict=True))
    return length if in_row else 0


def _ids_between(first: int, last: int) -> tuple[int, int]:
    """The first and the last id of calls that ran when their ids say, between two milliseconds (both included)."""
    from ccledger.ledger.ids import NODES, SEQUENCES, call_id

    return call_id(first, 0, 0), call_id(last, NODES - 1, SEQUENCES - 1)


def integers(numbers: Iterable[int]) -> Any:
    """Numbers as one bound value; apsw's own type for that is opaque, and it takes no empty one."""
    return apsw.carray(array("q", numbers) or array("q", [_NO_ID]))
