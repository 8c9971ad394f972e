"""Keeps users and access tokens in the SQLite ledger; it checks nothing and never begins or ends a call."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.ledger.kinds import KINDS
from ccledger.ledger.sqlite_questions import last_calls

if TYPE_CHECKING:
    from ccledger.core.access import User
    from ccledger.core.measures import Axis
    from ccledger.ledger.store import KeptToken

_TOKEN: Final = (
    "id",
    "name",
    "user_name",
    "created_at",
    "mode",
    "hint",
    "note",
    "expires_at",
    "revoked_at",
    "models",
    "ips",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
    "enable_conversation_logging",
    "secret_hash",
    "deleted_at",
)
"""The columns of `access_token`: first the fields of an `AccessToken` in their order."""
_PLACES: Final = ", ".join("?" * len(_TOKEN))
_REPLACED: Final = ", ".join(f"{column} = excluded.{column}" for column in _TOKEN[1:])
_KEEP_TOKEN: Final = (
    f"INSERT INTO access_token ({', '.join(_TOKEN)}) VALUES ({_PLACES}) ON CONFLICT (id) DO UPDATE SET {_REPLACED}"
)
_TOKENS: Final = f"SELECT {', '.join(_TOKEN)} FROM access_token ORDER BY created_at, id"


class AccessRows:
    """What `ledger.store.Store` says of users and access tokens. Whoever inherits it lends the connections."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[apsw.Connection]: ...

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
        return [_kept(row) for row in self._rows(_TOKENS)]

    def keep_access_token(self, kept: "KeptToken") -> None:
        """See `Store.keep_access_token`."""
        with self._transaction() as connection:
            connection.execute(_KEEP_TOKEN, _row(kept))

    def last_calls(self, axis: "Axis") -> dict[str, int]:
        """See `Store.last_calls`."""
        return dict(self._rows(last_calls(axis), (int(KINDS[axis]),)))


def _row(kept: "KeptToken") -> tuple[Any, ...]:
    from msgspec import json
    from msgspec.structs import astuple

    values = astuple(kept.token)
    lists = (json.encode(texts).decode() for texts in values[9:11])
    return (*values[:9], *lists, *values[11:14], int(values[14]), kept.digest, kept.deleted_at)


def _kept(row: tuple[Any, ...]) -> "KeptToken":
    from msgspec import json

    from ccledger.core.access import AccessToken
    from ccledger.ledger.store import KeptToken

    models, ips = (json.decode(text, type=tuple[str, ...]) for text in row[9:11])
    values = (*row[:9], models, ips, *row[11:14], bool(row[14]))
    fields: dict[str, Any] = dict(zip(AccessToken.__struct_fields__, values, strict=True))
    return KeptToken(AccessToken(**fields), *row[15:])
