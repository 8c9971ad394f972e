"""Reads Claude Code's transcript lines into facts; it never opens a file and never fails on a line.

Only lines that hold a usage object are decoded. Which of them count, and how, is explained in
docs/explanation/where-a-number-comes-from.md. One response is written as one line per content block under the same
message id, with counts that may grow; every line becomes a fact and `core.merge` joins them.
"""

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from sys import intern
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from ccledger.core.call import Billing, Fact, Origin, Place, Reading, Source, Terms, Timing, Usage
from ccledger.core.merge import better_reading
from ccledger.wire.find import find
from ccledger.wire.usage import (
    Iteration,
    Told,
    advice_in,
    advice_key,
    decode_leniently,
    make_usage,
    message_key,
    model_name,
    object_in,
    storable,
    terms_of,
    text_in,
    told_in,
    usage_of,
    with_request,
)

try:
    from ccledger.wire import _lines
except ImportError:
    _lines = None

_MARKER = b'"usage"'
_CWD_MARKER = b'"cwd"'
_SYNTHETIC = "<synthetic>"
_TRANSCRIPT = Source.TRANSCRIPT.value
_SOURCES = 1 << _TRANSCRIPT
_MEASURED = Origin.MEASURED.value
_FAST = Terms.FAST.value

_EARLIEST_MS, _LATEST_MS = 1_600_000_000_000, 4_102_444_800_000
"""September 2020, before there was a Claude, and the year 2100: a clock that says otherwise tells no time."""


class FileOrigin(NamedTuple):
    """What a file's place on disk says about the lines in it."""

    folder: str
    session: str
    agent: str | None
    billing: int = Billing.API


class _Message(Struct, gc=False):
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Told | None = None


class _Line(Struct, gc=False, rename="camel"):
    type: str | None = None
    timestamp: datetime | None = None
    session_id: str | None = None
    request_id: str | None = None
    git_branch: str | None = None
    agent_id: str | None = None
    is_sidechain: bool | None = None
    is_api_error_message: bool | None = None
    advisor_model: str | None = None
    forked_from: msgspec.Raw | None = None
    message: _Message | None = None


_decode = msgspec.json.Decoder(_Line).decode

_Where = tuple[str | None, str | None, str | None, bool]
"""What a line says of its place: session, branch, agent, and whether it was copied from elsewhere."""


