"""One HTTP/1.1 connection of our own client: a request goes out, its answer comes in; others decide who may use it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

import httptools

from ccledger.core.asgi import Pass
from ccledger.sources.gateway.upstream import (
    LARGEST_HEAD,
    MOST_HEADERS,
    Headers,
    Kind,
    Origin,
    Patience,
    Request,
    UpstreamFailure,
    measured,
    without_hops,
)

_HIGH_WATER = 64 * 1024
"""Bytes that wait for their reader before no more are taken from the socket."""
_JOINED = 16 * 1024
"""Up to here a copy of the body costs less than a second piece to write."""
_CHUNKED = b"\r\ntransfer-encoding: chunked\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_NEVER = float("inf")


class Keeper(Protocol):
    """Who holds the connections."""

    def release(self, connection: "Connection") -> None:
        """A connection is free for the next request."""
        ...

    def forget(self, connection: "Connection") -> None:
        """A connection can't be used any more; told once."""
        ...

    def gone(self, connection: "Connection") -> None:
        """A connection's socket is closed."""
        ...


class OwnAnswer:
    """The answer to one request, filled by its connection."""

    __slots__ = (
        "_between",
        "_connection",
        "_take",
        "_wait",
        "ended",
        "failure",
        "headers",
        "held",
        "pieces",
        "status",
        "waiter",
    )

    def __init__(self, connection: "Connection", between_bytes: float) -> None:
        self.status = 0
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self.held = 0
        self.ended = False
        self.failure: Exception | None = None
        self.waiter: asyncio.Future[None] | None = None
        self._take: Pass | None = None
        self._wait: Callable[[], Awaitable[None]] | None = None
        self._connection = connection
        self._between = between_bytes

    async def read(self) -> bytes:
        """The next piece of the body; see `Answer`."""
        while not self.pieces:
            if self.ended:
                return b""
            if self.failure is not None:
                raise self.failure
            try:
                await self._connection.wait(self, self._between)
            except BaseException:
                self._give_up()
                raise
        pieces = self.pieces
        self.pieces = []
        self.held = 0
        if not self.ended:
            self._connection.resume()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def pour(self, take: Pass) -> None:
        """Hands every piece over; see `Answer`. Nobody is woken for a piece that can be handed over at once."""
        while piece := await self.read():
            self._wait = take(piece)
            while self._wait is not None or not (self.pieces or self.ended or self.failure):
                if self._wait is None:
                    await self._pour_directly(take)
                else:
                    wait, self._wait = self._wait, None
                    await wait()

    async def _pour_directly(self, take: Pass) -> None:
        """Has pieces handed over from where they arrive, until the end, or until one has to be waited for."""
        self._take = take
        try:
            await self._connection.wait(self, self._between)
        except BaseException:
            self._give_up()
            raise
        finally:
            self._take = None

    def arrived(self) -> None:
        """Takes note that there are pieces, or the end, or both."""
        take = self._take
        if take is None:
            self.wake()
            return
        if self.pieces:
            piece = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
            self.pieces = []
            self.held = 0
            try:
                self._wait = take(piece)
            except Exception as error:  # noqa: BLE001 # whatever it is, it is for whoever waits
                self._take = None
                self.ended = False  # else whoever waits took it for a proper end
                self._connection.fail(error)
                return
            self._connection.put_off(self._between)
        if self.ended or self._wait is not None:
            self._take = None
            self.wake()

    async def close(self) -> None:
        """Ends it; see `Answer`."""
        if self.ended and not self.pieces:
            return
        self._give_up()

    def wake(self) -> None:
        """Lets whoever waits look again."""
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _give_up(self) -> None:
        failure = _failure("closed", "The answer of {} was closed.", self._connection.origin)
        if not self.ended and self.failure is None:
            self._connection.fail(failure)
        self.pieces = []
        self.ended = False
        self.failure = self.failure or failure


