"""Keeps accounts in the SQLite ledger; it can't open a credential, and knows no call."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.ledger.access_rows import ACCOUNT, account_row, read_account

if TYPE_CHECKING:
    from ccledger.ledger.store import KeptAccount

_SELECT: Final = f"SELECT {', '.join(ACCOUNT)} FROM accounts ORDER BY number"
_KEEP: Final = (
    f"INSERT INTO accounts ({', '.join(ACCOUNT)}) VALUES ({', '.join('?' * len(ACCOUNT))})"
    f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in ACCOUNT)}"
)
_REPLACE: Final = (
    f"UPDATE accounts SET {', '.join(f'{name} = ?' for name in ACCOUNT)}"
    " WHERE id = ? AND sealed IS ? AND deleted_at IS NULL"
)
_TELL_HEALTH: Final = "UPDATE accounts SET health_status = ?, last_check_at = ? WHERE id = ? AND deleted_at IS NULL"


class KeptAccounts:
    """The part of a store that keeps accounts."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[apsw.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]: ...

    def accounts(self) -> "list[KeptAccount]":
        """See `Store.accounts`."""
        return [read_account(row) for row in self._rows(_SELECT)]

    def keep_account(self, kept: "KeptAccount") -> None:
        """See `Store.keep_account`."""
        with self._transaction() as connection:
            connection.execute(_KEEP, account_row(kept))

    def replace_account(self, kept: "KeptAccount", sealed: bytes | None) -> bool:
        """See `Store.replace_account`."""
        with self._transaction() as connection:
            connection.execute(_REPLACE, (*account_row(kept), kept.account.id, sealed))
            return connection.changes() > 0

    def tell_health(self, account: str, health: str, at: int) -> None:
        """See `Store.tell_health`."""
        with self._transaction() as connection:
            connection.execute(_TELL_HEALTH, (health, at, account))
