"""The accounts and their credentials: adds, changes and deletes them, and says which there are; it asks no upstream."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from ccledger.access.account_rules import DEFAULT_BASE_URL, check, check_destination, proxy_parts
from ccledger.core.access import Account, AccountType, Credential
from ccledger.core.errors import StoreError, UsageError
from ccledger.ledger.store import KeptAccount, Store

if TYPE_CHECKING:
    from ccledger.access.vault import Vault
    from ccledger.core.ports import Clock

_HINT: Final = 4
_LONG_ENOUGH: Final = 12
"""A shorter secret would be given away by its end."""


class NewAccount(Struct, frozen=True, kw_only=True):
    """An account that is to be added. Its `repr` holds no secret."""

    name: str
    type: str
    secret: str
    """API key, bearer token or session key."""
    refresh_token: str | None = None
    expires_at: int | None = None
    base_url: str = DEFAULT_BASE_URL
    proxy_url: str = ""
    """With its password, if it has one."""
    organization_id: str = ""
    billing: str = ""
    """Empty: `api` for a key, `subscription` for the others."""
    weight: int = 1
    priority: int = 0
    concurrency: int | None = None

    def __repr__(self) -> str:
        return f"NewAccount({self.name!r}, …)"


class AccountChange(Struct, frozen=True, kw_only=True):
    """What is to be changed of an account; what is unset stays. Its `repr` holds no secret."""

    name: str | UnsetType = UNSET
    base_url: str | UnsetType = UNSET
    proxy_url: str | UnsetType = UNSET
    organization_id: str | UnsetType = UNSET
    billing: str | UnsetType = UNSET
    weight: int | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    concurrency: int | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET
    secret: str | UnsetType = UNSET
    refresh_token: str | UnsetType | None = UNSET
    expires_at: int | UnsetType | None = UNSET

    def __repr__(self) -> str:
        return "AccountChange(…)"


def is_sealing(store: Store) -> bool:
    """Whether a store holds credentials, so that the key they are sealed with must not be replaced."""
    return any(kept.sealed is not None for kept in store.accounts())


def refuse_other_key(store: Store, vault: "Vault") -> None:
    """Raises `StoreError` when a store holds credentials that this vault does not open: another node made them."""
    sealed = next((kept.sealed for kept in store.accounts() if kept.sealed is not None), None)
    if sealed is None:
        return
    with suppress(StoreError):  # there is no key here at all
        if vault.has_sealed(sealed):
            return
    raise StoreError(
        "the credentials of this ledger's accounts were sealed with another key than this node has; give all nodes "
        "the same CCLEDGER_MASTER_KEY. The node that sealed them has it in its own settings, or in the file "
        "ccledger.key of its data directory ('base64 -w0 ccledger.key')"
    )


class AccountBook:
    """Every account. Fulfils `core.ports.Accounts`; any thread may ask and change."""

    def __init__(self, store: Store, vault: "Vault", clock: "Clock", new_id: Callable[[], str]) -> None:
        """`new_id` answers an id that no account ever had."""
        self._store = store
        self._vault = vault
        self._clock = clock
        self._new_id = new_id
        self._changing = threading.RLock()
        """Held by whoever changes something, over what the ledger is asked: nobody else may wait for that."""
        self._memory = threading.Lock()
        """Held for what is in memory only, and never while the ledger is asked."""
        self._kept = {kept.account.id: kept for kept in store.accounts()}
        self._opened: dict[str, Credential] = {}
        self._all = self._there()

    def reload(self) -> None:
        """Takes over what somebody else has changed on the ledger."""
        with self._changing:
            self._reload()

    def _reload(self) -> None:
        kept = {one.account.id: one for one in self._store.accounts()}
        changed = [name for name, one in kept.items() if self._kept.get(name) != one]
        if not changed:
            return
        with self._memory:
            for name in changed:
                before = self._kept.get(name)
                if before is not None and before.sealed != kept[name].sealed:
                    self._opened.pop(name, None)
            # What has not changed stays the same object, so that the pool keeps what it knows of it.
            self._kept = {**kept, **{name: self._kept[name] for name in kept if name not in changed}}
            self._all = self._there()

    def all(self) -> Sequence[Account]:
        """See `Accounts.all`."""
        return self._all

    def credential(self, account: str) -> Credential | None:
        """See `Accounts.credential`. None, too, when it can't be opened; `open` says why."""
        opened = self._opened.get(account)
        if opened is not None:
            return opened
        try:
            return self.open(account)
        except StoreError:
            return None

    def open(self, account: str) -> Credential | None:
        """As `credential`. Raises `StoreError`, which says what to do, when it can't be opened."""
        kept = self._kept.get(account)
        if kept is None or kept.sealed is None:
            return None
        credential = msgspec.json.decode(self._vault.open(kept.sealed, account), type=Credential)
        with self._memory:
            now = self._kept.get(account)
            if now is None or now.sealed != kept.sealed:
                return credential  # another one came meanwhile: whoever asks next gets that
            return self._opened.setdefault(account, credential)

    def names(self) -> Mapping[str, str]:
        """The name of each account there ever was, by its id: calls name those that were deleted, too."""
        return {name: kept.account.name for name, kept in self._kept.items()}

    def find(self, asked: str) -> Account:
        """The account of this id, or of this name. Raises `UsageError` when there is none."""
        by_id = [account for account in self._all if account.id == asked]
        for account in by_id or [account for account in self._all if account.name == asked]:
            return account
        raise UsageError(f"there is no account '{asked}'; 'ccledger account list' shows what there is")

    def add(self, new: NewAccount) -> Account:
        """Adds an account. Raises `UsageError`, which says what is accepted, when something about it makes no sense."""
        proxy, whole_proxy = proxy_parts(new.proxy_url)
        account = Account(
            id=self._new_id(),
            name=new.name.strip(),
            type=new.type,
            base_url=new.base_url.rstrip("/"),
            created_at=self._clock(),
            proxy_url=proxy,
            hint=_hint(new.secret),
            organization_id=new.organization_id,
            billing=new.billing or ("api" if new.type == AccountType.API_KEY else "subscription"),
            weight=new.weight,
            priority=new.priority,
            concurrency=new.concurrency,
            expires_at=new.expires_at,
        )
        credential = Credential(new.secret, new.refresh_token, new.expires_at, whole_proxy)
        with self._changing:
            self._reload()
            check(account, credential, self._all)
            self._put(KeptAccount(account, self._sealed(account.id, credential)), credential)
        return account

    def change(self, account: str, change: AccountChange) -> Account:
        """Changes what is given. Raises `UsageError` as `add` does, and when there is no account of this id.

        An address of somebody else takes the credential, too: the one that is kept must not get there unasked.
        """
        given = {name: value for name, value in asdict(change).items() if value is not UNSET}
        with self._changing:
            while True:
                self._reload()
                before = self.find(account)
                after, credential = self._after(before, given)
                if self._replace(before.id, after, credential):
                    return after

    def _after(self, before: Account, given: Mapping[str, Any]) -> tuple[Account, Credential | None]:
        """An account, and its secrets if they become others, with what is given."""
        told = {name: value for name, value in given.items() if name in Account.__struct_fields__}
        kept_secrets = {name: value for name, value in given.items() if name in Credential.__struct_fields__}
        if "proxy_url" in told:
            told["proxy_url"], kept_secrets["proxy_url"] = proxy_parts(told["proxy_url"])
        if "secret" in given:
            told |= {"hint": _hint(given["secret"]), "health": "unknown", "expires_at": given.get("expires_at")}
            kept_secrets = {"refresh_token": None, "expires_at": None} | kept_secrets
        if "base_url" in told:
            told |= {"base_url": told["base_url"].rstrip("/"), "health": "unknown"}
        if "name" in told:
            told["name"] = told["name"].strip()
        after = replace(before, **told)
        others = [other for other in self._all if other.id != before.id]
        check(after, None, others)
        if "secret" not in given:
            check_destination(before, after)
        credential = self._changed(before.id, kept_secrets) if kept_secrets else None
        check(after, credential, others)
        return after, credential

    def _changed(self, account: str, secrets: Mapping[str, object]) -> Credential:
        """The account's secrets with some of them replaced. A new secret replaces one that can't be opened."""
        if "secret" in secrets and self.credential(account) is None:
            return Credential(**secrets)  # pyright: ignore[reportArgumentType] - names are those of its fields
        opened = self.open(account)
        assert opened is not None
        return replace(opened, **secrets)

    def delete(self, account: str) -> Account:
        """Deletes an account and its credential for good; calls keep its name."""
        with self._changing:
            self._reload()
            gone = self.find(account)
            self._put(KeptAccount(replace(gone, is_active=False), None, self._clock()))
        return gone

    def renew(self, account: str, credential: Credential) -> None:
        """See `Accounts.renew`. The hint becomes that of the new secret."""
        with self._changing:
            with suppress(Exception):  # whatever the ledger's trouble is, the new secret is what counts
                self._reload()
            while kept := self._living(account):
                told = replace(
                    kept.account, expires_at=credential.expires_at, hint=_hint(credential.secret), health="unknown"
                )
                # What it replaces may be worth nothing any more, so it holds even where it can't be written.
                with self._memory:
                    self._opened[account] = credential
                if self._replace(account, told, credential):
                    return
                self._reload()

    def tell_health(self, account: str, health: str) -> None:
        """See `Accounts.tell_health`."""
        with self._changing:
            self._reload()
            kept = self._living(account)
            if kept is None:
                return
            at = self._clock()
            self._store.tell_health(account, health, at)
            self._remember(kept._replace(account=replace(kept.account, health=health, checked_at=at)))

    def _living(self, account: str) -> KeptAccount | None:
        kept = self._kept.get(account)
        return None if kept is None or kept.deleted_at is not None else kept

    def _replace(self, name: str, account: Account, credential: Credential | None) -> bool:
        """Keeps an account, and its secrets if they are new; False when others were kept meanwhile elsewhere."""
        before = self._kept[name].sealed
        kept = KeptAccount(account, before if credential is None else self._sealed(name, credential))
        if not self._store.replace_account(kept, before):
            return False
        self._remember(kept, credential)
        return True

    def _sealed(self, account: str, credential: Credential) -> bytes:
        return self._vault.seal(msgspec.json.encode(credential), account)

    def _put(self, kept: KeptAccount, credential: Credential | None = None) -> None:
        self._store.keep_account(kept)
        self._remember(kept, credential)

    def _remember(self, kept: KeptAccount, credential: Credential | None = None) -> None:
        name = kept.account.id
        with self._memory:
            self._kept = {**self._kept, name: kept}
            if credential is not None:
                self._opened[name] = credential
            elif kept.sealed is None:
                self._opened.pop(name, None)
            self._all = self._there()

    def _there(self) -> Sequence[Account]:
        return tuple(kept.account for kept in self._kept.values() if kept.deleted_at is None)


def _hint(secret: str) -> str:
    return secret[-_HINT:] if len(secret) >= _LONG_ENOUGH else ""
