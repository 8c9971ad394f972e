"""Takes secrets from standard input or from a person at a terminal; never from arguments, which others can see."""

import sys
from typing import Any, NamedTuple, cast

from ccledger.core.errors import UsageError

_LONGEST = 1 << 17


class Given(NamedTuple):
    """A credential as somebody gives it."""

    secret: str
    refresh_token: str | None = None
    expires_at: str | int | None = None


def read_lines() -> list[str]:
    """What standard input holds, by lines, without empty ones. JSON is one line, however it is written."""
    if sys.stdin is None:
        raise UsageError("there is no standard input to read a credential from")
    text = sys.stdin.read(_LONGEST).strip()
    if text.startswith("{"):
        import json

        try:
            _, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            raise UsageError("what begins like JSON on standard input is none") from None
        return [text[:end], *text[end:].split()]
    return [line for line in map(str.strip, text.splitlines()) if line]


def ask_person(what: str) -> str:
    """A secret that somebody types unseen. Raises `UsageError` where nobody is."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"the {what} is taken from standard input with --secret-stdin, or typed at a terminal")
    from getpass import getpass

    return getpass(f"{what}: ").strip()


def parse_credential(text: str) -> Given:
    """A credential: the secret itself, or what Claude Code keeps in `.credentials.json`."""
    if not text.startswith("{"):
        return Given(text)
    import json

    told = cast("dict[str, Any]", json.loads(text))
    told = cast("dict[str, Any]", told.get("claudeAiOauth", told))
    try:
        secret = told.get("accessToken") or told["access_token"]
        refresh_token = told.get("refreshToken") or told.get("refresh_token")
        expires_at = told.get("expiresAt") or told.get("expires_at")
    except (KeyError, AttributeError):
        raise UsageError(
            "the JSON on standard input has no accessToken; give the bearer itself, or all of it"
        ) from None
    if not isinstance(secret, str) or not isinstance(refresh_token, str | None):
        raise UsageError("the accessToken and the refreshToken on standard input are no texts")
    return Given(secret, refresh_token, expires_at)
