"""Keeps the days of Claude Code's own statistics in the SQLite ledger; it knows no call."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.ledger.cached_rows import DAY, FILE, day_row, read_day
from ccledger.ledger.sqlite_writing import insert_all

if TYPE_CHECKING:
    from ccledger.core.cached import CachedDay, CachedFile
    from ccledger.ledger.cached import KeptDay
    from ccledger.ledger.plan import Price

_NEWER: Final = "SELECT DISTINCT day FROM cached_day WHERE root = ? AND computed_on > ?"
_TABLE: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'cached_day'"


class CachedDays:
    """The part of a store that keeps such days. Fulfils `core.ports.DayKeeper`."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[apsw.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]: ...

    @cached_property
    @abstractmethod
    def _price(self) -> "Price": ...

    def keep_cached_days(self, file: "CachedFile", days: "Sequence[CachedDay]") -> None:
        """See `Store.keep_cached_days`."""
        from ccledger.ledger.cached import keep_days, replaced_days

        priced = keep_days(file.root, file.computed_on, days, self._price) if days else []
        with self._transaction() as connection:
            newer = [day for (day,) in connection.execute(_NEWER, (file.root, file.computed_on))]
            kept = replaced_days(priced, newer)
            gone = sorted({(file.root, day.told.day) for day in kept})
            connection.executemany("DELETE FROM cached_day WHERE root = ? AND day = ?", gone)
            insert_all(connection, "cached_day", DAY, [day_row(day) for day in kept])
            connection.execute("DELETE FROM cached_file WHERE root = ?", (file.root,))
            insert_all(connection, "cached_file", FILE, [tuple(file)])

    def cached_files(self) -> "list[CachedFile]":
        """See `Store.cached_files`."""
        if not self._has_cached_days:
            return []
        from ccledger.core.cached import CachedFile

        query = f"SELECT {', '.join(FILE)} FROM cached_file ORDER BY root"
        return [CachedFile(*row) for row in self._rows(query)]

    def cached_days(self, first: int, last: int) -> "list[KeptDay]":
        """See `Store.cached_days`."""
        if not self._has_cached_days:
            return []
        query = f"SELECT {', '.join(DAY)} FROM cached_day WHERE day BETWEEN ? AND ? ORDER BY day, root, model"
        return [read_day(row) for row in self._rows(query, (first, last))]

    @property
    def _has_cached_days(self) -> bool:
        """Whether the schema is as new as that: a reader may come before the first writer of this version."""
        return bool(self._rows(_TABLE))
