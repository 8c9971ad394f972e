"""HTTP on a connection as uvicorn speaks it, with our form for what it refuses by itself; it knows no route."""

from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ccledger.api.errors import encode_problem
from ccledger.api.shield import SECURITY_HEADERS

_NOT_HTTP = "this is not a request of HTTP/1.1 as it should be; use a browser or an HTTP library"
_HANDSHAKE = frozenset((b"sec-websocket-key", b"sec-websocket-version"))


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools."""

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
