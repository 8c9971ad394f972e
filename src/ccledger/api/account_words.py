"""The words in which accounts come and go: what may be asked of one, and what is told of it; never a secret."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType

from ccledger.access.account_rules import DEFAULT_BASE_URL
from ccledger.access.accounts import AccountChange, NewAccount
from ccledger.core.access import Account, AccountType
from ccledger.core.errors import UsageError
from ccledger.core.measures import Axis
from ccledger.core.periods import iso, milliseconds
from ccledger.sources.gateway.seat import State
from ccledger.stats.words import Moment, about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

Expiry = Annotated[str | int | None, about("RFC 3339, or milliseconds since 1970 as Claude Code keeps it.")]
_AN_EXPIRY = "expires_at is a time such as 2026-11-20T10:00:00Z, or milliseconds since 1970"
_LATEST_MS = 1 << 43


class LimitWindow(Struct, frozen=True):
    """What the upstream said last of one of the account's limits."""

    window: Annotated[str, about("`five_hour`, or as the provider calls it.")]
    used_percentage: float | None
    resets_at: Moment | None
    status: str


class AccountState(Struct, frozen=True):
    """How an account is doing."""

    status: Annotated[
        Literal["ready", "busy", "cooling", "open", "unhealthy", "expired", "inactive"],
        about(
            "Cooling: its upstream limits it or is overloaded. Open: several calls in a row failed. Unhealthy: its "
            "credential is not accepted, or can't be opened."
        ),
    ]
    in_flight: Annotated[int, about("Calls that are open now.")]
    cooldown_until: Annotated[Moment | None, about("When it may be asked again, where that is a matter of time.")]
    reason: Annotated[str, about("Why it is not ready; empty when it is.")]
    windows: list[LimitWindow]


class AccountInfo(Struct, frozen=True):
    """An account, never its credential."""

    id: str
    name: str
    type: Annotated[str, about("`api-key`, `oauth` or `session-key`.")]
    base_url: str
    proxy_url: Annotated[str, about("Without its password; empty: none.")]
    hint: Annotated[str, about("The end of its credential, to recognise it by.")]
    organization_id: str
    billing: Annotated[str, about("`api` or `subscription`.")]
    weight: Annotated[int, about("Its share among accounts of the same priority.")]
    priority: Annotated[int, about("Accounts of a lower number are asked first.")]
    concurrency: Annotated[int | None, about("Calls it may have open at once; null: any number.")]
    is_active: bool
    created_at: Moment
    expires_at: Annotated[Moment | None, about("When its credential expires; null: it does not, or nobody knows.")]
    last_used_at: Moment | None
    last_check_at: Moment | None
    health_status: Annotated[str, about("`healthy`, `unhealthy` or `unknown`, by the last check.")]
    error_count: Annotated[int, about("Calls that failed by the account's or its upstream's doing, since the start.")]
    success_count: Annotated[int, about("Calls that were answered, since the start.")]
    state: AccountState


class AddedAccount(AccountInfo, frozen=True):
    """A new account."""

    account_id: Annotated[str, about("The same as `id`.")]
    message: str


class ChangedAccount(AccountInfo, frozen=True):
    """An account as it is after a change."""

    message: str


class RefreshedAccount(Struct, frozen=True):
    """That a bearer was renewed."""

    message: str
    expires_at: Moment | None


class CheckedAccount(Struct, frozen=True):
    """What a check found."""

    status: Annotated[
        Literal["healthy", "unhealthy", "unknown"], about("Unknown: the upstream can't be asked for nothing.")
    ]
    message: str


class _NewAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    base_url: Annotated[str, about("Of its upstream's API; empty: Anthropic's.")] = ""
    proxy_url: Annotated[str, about("An HTTP proxy to go through, with its password if it has one.")] = ""
    billing: Annotated[str, about("`api` or `subscription`; empty: `api` for a key, else `subscription`.")] = ""
    weight: int = 1
    priority: int = 0
    concurrency: int | None = None

    kind: ClassVar[AccountType]

    def account(self) -> NewAccount:
        """What is to be added."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class NewKeyAccount(_NewAccount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account with an API key, to be added."""

    api_key: str

    kind: ClassVar[AccountType] = AccountType.API_KEY

    def account(self) -> NewAccount:
        """See `_NewAccount.account`."""
        return _new(self, secret=self.api_key)


