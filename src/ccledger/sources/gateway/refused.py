"""A call that gets no further, said so that the relay can tell the caller and the ledger; it sends nothing."""

from typing import Final

from ccledger.core.call import Failer
from ccledger.sources.gateway.pool import Unavailable
from ccledger.sources.gateway.upstream import UpstreamFailure

_STATUS_OF_FAILURE: Final = {"timeout": 504}


class Refused(Exception):
    """Ends a call before an upstream has answered it."""

    def __init__(
        self,
        status: int,
        text: str,
        failed_by: Failer = Failer.GATEWAY,
        retry_after: float | None = None,
        body: bytes | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.failed_by = failed_by
        self.retry_after = retry_after
        """Seconds."""
        self.body = body
        """What to answer, where that is not made of the text."""


def unanswered(failure: UpstreamFailure) -> Refused:
    """What a caller hears whose call reached no upstream, or got no answer from one."""
    return Refused(_STATUS_OF_FAILURE.get(failure.kind, 502), failure.text, Failer.UPSTREAM)


def unserved(why: Unavailable) -> Refused:
    """What a caller hears when no account can serve its call now."""
    limited = why.kind in ("busy", "resting")
    return Refused(429 if limited else 503, why.sentence, Failer.GATEWAY, why.retry_after)
