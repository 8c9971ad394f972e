"""How calls are counted by several nodes together: limits, the right to make a call, and what one lacks."""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from ccledger.core.access import AccessToken, Account


class CountsAway(Exception):
    """Nobody can count calls at the moment."""


class CallLimits(NamedTuple):
    """What is limited; None: it is not."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


class Ticket(NamedTuple):
    """The right to make one call that was counted."""

    number: int
    subject: str
    expected: int
    """Tokens that were counted for it."""


class Lack(NamedTuple):
    """Why one more call can't be made now."""

    what: Literal["requests", "tokens", "room"]
    """A limit of the minute, or as many calls are open as may be."""
    wait_ms: int
    """How long until the minute allows it."""


def limits_of(token: "AccessToken") -> CallLimits:
    """What is limited about an access token."""
    return CallLimits(token.requests_per_minute, token.tokens_per_minute, token.concurrency)


def subject_of_token(token: "AccessToken") -> str:
    """Under what the calls of an access token are counted."""
    return f"token:{token.id}"


def subject_of_account(account: "Account") -> str:
    """Under what the calls by an account are counted."""
    return f"account:{account.id}"
