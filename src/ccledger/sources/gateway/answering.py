"""Passes an answer on to the client and sees to it that the call is written down before the client sees its end."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.core.asgi import PASS, Connection, Pass, Scope, Send
from ccledger.core.call import Failer
from ccledger.core.measures import MODEL_ENDPOINTS
from ccledger.sources.gateway.batches import RESULTS, BatchResults
from ccledger.sources.gateway.forms import AnswerUnreadable, Form
from ccledger.sources.gateway.heads import Marks, read_marks
from ccledger.sources.gateway.refused import Refused, unanswered
from ccledger.sources.gateway.upstream import CONTROLS, Answer, Headers, UpstreamFailure
from ccledger.sources.gateway.visit import Ending, Visit
from ccledger.wire.inflate import Inflater
from ccledger.wire.messages import Seen, StreamMeter, error_of, read_answer
from ccledger.wire.refusal import status_of

if TYPE_CHECKING:
    from ccledger.sources.gateway.pool import Lease

_STOP, _ERROR = b"message_stop", b"event: error"
_SEAM: Final = max(len(_STOP), len(_ERROR)) - 1
_LARGEST_ANSWER: Final = 256 << 20
_TOO_LARGE: Final = f"the upstream's answer is larger than {_LARGEST_ANSWER} bytes"
_CUT_SHORT: Final = "the upstream's stream ended before its message did"
_NO_HTTP: Final = "the upstream's answer has a status or a header that HTTP does not allow"
_STOP_BYTES: Final = 4096
"""How far behind its name the event that ends a stream may end."""
_BLANK_LINES: Final = (b"\n\n", b"\n\r\n", b"\r\r")
_OF_ITS_ORIGIN: Final = frozenset((b"set-cookie", b"strict-transport-security", b"clear-site-data", b"alt-svc"))
"""What a browser would keep for our address, which is not the upstream's."""
_CARRIED: Final = frozenset((b"content-length", b"content-encoding", b"content-type"))


class Way(NamedTuple):
    """How the client of a request is reached."""

    send: Send
    passed: Pass

    @staticmethod
    def of(scope: Scope, send: Send) -> "Way":
        """Pieces go straight to the connection where our own server runs."""
        return Way(send, scope.get(PASS) or partial(partial, send_piece, send))


async def send_piece(send: Send, piece: bytes) -> None:
    """Sends a piece of a body, not the last, by a message of ASGI."""
    await send({"type": "http.response.body", "body": piece, "more_body": True})


