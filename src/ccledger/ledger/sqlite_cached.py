"""Keeps the days of Claude Code's own statistics in the SQLite ledger; it knows no call."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.ledger.sqlite_writing import insert_all

if TYPE_CHECKING:
    from ccledger.core.cached import CachedDay, CachedFile
    from ccledger.ledger.cached import KeptDay
    from ccledger.ledger.plan import Price

_FILE: Final = ("root", "seen", "version", "computed_on", "left_out", "problem")
_DAY: Final = (
    "root",
    "day",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "with_cache",
    "input_cost",
    "output_cost",
    "cache_creation_cost",
    "cache_read_cost",
    "cost_low",
    "computed_on",
)
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
            insert_all(connection, "cached_day", _DAY, [_row(day) for day in kept])
            connection.execute("DELETE FROM cached_file WHERE root = ?", (file.root,))
            insert_all(connection, "cached_file", _FILE, [tuple(file)])

    def cached_files(self) -> "list[CachedFile]":
        """See `Store.cached_files`."""
        from ccledger.core.cached import CachedFile

        if not self._has_cached_days:
            return []
        return [CachedFile(*row) for row in self._rows(f"SELECT {', '.join(_FILE)} FROM cached_file ORDER BY root")]

    def cached_days(self, first: int, last: int) -> "list[KeptDay]":
        """See `Store.cached_days`."""
        if not self._has_cached_days:
            return []
        query = f"SELECT {', '.join(_DAY)} FROM cached_day WHERE day BETWEEN ? AND ? ORDER BY day, root, model"
        rows = self._rows(query, (first, last))
        return [_kept(row) for row in rows] if rows else []

    @property
    def _has_cached_days(self) -> bool:
        """Whether the schema is as new as that: a reader may come before the first writer of this version."""
        return bool(self._rows(_TABLE))


def _row(kept: "KeptDay") -> tuple[Any, ...]:
    root, (day, model, usage, with_cache), cost, cost_low, computed_on = kept
    tokens = (usage.input_tokens, usage.output_tokens, usage.cache_write_1h_tokens, usage.cache_read_tokens)
    costs = (None,) * 4 if cost is None else cost[:4]
    return (root, day, model, *tokens, int(with_cache), *costs, cost_low, computed_on)


def _kept(row: tuple[Any, ...]) -> "KeptDay":
    from ccledger.core.cached import CachedDay
    from ccledger.core.call import Cost, Usage
    from ccledger.ledger.cached import KeptDay

    root, day, model, fresh, output, written, read, with_cache, *costs, cost_low, computed_on = row
    told = CachedDay(day, model, Usage(fresh, output, 0, written, read), bool(with_cache))
    return KeptDay(root, told, None if costs[0] is None else Cost(*costs), cost_low, computed_on)
