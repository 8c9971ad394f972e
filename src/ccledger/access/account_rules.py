"""What makes sense of an account, and the sentences that say so; it keeps none."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from ccledger.core.access import Account, AccountType, Credential
from ccledger.core.errors import UsageError

DEFAULT_BASE_URL: Final = "https://api.anthropic.com"
LONGEST_NAME: Final = 100
LONGEST_SECRET: Final = 16_384
_LARGEST: Final = 1_000_000
_PORTS: Final = {"http": 80, "https": 443}
_BILLING: Final = ("api", "subscription")


def check(account: Account, credential: Credential | None, others: Iterable[Account]) -> None:
    """Raises `UsageError` when something about an account makes no sense; `credential` is None where it stays."""
    _check_name(account.name, others)
    if account.type not in list(AccountType):
        raise UsageError(f"an account's type is {_or(AccountType)}, not '{account.type}'")
    _check_address(account.base_url, "an account's base URL", _BASE)
    _check_number(account.weight, 1, "weight")
    _check_number(account.priority, -_LARGEST, "priority")
    if account.concurrency is not None:
        _check_number(account.concurrency, 1, "concurrency")
    if account.billing not in _BILLING:
        raise UsageError(f"an account's billing is {_or(_BILLING)}, not '{account.billing}'")
    if not account.organization_id.isprintable() or len(account.organization_id) > LONGEST_NAME:
        raise UsageError("an organization's id is a short line of text, as claude.ai shows it in its addresses")
    if credential is not None:
        _check_secrets(account, credential)


def _check_name(name: str, others: Iterable[Account]) -> None:
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"an account's name is one line of 1 to {LONGEST_NAME} characters")
    if any(other.name == name for other in others):
        raise UsageError(f"there is an account '{name}' already; choose another name, or change that one")


def _check_number(number: int, least: int, what: str) -> None:
    if not least <= number <= _LARGEST:
        raise UsageError(f"an account's {what} is a whole number from {least} to {_LARGEST}")


def _check_secrets(account: Account, credential: Credential) -> None:
    _check_secret(credential.secret, "credential")
    if credential.refresh_token is not None:
        _check_secret(credential.refresh_token, "refresh token")
        if account.type != AccountType.OAUTH:
            raise UsageError("only accounts of type oauth have a refresh token")


def _check_secret(secret: str, what: str) -> None:
    """A secret travels in a header: no spaces, no line ends, nothing but ASCII. The error must not repeat it."""
    if not secret or len(secret) > LONGEST_SECRET or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise UsageError(f"the {what} is empty, or holds characters no credential has; give it as it was given to you")


_BASE: Final = "such as https://api.anthropic.com, without user, query or fragment"
_PROXY: Final = "such as http://user:password@proxy.example.com:3128"


def proxy_parts(url: str) -> tuple[str, str]:
    """A proxy's URL without its password, and whole. Raises `UsageError` when it is none; empty means none."""
    if not url:
        return "", ""
    parts = _split(url, "a proxy's URL", _PROXY)
    if parts.path.rstrip("/") or parts.query or parts.fragment:
        raise UsageError(f"a proxy's URL names a host and a port, {_PROXY}")
    name, separator, address = parts.netloc.rpartition("@")
    user, colon, _ = name.partition(":")
    shown = f"{user}{separator}{address}" if colon else address  # a name alone is a secret with some proxies
    return urlunsplit((parts.scheme, shown, "", "", "")), url


def check_destination(before: Account, after: Account) -> None:
    """Raises `UsageError` when what is kept of an account would be shown to somebody who has not seen it yet."""
    for name in ("base_url", "proxy_url"):
        told = getattr(after, name)
        if told and _place(told) != _place(getattr(before, name)):
            raise UsageError(
                f"with another {name} the credential would go where it was not given for; give the credential, too, in "
                "the same request ('ccledger account set' reads it with --secret-stdin)"
            )


def _place(url: str) -> tuple[str, str | None, int | None]:
    """Whom an address leads to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _check_address(url: str, what: str, example: str) -> None:
    parts = _split(url, what, example)
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise UsageError(f"{what} is an http or https address {example}")


def _split(url: str, what: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address, parts = False, urlsplit("")
    if not is_address or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UsageError(f"{what} is an http or https address {example}")
    return parts


def _or(words: Iterable[str]) -> str:
    *others, last = map(str, words)
    return f"{', '.join(others)} or {last}"