class Connection(asyncio.BaseProtocol):
    """A connection from its making to its end, however bytes reach it; `origin` is whom it goes to."""

    def __init__(self, origin: Origin, patience: Patience, idle: float, keeper: Keeper) -> None:
        self.origin = origin
        self.usable = True
        self.begun = False
        """Whether any byte came back since the last request."""
        self.served = 0
        """How many requests it has answered."""
        self._asked_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._idle = idle
        self._keeper = keeper
        # One timer that looks every so often whether the deadline is over: no answer and no piece arms one of its own.
        self._pulse = min(patience.first_byte, patience.between_bytes, idle)
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = _NEVER
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: OwnAnswer | None = None
        self._headers: Headers = []
        self._head_bytes = 0
        self._unheard = 0
        self._is_head = False
        self._ends_with_connection = False
        self._reusable = False
        self._paused = False
        self._writable: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None
        self._large = False

    @property
    def waited(self) -> float:
        """Seconds since the last request was sent."""
        return self._loop.time() - self._asked_at

    # The life of a request.

    async def ask(self, request: Request, head: bytes) -> OwnAnswer:
        """Sends a request and waits for the head of its answer; see `Upstream.send`."""
        transport = self._transport
        assert transport is not None
        answer = self._answer = OwnAnswer(self, self._patience.between_bytes)
        self.begun = False
        self._asked_at = self._loop.time()
        self._is_head = request.method == b"HEAD"
        self._headers = []
        self._head_bytes = self._unheard = 0
        body = request.body
        if not isinstance(body, bytes):
            transport.write(head)
            self._upload = self._loop.create_task(self._send(request, _LAST_CHUNK if head.endswith(_CHUNKED) else b""))
        elif len(body) > _JOINED:
            self._large = True
            transport.writelines((head, body))
        else:
            transport.write(head + body)
        try:
            while not answer.status and answer.failure is None:
                await self.wait(answer, self._patience.first_byte)
        except BaseException:
            if self._answer is answer:  # else it is there to its end, and the connection may be somebody else's already
                self.fail(_failure("closed", "The request to {} was given up.", self.origin))
            raise
        if answer.failure is not None and not answer.status:
            raise answer.failure
        return answer

    def wait(self, answer: OwnAnswer, seconds: float) -> asyncio.Future[None]:
        """What ends when something has happened to the answer, `seconds` from now at the latest."""
        self._deadline = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._pulse, self._look)
        waiter = answer.waiter = self._loop.create_future()
        return waiter

    def put_off(self, seconds: float) -> None:
        """Gives the upstream so long from now for what comes next."""
        self._deadline = self._loop.time() + seconds

    def resume(self) -> None:
        """Goes on to take from the socket."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def fail(self, failure: Exception) -> None:
        """Ends the request under way, and the connection with it."""
        answer = self._answer
        self._answer = None
        if answer is not None:
            answer.failure = failure
            answer.wake()
        self.drop()

    def drop(self) -> None:
        """Closes the connection at once."""
        if self._upload is not None:
            self._upload.cancel()
            self._upload = None
        if self.usable:
            self.usable = False
            self._keeper.forget(self)
        if self._transport is not None:
            self._transport.abort()

    async def _send(self, request: Request, last: bytes) -> None:
        transport = self._transport
        assert transport is not None
        try:
            async for piece in measured(request):
                transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if last else piece)
                if self._writable is not None:
                    await self._writable
                if self._answer is not None and not self._answer.status:
                    self._deadline = self._loop.time() + self._patience.first_byte
            if last:
                transport.write(last)
        except Exception as error:  # noqa: BLE001 # whatever the iterator raises is for whoever waits for the answer
            self._upload = None
            self.fail(error)
        else:
            self._upload = None

    def _finish(self) -> None:
        """An answer is there to its end."""
        transport = self._transport
        self._answer = None
        self.served += 1
        # An answer that came before the whole request was sent leaves a peer that still waits for the rest.
        unsent = self._upload is not None or (self._large and transport and transport.get_write_buffer_size() > 0)
        self._large = False
        if unsent or not self._reusable or not self.usable or transport is None or transport.is_closing():
            self.drop()
            return
        self.resume()
        self._deadline = self._loop.time() + self._idle
        self._keeper.release(self)

    def _cut_off(self) -> None:
        answer = self._answer
        text = "{} closed the connection without an answer."
        if answer is not None and answer.status:
            text = "{} closed the connection in the middle of its answer."
        self.fail(_failure("closed", text, self.origin))

    def _look(self) -> None:
        self._timer = None
        if not self.usable:
            return
        left = self._deadline - self._loop.time()
        answer = self._answer
        if left <= 0 and answer is None:
            self.drop()
        elif left <= 0 and answer is not None and answer.waiter is not None:
            text = "{} sent nothing for too long in the middle of its answer."
            if not answer.status:
                text = "{} did not begin to answer in time."
            self.fail(_failure("timeout", text, self.origin))
        else:
            pause = min(left, self._pulse) if left > 0 else self._pulse
            self._timer = self._loop.call_later(pause, self._look)

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the way to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes | memoryview) -> None:
        """Takes what came from the socket."""
        answer = self._answer
        if answer is None:  # nobody has asked anything
            self.drop()
            return
        self.begun = True
        self._unheard += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if answer.ended:
                self._reusable = False
            else:
                self._unheard = LARGEST_HEAD + 1
        if answer.pieces or answer.ended:
            answer.arrived()
        if answer.ended:
            self._finish()
        elif self._unheard > LARGEST_HEAD:
            self.fail(_failure("protocol", "{} sent something that is not HTTP.", self.origin))
        elif answer.held > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Takes note that nothing more will come."""
        answer = self._answer
        if answer is not None and answer.status and self._ends_with_connection:
            answer.ended = True
            self._reusable = False
            answer.wake()
            self._finish()
        else:
            self._cut_off()

    def connection_lost(self, exc: Exception | None) -> None:
        """Takes note that the socket is closed."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._cut_off()
        self._keeper.gone(self)

    def pause_writing(self) -> None:
        """Holds back a body that comes piece by piece."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Lets it go on."""
        writable = self._writable
        self._writable = None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # What the parser tells.

    def on_message_begin(self) -> None:
        """A second answer to one request is surplus."""
        if self._answer is None or self._answer.ended:
            self._reusable = False

    def on_status(self, reason: bytes) -> None:
        """Counts a reason that nobody reads."""
        self._head_bytes += len(reason)
        if self._head_bytes > LARGEST_HEAD:
            raise ValueError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keeps a header; those after the body are nobody's."""
        answer = self._answer
        if answer is None or answer.status:
            return
        self._head_bytes += len(name) + len(value)
        self._headers.append((name.lower(), value))
        if self._head_bytes > LARGEST_HEAD or len(self._headers) > MOST_HEADERS:
            raise ValueError

    def on_headers_complete(self) -> None:
        """Hands over the head, unless it only announces another."""
        answer = self._answer
        if answer is None or answer.status:
            return
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise ValueError
            self._headers = []
            return
        headers = self._headers
        answer.status = status
        answer.headers = without_hops(headers)
        self._unheard = 0
        self._ends_with_connection = not self._says_its_end(headers)
        if self._is_head:
            answer.ended = True
            self._reusable = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)  # the old one waits for a body
        answer.wake()

    def on_body(self, piece: bytes) -> None:
        """Keeps a piece until all that came with it is parsed."""
        answer = self._answer
        if answer is None or answer.ended:
            self._reusable = False
            return
        answer.pieces.append(piece)
        answer.held += len(piece)
        self._unheard = 0

    def on_message_complete(self) -> None:
        """Takes note of the end, unless it is that of a head that only announced another."""
        answer = self._answer
        if answer is not None and answer.status and not answer.ended:
            answer.ended = True
            self._reusable = self._parser.should_keep_alive()

    @staticmethod
    def _says_its_end(headers: Headers) -> bool:
        for name, value in headers:
            if name == b"content-length" or (name == b"transfer-encoding" and value.lower().endswith(b"chunked")):
                return True
        return False


class PlainConnection(Connection, asyncio.Protocol):
    """Takes bytes as the loop reads them."""


class TlsConnection(Connection, asyncio.BufferedProtocol):
    """Takes bytes out of a buffer that it lends.

    Without one, TLS makes room for its largest read each time, which costs more than a small event itself. The buffer
    may be the same for all connections of a loop: it is filled and emptied in one step.
    """

    def __init__(self, origin: Origin, patience: Patience, idle: float, keeper: Keeper, room: memoryview) -> None:
        super().__init__(origin, patience, idle, keeper)
        self._room = room

    def get_buffer(self, sizehint: int) -> memoryview:
        """Room for what was deciphered."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Takes it out."""
        self.data_received(self._room[:nbytes])


def _failure(kind: Kind, text: str, origin: Origin) -> UpstreamFailure:
    return UpstreamFailure(kind, text.format(origin), reached=True)
