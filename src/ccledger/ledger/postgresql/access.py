"""Keeps users, access tokens and accounts in the PostgreSQL ledger; it checks nothing and can't open a credential.

Triggers tell every change to the other nodes, which keep these in memory.
"""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from ccledger.ledger.access_rows import ACCOUNT, TOKEN, account_row, read_account, read_token, token_row
from ccledger.ledger.postgresql.link import Row
from ccledger.ledger.postgresql.pen import Pen

if TYPE_CHECKING:
    from ccledger.core.access import User
    from ccledger.ledger.store import KeptAccount, KeptToken


def _keep(table: str, columns: tuple[str, ...]) -> str:
    places = ", ".join(f"${at}" for at, _ in enumerate(columns, 1))
    replaced = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {replaced}"


_KEEP_TOKEN: Final = _keep("access_token", TOKEN)
_KEEP_ACCOUNT: Final = _keep("accounts", ACCOUNT)
_REPLACE_ACCOUNT: Final = f"""
    UPDATE accounts SET {", ".join(f"{column} = ${at}" for at, column in enumerate(ACCOUNT, 1))}
    WHERE id = $1 AND sealed IS NOT DISTINCT FROM ${len(ACCOUNT) + 1} AND deleted_at IS NULL RETURNING id
"""
_TELL_HEALTH: Final = "UPDATE accounts SET health_status = $2, last_check_at = $3 WHERE id = $1 AND deleted_at IS NULL"
_KEEP_USER: Final = "INSERT INTO users (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_TOKENS: Final = f"SELECT {', '.join(TOKEN)} FROM access_token ORDER BY created_at, id"
_ACCOUNTS: Final = f"SELECT {', '.join(ACCOUNT)} FROM accounts ORDER BY number"
_USERS: Final = "SELECT id, name, created_at FROM users ORDER BY created_at, id"


class AccessRows:
    """What `ledger.store.Store` says of users, access tokens and accounts."""

    @abstractmethod
    def _transaction(self) -> "AbstractContextManager[Pen]": ...

    @abstractmethod
    def _rows(self, query: str, *values: Any) -> list[Row]: ...

    def users(self) -> "list[User]":
        """See `Store.users`."""
        from ccledger.core.access import User

        return [User(*row) for row in self._rows(_USERS)]

    def keep_user(self, user: "User") -> None:
        """See `Store.keep_user`."""
        self._keep_row(_KEEP_USER, (user.id, user.name, user.created_at))

    def access_tokens(self) -> "list[KeptToken]":
        """See `Store.access_tokens`."""
        return [read_token(tuple(row)) for row in self._rows(_TOKENS)]

    def keep_access_token(self, kept: "KeptToken") -> None:
        """See `Store.keep_access_token`."""
        self._keep_row(_KEEP_TOKEN, token_row(kept))

    def accounts(self) -> "list[KeptAccount]":
        """See `Store.accounts`."""
        return [read_account(tuple(row)) for row in self._rows(_ACCOUNTS)]

    def keep_account(self, kept: "KeptAccount") -> None:
        """See `Store.keep_account`."""
        self._keep_row(_KEEP_ACCOUNT, account_row(kept))

    def replace_account(self, kept: "KeptAccount", sealed: bytes | None) -> bool:
        """See `Store.replace_account`."""
        return bool(self._keep_row(_REPLACE_ACCOUNT, (*account_row(kept), sealed)))

    def tell_health(self, account: str, health: str, at: int) -> None:
        """See `Store.tell_health`."""
        self._keep_row(_TELL_HEALTH, (account, health, at))

    def _keep_row(self, query: str, values: tuple[Any, ...]) -> list[Row]:
        with self._transaction() as pen:
            return pen.run(query, *values)
