"""What the PostgreSQL ledger is told when calls are booked, as SQL and the values it binds; it never runs any.

Rows of integers go over as one flat list a table, written out as text, which a statement takes apart by place: far
cheaper for both sides than a list for each column.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from ccledger.core.measures import MEASURES, USUAL, ZERO, Measures
from ccledger.core.rollup import Roll, SpanKey
from ccledger.ledger.months import MonthKey
from ccledger.ledger.rollup_tables import DAYS, MONTHS, SPANS
from ccledger.ledger.rows import COLUMNS, EXTRA, Row

LOCK: Final = 4927364
"""The advisory lock of the whole ledger: who books shares it (`ledger_enter`), who works on everything has it alone."""
CHANNEL: Final = "ccledger"
_NIL: Final = -(1 << 63)
"""Stands for NULL in lists of integers: places in a list are found at once only where no NULL is in it."""
_LARGEST: Final = (1 << 63) - 1
_REQUEST, _ERROR = COLUMNS.index("request_id"), COLUMNS.index("error_message")
_NULLABLE: Final = frozenset(
    (
        "input_cost",
        "output_cost",
        "cache_creation_cost",
        "cache_read_cost",
        "web_search_cost",
        "placed_at",
        "status_code",
        "duration_ms",
        "ttft_ms",
    )
)
_LEAN: Final = len(COLUMNS) - EXTRA
_NO_EXTRA: Final = (0, None, None, 0, 0, 0, 0, 0, 0, None, None, None, 0, 0, 0, None, 0)

_HEAT: Final = (5, 0, 3, 1, 2, 4)
"""By dimension: how many batches are likely to touch the same row."""
ROLLUPS: Final = (SPANS, DAYS, MONTHS)

EXACT: Final = "kept.{0} + excluded.{0}"
CLIPPED: Final = "ledger_clip(kept.{0}::numeric + excluded.{0})"
"""For sums beyond 64 bits: nonsense in a transcript must not stop the import for good."""

ENTERING: Final = "SELECT ledger_enter($1::bigint, $2::text[], $3::bigint[]) AS code"
INSIDE: Final = "SELECT 0 AS code WHERE $1::bigint IS NOT NULL"
ENTER: Final = "SELECT ledger_enter($1::bigint, '{}', '{}')"
ENTER_ALONE: Final = f"SELECT pg_advisory_xact_lock({LOCK})"

CLAIM: Final = """
    INSERT INTO call_key AS kept (key, call_id) SELECT key, -1 FROM unnest($1::text[]) AS key
    ON CONFLICT (key) DO UPDATE SET call_id = kept.call_id WHERE false
"""
"""Holds keys until the transaction ends, those that nobody knew yet included."""
LET_GO: Final = "DELETE FROM call_key WHERE key = ANY ($1::text[]) AND call_id = -1"
LEAD_KEY: Final = """
    INSERT INTO call_key (key, call_id) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (key) DO UPDATE SET call_id = excluded.call_id
"""
FIND: Final = """
    SELECT key, coalesce(call_alias.call_id, call_key.call_id)
    FROM call_key LEFT JOIN call_alias ON call_alias.id = call_key.call_id
    WHERE key = ANY ($1::text[]) AND call_key.call_id <> -1
"""
FIND_REQUESTS: Final = """
    SELECT key, coalesce(call_alias.call_id, request_key.call_id), bare
    FROM request_key LEFT JOIN call_alias ON call_alias.id = request_key.call_id
    WHERE key = ANY ($1::text[])
"""
MARK_BARE: Final = """
    INSERT INTO request_key AS kept (key, call_id, bare) VALUES ($1, $2, $3)
    ON CONFLICT (key, call_id) DO UPDATE SET bare = 1 WHERE excluded.bare = 1
"""
HOLD_CALLS: Final = f"""
    SELECT {", ".join(COLUMNS)} FROM request_logs
    WHERE id = ANY ($1::bigint[]) AND id BETWEEN $2 AND $3 ORDER BY id FOR UPDATE
"""
TAKEN: Final = """
    SELECT id FROM request_logs WHERE id = ANY ($1::bigint[]) AND id BETWEEN $2 AND $3
    UNION ALL
    SELECT id FROM call_alias WHERE id = ANY ($1::bigint[])