class TranscriptReader:
    """Turns the bytes of one transcript file into facts, a buffer at a time."""

    def __init__(self, origin: FileOrigin, emit: Callable[[Fact], None], project: str | None = None) -> None:
        self.project = project
        """The directory the session started in, once a line has told it."""
        self.unreadable = 0
        """Lines that look like usage but are no JSON, or tell no time."""
        self._origin = origin
        self._emit = emit
        self._places: dict[_Where, Place] = {}
        self._open: _Open | None = None

    def read(self, buffer: bytearray, end: int, *, final: bool = False) -> int:
        """Reads the whole lines in `buffer[:end]` and answers how many bytes they are.

        With `final` an unfinished last line is read too if it is complete JSON, but not counted as consumed, so that
        it is read again once it has its end; reading twice is harmless.
        """
        stop = buffer.rfind(b"\n", 0, end) + 1
        named_at, name = (0, None) if self.project is not None else find_project(buffer, stop)
        if name is not None:
            self._read_lines(buffer, 0, named_at)
            self._settle(name)
        self._read_lines(buffer, named_at if name is not None else 0, stop)
        if final and buffer.find(_MARKER, stop, end) >= 0:
            unreadable = self.unreadable
            self._take_from(buffer, stop, end)
            self.unreadable = unreadable
        self._close()
        return stop

    def _read_lines(self, buffer: bytearray, position: int, stop: int) -> None:
        while position < stop:
            position = self._read_next(buffer, self._read_plain(buffer, position, stop), stop)

    def _read_plain(self, buffer: bytearray, position: int, stop: int) -> int:
        """Reads plain lines in bulk, if that is compiled; answers where the first other one begins."""
        if _lines is None:
            return position
        self._close()
        answers, position = _lines.read(buffer, position, stop)
        emit, last, place = self._emit, None, None
        for keys, told, model, started_at, terms, complete, sidechain, counts in answers:
            if told is not last:
                last, place = told, self._place(told)
            # The booking knows a model's name again by its object.
            name = intern(f"{model}-fast") if terms & _FAST else model
            reading = Reading(name, make_usage(Usage, counts), terms, _MEASURED, complete, sidechain)
            emit(Fact(keys, Timing(_TRANSCRIPT, started_at), reading, place, started_at, None, _SOURCES))
        return position

    def _read_next(self, buffer: bytearray, position: int, stop: int) -> int:
        """Reads the next line with usage and answers where the one after it begins."""
        marker = find(buffer, _MARKER, position, stop)
        if marker < 0:
            return stop
        start = buffer.rfind(b"\n", position, marker) + 1 or position
        end = buffer.find(b"\n", marker, stop)
        self._take_from(buffer, start, end)
        return end + 1

    def _take_from(self, buffer: bytearray, start: int, end: int) -> None:
        with memoryview(buffer) as view, view[start:end] as raw:
            self._take(raw)

    def _settle(self, project: str) -> None:
        """From here on calls belong to this project; those before have but the name of their folder."""
        self.project = project
        self._places.clear()

    def _take(self, raw: memoryview) -> None:
        try:
            line = _decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            line = _line_in(bytes(raw))
        if line is None:
            self.unreadable += 1
            return
        message = line.message
        if line.type != "assistant" or message is None or message.usage is None or message.model == _SYNTHETIC:
            return
        if line.is_api_error_message and not usage_of(message.usage).total_tokens:
            return
        started_at = _milliseconds(line.timestamp)
        if started_at is None:
            self.unreadable += 1
            return
        self._count(line, message, message.usage, started_at, raw)

    def _count(self, line: _Line, message: _Message, counts: Told, started_at: int, raw: memoryview) -> None:
        """Adds a line to the message that is being read, or begins the next message with it."""
        place = self._place((line.session_id, line.git_branch, line.agent_id, line.forked_from is not None))
        complete = line.is_sidechain is not True or message.stop_reason is not None
        opened = self._open
        if opened is None or not opened.is_continued_by(line, message, place):
            self._close()
            keys = _keys(line, message, raw, self._origin.session)
            reading = _reading(line, message, counts, complete=complete)
            opened = self._open = _Open(
                keys, message, line.request_id, line.is_sidechain, place, started_at, reading, counts
            )
        else:
            opened.started_at = min(opened.started_at, started_at)
            if counts != opened.counts or complete != opened.reading.complete:
                opened.reading = better_reading(opened.reading, _reading(line, message, counts, complete=complete))
                opened.counts = counts
        if counts.iterations:
            self._advise(line, counts.iterations, opened, started_at)

    def _close(self) -> None:
        """Hands on the message that was being read."""
        opened = self._open
        if opened is not None:
            self._open = None
            timing = Timing(_TRANSCRIPT, opened.started_at)
            self._emit(Fact(opened.keys, timing, opened.reading, opened.place, opened.started_at, None, _SOURCES))

    def _advise(self, line: _Line, iterations: list[Iteration], answer: "_Open", told_at: int) -> None:
        """Another model's advice inside an answer is a call of its own; the answer's counts leave it out.

        It happened when the first line says so that tells of it, wherever reading began.
        """
        timing = Timing(_TRANSCRIPT, told_at)
        for number, iteration in enumerate(advice_in(iterations)):
            reading = Reading(
                model_name(iteration.model or line.advisor_model, 0),
                usage_of(iteration),
                answer.reading.terms & ~_FAST,
                _MEASURED,
                answer.reading.complete,
                answer.reading.sidechain,
            )
            key = advice_key(answer.keys[0], number)
            self._emit(Fact((key,), timing, reading, answer.place, told_at, None, _SOURCES))

    def _place(self, told: _Where) -> Place:
        place = self._places.get(told)
        if place is None:
            session, branch, agent, copied = told
            place = self._places[told] = Place(
                Source.TRANSCRIPT,
                session=storable(session or self._origin.session),
                project=self.project or self._origin.folder,
                folder=self._origin.folder,
                branch=storable(branch or "") or None,
                agent=storable(agent or self._origin.agent or "") or None,
                copied=copied,
                billing=self._origin.billing,
            )
        return place


