"""Sends the answer to a request: its head leaves with the first of its body; it reads nothing and knows no route."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from ccledger.core.asgi import PASS, Application, Headers, Message, Receive, Scope, Send

_BODILESS: Final = (204, 304)
_JOINED: Final = 1 << 14
"""Bytes up to which it costs less to copy a piece than to send it by itself."""


class Round:
    """What leaves at the end of a turn of the loop, for all connections of a server together.

    Whoever waits for a piece is woken by it, which costs more than the piece itself. Pieces that leave one right after
    the other find most readers awake.
    """

    def __init__(self) -> None:
        self._pieces: list[tuple[asyncio.Transport, bytes]] = []

    def add(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, piece: bytes) -> None:
        """Sends a piece with the others."""
        if not self._pieces:
            loop.call_soon(self.leave)
        self._pieces.append((transport, piece))

    def leave(self) -> None:
        """Sends what is there."""
        pieces, self._pieces = self._pieces, []
        for transport, piece in pieces:
            if not transport.is_closing():
                transport.write(piece)


def sent_whole(
    app: Application, cycle: RequestResponseCycle, together: Round, loop: asyncio.AbstractEventLoop
) -> Application:
    """The same application, what it sends going out by `Sending` instead of by uvicorn itself."""

    def answer(scope: Scope, receive: Receive, _: Send) -> Awaitable[None]:
        sending = Sending(cycle, together, loop)
        scope[PASS] = sending.pass_on
        return app(scope, receive, sending.send)

    return answer


class Sending:
    """An answer on its way out.

    uvicorn sends a head by itself, which costs a small answer a second system call and its reader a second wake-up.
    ASGI lets a server wait for the body; here it waits until the loop goes on to something else.
    """

    __slots__ = ("_cycle", "_head", "_is_bodiless", "_is_chunked", "_left", "_loop", "_together")

    def __init__(self, cycle: RequestResponseCycle, together: Round, loop: asyncio.AbstractEventLoop) -> None:
        self._cycle = cycle
        self._together = together
        self._loop = loop
        self._head = b""
        self._is_bodiless = False
        self._is_chunked = False
        self._left = 0
        """Bytes of the body that were announced and not sent yet."""

    async def send(self, message: Message) -> None:
        """Takes a message of ASGI; what a client that went away would have got is dropped."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if not cycle.response_started:
            self._begin(message["status"], message.get("headers", ()))
        elif cycle.response_complete:
            raise RuntimeError("something is sent after the end of the answer")
        else:
            self._go_on(message.get("body", b""), is_last=not message.get("more_body", False))

    def pass_on(self, piece: bytes) -> Callable[[], Awaitable[None]] | None:
        """Sends a piece of the body, which is not the last, without a message of ASGI; see `core.asgi.Pass`."""
        cycle = self._cycle
        if cycle.disconnected:
            return None
        if cycle.response_complete or not cycle.response_started:
            raise RuntimeError("a piece of a body is sent before its head or after its end")
        # Of a large piece it shows only when it is written whether the client is behind.
        if self._is_chunked and not self._head and 0 < len(piece) <= _JOINED:
            self._together.add(self._loop, cycle.transport, _chunked(piece, is_last=False))
        else:
            self._go_on(piece, is_last=False)
        return cycle.flow.drain if cycle.flow.write_paused else None

    def _begin(self, status: int, headers: Headers) -> None:
        cycle = self._cycle
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        names = dict(headers)
        lines = [STATUS_LINE[status]]
        lines += [b"%b: %b\r\n" % entry for entry in cycle.default_headers if entry[0] not in names]
        lines += [b"%b: %b\r\n" % entry for entry in headers]
        self._is_bodiless = cycle.scope["method"] == "HEAD" or status in _BODILESS
        if b"content-length" in names:
            self._left = int(names[b"content-length"])
        elif not self._is_bodiless:
            self._is_chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        if b"close" in names.get(b"connection", b"").lower():
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header of the answer has a line break in it")
        self._head = head + b"\r\n"
        self._loop.call_soon(self._send_head)

    def _send_head(self) -> None:
        """Sends the head when nothing has followed it at once."""
        head, self._head = self._head, b""
        if head and not self._cycle.transport.is_closing():
            self._cycle.transport.write(head)

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        head, self._head = self._head, b""
        if self._is_bodiless:
            self._write(head, b"")
        elif self._is_chunked:
            self._write(head, _chunked(body, is_last=is_last))
        else:
            self._left -= len(body)
            if self._left < 0 or (is_last and self._left):
                raise RuntimeError("the body of an answer is not as long as its head says")
            self._write(head, body)
        if is_last:
            self._end()

    def _write(self, head: bytes, body: bytes) -> None:
        self._together.leave()
        transport = self._cycle.transport
        if head and body and len(body) > _JOINED:
            transport.writelines((head, body))
        elif head or body:
            transport.write(head + body)

    def _end(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def _chunked(body: bytes, *, is_last: bool) -> bytes:
    last = b"0\r\n\r\n" if is_last else b""
    return b"%x\r\n%b\r\n%b" % (len(body), body, last) if body else last
