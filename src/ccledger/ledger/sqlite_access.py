"""Keeps users and access tokens in the SQLite ledger; it checks nothing and never begins or ends a call."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import abstractmethod
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.core.periods import QUARTER_MS, Days, day_of_number
from ccledger.ledger.access_rows import TOKEN, read_token, token_row
from ccledger.ledger.kinds import AXES
from ccledger.ledger.sqlite_history import bounds_of
from ccledger.ledger.sqlite_questions import LAST_SPANS, last_starts

if TYPE_CHECKING:
    from ccledger.core.access import User
    from ccledger.core.measures import Axis
    from ccledger.ledger.store import KeptToken

_QUARTER, _DAY = 0, 1
"""Grains as they are stored."""
_LAST: Final = 1 << 40
_DIMENSIONS: Final = {axis: int(dimension) for dimension, axis in AXES.items()}
_PLACES: Final = ", ".join("?" * len(TOKEN))
_ENDED: Final = ("revoked_at", "deleted_at")
_REPLACED: Final = ", ".join(
    f"{column} = coalesce(min({column}, excluded.{column}), {column}, excluded.{column})"
    if column in _ENDED
    else f"{column} = excluded.{column}"
    for column in TOKEN[1:]
)
_KEEP_TOKEN: Final = (
    f"INSERT INTO access_token ({', '.join(TOKEN)}) VALUES ({_PLACES}) ON CONFLICT (id) DO UPDATE SET {_REPLACED}"
)
_TOKENS: Final = f"SELECT {', '.join(TOKEN)} FROM access_token ORDER BY created_at, id"


class AccessRows:
    """What `ledger.store.Store` says of users and access tokens. Whoever inherits it lends the connections."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[apsw.Connection]: ...

    @abstractmethod
    def _snapshot(self) -> AbstractContextManager[apsw.Connection]: ...

    @abstractmethod
    def _texts_of(self, connection: apsw.Connection, axis: "Axis", ids: "AbstractSet[int]") -> Mapping[int, str]: ...

    @cached_property
    @abstractmethod
    def _days(self) -> Days: ...

    @abstractmethod
    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]: ...

    def users(self) -> "list[User]":
        """See `Store.users`."""
        from ccledger.core.access import User

        return [User(*row) for row in self._rows("SELECT id, name, created_at FROM users ORDER BY created_at, id")]

    def keep_user(self, user: "User") -> None:
        """See `Store.keep_user`."""
        with self._transaction() as connection:
            values = (user.id, user.name, user.created_at)
            connection.execute("INSERT OR IGNORE INTO users (id, name, created_at) VALUES (?, ?, ?)", values)

    def access_tokens(self) -> "list[KeptToken]":
        """See `Store.access_tokens`."""
        return [read_token(row) for row in self._rows(_TOKENS)]

    def keep_access_token(self, kept: "KeptToken") -> None:
        """See `Store.keep_access_token`."""
        with self._transaction() as connection:
            connection.execute(_KEEP_TOKEN, token_row(kept))

    def last_calls(self, axis: "Axis") -> dict[str, int]:
        """See `Store.last_calls`."""
        with self._snapshot() as connection:
            quarters = self._last_quarters(connection, axis)
            last = {key: quarter * QUARTER_MS for key, quarter in quarters.items()}
            for quarter in set(quarters.values()):
                bounds = bounds_of(quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS)
                found = connection.execute(last_starts(axis), bounds)
                last.update((key, start) for key, start in found if quarters.get(key) == quarter)
            texts = self._texts_of(connection, axis, last.keys())
        return {texts[key]: start for key, start in last.items()}

    def _last_quarters(self, connection: apsw.Connection, axis: "Axis") -> dict[int, int]:
        """The newest quarter-hour in which each key has calls: the roll-up by days says on which day to look for it."""
        dimension = _DIMENSIONS[axis]
        days: dict[int, int] = dict(connection.execute(LAST_SPANS, (_DAY, dimension, 0, _LAST)))
        last: dict[int, int] = {}
        for day in set(days.values()):
            quarters = self._days.quarters(day_of_number(day))
            found = connection.execute(LAST_SPANS, (_QUARTER, dimension, quarters[0], quarters[-1]))
            last.update((key, quarter) for key, quarter in found if days.get(key) == day)
        return last
