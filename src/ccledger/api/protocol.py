"""HTTP on a connection as uvicorn speaks it, with our form for what it refuses by itself; it knows no route."""

from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ccledger.api.errors import encode_problem
from ccledger.api.shield import SECURITY_HEADERS

_NOT_HTTP = "this is not a request of HTTP/1.1 as it should be; use a browser or an HTTP library"
_LONGEST_HEAD = 1 << 21
"""Bytes; more than any client sends that wants an answer, and little enough to keep for many of them."""
_HANDSHAKE = frozenset((b"sec-websocket-key", b"sec-websocket-version"))


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with a limit on what a request may say before its body."""

    _said = 0
    """Bytes of the head that is being received."""

    def data_received(self, data: bytes) -> None:
        """Takes bytes, until a head is longer than any honest one."""
        self._said += len(data)
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
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Ends a request: what comes next is another one's head."""
        self._said = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, and ends the connection."""
        body, headers = encode_problem(_NOT_HTTP)
        lines = [*self.server_state.default_headers, *headers, *SECURITY_HEADERS, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        status = f"HTTP/1.1 400 {HTTPStatus.BAD_REQUEST.phrase}\r\n".encode()
        self.transport.write(b"%s%s\r\n%s" % (status, head, body))
        self.transport.close()

    def on_headers_complete(self) -> None:
        """Takes the host from an absolute target, which counts more than the header (RFC 9112, 3.2.2)."""
        scheme, separator, rest = self.url.partition(b"://")
        if separator and scheme.isalpha():
            authority = rest.partition(b"/")[0]
            self.headers[:] = [*(entry for entry in self.headers if entry[0] != b"host"), (b"host", authority)]
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        """A WebSocket handshake that can't succeed is answered by the application, like every wrong request."""
        return super()._should_upgrade() and {name for name, _ in self.headers} >= _HANDSHAKE
