"""What an answer or a failure says of the account that was asked, and whether another may do better; it asks nobody."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

MOST_ATTEMPTS: Final = 3
"""How often one call is sent at most. It is sent again only while the client has not seen a byte of an answer."""


class Verdict(Enum):
    """What one answer means for the account. All but the first are reasons to ask another account."""

    FINE = "fine"
    """The account did its work; what is wrong, if anything, is wrong with the request."""
    LIMITED = "limited"
    """It has used up what it may; it rests."""
    FORBIDDEN = "forbidden"
    """It may not do this; that says nothing of what else it may do."""
    REFUSED = "refused"
    """Its credential is not accepted; it is not asked again until somebody checks or changes it."""
    OVERLOADED = "overloaded"
    """Its upstream works, but has too much to do; others are asked first for a while."""
    BROKEN = "broken"
    """Its upstream does not work, or can't be reached."""


_STATUSES: Final[Mapping[int, Verdict]] = {
    401: Verdict.REFUSED,
    402: Verdict.LIMITED,
    403: Verdict.FORBIDDEN,
    429: Verdict.LIMITED,
    529: Verdict.OVERLOADED,
}
FAILURES: Final = ("connect", "tls", "timeout", "closed", "protocol")
"""What `UpstreamFailure.kind` may be: each says that the upstream is broken."""


def verdict_of(status: int) -> Verdict:
    """What a status code says of the account."""
    return _STATUSES.get(status, Verdict.BROKEN if status >= 500 else Verdict.FINE)


def is_retryable(what: int | str) -> bool:
    """Whether another account may be asked after this status code, or this kind of failure."""
    return what in FAILURES if isinstance(what, str) else verdict_of(what) is not Verdict.FINE