"""
REPLACE_CALL: Final = (
    f"UPDATE request_logs SET {', '.join(f'{name} = ${at}' for at, name in enumerate(COLUMNS[1:], 2))} WHERE id = $1"
)
DELETE_CALLS: Final = "DELETE FROM request_logs WHERE id = ANY ($1::bigint[])"
MOVE_ALIAS: Final = "UPDATE call_alias SET call_id = $2 WHERE call_id = $1"
KEEP_ALIAS: Final = """
    INSERT INTO call_alias (id, call_id) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET call_id = excluded.call_id
"""
KEEP_SETTING: Final = """
    INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
KEEP_POSITIONS: Final = """
    WITH gone AS (DELETE FROM source_position WHERE name = ANY ($3::text[]))
    INSERT INTO source_position (name, position) SELECT * FROM unnest($1::text[], $2::bytea[])
    ON CONFLICT (name) DO UPDATE SET position = excluded.position
"""
BASE: Final = "SELECT 1 - pg_current_xact_id()::text::bigint"


class Told(NamedTuple):
    """Positions, as they are bound."""

    names: list[str]
    positions: list[bytes]
    gone: list[str]


@cache
def book(entering: str, adding: str, *, lean: bool) -> str:
    """The one statement that books: new calls under their keys, differences of all roll-ups, the batch, positions.

    Each part waits for the one before: locks are taken in one order, whoever books, and those last that everybody
    needs. Where `entering` is refused nothing is written. `lean` calls leave out the columns at the end of
    `rows.COLUMNS`, and those of `MEASURES`.
    """
    measures = MEASURES[:USUAL] if lean else MEASURES
    return f"""
    WITH entered AS MATERIALIZED ({entering}),
    told AS MATERIALIZED (
        SELECT $6::text::bigint[] AS calls, $7::text::bigint[] AS spans, $8::text::bigint[] AS days,
               $9::text::bigint[] AS months
    ),
    keys AS (
        INSERT INTO call_key (key, call_id)
        SELECT key, call_id FROM entered, unnest($2::text[], $3::bigint[]) AS new (key, call_id) WHERE code = 0
        RETURNING 1
    ),
    calls AS ({_insert_calls(lean=lean)}),
    days AS ({_add_to(DAYS, measures, adding, "days", "calls")}),
    months AS ({_add_to(MONTHS, measures, adding, "months", "days")}),
    spans AS ({_add_to(SPANS, measures, adding, "spans", "months")}),
    gone AS (DELETE FROM source_position USING entered WHERE code = 0 AND name = ANY ($12::text[])),
    positions AS (
        INSERT INTO source_position (name, position)
        SELECT name, position FROM entered, unnest($10::text[], $11::bytea[]) AS new (name, position)
        WHERE code = 0 AND (SELECT count(*) FROM spans) >= 0
        ON CONFLICT (name) DO UPDATE SET position = excluded.position
    ),
    committed AS (
        INSERT INTO batch (sequence, node, committed_at, ids, models)
        SELECT $13::bigint + pg_current_xact_id()::text::bigint, $14::integer, $15::bigint, $16::bytea, $17::bytea
        FROM entered WHERE code = 0 AND (SELECT count(*) FROM spans) >= 0
        RETURNING sequence
    )
    SELECT code, (SELECT sequence FROM committed), CASE code WHEN 0 THEN pg_notify('{CHANNEL}', 'batch') END
    FROM entered
    """


def _insert_calls(*, lean: bool) -> str:
    names = [name for name in COLUMNS[: _LEAN if lean else None] if name not in ("request_id", "error_message")]
    places = [f"told.calls[{len(names)} * (place - 1) + {at}]" for at, _ in enumerate(names, 1)]
    values = [f"nullif({at}, {_NIL})" if name in _NULLABLE else at for name, at in zip(names, places, strict=True)]
    return f"""
        INSERT INTO request_logs ({", ".join(names)}, request_id, error_message)
        SELECT {", ".join(values)}, request_id, error_message
        FROM entered, told, unnest($4::text[], $5::text[]) WITH ORDINALITY AS new (request_id, error_message, place)
        WHERE code = 0 AND (SELECT count(*) FROM keys) >= 0
        RETURNING 1"""


