"""HTTP on a connection as uvicorn speaks it, with our form for what it refuses by itself; it knows no route."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ccledger.api.errors import encode_problem
from ccledger.api.shield import SECURITY_HEADERS
from ccledger.core.asgi import CONNECTION

_NOT_HTTP = "this is not a request of HTTP/1.1 as it should be; use a browser or an HTTP library"
_LONGEST_HEAD = 1 << 21
"""Bytes; more than any client sends that wants an answer, and little enough to keep for many of them."""
_HEAD_SECONDS: Final = 20.0
"""How long a client may take to say what it wants."""
_SILENT_SECONDS: Final = 30.0
"""How long a client may say nothing in the middle of a body."""
_HANDSHAKE = frozenset((b"sec-websocket-key", b"sec-websocket-version"))


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with limits on what a request may say before its body, and for how long.

    Fulfils `core.asgi.Connection`.
    """

    head_seconds = _HEAD_SECONDS
    silent_seconds = _SILENT_SECONDS
    on_lost: Callable[[], object] | None = None
    _said = 0
    """Bytes of the head that is being received."""
    _since: float | None = None
    """Since when the client has been saying a head."""
    _heard = 0.0
    """When the client has said something last."""
    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begins to listen to a client, who has so long to say something."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look = self.loop.call_later(self.head_seconds / 4, self._end_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells who is answering that nobody waits for it any more."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def abort(self) -> None:
        """See `Connection.abort`."""
        self.transport.abort()

    def _end_slow(self) -> None:
        """Ends the connection of a client that takes too long; looks again after a while when it does not."""
        now = self.loop.time()
        if self._since is not None and now - self._since >= self.head_seconds:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the head of the request did not come in time")
        elif self._waits_for_body() and now - self._heard >= self.silent_seconds:
            self._end_silent()
        else:
            self._look = self.loop.call_later(min(self.head_seconds, self.silent_seconds) / 4, self._end_slow)

    def _waits_for_body(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and cycle.more_body and not cycle.response_complete and not self.flow.read_paused

    def _end_silent(self) -> None:
        if self.cycle.response_started:
            self.transport.close()
            return
        # Who is answering learns of it as of a client that went away: nothing it says is sent any more.
        self.cycle.disconnected = True
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the body of the request did not come in time")

    def data_received(self, data: bytes) -> None:
        """Takes bytes, until a head is longer than any honest one."""
        self._said += len(data)
        self._heard = self.loop.time()
        if self._said > _LONGEST_HEAD and not self._has_head():
            self.send_400_response("the head is too long")
            return
        super().data_received(data)

    def _has_head(self) -> bool:
        """Whether the head of the request is complete, so that what comes now is its body."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # before the first request there is none
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """Begins to count anew."""
        self._said = 0
        self._since = self.loop.time()
        super().on_message_begin()
        scope = cast("dict[str, object]", self.scope)
        scope[CONNECTION] = self

    def on_message_complete(self) -> None:
        """Ends a request: what comes next is another one's head."""
        self._said = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, and ends the connection."""
        self._refuse(HTTPStatus.BAD_REQUEST, _NOT_HTTP)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        body, headers = encode_problem(text)
        lines = [*self.server_state.default_headers, *headers, *SECURITY_HEADERS, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        first = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
        self.transport.write(b"%s%s\r\n%s" % (first, head, body))
        self.transport.close()

    def on_headers_complete(self) -> None:
        """Ends the time for a head; takes the host from an absolute target, which counts more (RFC 9112, 3.2.2)."""
        self._since = None
        scheme, separator, rest = self.url.partition(b"://")
        if separator and scheme.isalpha():
            authority = rest.partition(b"/")[0]
            self.headers[:] = [*(entry for entry in self.headers if entry[0] != b"host"), (b"host", authority)]
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection on to a protocol of its own."""
        if self._look is not None:
            self._look.cancel()
        super().handle_websocket_upgrade()

    def _should_upgrade(self) -> bool:
        """A WebSocket handshake that can't succeed is answered by the application, like every wrong request."""
        return super()._should_upgrade() and {name for name, _ in self.headers} >= _HANDSHAKE