class _Open(Struct, gc=False):
    """The message that is being read: its lines so far, joined."""

    keys: tuple[str, ...]
    message: _Message
    request_id: str | None
    sidechain: bool | None
    place: Place
    started_at: int
    reading: Reading
    counts: Told

    def is_continued_by(self, line: _Line, message: _Message, place: Place) -> bool:
        """Whether a line is another block of this message, and not a copy of it from elsewhere."""
        return (
            message.id == self.message.id
            and message.id is not None
            and line.request_id == self.request_id
            and line.is_sidechain == self.sidechain
            and message.model == self.message.model
            and place is self.place
        )


def _reading(line: _Line, message: _Message, counts: Told, *, complete: bool) -> Reading:
    terms = terms_of(counts)
    return Reading(
        model_name(message.model, terms), usage_of(counts), terms, _MEASURED, complete, line.is_sidechain is True
    )


class _Directory(Struct, gc=False):
    cwd: str | None = None


_decode_directory = msgspec.json.Decoder(_Directory).decode


def find_project(buffer: bytearray, end: int) -> tuple[int, str | None]:
    """The working directory that the first line with one names, and where that line begins; None without one."""
    position = 0
    while True:
        marker = find(buffer, _CWD_MARKER, position, end)
        if marker < 0:
            return position, None
        start = buffer.rfind(b"\n", position, marker) + 1 or position
        position = buffer.find(b"\n", marker, end) + 1 or end
        directory = _directory(bytes(memoryview(buffer)[start:position]))
        if directory:
            return start, directory


def _directory(line: bytes) -> str | None:
    try:
        return storable(_decode_directory(line).cwd or "") or None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return text_in((decode_leniently(line) or {}).get("cwd"))


def _line_in(raw: bytes) -> _Line | None:
    """Reads what the strict decoder refuses: bad UTF-8, lone surrogates, NUL runs, odd types in fields."""
    data = decode_leniently(raw)
    return None if data is None else _line_of(data)


def _line_of(data: dict[str, Any]) -> _Line:
    message = object_in(data.get("message"))
    return _Line(
        type=text_in(data.get("type")),
        timestamp=_time(data.get("timestamp")),
        session_id=text_in(data.get("sessionId")),
        request_id=text_in(data.get("requestId")),
        git_branch=text_in(data.get("gitBranch")),
        agent_id=text_in(data.get("agentId")),
        is_sidechain=data.get("isSidechain") is True,
        is_api_error_message=data.get("isApiErrorMessage") is True,
        advisor_model=text_in(data.get("advisorModel")),
        forked_from=None if data.get("forkedFrom") is None else msgspec.Raw(b"{}"),
        message=_Message(
            id=text_in(message.get("id")),
            model=text_in(message.get("model")),
            stop_reason=text_in(message.get("stop_reason")),
            usage=told_in(message.get("usage")),
        ),
    )


def _milliseconds(time: datetime | None) -> int | None:
    """Whole milliseconds since 1970; None for a time that is missing, has no zone or lies far off."""
    if time is None or time.tzinfo is None:
        return None
    try:
        milliseconds = round(time.timestamp() * 1_000_000) // 1000
    except OverflowError:
        return None
    return milliseconds if _EARLIEST_MS <= milliseconds < _LATEST_MS else None


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


class _Identity(Struct, gc=False):
    uuid: str | None = None


def _uuid(raw: memoryview) -> str | None:
    """The id of a line, which matters only where its message has none."""
    try:
        return msgspec.json.decode(raw, type=_Identity).uuid
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        found = decode_leniently(bytes(raw))
        return text_in(found.get("uuid")) if found is not None else None


def _keys(line: _Line, message: _Message, raw: memoryview, session: str) -> tuple[str, ...]:
    """By what a message is known, sorted: its own id where that is unique, else with what makes it so."""
    request = line.request_id
    if message.id:
        own = message_key(message.id, request or line.session_id or session)
    else:
        own = storable(f"line:{_uuid(raw) or blake2b(raw, digest_size=16).hexdigest()}")
    return with_request(own, request)