def _add_to(table: tuple[str, Sequence[str]], measures: Sequence[str], adding: str, numbers: str, before: str) -> str:
    name, key = table
    columns = (*key, *measures)
    values = ", ".join(f"told.{numbers}[at + {place}]" for place, _ in enumerate(columns, 1))
    return f"""
        INSERT INTO {name} AS kept ({", ".join(columns)})
        SELECT {values}
        FROM entered, told, generate_series(0, cardinality(told.{numbers}) - 1, {len(columns)}) AS at
        WHERE code = 0 AND (SELECT count(*) FROM {before}) >= 0
        ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join(f"{m} = {adding.format(m)}" for m in measures)}
        RETURNING 1"""


@cache
def add_up(table: tuple[str, Sequence[str]]) -> str:
    """Adds differences to one roll-up, whatever they come to."""
    return f"""
    WITH entered AS (SELECT 0 AS code), none AS (SELECT), told AS MATERIALIZED (SELECT $1::text::bigint[] AS numbers)
    {_add_to(table, MEASURES, CLIPPED, "numbers", "none")}"""


@cache
def drop_empty(table: tuple[str, Sequence[str]]) -> str:
    """Removes a row of a roll-up that counts nothing any more."""
    name, key = table
    this = " AND ".join(f"{column} = ${at}" for at, column in enumerate(key, 1))
    return f"DELETE FROM {name} WHERE {this} AND calls = 0"


class Sums(NamedTuple):
    """The differences of all roll-ups as flat rows, in the order in which they are written."""

    spans: list[tuple[int, ...]]
    days: list[tuple[int, ...]]
    months: list[tuple[int, ...]]

    @property
    def width(self) -> int:
        """How many measures the longest row has."""
        return max(
            (len(row) - len(key) for rows, (_, key) in zip(self, ROLLUPS, strict=True) for row in rows),
            default=0,
        )


def sums_of(roll: Roll, months: "dict[MonthKey, Measures]") -> Sums:
    """The differences in one order, so that no two nodes wait for each other."""
    return Sums(
        [name + roll.spans[name] for name in sorted(roll.spans, key=_span_order)],
        [name + roll.days[name] for name in sorted(roll.days)],
        [name + months[name] for name in sorted(months)],
    )


def _span_order(name: SpanKey) -> int:
    """The order in one integer, which sorts faster than a tuple: rows that few batches touch come first, because what
    is touched is held until the batch is committed.
    """
    grain, dimension, key, start, model = name
    return (((_HEAT[dimension] << 1 | grain) << 36 | start) << 32 | key) << 32 | model


def is_beyond_columns(roll: Roll) -> bool:
    """Whether sums may not fit 64 bits."""
    return any(abs(number) > _LARGEST >> 1 for measures in roll.models.values() for number in measures)


def flat(rows: Iterable[tuple[int, ...]], width: int) -> list[int]:
    """Rows of a width, one after the other; what they leave out at the end is zero."""
    numbers: list[int] = []
    for row in rows:
        numbers += row
        if len(row) < width:
            numbers += ZERO[: width - len(row)]
    return numbers


def clipped(numbers: Iterable[int]) -> list[int]:
    """The same as far as 64 bits go."""
    return [max(-_LARGEST, min(number, _LARGEST)) for number in numbers]


def written(numbers: list[int]) -> str:
    """Integers as PostgreSQL reads a list of them."""
    # By way of an array, because members of an enumeration are written by their names.
    return f"{{{repr(array('q', numbers).tolist())[1:-1]}}}"


class Calls(NamedTuple):
    """Rows of calls, as they are bound."""

    requests: list[str | None]
    errors: list[str | None]
    numbers: str


def is_lean(rows: Iterable[Row]) -> bool:
    """Whether all rows leave out what they may."""
    return all(len(row) == _LEAN for row in rows)


def calls_of(rows: Sequence[Row], *, lean: bool) -> Calls:
    """Rows of calls, taken apart."""
    numbers: list[Any] = []
    if lean:
        for row in rows:
            numbers += row[:_REQUEST]
        errors: list[Any] = [None] * len(rows)
    else:
        rows = [whole(row) for row in rows]
        for row in rows:
            numbers += row[:_REQUEST]
            numbers += row[_REQUEST + 1 : _ERROR]
            numbers += row[_ERROR + 1 :]
        errors = [row[_ERROR] for row in rows]
    requests: list[Any] = [row[_REQUEST] for row in rows]
    return Calls(requests, errors, written([_NIL if number is None else number for number in numbers]))


def whole(row: Row) -> Row:
    """A row with every column."""
    return row if len(row) == len(COLUMNS) else (*row, *_NO_EXTRA)
