"""Keeps accounts in the SQLite ledger; it can't open a credential, and knows no call."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import apsw

if TYPE_CHECKING:
    from ccledger.ledger.store import KeptAccount

_COLUMNS: Final = (
    "id",
    "name",
    "type",
    "base_url",
    "created_at",
    "proxy_url",
    "hint",
    "organization_id",
    "billing",
    "weight",
    "priority",
    "concurrency",
    "is_active",
    "expires_at",
    "last_check_at",
    "health_status",
    "sealed",
    "deleted_at",
)
"""The fields of `Account` in their order, then those of `KeptAccount`."""
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM accounts ORDER BY number"
_KEEP: Final = (
    f"INSERT INTO accounts ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)


class KeptAccounts:
    """The part of a store that keeps accounts."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[apsw.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]: ...

    def accounts(self) -> "list[KeptAccount]":
        """See `Store.accounts`."""
        from ccledger.core.access import Account
        from ccledger.ledger.store import KeptAccount

        return [KeptAccount(Account(*_fields(row)), row[16], row[17]) for row in self._rows(_SELECT)]

    def keep_account(self, kept: "KeptAccount") -> None:
        """See `Store.keep_account`."""
        from msgspec.structs import astuple

        with self._transaction() as connection:
            connection.execute(_KEEP, (*astuple(kept.account), kept.sealed, kept.deleted_at))


def _fields(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:12], bool(row[12]), *row[13:16])
