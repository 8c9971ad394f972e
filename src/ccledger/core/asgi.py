"""The words of ASGI as far as they are spoken here directly, between the server and the framework; it does nothing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

Scope = dict[str, Any]
Message = dict[str, Any]
Headers = Sequence[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Pass = Callable[[bytes], Callable[[], Awaitable[None]] | None]
"""Passes a piece of a body on at once; answers what has to be called and waited for before the next one, if anything.
"""

CONNECTION: Final = "ccledger.connection"
"""Where the scope of a request holds the connection that it came by, when our own server runs."""
PASS: Final = "ccledger.pass"
"""Where it holds what passes on pieces of the answer's body, none of them the last: a `Pass`, for the same case."""


class Connection(Protocol):
    """What who answers a request may ask of its connection."""

    on_lost: Callable[[], object] | None
    """Called once when the client goes away before it has its whole answer."""

    def abort(self) -> None:
        """Ends the connection in the middle of an answer, so that nobody takes it for a whole one."""
        ...
