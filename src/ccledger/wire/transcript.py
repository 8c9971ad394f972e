"""Reads Claude Code's transcript lines into facts; it never opens a file and never fails on a line.

Only lines that hold a usage object are decoded. Which of them count, and how, is explained in
docs/explanation/where-a-number-comes-from.md. One response is written as one line per content block under the same
message id, with counts that may grow; every line becomes a fact and `core.merge` joins them.
"""

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from sys import intern
from typing import Annotated, Any, NamedTuple, cast

import msgspec
from msgspec import Meta, Struct

from ccledger.core.call import Billing, Fact, Origin, Place, Reading, Source, Terms, Timing, Usage
from ccledger.core.merge import better_reading

try:
    from stringzilla import find as _find  # pyright: ignore[reportUnknownVariableType] - it has no types
except ImportError:  # pragma: no cover - the wheel is a requirement; this serves platforms that have none

    def _find(text: bytearray, pattern: bytes, start: int, end: int) -> int:
        return text.find(pattern, start, end)


try:
    from ccledger.wire import _lines
except ImportError:
    _lines = None

_MARKER = b'"usage"'
_CWD_MARKER = b'"cwd"'
_SYNTHETIC = "<synthetic>"
_UNKNOWN_MODEL = "unknown"
_TRANSCRIPT = Source.TRANSCRIPT.value
_SOURCES = 1 << _TRANSCRIPT
_MEASURED = Origin.MEASURED.value
_FAST, _BATCH, _US_ONLY = Terms.FAST.value, Terms.BATCH.value, Terms.US_ONLY.value

_make: Callable[[type[Usage], tuple[int, ...]], Usage] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - bare, it is generic
"""Makes a named tuple in half the time: without its Python-level constructor."""

_COUNT_LIMIT = 10_000_000_000_000
"""A larger count in one call is nonsense. What this much costs still fits 64 bits."""

_SEARCH_LIMIT = 1_000_000
"""As for counts: more searches than that in one call are none."""
_EARLIEST_MS, _LATEST_MS = 1_600_000_000_000, 4_102_444_800_000
"""September 2020, before there was a Claude, and the year 2100: a clock that says otherwise tells no time."""

_Count = Annotated[int, Meta(ge=0, le=_COUNT_LIMIT)]


class FileOrigin(NamedTuple):
    """What a file's place on disk says about the lines in it."""

    folder: str
    session: str
    agent: str | None
    billing: int = Billing.API


class _Split(Struct, gc=False):
    ephemeral_5m_input_tokens: _Count | None = None
    ephemeral_1h_input_tokens: _Count | None = None


class _Tools(Struct, gc=False):
    web_search_requests: Annotated[int, Meta(ge=0, le=_SEARCH_LIMIT)] | None = None


class _Counts(Struct, gc=False):
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    cache_creation: _Split | None = None
    server_tool_use: _Tools | None = None


class _Iteration(_Counts, gc=False):
    type: str | None = None
    model: str | None = None


class _Usage(_Counts, gc=False):
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: list[_Iteration] | None = None


class _Message(Struct, gc=False):
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None


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

