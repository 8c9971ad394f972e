"""Puts rows into the tables of the SQLite ledger, many with one statement; it never begins or ends a transaction."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.core.measures import MEASURES
from ccledger.ledger.rollup_tables import DAYS, MONTHS, SPANS

if TYPE_CHECKING:
    from ccledger.core.measures import Measures
    from ccledger.core.rollup import Fold, Roll, SpanKey
    from ccledger.ledger.months import MonthKey

_LARGEST: Final = (1 << 63) - 1


@cache
def _insert(table: str, columns: tuple[str, ...], count: int, conflict: str = "") -> str:
    row = f"({', '.join('?' * len(columns))})"
    # A broken constraint ends the transaction: the whole batch is then booked another way, and SQLite needs no journal
    # of its own for every statement.
    return f"INSERT OR ROLLBACK INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * count)} {conflict}"


@cache
def _add_to(key: tuple[str, ...], measures: tuple[str, ...]) -> str:
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in measures)
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"


@cache
def _drop_empty(table: str, key: tuple[str, ...]) -> str:
    return f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in key)} AND calls = 0"


ROLLUPS: Final = {"spans": SPANS, "days": DAYS, "months": MONTHS}

LEAD_KEY: Final = "ON CONFLICT (key) DO UPDATE SET call_id = excluded.call_id"
MARK_BARE: Final = "ON CONFLICT (key, call_id) DO UPDATE SET bare = 1 WHERE excluded.bare"
_ROWS_AT_ONCE: Final = 32
"""Rows per statement: looking a statement up and starting it costs as much as a row."""


def insert_all(
    connection: apsw.Connection,
    table: str,
    columns: Sequence[str],
    rows: "Sequence[tuple[Any, ...]]",
    conflict: str = "",
) -> None:
    """Inserts rows, many with one statement."""
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    if whole:
        together = (
            tuple(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])) for start in range(0, whole, _ROWS_AT_ONCE)
        )
        connection.executemany(_insert(table, tuple(columns), _ROWS_AT_ONCE, conflict), together)
    if whole < len(rows):
        connection.executemany(_insert(table, tuple(columns), 1, conflict), rows[whole:])


def by_length(
    columns: Sequence[str], rows: "Sequence[tuple[Any, ...]]"
) -> "Iterator[tuple[Sequence[str], Sequence[tuple[Any, ...]]]]":
    """Rows that leave out the same columns at the end, together; shorter ones are cheaper to write."""
    lengths = set(map(len, rows))
    if len(lengths) == 1:
        yield columns[: lengths.pop()], rows
        return
    for length in sorted(lengths):
        yield columns[:length], [row for row in rows if len(row) == length]


def keep_positions(connection: apsw.Connection, positions: Mapping[str, bytes | None]) -> None:
    """Remembers how far sources were read; None forgets it."""
    kept = [(name, position) for name, position in positions.items() if position is not None]
    gone = [(name,) for name, position in positions.items() if position is None]
    connection.executemany("INSERT OR REPLACE INTO source_position (name, position) VALUES (?, ?)", kept)
    connection.executemany("DELETE FROM source_position WHERE name = ?", gone)


def add_up(connection: apsw.Connection, roll: "Roll", months: "Mapping[MonthKey, Measures]") -> None:
    """Adds the differences to the roll-ups, each table's in the order of its key: neighbours share pages."""
    clip = _clipped if _is_beyond_columns(roll) else list[tuple[int, ...]]
    spans = [name + roll.spans[name] for name in sorted(roll.spans, key=_span_order)]
    days = [name + roll.days[name] for name in sorted(roll.days)]
    over = [name + months[name] for name in sorted(months)]
    for part, rows in (("spans", spans), ("days", days), ("months", over)):
        table, key = ROLLUPS[part]
        for columns, group in by_length((*key, *MEASURES), clip(rows)) if rows else ():
            insert_all(connection, table, columns, group, _add_to(key, tuple(columns[len(key) :])))
        shrunk = [row[: len(key)] for row in rows if row[len(key)] < 0]
        connection.executemany(_drop_empty(table, key), shrunk)


def sum_anew(connection: apsw.Connection, roll: "Roll") -> None:
    """Replaces all roll-ups."""
    for table, _ in ROLLUPS.values():
        connection.execute(f"DELETE FROM {table}")
    add_up(connection, roll, {})


def move_days(
    connection: apsw.Connection, fold: "Fold", old: "Callable[[int], int]", new: "Callable[[int], int]"
) -> None:
    """Makes the days of the roll-ups others, though some of the calls in them are gone."""
    from ccledger.ledger.booking import days_of_quarters, moved_days

    columns = ", ".join((*ROLLUPS["spans"][1], *MEASURES))
    rows: Iterable[Any] = connection.execute(f"SELECT {columns} FROM usage_rollup WHERE grain = 0")
    days = days_of_quarters(((row[:5], row[5:]) for row in rows), new)
    connection.execute("DELETE FROM usage_rollup WHERE grain = 1")
    connection.execute("DELETE FROM usage_month")
    add_up(connection, days, {})
    add_up(connection, moved_days(fold, old, new), {})


def _span_order(name: "SpanKey") -> int:
    """The order of the table's key in one integer, which sorts faster than a tuple."""
    grain, dimension, key, start, model = name
    return (((grain << 3 | dimension) << 36 | start) << 32 | key) << 32 | model


def _is_beyond_columns(roll: "Roll") -> bool:
    """Whether sums may not fit 64 bits: nonsense in a transcript must not stop the import for good."""
    return any(abs(number) > _LARGEST >> 1 for measures in roll.models.values() for number in measures)


def _clipped(rows: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return [tuple(max(-_LARGEST, min(number, _LARGEST)) for number in row) for row in rows]
