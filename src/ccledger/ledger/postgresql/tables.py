"""Reads and fills the tables of a PostgreSQL ledger as a whole, for a move to or from it; it knows no other engine."""

# asyncpg says nothing of its types.
# pyright: reportUnknownMemberType=false

import json
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeVar

from ccledger.core.errors import StoreError
from ccledger.ledger.drain import POSITION
from ccledger.ledger.ids import FIRST_MS
from ccledger.ledger.inherit import position_of_own
from ccledger.ledger.move import NEW, OWN_SETTINGS, Reached, Row, Table, shortened
from ccledger.ledger.postgresql.link import Connection, Link, escape, fresh_name, in_words, unescape
from ccledger.ledger.postgresql.months import Months
from ccledger.ledger.postgresql.opening import raise_base
from ccledger.ledger.postgresql.pen import Pen
from ccledger.ledger.schema import MOVING

_Answer = TypeVar("_Answer")

_OWN: Final = frozenset(("call_count", "call_open", "call_taken", "migration", "node"))
"""Tables that say something of the nodes or of the storage, and not of the ledger."""
_LONG_SECONDS: Final = 3600.0
"""How long one statement may take: rows are counted in no time in no engine."""
_PATIENCE_SECONDS: Final = 3.0
_RETRY_SECONDS: Final = 0.05
_DAY_MS: Final = 86_400_000
_OWNED: Final = {"source_position": "name", "cached_day": "root", "cached_file": "root"}
"""Where a path stands that is one machine's: two machines' files may have the same."""
_OF_A_NODE: Final = re.compile(r"(?:spool:)?[0-9a-f]{16}(?::|$)")
"""How names begin that say whose they are; all others are paths, or nobody's own."""
_WHOLE: Final = 4927364
"""The advisory lock of whoever works on the whole ledger; see `ledger_enter`."""
_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TABLES: Final = """
    SELECT relname::text,
        (SELECT array_agg(attname::text ORDER BY place)
         FROM unnest(indkey::int2[]) WITH ORDINALITY AS part (number, place)
         JOIN pg_attribute ON attrelid = pg_class.oid AND attnum = number),
        (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped),
        (SELECT array_agg(format_type(atttypid, NULL) ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped)
    FROM pg_class JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    ORDER BY relname
"""
_IDENTITIES: Final = """
    SELECT relname::text, attname::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = current_schema()::regnamespace AND attidentity <> '' AND relkind = 'r'
"""
_NODES: Final = """
    SELECT host FROM node
    WHERE holder IS NOT NULL AND leased_until > extract(epoch FROM clock_timestamp()) * 1000 ORDER BY number LIMIT 1
"""


class _Shape(NamedTuple):
    """A table as it is here."""

    table: Table
    kinds: dict[str, str]
    """What each column holds."""