_Told = tuple[str | None, str | None, str | None, bool]
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
        self._places: dict[_Told, Place] = {}
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
            reading = Reading(name, _make(Usage, counts), terms, _MEASURED, complete, sidechain)
            emit(Fact(keys, Timing(_TRANSCRIPT, started_at), reading, place, started_at, None, _SOURCES))
        return position

    def _read_next(self, buffer: bytearray, position: int, stop: int) -> int:
        """Reads the next line with usage and answers where the one after it begins."""
        marker = _find(buffer, _MARKER, position, stop)
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
            line = _decode_leniently(bytes(raw))
        if line is None:
            self.unreadable += 1
            return
        message = line.message
        if line.type != "assistant" or message is None or message.usage is None or message.model == _SYNTHETIC:
            return
        if line.is_api_error_message and not _usage(message.usage).total_tokens:
            return
        started_at = _milliseconds(line.timestamp)
        if started_at is None:
            self.unreadable += 1
            return
        self._count(line, message, message.usage, started_at, raw)

    def _count(self, line: _Line, message: _Message, counts: _Usage, started_at: int, raw: memoryview) -> None:
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

    def _advise(self, line: _Line, iterations: list[_Iteration], answer: "_Open", told_at: int) -> None:
        """Another model's advice inside an answer is a call of its own; the answer's counts leave it out.

        It happened when the first line says so that tells of it, wherever reading began.
        """
        advice = [iteration for iteration in iterations if iteration.type == "advisor_message"]
        timing = Timing(_TRANSCRIPT, told_at)
        for number, iteration in enumerate(advice):
            reading = Reading(
                _storable(iteration.model or line.advisor_model or _UNKNOWN_MODEL),
                _usage(iteration),
                answer.reading.terms & ~_FAST,
                _MEASURED,
                answer.reading.complete,
                answer.reading.sidechain,
            )
            key = f"{answer.keys[0]}/advice/{number}"
            self._emit(Fact((key,), timing, reading, answer.place, told_at, None, _SOURCES))

    def _place(self, told: _Told) -> Place:
        place = self._places.get(told)
        if place is None:
            session, branch, agent, copied = told
            place = self._places[told] = Place(
                Source.TRANSCRIPT,
                session=_storable(session or self._origin.session),
                project=self.project or self._origin.folder,
                folder=self._origin.folder,
                branch=_storable(branch or "") or None,
                agent=_storable(agent or self._origin.agent or "") or None,
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
    counts: _Usage

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


def _reading(line: _Line, message: _Message, counts: _Usage, *, complete: bool) -> Reading:
    terms = _terms(counts)
    model = _storable(message.model or _UNKNOWN_MODEL)
    if terms & _FAST:
        model += "-fast"
    return Reading(model, _usage(counts), terms, _MEASURED, complete, line.is_sidechain is True)


class _Directory(Struct, gc=False):
    cwd: str | None = None


_decode_directory = msgspec.json.Decoder(_Directory).decode


def find_project(buffer: bytearray, end: int) -> tuple[int, str | None]:
    """The working directory that the first line with one names, and where that line begins; None without one."""
    position = 0
    while True:
        marker = _find(buffer, _CWD_MARKER, position, end)
        if marker < 0:
            return position, None
        start = buffer.rfind(b"\n", position, marker) + 1 or position
        position = buffer.find(b"\n", marker, end) + 1 or end
        directory = _directory(bytes(memoryview(buffer)[start:position]))
        if directory:
            return start, directory


def _directory(line: bytes) -> str | None:
    try:
        return _storable(_decode_directory(line).cwd or "") or None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _text((_decode_json(line) or {}).get("cwd"))


def _decode_leniently(raw: bytes) -> _Line | None:
    """Reads what the strict decoder refuses: bad UTF-8, lone surrogates, NUL runs, odd types in fields."""
    data = _decode_json(raw)
    return None if data is None else _line_of(data)


def _decode_json(raw: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(raw.replace(b"\0", b"").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", data) if isinstance(data, dict) else None


def _line_of(data: dict[str, Any]) -> _Line:
    message = _dict(data.get("message"))
    usage = message.get("usage")
    return _Line(
        type=_text(data.get("type")),
        timestamp=_time(data.get("timestamp")),
        session_id=_text(data.get("sessionId")),
        request_id=_text(data.get("requestId")),
        git_branch=_text(data.get("gitBranch")),
        agent_id=_text(data.get("agentId")),
        is_sidechain=data.get("isSidechain") is True,
        is_api_error_message=data.get("isApiErrorMessage") is True,
        advisor_model=_text(data.get("advisorModel")),
        forked_from=None if data.get("forkedFrom") is None else msgspec.Raw(b"{}"),
        message=_Message(
            id=_text(message.get("id")),
            model=_text(message.get("model")),
            stop_reason=_text(message.get("stop_reason")),
            usage=_usage_of(cast("dict[str, Any]", usage)) if isinstance(usage, dict) else None,
        ),
    )


def _usage_of(data: dict[str, Any]) -> _Usage:
    iterations = data.get("iterations")
    return _Usage(
        **_counts_of(data),
        service_tier=_text(data.get("service_tier")),
        speed=_text(data.get("speed")),
        inference_geo=_text(data.get("inference_geo")),
        iterations=[
            _Iteration(**_counts_of(entry), type=_text(entry.get("type")), model=_text(entry.get("model")))
            for entry in map(_dict, cast("list[object]", iterations))
        ]
        if isinstance(iterations, list)
        else None,
    )


def _counts_of(data: dict[str, Any]) -> dict[str, Any]:
    split = _dict(data.get("cache_creation"))
    return {
        "input_tokens": _count(data.get("input_tokens")),
        "output_tokens": _count(data.get("output_tokens")),
        "cache_creation_input_tokens": _count(data.get("cache_creation_input_tokens")),
        "cache_read_input_tokens": _count(data.get("cache_read_input_tokens")),
        "cache_creation": _Split(
            _count(split.get("ephemeral_5m_input_tokens")), _count(split.get("ephemeral_1h_input_tokens"))
        ),
        "server_tool_use": _Tools(_count(_dict(data.get("server_tool_use")).get("web_search_requests"), _SEARCH_LIMIT)),
    }


def _dict(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """A text that can be written as UTF-8: lone surrogates become question marks."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _storable(text: str) -> str:
    """A text that every store can look up: none takes a NUL."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _count(value: object, limit: int = _COUNT_LIMIT) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if not 0 <= value <= limit:
        return 0
    return int(value)


def _usage(counts: _Counts) -> Usage:
    split = counts.cache_creation
    five_minutes = one_hour = 0
    if split is not None:
        five_minutes = split.ephemeral_5m_input_tokens or 0
        one_hour = split.ephemeral_1h_input_tokens or 0
    rest = (counts.cache_creation_input_tokens or 0) - five_minutes - one_hour
    tools = counts.server_tool_use
    return _make(
        Usage,
        (
            counts.input_tokens or 0,
            counts.output_tokens or 0,
            five_minutes + rest if rest > 0 else five_minutes,
            one_hour,
            counts.cache_read_input_tokens or 0,
            0 if tools is None else tools.web_search_requests or 0,
        ),
    )


def _terms(usage: _Usage) -> int:
    terms = _FAST if usage.speed == "fast" else 0
    if usage.service_tier == "batch":
        terms |= _BATCH
    if usage.inference_geo == "us":
        terms |= _US_ONLY
    return terms


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
        found = _decode_json(bytes(raw))
        return _text(found.get("uuid")) if found is not None else None


def _keys(line: _Line, message: _Message, raw: memoryview, session: str) -> tuple[str, ...]:
    """By what a message is known, sorted: its own id where that is unique, else with what makes it so."""
    request = line.request_id
    if not message.id:
        own = f"line:{_uuid(raw) or blake2b(raw, digest_size=16).hexdigest()}"
    elif message.id.startswith("msg_"):
        own = f"msg:{message.id}"
    else:
        own = f"own:{message.id}/{request or line.session_id or session}"
    return (_storable(own), _storable(f"req:{request}")) if request else (_storable(own),)
