"""Dated prices and the notes of their changes in the SQLite ledger; it never begins or ends a transaction."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.ledger.price_rows import COLUMNS, override_row, shipped_rows
from ccledger.ledger.sqlite_history import bounds_of
from ccledger.ledger.sqlite_questions import NEXT_IDS
from ccledger.ledger.store import Slice

if TYPE_CHECKING:
    from ccledger.core.prices import Model, Override
    from ccledger.ledger.booking import Repriced

OVERRIDES: Final = f"SELECT {', '.join(COLUMNS)} FROM price WHERE set_at IS NOT NULL ORDER BY id"
CHANGES: Final = (
    "SELECT id, changed_at, changed_by, what, calls, old_cost, new_cost, finished_at FROM price_change ORDER BY id"
)
_INSERT: Final = f"INSERT INTO price ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


def keep_override(connection: apsw.Connection, override: "Override") -> None:
    """Keeps an override, and a note of it."""
    connection.execute(_INSERT, override_row(override))
    what = f"set prices of {override.model}"
    note_change(connection, what, override.set_by, override.set_at, override.set_at)


def drop_overrides(connection: apsw.Connection, model: str, start: int | None, by: str, now: int) -> int:
    """Forgets overrides of a model, notes that, and answers how many there were."""
    connection.execute(
        "DELETE FROM price WHERE set_at IS NOT NULL AND model = ?1 AND starts_at = coalesce(?2, starts_at)",
        (model, start),
    )
    dropped = connection.changes()
    if dropped:
        note_change(connection, f"withdrew {dropped} set prices of {model}", by, now, now)
    return dropped


def keep_shipped(connection: apsw.Connection, version: str, models: "Iterable[Model]") -> None:
    """Replaces the shipped prices that are kept."""
    connection.execute("DELETE FROM price WHERE set_at IS NULL")
    connection.executemany(_INSERT, shipped_rows(models))
    connection.execute("INSERT OR REPLACE INTO setting VALUES ('shipped_prices', ?)", (version,))


def look(connection: apsw.Connection, part: Slice, after: int, limit: int) -> list[int]:
    """The next calls of the time of a slice."""
    bounds = bounds_of(part.start, part.end) | {"after": after, "limit": limit}
    return [number for (number,) in connection.execute(NEXT_IDS, bounds)]


def note_change(connection: apsw.Connection, what: str, by: str, now: int, finished_at: int | None) -> int:
    """Makes a note of a change and answers its number."""
    connection.execute(
        "INSERT INTO price_change (changed_at, changed_by, what, finished_at) VALUES (?, ?, ?, ?)",
        (now, by, what, finished_at),
    )
    return connection.last_insert_rowid()


def add_to_note(connection: apsw.Connection, change: int, moved: "Repriced", finished_at: int | None) -> None:
    """Adds to a note what one step moved."""
    values: tuple[Any, ...] = (moved.calls, moved.old_cost, moved.new_cost, finished_at, change)
    connection.execute(
        "UPDATE price_change SET calls = calls + ?, old_cost = old_cost + ?, new_cost = new_cost + ?, finished_at = ?"
        " WHERE id = ?",
        values,
    )