class NewBearerAccount(_NewAccount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account with an OAuth bearer, to be added."""

    access_token: str = ""
    refresh_token: str | None = None
    expires_at: Expiry = None
    session_key: Annotated[str, about("Not taken here.")] = ""

    kind: ClassVar[AccountType] = AccountType.OAUTH

    def account(self) -> NewAccount:
        """See `_NewAccount.account`."""
        if self.session_key or not self.access_token:
            raise UsageError(
                "an OAuth account takes access_token, as 'claude setup-token' prints it, and refresh_token if there is "
                "one; a session key is taken by POST /api/account/sessionkey"
            )
        return _new(
            self, secret=self.access_token, refresh_token=self.refresh_token, expires_at=_moment_ms(self.expires_at)
        )


class NewSessionAccount(_NewAccount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account with the session key of a claude.ai-style backend, to be added."""

    session_key: str
    organization_id: str = ""

    kind: ClassVar[AccountType] = AccountType.SESSION_KEY

    def account(self) -> NewAccount:
        """See `_NewAccount.account`."""
        return _new(self, secret=self.session_key, organization_id=self.organization_id)


AnyNewAccount = NewKeyAccount | NewBearerAccount | NewSessionAccount
NEW_ACCOUNTS: Mapping[AccountType, type[AnyNewAccount]] = {
    kind.kind: kind for kind in (NewKeyAccount, NewBearerAccount, NewSessionAccount)
}
PATHS: Mapping[AccountType, str] = {
    AccountType.API_KEY: "apikey",
    AccountType.OAUTH: "oauth",
    AccountType.SESSION_KEY: "sessionkey",
}
"""Where in the API an account of each type is added."""
SECRETS: Mapping[AccountType, str] = {
    AccountType.API_KEY: "api_key",
    AccountType.OAUTH: "access_token",
    AccountType.SESSION_KEY: "session_key",
}
"""How the credential of each type is called."""


class AccountSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of an account; what is left out stays."""

    name: str | UnsetType = UNSET
    base_url: Annotated[str | UnsetType, about("Another host or port takes the credential in the same request.")] = (
        UNSET
    )
    proxy_url: Annotated[str | UnsetType, about("Another one, too; empty: none.")] = UNSET
    organization_id: str | UnsetType = UNSET
    billing: str | UnsetType = UNSET
    weight: int | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    concurrency: Annotated[int | UnsetType | None, about("Null takes the limit away.")] = UNSET
    is_active: bool | UnsetType = UNSET
    api_key: str | UnsetType = UNSET
    access_token: str | UnsetType = UNSET
    refresh_token: str | UnsetType | None = UNSET
    session_key: str | UnsetType = UNSET
    expires_at: Expiry | UnsetType = UNSET

    def __repr__(self) -> str:
        return "AccountSettings(…)"

    def change(self, kind: str) -> AccountChange:
        """The change of an account of that type. Raises `UsageError` when it names another type's credential."""
        own = SECRETS[AccountType(kind)]
        given = {name: value for name in SECRETS.values() if (value := getattr(self, name)) is not UNSET}
        if given.keys() - {own}:
            raise UsageError(f"an account of type {kind} has {own}")
        return AccountChange(
            name=self.name,
            base_url=self.base_url,
            proxy_url=self.proxy_url,
            organization_id=self.organization_id,
            billing=self.billing,
            weight=self.weight,
            priority=self.priority,
            concurrency=self.concurrency,
            is_active=self.is_active,
            secret=given.get(own, UNSET),
            refresh_token=self.refresh_token,
            expires_at=UNSET if self.expires_at is UNSET else _moment_ms(self.expires_at),
        )


def describe_accounts(store: "Store", accounts: "list[Account]", states: Mapping[str, State]) -> list[AccountInfo]:
    """Accounts in their order, and how they are doing."""
    last = store.last_calls(Axis.ACCOUNT)
    return [_describe(account, states.get(account.id), last.get(account.id)) for account in accounts]


def _describe(account: Account, state: State | None, last_call_at: int | None) -> AccountInfo:
    told = state or State("inactive", 0, None, "it was deleted", (), 0, 0, None)
    windows = [
        LimitWindow(limit.window, limit.used_percentage, _moment(limit.resets_at), limit.status)
        for limit in told.windows
    ]
    return AccountInfo(
        id=account.id,
        name=account.name,
        type=account.type,
        base_url=account.base_url,
        proxy_url=account.proxy_url,
        hint=account.hint,
        organization_id=account.organization_id,
        billing=account.billing,
        weight=account.weight,
        priority=account.priority,
        concurrency=account.concurrency,
        is_active=account.is_active,
        created_at=iso(account.created_at),
        expires_at=_moment(account.expires_at),
        last_used_at=_moment(max(told.last_used_at or 0, last_call_at or 0) or None),
        last_check_at=_moment(account.checked_at),
        health_status=account.health,
        error_count=told.error_count,
        success_count=told.success_count,
        state=AccountState(told.status, told.in_flight, _moment(told.cooldown_until), told.reason, windows),
    )


def _new(
    asked: _NewAccount,
    secret: str,
    refresh_token: str | None = None,
    expires_at: int | None = None,
    organization_id: str = "",
) -> NewAccount:
    return NewAccount(
        name=asked.name,
        type=asked.kind,
        secret=secret,
        refresh_token=refresh_token,
        expires_at=expires_at,
        base_url=asked.base_url or DEFAULT_BASE_URL,
        proxy_url=asked.proxy_url,
        organization_id=organization_id,
        billing=asked.billing,
        weight=asked.weight,
        priority=asked.priority,
        concurrency=asked.concurrency,
    )


def _moment_ms(told: str | int | None) -> int | None:
    if told is None:
        return None
    try:
        moment = milliseconds(datetime.fromisoformat(told)) if isinstance(told, str) else told
    except (ValueError, TypeError):
        raise UsageError(_AN_EXPIRY) from None
    if not 0 < moment < _LATEST_MS:
        raise UsageError(_AN_EXPIRY)
    return moment


def _moment(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
