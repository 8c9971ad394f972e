"""Dated prices and the notes of their changes in the PostgreSQL ledger; it never begins or ends a transaction."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ccledger.ledger.ids import NODES, SEQUENCES, call_id
from ccledger.ledger.postgresql.link import Row
from ccledger.ledger.postgresql.pen import Pen
from ccledger.ledger.postgresql.statements import KEEP_SETTING
from ccledger.ledger.price_rows import COLUMNS, override_row, shipped_rows
from ccledger.ledger.store import PriceChange, Slice

if TYPE_CHECKING:
    from ccledger.core.prices import Model, Override
    from ccledger.ledger.booking import Repriced

OVERRIDES: Final = f"SELECT {', '.join(COLUMNS)} FROM price WHERE set_at IS NOT NULL ORDER BY id"
CHANGES: Final = (
    "SELECT id, changed_at, changed_by, what, calls, old_cost, new_cost, finished_at FROM price_change ORDER BY id"
)
_INSERT: Final = (
    f"INSERT INTO price ({', '.join(COLUMNS)}) VALUES ({', '.join(f'${at}' for at, _ in enumerate(COLUMNS, 1))})"
)
_DROP: Final = """
    DELETE FROM price
    WHERE set_at IS NOT NULL AND model = $1 AND starts_at = coalesce($2::bigint, starts_at) RETURNING 1
"""
_NOTE: Final = (
    "INSERT INTO price_change (changed_at, changed_by, what, finished_at) VALUES ($1, $2, $3, $4) RETURNING id"
)
_ADD_TO_NOTE: Final = """
    UPDATE price_change
    SET calls = calls + $1, old_cost = old_cost + $2, new_cost = new_cost + $3, finished_at = $4 WHERE id = $5
"""
_PLACE: Final = "(id >> 20) + 1600000000000"
_NEXT_IDS: Final = f"""
    (SELECT id FROM request_logs
     WHERE id BETWEEN greatest($3::bigint, $5::bigint + 1) AND $4::bigint AND request_at = {_PLACE}
     ORDER BY id LIMIT $6)
    UNION ALL
    (SELECT id FROM request_logs
     WHERE request_at >= $1 AND request_at < $2 AND request_at <> {_PLACE} AND id > $5
     ORDER BY id LIMIT $6)
    ORDER BY id LIMIT $6
"""


def keep_override(pen: Pen, override: "Override") -> None:
    """Keeps an override, and a note of it."""
    pen.run(_INSERT, *override_row(override))
    note_change(pen, f"set prices of {override.model}", override.set_by, override.set_at, override.set_at)


def drop_overrides(pen: Pen, model: str, start: int | None, by: str, now: int) -> int:
    """Forgets overrides of a model, notes that, and answers how many there were."""
    dropped = len(pen.run(_DROP, model, start))
    if dropped:
        note_change(pen, f"withdrew {dropped} set prices of {model}", by, now, now)
    return dropped


def keep_shipped(pen: Pen, version: str, models: "Iterable[Model]") -> None:
    """Replaces the shipped prices that are kept."""
    pen.run("DELETE FROM price WHERE set_at IS NULL")
    pen.run_many(_INSERT, list(shipped_rows(models)))
    pen.run(KEEP_SETTING, "shipped_prices", version)


def look(pen: Pen, part: Slice, after: int, limit: int) -> list[int]:
    """The next calls of the time of a slice."""
    first, last = call_id(part.start, 0, 0), call_id(part.end - 1, NODES - 1, SEQUENCES - 1)
    return [row[0] for row in pen.run(_NEXT_IDS, part.start, part.end, first, last, after, limit)]


def note_change(pen: Pen, what: str, by: str, now: int, finished_at: int | None) -> int:
    """Makes a note of a change and answers its number."""
    return pen.run(_NOTE, now, by, what, finished_at)[0][0]


def add_to_note(pen: Pen, change: int, moved: "Repriced", finished_at: int | None) -> None:
    """Adds to a note what one step moved."""
    pen.run(_ADD_TO_NOTE, moved.calls, moved.old_cost, moved.new_cost, finished_at, change)


def read_change(row: Row) -> PriceChange:
    """The change in a row of `CHANGES`."""
    number, at, by, what, calls, old, new, finished_at = row
    return PriceChange(number, at, by, what, calls, int(old), int(new), finished_at)
