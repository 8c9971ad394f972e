"""Translates access tokens and accounts to rows and back, as every storage keeps them; it checks nothing."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ccledger.ledger.store import KeptAccount, KeptToken

TOKEN: Final = (
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
ACCOUNT: Final = (
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
"""The columns of `accounts`: the fields of `Account` in their order, then those of `KeptAccount`."""


def token_row(kept: "KeptToken") -> tuple[Any, ...]:
    """A token in the order of `TOKEN`."""
    from msgspec import json
    from msgspec.structs import astuple

    values = astuple(kept.token)
    lists = (json.encode(texts).decode() for texts in values[9:11])
    return (*values[:9], *lists, *values[11:14], int(values[14]), kept.digest, kept.deleted_at)


def read_token(row: tuple[Any, ...]) -> "KeptToken":
    """The token in a row of `TOKEN`; the inverse of `token_row`."""
    from msgspec import json

    from ccledger.core.access import AccessToken
    from ccledger.ledger.store import KeptToken

    models, ips = (json.decode(text, type=tuple[str, ...]) for text in row[9:11])
    values = (*row[:9], models, ips, *row[11:14], bool(row[14]))
    fields: dict[str, Any] = dict(zip(AccessToken.__struct_fields__, values, strict=True))
    return KeptToken(AccessToken(**fields), *row[15:])


def account_row(kept: "KeptAccount") -> tuple[Any, ...]:
    """An account in the order of `ACCOUNT`."""
    from msgspec.structs import astuple

    values = list(astuple(kept.account))
    values[12] = int(values[12])
    return (*values, kept.sealed, kept.deleted_at)


def read_account(row: tuple[Any, ...]) -> "KeptAccount":
    """The account in a row of `ACCOUNT`; the inverse of `account_row`."""
    from ccledger.core.access import Account
    from ccledger.ledger.store import KeptAccount

    fields: dict[str, Any] = dict(zip(Account.__struct_fields__, (*row[:12], bool(row[12]), *row[13:16]), strict=True))
    return KeptAccount(Account(**fields), row[16], row[17])
