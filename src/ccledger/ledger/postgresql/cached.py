"""Keeps the days of Claude Code's own statistics in the PostgreSQL ledger; it knows no call."""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ccledger.ledger.cached_rows import DAY, FILE, day_row, read_day
from ccledger.ledger.postgresql.link import Row
from ccledger.ledger.postgresql.pen import Pen

if TYPE_CHECKING:
    from ccledger.core.cached import CachedDay, CachedFile
    from ccledger.ledger.cached import KeptDay
    from ccledger.ledger.plan import Price


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f'${at}' for at, _ in enumerate(columns, 1))})"
    )


_KEEP_FILE: Final = (
    f"{_insert('cached_file', FILE)} ON CONFLICT (root) DO UPDATE SET "
    f"{', '.join(f'{column} = excluded.{column}' for column in FILE[1:])}"
)
_KEEP_DAY: Final = _insert("cached_day", DAY)
_HOLD: Final = "SELECT pg_advisory_xact_lock(4927366)"
"""Files of one root that two nodes read at once would mix their days."""
_NEWER: Final = "SELECT DISTINCT day FROM cached_day WHERE root = $1 AND computed_on > $2"
_DROP: Final = "DELETE FROM cached_day WHERE root = $1 AND day = ANY ($2::bigint[])"
_FILES: Final = f"SELECT {', '.join(FILE)} FROM cached_file ORDER BY root"
_DAYS: Final = f"SELECT {', '.join(DAY)} FROM cached_day WHERE day BETWEEN $1 AND $2 ORDER BY day, root, model"


class CachedDays:
    """The part of a store that keeps such days. Fulfils `core.ports.DayKeeper`."""

    @abstractmethod
    def _transaction(self) -> "AbstractContextManager[Pen]": ...

    @abstractmethod
    def _rows(self, query: str, *values: Any) -> list[Row]: ...

    @cached_property
    @abstractmethod
    def _price(self) -> "Price": ...

    def keep_cached_days(self, file: "CachedFile", days: "Sequence[CachedDay]") -> None:
        """See `Store.keep_cached_days`."""
        from ccledger.ledger.cached import keep_days, replaced_days

        priced = keep_days(file.root, file.computed_on, days, self._price) if days else []
        with self._transaction() as pen:
            pen.run(_HOLD)
            newer = [row[0] for row in pen.run(_NEWER, file.root, file.computed_on)]
            kept = replaced_days(priced, newer)
            pen.run(_DROP, file.root, sorted({day.told.day for day in kept}))
            pen.run_many(_KEEP_DAY, [day_row(day) for day in kept])
            pen.run(_KEEP_FILE, *file)

    def cached_files(self) -> "list[CachedFile]":
        """See `Store.cached_files`."""
        from ccledger.core.cached import CachedFile

        return [CachedFile(*row) for row in self._rows(_FILES)]

    def cached_days(self, first: int, last: int) -> "list[KeptDay]":
        """See `Store.cached_days`."""
        return [read_day(tuple(row)) for row in self._rows(_DAYS, first, last)]
