"""Accounts over HTTP: added, listed, changed, checked and deleted by administrators; no credential ever leaves."""

from typing import TYPE_CHECKING, Annotated, Any

from litestar import delete, get, post, put
from litestar.exceptions import NotFoundException, ServiceUnavailableException
from litestar.params import JSONBody, PathParameter
from msgspec.structs import asdict

from ccledger.access.accounts import AccountChange
from ccledger.api.account_desk import AccountDesk
from ccledger.api.account_words import (
    AccountInfo,
    AccountSettings,
    AddedAccount,
    AnyNewAccount,
    ChangedAccount,
    CheckedAccount,
    NewBearerAccount,
    NewKeyAccount,
    NewSessionAccount,
    RefreshedAccount,
    describe_accounts,
)
from ccledger.api.guards import administrators_only
from ccledger.api.tokens import Done
from ccledger.core.access import Account
from ccledger.core.periods import iso
from ccledger.sources.gateway.upstream import UpstreamFailure

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_AccountId = Annotated[str, PathParameter(description="The id of an account.")]
_GUARDS = [administrators_only]


def account_routes(desk: AccountDesk, store: "Store") -> list[Any]:
    """`account/…`."""
    return [*_adding(desk, store), *_keeping(desk, store), *_switching(desk), *_asking(desk)]


def _adding(desk: AccountDesk, store: "Store") -> list[Any]:
    def add(asked: AnyNewAccount) -> AddedAccount:
        added = desk.book.add(asked.account())
        return AddedAccount(**_told(desk, store, added), account_id=added.id, message="account added")

    @post("/account/apikey", operation_id="addKeyAccount", guards=_GUARDS, sync_to_thread=True)
    def add_key(data: JSONBody[NewKeyAccount]) -> AddedAccount:
        """Adds an account with an API key."""
        return add(data)

    @post("/account/oauth", operation_id="addBearerAccount", guards=_GUARDS, sync_to_thread=True)
    def add_bearer(data: JSONBody[NewBearerAccount]) -> AddedAccount:
        """Adds an account with an OAuth bearer."""
        return add(data)

    @post("/account/sessionkey", operation_id="addSessionAccount", guards=_GUARDS, sync_to_thread=True)
    def add_session(data: JSONBody[NewSessionAccount]) -> AddedAccount:
        """Adds an account with the session key of a claude.ai-style backend, for mode `web`."""
        return add(data)

    return [add_key, add_bearer, add_session]


def _keeping(desk: AccountDesk, store: "Store") -> list[Any]:
    @get("/account/list", operation_id="listAccounts", guards=_GUARDS, sync_to_thread=True)
    def list_all() -> list[AccountInfo]:
        """Every account and how it is doing, in the order in which they were added."""
        return describe_accounts(store, list(desk.book.all()), desk.states())

    @get("/account/{account_id:str}", operation_id="getAccount", guards=_GUARDS, sync_to_thread=True)
    def get_one(account_id: _AccountId) -> AccountInfo:
        """An account and how it is doing."""
        return AccountInfo(**_told(desk, store, _found(desk, account_id)))

    @put("/account/{account_id:str}", operation_id="changeAccount", guards=_GUARDS, sync_to_thread=True)
    def change(account_id: _AccountId, data: JSONBody[AccountSettings]) -> ChangedAccount:
        """Changes what is named of an account; a new credential takes the place of the old one at once."""
        changed = desk.book.change(account_id, data.change(_found(desk, account_id).type))
        return ChangedAccount(**_told(desk, store, changed), message="account updated")

    @delete(
        "/account/{account_id:str}", operation_id="deleteAccount", status_code=200, guards=_GUARDS, sync_to_thread=True
    )
    def delete_one(account_id: _AccountId) -> Done:
        """Deletes an account and its credential for good; its calls stay, and its name with them."""
        desk.book.delete(_found(desk, account_id).id)
        return Done("account deleted")

    return [list_all, get_one, change, delete_one]


def _switching(desk: AccountDesk) -> list[Any]:
    @post(
        "/account/{account_id:str}/deactivate",
        operation_id="deactivateAccount",
        status_code=200,
        guards=_GUARDS,
        sync_to_thread=True,
    )
    def deactivate(account_id: _AccountId) -> Done:
        """Gives an account no more calls; those that are open end as usual."""
        desk.book.change(_found(desk, account_id).id, AccountChange(is_active=False))
        return Done("account deactivated")

    @post(
        "/account/{account_id:str}/activate",
        operation_id="activateAccount",
        status_code=200,
        guards=_GUARDS,
        sync_to_thread=True,
    )
    def activate(account_id: _AccountId) -> Done:
        """Gives an account calls again."""
        desk.book.change(_found(desk, account_id).id, AccountChange(is_active=True))
        return Done("account activated")

    return [deactivate, activate]


def _asking(desk: AccountDesk) -> list[Any]:
    @post("/account/{account_id:str}/refresh", operation_id="refreshAccount", status_code=200, guards=_GUARDS)
    async def refresh(account_id: _AccountId) -> RefreshedAccount:
        """Renews an account's bearer by its refresh token."""
        try:
            credential = await desk.refresh(_found(desk, account_id))
        except UpstreamFailure as failure:
            raise ServiceUnavailableException(f"the bearer could not be renewed: {failure.text}") from None
        expires_at = None if credential.expires_at is None else iso(credential.expires_at)
        return RefreshedAccount("account refreshed", expires_at)

    @post("/account/{account_id:str}/check", operation_id="checkAccount", status_code=200, guards=_GUARDS)
    async def check(account_id: _AccountId) -> CheckedAccount:
        """Finds out whether the upstream takes an account's credential, without spending a token."""
        found = await desk.checked(_found(desk, account_id))
        return CheckedAccount(found.status, found.message)

    return [refresh, check]


def _told(desk: AccountDesk, store: "Store", account: Account) -> dict[str, Any]:
    return asdict(describe_accounts(store, [account], desk.states())[0])


def _found(desk: AccountDesk, account_id: str) -> Account:
    for account in desk.book.all():
        if account.id == account_id:
            return account
    raise NotFoundException("account not found; GET /api/account/list lists those there are")
