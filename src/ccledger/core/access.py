"""Who may call and by which upstream: access tokens, accounts, users; it checks and decides nothing."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

OWNER: Final = "owner"
"""The user that is always there: who owns what nobody else was named for."""


class Mode(StrEnum):
    """Which kind of upstream a call goes to."""

    API = "api"
    WEB = "web"
    BOTH = "both"
    """Of an access token: the caller chooses call by call."""


class AccountType(StrEnum):
    """What kind of credential an account is."""

    API_KEY = "api-key"
    OAUTH = "oauth"
    SESSION_KEY = "session-key"


class User(Struct, frozen=True):
    """Who owns access tokens."""

    id: str
    name: str
    created_at: int
    """Milliseconds since 1970."""


class AccessToken(Struct, frozen=True):
    """A key this system issues, without its secret. Times in milliseconds since 1970; None: no limit."""

    id: str
    name: str
    user: str
    """The name of its owner."""
    created_at: int
    mode: str = Mode.API
    hint: str = ""
    """The beginning of its secret, enough to recognise it by and for nothing else."""
    note: str = ""
    expires_at: int | None = None
    revoked_at: int | None = None
    models: tuple[str, ...] = ()
    """The models it may ask, `*` standing for any characters; empty: all."""
    ips: tuple[str, ...] = ()
    """The addresses and networks (CIDR) it may come from; empty: all."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    enable_conversation_logging: bool = False


class Account(Struct, frozen=True):
    """An upstream credential, without its secret. Times in milliseconds since 1970."""

    id: str
    name: str
    type: str
    """An `AccountType`."""
    base_url: str
    created_at: int
    proxy_url: str = ""
    """An outbound HTTP proxy, its password left out; empty: none."""
    hint: str = ""
    """The end of its secret, enough to recognise it by and for nothing else."""
    organization_id: str = ""
    billing: str = "api"
    """`api` or `subscription`."""
    weight: int = 1
    """Its share among accounts of the same priority."""
    priority: int = 0
    """Accounts of a lower number are asked first."""
    concurrency: int | None = None
    """How many calls it may have open at once; None: any number."""
    is_active: bool = True
    expires_at: int | None = None
    """When its credential expires; None: it does not, or nobody knows."""
    checked_at: int | None = None
    health: str = "unknown"
    """`healthy`, `unhealthy` or `unknown`, by the last check."""

    @property
    def mode(self) -> str:
        """Which calls it serves."""
        return Mode.WEB if self.type == AccountType.SESSION_KEY else Mode.API


class Credential(Struct, frozen=True):
    """An account's secrets, as they lie in memory only. Nobody may write its `repr`."""

    secret: str
    """API key, bearer token or session key."""
    refresh_token: str | None = None
    expires_at: int | None = None
    """Milliseconds since 1970; None: never."""
    proxy_url: str = ""
    """The outbound proxy with its password, if it has one."""

    def __repr__(self) -> str:
        return "Credential(…)"