class Answering:
    """The way back of one call."""

    def __init__(
        self, visit: Visit, way: Way, form: Form, elapsed: Callable[[], float], connection: Connection | None
    ) -> None:
        self._visit = visit
        self._send, self._pass = way
        self._form = form
        self._elapsed = elapsed
        self._begun = elapsed()
        self._connection = connection
        self._is_started = False

    def _since(self) -> int:
        """Milliseconds since the call began."""
        return int((self._elapsed() - self._begun) * 1000)

    def end(self, ending: Ending) -> None:
        """Writes the call down, unless that was done."""
        self._visit.write(ending, self._since())

    async def refuse(self, refused: Refused, identity: str) -> None:
        """Tells the client why it gets no answer, or ends the connection if it has got a part of one."""
        if self._is_started:
            self._abort()
            return
        body = refused.body or self._form.refusal(refused.status, refused.text, identity)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if refused.retry_after is not None:
            headers.append((b"retry-after", b"%d" % max(1, round(refused.retry_after))))
        await self._start(refused.status, headers)
        await self._finish(body)

    async def pass_on(self, answer: Answer, lease: "Lease") -> None:
        """Passes an upstream's answer on. Raises `Refused` when it turns out to be none."""
        if not _can_be_said(answer):
            lease.failed("protocol")
            raise Refused(502, _NO_HTTP, Failer.UPSTREAM)
        marks = read_marks(answer.headers)
        self._visit.request_id = marks.request_id
        try:
            if self._visit.endpoint not in MODEL_ENDPOINTS and self._form.is_native:
                await self._plain(answer, marks)
            elif answer.status >= 300:
                await self._failed(answer, marks)
            elif marks.is_stream:
                await self._stream(answer, marks)
            else:
                await self._whole(answer, marks)
        except UpstreamFailure as failure:
            lease.failed(failure.kind)
            raise unanswered(failure) from None

    async def _failed(self, answer: Answer, marks: Marks) -> None:
        """An error passes as it is, with the headers that say when to try again."""
        body = await _read_all(answer)
        plain = _inflated(body, marks)
        failure = error_of(plain)
        self.end(_failing(answer.status, failure.message if failure is not None else ""))
        if self._form.is_native:
            await self._start(answer.status, answer.headers)
            await self._finish(body)
        else:
            await self._send_whole(answer, self._form.error(answer.status, plain))

    async def _whole(self, answer: Answer, marks: Marks) -> None:
        self._visit.seen = Seen()  # whoever breaks off now has begun to answer
        body = await _read_all(answer)
        plain = _inflated(body, marks)
        self._visit.seen = read_answer(plain)
        if self._form.is_native:
            failure = self._visit.seen.failure
            self.end(Ending(answer.status) if failure is None else _failing(status_of(failure.type), failure.message))
            await self._start(answer.status, answer.headers)
            await self._finish(body)
            return
        try:
            converted = self._form.whole(plain)
        except AnswerUnreadable as unreadable:
            raise Refused(502, str(unreadable), Failer.UPSTREAM) from None
        self.end(Ending(answer.status))
        await self._send_whole(answer, converted)

    async def _send_whole(self, answer: Answer, body: bytes) -> None:
        kept = [entry for entry in answer.headers if entry[0] not in _CARRIED]
        told = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await self._start(answer.status, [*kept, *told])
        await self._finish(body)

    async def _stream(self, answer: Answer, marks: Marks) -> None:
        """Passes events on as they come, reading along."""
        meter = StreamMeter()
        try:
            if self._form.is_native:
                await self._start(answer.status, answer.headers)
                await self._pass_events(answer, meter, Inflater.of(marks.encoding) if marks.encoding else None)
            else:
                await self._translate_events(answer, meter, marks)
        except BaseException:
            self._visit.seen = meter.seen
            raise
        # Whoever reads the stream sees by itself whether its message is whole: what ended properly ends so here, too.
        self._end_stream(meter, answer.status)
        await self._finish(b"")

    async def _pass_events(self, answer: Answer, meter: StreamMeter, inflater: Inflater | None) -> None:
        await answer.pour(self._reading_along(answer, meter, inflater))

    def _reading_along(self, answer: Answer, meter: StreamMeter, inflater: Inflater | None) -> Pass:
        """Passes on each piece after it was read, and the one that ends the message once the call is written down."""
        visit, passed = self._visit, self._pass
        seam, near = b"", 0

        def take(piece: bytes) -> Callable[[], Awaitable[None]] | None:
            nonlocal seam, near
            plain = piece if inflater is None else inflater.feed(piece)
            meter.feed(plain)
            if visit.first_token_ms is None and meter.saw_content:
                visit.first_token_ms = self._since()
            joined = seam + plain if seam else plain
            if near or _STOP in joined or _ERROR in joined:
                # The event may come in pieces of its own: until it ends, each of them may be the one that ends it.
                near = _still_near(near, joined)
                if meter.is_complete or meter.failure:
                    self._end_stream(meter, answer.status)
                    near = 0
            # Most pieces are whole events: nothing that matters goes on in the next one.
            seam = b"" if joined.endswith(b"\n\n") else joined[-_SEAM:]
            return passed(piece)

        return take

    async def _translate_events(self, answer: Answer, meter: StreamMeter, marks: Marks) -> None:
        translator = self._form.translator()
        inflater = Inflater.of(marks.encoding) if marks.encoding else None
        kept = [entry for entry in answer.headers if entry[0] not in _CARRIED]
        await self._start(answer.status, [*kept, (b"content-type", b"text/event-stream; charset=utf-8")])
        while piece := await answer.read():
            plain = piece if inflater is None else inflater.feed(piece)
            meter.feed(plain)
            if self._visit.first_token_ms is None and meter.saw_content:
                self._visit.first_token_ms = self._since()
            await self._send_told(translator.feed(plain), meter, answer.status)
        await self._send_told(translator.finish(), meter, answer.status)

    async def _send_told(self, told: bytes, meter: StreamMeter, status: int) -> None:
        if not told:
            return
        if meter.is_complete or meter.failure:
            self._end_stream(meter, status)
        await send_piece(self._send, told)

    def _end_stream(self, meter: StreamMeter, status: int) -> None:
        visit = self._visit
        if visit.is_written:
            return
        visit.seen = seen = meter.seen
        if seen.failure is not None:
            self.end(_failing(status_of(seen.failure.type), seen.failure.message))
        elif seen.is_complete:
            self.end(Ending(status))
        else:
            self.end(Ending(502, Failer.UPSTREAM, _CUT_SHORT))

    async def _plain(self, answer: Answer, marks: Marks) -> None:
        """Passes on what asks no model; the call is written down before the client can know that it has all.

        That is with the last piece where a length was told; a client of any other body waits for the word that it ends.
        """
        results = self._results(answer, marks)
        await self._start(answer.status, answer.headers)
        first = held = b""
        while piece := await answer.read():
            first = first or piece
            if results is not None:
                results.feed(piece)
            told, held = (piece, b"") if marks.length is None else (held, piece)
            if told:
                await send_piece(self._send, told)
        if results is not None:
            results.feed(b"")
        failure = error_of(first) if answer.status >= 400 else None
        self.end(
            Ending(answer.status)
            if answer.status < 400
            else _failing(answer.status, failure.message if failure is not None else "")
        )
        await self._finish(held)

    def _results(self, answer: Answer, marks: Marks) -> BatchResults | None:
        """What reads along where the answer is the results of a batch."""
        if answer.status != 200 or self._visit.endpoint != RESULTS:
            return None
        return BatchResults(self._visit, Inflater.of(marks.encoding) if marks.encoding else None)

    async def _start(self, status: int, headers: Headers) -> None:
        self._is_started = True
        if not _OF_ITS_ORIGIN.isdisjoint([name for name, _ in headers]):
            headers = [entry for entry in headers if entry[0] not in _OF_ITS_ORIGIN]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _finish(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _abort(self) -> None:
        if self._connection is not None:
            self._connection.abort()


def _failing(status: int, text: str) -> Ending:
    """How a call ended that an upstream refused: most often the request is to blame, else the account or its limits."""
    blamed = Failer.UPSTREAM if status in (401, 402, 403, 429) or not 400 <= status < 500 else Failer.CLIENT
    return Ending(status, blamed, text or None)


def _can_be_said(answer: Answer) -> bool:
    """Whether the head of an answer may be sent on as it is."""
    values = b"".join([value for _, value in answer.headers])
    return answer.status < 600 and len(values.translate(None, CONTROLS)) == len(values)


def _still_near(near: int, joined: bytes) -> int:
    """How far the end of a stream was named before the end of what came, as long as the event that names it goes on."""
    found = max(joined.rfind(_STOP), joined.rfind(_ERROR))
    if any(line in joined[max(found, 0) :] for line in _BLANK_LINES):
        return 0
    size = len(joined) - found if found >= 0 else near + len(joined)
    return size if size < _STOP_BYTES else 0


def _inflated(body: bytes, marks: Marks) -> bytes:
    """The body as it was before it was compressed; empty when nobody can tell."""
    if not marks.encoding:
        return body
    inflater = Inflater.of(marks.encoding)
    return b"" if inflater is None else inflater.feed(body)


async def _read_all(answer: Answer) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.read():
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST_ANSWER:
            raise Refused(502, _TOO_LARGE, Failer.UPSTREAM)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