class PostgresqlTables:
    """A ledger in a PostgreSQL database. Fulfils `ledger.move.Source` and `ledger.move.Target`."""

    def __init__(self, link: Link, connection: Connection, home: str) -> None:
        """`home` is the name of the data directory: what was read there stands under it, for nobody else to mind."""
        self._link = link
        self._home = home
        # What is copied comes without any codec but its own.
        self._connection: Any = connection
        self._ask(self._connection.reset_type_codec("text", schema="pg_catalog"))
        self._months = Months()
        self._shapes = {shape.table.name: shape for shape in self._look()}

    def close(self) -> None:
        """Closes the connections and the link."""
        self._link.close()

    def hold(self) -> None:
        """Sees to it that nobody writes the ledger, and that all that is read from now on is of one moment.

        It waits a little: a server may not have noticed yet that a move before this one was broken off.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        begun = self._begun_pooled if self._link.address.pooled else self._begun_alone
        while not begun():
            if time.monotonic() >= deadline:
                place = self._link.address.shown
                raise StoreError(f"somebody writes the ledger {place}; stop every ccledger that uses it")
            time.sleep(_RETRY_SECONDS)
        self.refuse_nodes()

    def _begun_alone(self) -> bool:
        if not self._value("SELECT pg_try_advisory_lock($1)", _WHOLE):
            return False
        self._run(_BEGIN)
        return True

    def _begun_pooled(self) -> bool:
        """Only a transaction can hold a lock here; one that had to wait would see what was before it waited."""
        self._run(_BEGIN)
        if self._value("SELECT pg_try_advisory_xact_lock($1)", _WHOLE):
            return True
        self._run("ROLLBACK")
        return False

    def refuse_nodes(self) -> None:
        """Raises `StoreError` as long as somebody runs who may write the ledger."""
        if self._value("SELECT to_regclass('node')::text") is None:
            return
        host = self._value(_NODES)
        if host is not None:
            raise StoreError(
                f"a ccledger runs on {host or 'another machine'} with the ledger {self._link.address.shown}; stop it "
                "first: what it books during a move would be missing"
            )

    def _look(self) -> list[_Shape]:
        found = self._fetch(_TABLES)
        return [
            _Shape(Table(name, tuple(key), tuple(columns)), dict(zip(columns, kinds, strict=True)))
            for name, key, columns, kinds in found
            if name not in _OWN and name != MOVING
        ]

    def tables(self) -> list[Table]:
        """See `Source.tables`."""
        return [self._shapes[name].table for name in sorted(self._shapes)]

    def count(self, table: Table) -> int:
        """See `Source.count`."""
        return self._value(f"SELECT count(*) FROM {table.name} WHERE {_moved(table.name)}")

    def rows(self, table: Table, after: Row | None, limit: int) -> list[Row]:
        """See `Source.rows`."""
        kinds = self._shapes[table.name].kinds
        key = ", ".join(table.key)
        behind = f"({key}) > ({', '.join(f'${place}' for place, _ in enumerate(table.key, 1))})" if after else "true"
        columns = ", ".join(f"ledger_clip({name})" if kinds[name] == "numeric" else name for name in table.columns)
        wanted = f"{behind} AND {_moved(table.name)} ORDER BY {key} LIMIT {limit}"
        query = f"SELECT {columns} FROM {table.name} WHERE {wanted}"
        return self._told(table, self._fetch(query, *map(_bound, self._stored_key(table, after or ()))))

    def _told(self, table: Table, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """Rows as everybody knows them."""
        places = self._texts(table)
        if not places:
            return list(map(tuple, rows))
        told = [_changed(row, places, unescape) for row in rows]
        return _named(told, table, self._told_name) if table.name in _OWNED else told

    def _stored(self, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows as they are kept here."""
        places = self._texts(table)
        if table.name in _OWNED:
            rows = _named(rows, table, self._stored_name)
        rows = shortened(table, rows)
        return [_changed(row, places, escape) for row in rows] if places else rows

    def _stored_key(self, table: Table, key: Row) -> Row:
        owned = _OWNED.get(table.name)
        return tuple(
            self._stored_name(value) if column == owned else value
            for column, value in zip(table.key, key, strict=False)
        )

    def _stored_name(self, name: str) -> str:
        """What is called here what one data directory's spool or path is called; it may be another node's already."""
        if not name:
            return name
        if name == POSITION:
            return position_of_own(self._home)
        return name if _OF_A_NODE.match(name) else f"{self._home}:{name}"

    def _told_name(self, name: str) -> str:
        """The inverse: as a ledger calls it that only one data directory uses."""
        return POSITION if name == position_of_own(self._home) else name.removeprefix(f"{self._home}:")

    def _texts(self, table: Table) -> list[int]:
        kinds = self._shapes[table.name].kinds
        return [place for place, name in enumerate(table.columns) if kinds[name] == "text"]

    def begun(self) -> str | None:
        """See `Target.begun`."""
        if self._value("SELECT to_regclass($1)::text", MOVING) is None:
            return None
        return self._value(f"SELECT reached FROM {MOVING} WHERE part = ''")

    def holds(self) -> str | None:
        """See `Target.holds`."""
        for name in sorted(self._shapes):
            query = f"SELECT 1 FROM {name} WHERE {NEW.get(name, 'true')} LIMIT 1"
            if name != "setting" and self._fetch(query):
                return name
        return None

    def begin(self, source: str) -> None:
        """See `Target.begin`."""
        emptied = ", ".join(name for name in sorted(self._shapes) if name != "setting")
        self._ask(self._begin(emptied, source))

    async def _begin(self, emptied: str, source: str) -> None:
        connection = self._connection
        async with connection.transaction():
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {MOVING} (part TEXT PRIMARY KEY, rows BIGINT NOT NULL, reached TEXT)"
            )
            await connection.execute(f"TRUNCATE {MOVING}, {emptied}")
            await connection.execute(f"DELETE FROM setting WHERE {_moved('setting')}")
            await connection.execute(f"INSERT INTO {MOVING} VALUES ('', 0, $1)", source)

    def reached(self) -> dict[str, Reached]:
        """See `Target.reached`."""
        kept = self._fetch(f"SELECT part, rows, reached FROM {MOVING} WHERE part <> ''")
        return {part: Reached(rows, tuple(json.loads(key))) for part, rows, key in kept}

    def put(self, table: Table, rows: Sequence[Row], reached: Reached) -> None:
        """See `Target.put`."""
        if table.name == "request_logs":
            self._make_months([row[table.columns.index("id")] for row in rows])
        self._ask(self._put(table, self._stored(table, rows), reached))

    def _make_months(self, ids: Iterable[int]) -> None:
        """Sees to it that calls have the partitions of their months."""
        days = {(number >> 20) // _DAY_MS for number in ids}
        self._months.make(self._pen, [FIRST_MS + day * _DAY_MS for day in days])

    @cached_property
    def _pen(self) -> Pen:
        name = fresh_name()
        return Pen(self._link, self._link.connect(name), name)

    async def _put(self, table: Table, rows: Sequence[Row], reached: Reached) -> None:
        connection = self._connection
        async with connection.transaction():
            # The last transaction of all is waited for until it lasts, and those before it with it.
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.copy_records_to_table(
                table.name, records=rows, columns=table.columns, timeout=_LONG_SECONDS
            )
            await connection.execute(
                f"INSERT INTO {MOVING} VALUES ($1, $2, $3) "
                "ON CONFLICT (part) DO UPDATE SET rows = excluded.rows, reached = excluded.reached",
                table.name,
                reached.rows,
                json.dumps(reached.key),
            )

    def finish(self) -> None:
        """See `Target.finish`. Ids that the database gives from now on are behind those that came."""
        self.refuse_nodes()
        identities = [pair for pair in self._fetch(_IDENTITIES) if pair[0] in self._shapes]
        self._ask(self._finish(identities))
        self._run("ANALYZE")

    async def _finish(self, identities: Sequence[Sequence[str]]) -> None:
        connection = self._connection
        async with connection.transaction():
            for table, column in identities:
                await connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 1), "
                    f"max({column}) IS NOT NULL) FROM {table}"
                )
            await raise_base(connection)
            await connection.execute(f"DROP TABLE IF EXISTS {MOVING}")

    def _fetch(self, query: str, *values: Any) -> list[Sequence[Any]]:
        return self._ask(self._connection.fetch(query, *values, timeout=_LONG_SECONDS))

    def _value(self, query: str, *values: Any) -> Any:
        return self._ask(self._connection.fetchval(query, *values, timeout=_LONG_SECONDS))

    def _run(self, script: str) -> None:
        self._ask(self._connection.execute(script, timeout=_LONG_SECONDS))

    def _ask(self, question: "Coroutine[Any, Any, _Answer]") -> _Answer:
        with in_words(self._link.address):
            return self._link.ask(question)


def _moved(table: str) -> str:
    """Which rows are the ledger's."""
    return f"name NOT IN ({_OWN_NAMES})" if table == "setting" else "true"


_OWN_NAMES: Final = ", ".join(f"'{name}'" for name in OWN_SETTINGS)


def _bound(value: Any) -> Any:
    return escape(value) if isinstance(value, str) else value


def _named(rows: Iterable[Row], table: Table, change: Callable[[str], str]) -> list[Row]:
    """Rows with another name."""
    place = table.columns.index(_OWNED[table.name])
    return [(*row[:place], change(row[place]), *row[place + 1 :]) for row in rows]


def _changed(row: Sequence[Any], places: Sequence[int], change: Any) -> Row:
    """A row with its texts changed."""
    whole = list(row)
    for place in places:
        if whole[place] is not None:
            whole[place] = change(whole[place])
    return tuple(whole)
