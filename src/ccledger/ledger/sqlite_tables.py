"""Reads and fills the tables of a SQLite ledger as a whole, for a move to or from it; it knows no other engine."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Sequence
from typing import Any

import apsw

from ccledger.ledger.move import NEW, OWN_SETTINGS, Reached, Row, Table
from ccledger.ledger.schema import MOVING
from ccledger.ledger.sqlite_writing import insert_all


class SqliteTables:
    """A ledger in a SQLite file, held by one connection. Fulfils `ledger.move.Source` and `ledger.move.Target`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def tables(self) -> list[Table]:
        """See `Source.tables`."""
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        names = [name for (name,) in self._connection.execute(query) if name != MOVING]
        return [self._table(name) for name in names]

    def _table(self, name: str) -> Table:
        columns: list[Any] = self._connection.execute(f"PRAGMA table_info({name})").fetchall()
        key = sorted((place, column) for _, column, _, _, _, place in columns if place)
        return Table(name, tuple(column for _, column in key), tuple(column[1] for column in columns))

    def count(self, table: Table) -> int:
        """See `Source.count`."""
        return self._connection.execute(f"SELECT count(*) FROM {table.name} WHERE {_moved(table)}").get

    def rows(self, table: Table, after: Row | None, limit: int) -> list[Row]:
        """See `Source.rows`."""
        key = ", ".join(table.key)
        behind = f"({key}) > ({', '.join('?' * len(table.key))})" if after is not None else "1"
        query = (
            f"SELECT {self._read(table)} FROM {table.name} WHERE {behind} AND {_moved(table)} ORDER BY {key} LIMIT ?"
        )
        return self._connection.execute(query, (*(after or ()), limit)).fetchall()

    def _read(self, table: Table) -> str:
        """What is read of a row. A sum of nonsense may have outgrown 64 bits and is no integer then: it is clipped."""
        info: list[Any] = self._connection.execute(f"PRAGMA table_info({table.name})").fetchall()
        kinds = {column[1]: column[2] for column in info}
        is_sum = "calls" in table.columns
        return ", ".join(
            f"CAST({name} AS INTEGER)" if is_sum and kinds[name] == "INTEGER" and name not in table.key else name
            for name in table.columns
        )

    def begun(self) -> str | None:
        """See `Target.begun`."""
        if not self._connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (MOVING,)).fetchall():
            return None
        return self._connection.execute(f"SELECT reached FROM {MOVING} WHERE part = ''").get

    def holds(self) -> str | None:
        """See `Target.holds`."""
        for table in self.tables():
            query = f"SELECT 1 FROM {table.name} WHERE {NEW.get(table.name, '1')} LIMIT 1"
            if table.name != "setting" and self._connection.execute(query).fetchall():
                return table.name
        return None

    def begin(self, source: str) -> None:
        """See `Target.begin`."""
        with self._connection:
            self._connection.execute(
                f"CREATE TABLE IF NOT EXISTS {MOVING} (part TEXT PRIMARY KEY, rows INTEGER NOT NULL, reached TEXT)"
            )
            self._connection.execute(f"DELETE FROM {MOVING}")
            for table in self.tables():
                self._connection.execute(f"DELETE FROM {table.name} WHERE {_moved(table)}")
            self._connection.execute(f"INSERT INTO {MOVING} VALUES ('', 0, ?)", (source,))

    def reached(self) -> dict[str, Reached]:
        """See `Target.reached`."""
        kept: Any = self._connection.execute(f"SELECT part, rows, reached FROM {MOVING} WHERE part <> ''")
        return {part: Reached(rows, tuple(json.loads(key))) for part, rows, key in kept}

    def put(self, table: Table, rows: Sequence[Row], reached: Reached) -> None:
        """See `Target.put`."""
        with self._connection:
            insert_all(self._connection, table.name, table.columns, rows)
            state = (table.name, reached.rows, json.dumps(reached.key))
            self._connection.execute(f"INSERT OR REPLACE INTO {MOVING} VALUES (?, ?, ?)", state)

    def finish(self) -> None:
        """See `Target.finish`."""
        self._connection.execute(f"DROP TABLE IF EXISTS {MOVING}")


_OWN = ", ".join(f"'{name}'" for name in OWN_SETTINGS)


def _moved(table: Table) -> str:
    """Which rows are the ledger's."""
    return f"name NOT IN ({_OWN})" if table.name == "setting" else "1"
