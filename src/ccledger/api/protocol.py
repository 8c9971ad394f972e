"""HTTP on a connection as uvicorn speaks it, with our form for what it refuses by itself; it knows no route."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ccledger.api.errors import encode_problem
from ccledger.api.sending import Round, sent_whole
from ccledger.api.shield import SECURITY_HEADERS
from ccledger.core.asgi import CONNECTION, Application

_NOT_HTTP = "this is not a request of HTTP/1.1 as it should be; use a browser or an HTTP library"
_LONGEST_HEAD = 1 << 21
"""Bytes; more than any client sends that wants an answer, and little enough to keep for many of them."""
_MOST_HEADERS: Final = 500
"""Each costs time before anybody looks at it, and all clients wait meanwhile."""
_HEAD_SECONDS: Final = 20.0
"""How long a client may take to say what it wants."""
_SILENT_SECONDS: Final = 30.0
"""How long a client may say nothing in the middle of a body."""
_LINGER_SECONDS: Final = 120.0
"""How long the rest of a body is listened to that was answered before its end, so that the answer can be read."""
_UNREAD_SECONDS: Final = 300.0
"""How long a client may take no byte of what it was answered."""
_HANDSHAKE = frozenset((b"sec-websocket-key", b"sec-websocket-version"))


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with limits on what a client may say, and for how long it may keep silent.

    Fulfils `core.asgi.Connection`.
    """

    head_seconds = _HEAD_SECONDS
    silent_seconds = _SILENT_SECONDS
    linger_seconds = _LINGER_SECONDS
    unread_seconds = _UNREAD_SECONDS
    together: Round
    """What all connections of a server send at once; see `of_server`."""
    on_lost: Callable[[], object] | None = None
    _said = 0
    """Bytes of the head that is being received."""
    _since: float | None = None
    """Since when the client has been saying a head."""
    _heard = 0.0
    """When the client has said something last."""
    _is_in_body = False
    """Whether a head is complete and its body is not."""
    _answered_at = 0.0
    """When the last answer was complete."""
    _unread = (0, 0.0)
    """How many bytes of an answer wait to be taken, and since when it is just that many."""
    _look: asyncio.TimerHandle | None = None

    @classmethod
    def of_server(cls) -> "type[Protocol]":
        """The protocol of the connections of one server."""
        return type(cls.__name__, (cls,), {"together": Round()})

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
        """See `Connection.abort`. What was sent up to now still arrives, a head that is just leaving included."""
        self._stop_answering()
        self.loop.call_soon(self.transport.close)

    def _stop_answering(self) -> None:
        """Whoever is answering sends nothing any more, as if its client had gone away."""
        cycle = self._cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True

    @property
    def _cycle(self) -> "RequestResponseCycle | None":
        return cast("RequestResponseCycle | None", self.cycle)  # before the first request there is none

    @property
    def _is_answering(self) -> bool:
        """Whether a part of an answer may have been sent, so that nothing else must be."""
        cycle = self._cycle
        return bool(self.pipeline) or (cycle is not None and cycle.response_started and not cycle.response_complete)

    @property
    def _is_idle(self) -> bool:
        """Whether every request up to now is answered."""
        return self._cycle is None or self._cycle.response_complete

    def _end_slow(self) -> None:
        """Ends the connection of a client that takes too long; looks again after a while when it does not."""
        now = self.loop.time()
        if self._since is not None and now - self._since >= self.head_seconds:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the head of the request did not come in time")
        elif self._is_in_body and self._is_idle and self._is_lingering_long(now):
            self.transport.close()
        elif self._waits_for_body() and now - self._heard >= self.silent_seconds:
            self._end_silent()
        elif self._is_unread(now):
            self._stop_answering()
            self.transport.abort()
        else:
            self._look = self.loop.call_later(min(self.head_seconds, self.silent_seconds) / 4, self._end_slow)

    def _is_lingering_long(self, now: float) -> bool:
        """Whether the rest of a body that nobody needs any more keeps too long."""
        return now - self._heard >= self.silent_seconds or now - self._answered_at >= self.linger_seconds

    def _is_unread(self, now: float) -> bool:
        """Whether a client has taken nothing of an answer for too long."""
        waiting = self.transport.get_write_buffer_size()
        if not waiting or waiting != self._unread[0]:
            self._unread = (waiting, now)
        return now - self._unread[1] >= self.unread_seconds

    def _waits_for_body(self) -> bool:
        cycle = self._cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete and not self.flow.read_paused

    def _end_silent(self) -> None:
        if self.cycle.response_started:
            self.transport.close()
            return
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the body of the request did not come in time")

    def data_received(self, data: bytes) -> None:
        """Takes bytes, until a head is longer than any honest one."""
        self._heard = self.loop.time()
        if not self._is_in_body:
            self._said += len(data)
            if self._said > _LONGEST_HEAD:
                self.send_400_response("the head is too long")
                return
            if self._since is None and self._is_idle:
                self._since = self._heard
        self._unset_keepalive_if_required()
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("no HTTP")
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self.parser.get_method() == b"CONNECT":
                self.send_400_response("no proxy")
            else:
                self._go_on_unchanged(data[upgrade.args[0] :])

    def _go_on_unchanged(self, rest: bytes) -> None:
        """Goes on with a request that offered to change to another protocol, as if it had not (RFC 9110, 7.8)."""
        kept = [entry for entry in self.headers if entry[0] not in (b"upgrade", b"connection", b"http2-settings")]
        lines = b"".join(b"%s: %s\r\n" % entry for entry in kept)
        head = b"%s %s HTTP/1.1\r\n%s\r\n" % (self.parser.get_method(), self.url, lines)
        self.parser = httptools.HttpRequestParser(self)
        self._parse(head + rest)

    def on_message_begin(self) -> None:
        """Begins to count anew."""
        self._said = 0
        self._since = self.loop.time()
        super().on_message_begin()
        scope = cast("dict[str, object]", self.scope)
        scope[CONNECTION] = self

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header; too many are no request (the parser passes the error on).

        What follows a body is passed over: it must not be taken for a part of the head (RFC 9110, 6.5.1).
        """
        if self._is_in_body:
            return
        if len(self.headers) >= _MOST_HEADERS:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """Ends a request: what comes next is another one's head."""
        self._said = 0
        self._is_in_body = False
        if self.parser.should_upgrade() and not self._should_upgrade():
            return
        if self._is_idle:
            # It was answered before it ended, and no timer looks after the connection since then.
            self._since = self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Ends an answer."""
        self._answered_at = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, and ends the connection."""
        self._refuse(HTTPStatus.BAD_REQUEST, _NOT_HTTP)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        """Answers a request itself, and ends the connection; does only that in the middle of another answer."""
        is_answering = self._is_answering
        self._stop_answering()
        if is_answering:
            self.transport.close()
            return
        body, headers = encode_problem(text)
        lines = [*self.server_state.default_headers, *headers, *SECURITY_HEADERS, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        first = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
        self.transport.write(b"%s%s\r\n%s" % (first, head, body))
        self.transport.close()

    def on_headers_complete(self) -> None:
        """Ends the time for a head; takes the host from an absolute target, which counts more (RFC 9112, 3.2.2)."""
        self._since = None
        self._is_in_body = True
        if self.parser.should_upgrade() and not self._should_upgrade():
            return
        scheme, separator, rest = self.url.partition(b"://")
        if separator and scheme.isalpha():
            authority = rest.partition(b"/")[0]
            self.headers[:] = [*(entry for entry in self.headers if entry[0] != b"host"), (b"host", authority)]
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Application) -> None:
        """Has the answer sent in fewer pieces than uvicorn does."""
        super()._start_asgi_task(cycle, sent_whole(app, cycle, self.together, self.loop))

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection on to a protocol of its own."""
        if self._look is not None:
            self._look.cancel()
        super().handle_websocket_upgrade()

    def _should_upgrade(self) -> bool:
        """A WebSocket handshake that can't succeed is answered by the application, like every wrong request."""
        return super()._should_upgrade() and {name for name, _ in self.headers} >= _HANDSHAKE
