"""Changes accounts where the ledger is written: through a running server, else by this process."""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import convert, json

from ccledger.api.account_words import (
    PATHS,
    AccountInfo,
    AccountSettings,
    AnyNewAccount,
    CheckedAccount,
    RefreshedAccount,
    describe_accounts,
)
from ccledger.core.errors import LedgerError, StoreError, UsageError
from ccledger.core.periods import iso

if TYPE_CHECKING:
    from ccledger.api.account_desk import AccountDesk
    from ccledger.app import Surroundings
    from ccledger.core.access import Account
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings


class AccountKeeper(Protocol):
    """Who may change accounts."""

    def all(self) -> Sequence[AccountInfo]:
        """Every account, in the order in which they were added."""
        ...

    def add(self, asked: AnyNewAccount) -> AccountInfo:
        """A new account."""
        ...

    def change(self, info: AccountInfo, asked: AccountSettings) -> AccountInfo:
        """Changes what is asked of an account, and answers what it is now."""
        ...

    def delete(self, info: AccountInfo) -> None:
        """Deletes an account and its credential."""
        ...

    def check(self, info: AccountInfo) -> CheckedAccount:
        """Finds out whether its upstream takes its credential."""
        ...

    def refresh(self, info: AccountInfo) -> RefreshedAccount:
        """Renews its bearer."""
        ...


@contextmanager
def opened_accounts(settings: "Settings", surroundings: "Surroundings") -> Generator[AccountKeeper]:
    """Who may change the accounts now."""
    from ccledger import app
    from ccledger.cli.running import held_unless_served

    with held_unless_served(settings, surroundings) as held:
        if held is None:
            yield _There(settings)
        else:
            yield _Here(held, app.account_desk(app.accounts_of(held, app.vault_of(held, settings))))


def meant(infos: Sequence[AccountInfo], word: str) -> AccountInfo:
    """The account of that id, else the one of that name. Raises `UsageError` when there is none."""
    for info in [info for info in infos if info.id == word] or [info for info in infos if info.name == word]:
        return info
    raise UsageError(f"there is no account '{word}'; 'ccledger account list' shows those there are")


class _Here:
    """This process holds the ledger."""

    def __init__(self, store: "Store", desk: "AccountDesk") -> None:
        self._store = store
        self._desk = desk

    def all(self) -> Sequence[AccountInfo]:
        return describe_accounts(self._store, list(self._desk.book.all()), self._desk.states())

    def add(self, asked: AnyNewAccount) -> AccountInfo:
        return self._described(self._desk.book.add(asked.account()))

    def change(self, info: AccountInfo, asked: AccountSettings) -> AccountInfo:
        return self._described(self._desk.book.change(info.id, asked.change(info.type)))

    def delete(self, info: AccountInfo) -> None:
        self._desk.book.delete(info.id)

    def check(self, info: AccountInfo) -> CheckedAccount:
        account = self._desk.book.find(info.id)
        found = asyncio.run(_awaited(self._desk.checked(account)))
        return CheckedAccount(found.status, found.message)

    def refresh(self, info: AccountInfo) -> RefreshedAccount:
        from ccledger.sources.gateway.upstream import UpstreamFailure

        try:
            credential = asyncio.run(_awaited(self._desk.refresh(self._desk.book.find(info.id))))
        except UpstreamFailure as failure:
            raise LedgerError(f"the bearer could not be renewed: {failure.text}") from None
        return RefreshedAccount(
            "account refreshed", None if credential.expires_at is None else iso(credential.expires_at)
        )

    def _described(self, account: "Account") -> AccountInfo:
        return describe_accounts(self._store, [account], self._desk.states())[0]


async def _awaited(work: Any) -> Any:
    return await work


class _There:
    """A server holds the ledger."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    def all(self) -> Sequence[AccountInfo]:
        return convert(self._ask("list", method="GET"), list[AccountInfo])

    def add(self, asked: AnyNewAccount) -> AccountInfo:
        return convert(self._ask(PATHS[asked.kind], asked), AccountInfo)

    def change(self, info: AccountInfo, asked: AccountSettings) -> AccountInfo:
        return convert(self._ask(info.id, asked, "PUT"), AccountInfo)

    def delete(self, info: AccountInfo) -> None:
        self._ask(info.id, method="DELETE")

    def check(self, info: AccountInfo) -> CheckedAccount:
        return convert(self._ask(f"{info.id}/check"), CheckedAccount)

    def refresh(self, info: AccountInfo) -> RefreshedAccount:
        return convert(self._ask(f"{info.id}/refresh"), RefreshedAccount)

    def _ask(self, what: str, body: object = None, method: str = "POST") -> Any:
        from ccledger.cli.running import ask_server

        answer = ask_server(self._settings, f"account/{what}", b"" if body is None else json.encode(body), method)
        if answer is None:
            raise StoreError("the server that held the ledger has ended meanwhile; run the command again")
        return json.decode(answer)
