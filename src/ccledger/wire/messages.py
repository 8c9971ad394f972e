"""Reads what Messages API answers say of their tokens: whole, streamed, failed, in a batch; it never changes one.

What a call comes to, `measure`, is worked out from what was asked and what was seen of the answer, however far it came.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from ccledger.core.call import Origin, Reading, Terms, Usage
from ccledger.wire.asked import Asked, estimate_tokens
from ccledger.wire.find import find
from ccledger.wire.usage import (
    Iteration,
    Split,
    Told,
    Tools,
    advice_in,
    advice_key,
    decode_leniently,
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

_FAST = Terms.FAST.value
_LONGEST_ERROR = 2_000
_LONGEST_NAME = 256
"""Characters of a message's id or a model's name."""


class Failure(NamedTuple):
    """What an answer says went wrong."""

    type: str
    message: str


class Seen(NamedTuple):
    """What was seen of an answer until it ended, or until somebody went away."""

    message: str = ""
    """The id of the message; empty when it was not told."""
    model: str = ""
    told: Told | None = None
    """The newest counts: each the last that was told."""
    is_complete: bool = False
    """The answer came to its own end."""
    has_output: bool = False
    """A count of the output was told after it was made, not only the one that a stream begins with."""
    stop_reason: str | None = None
    failure: Failure | None = None
    text_bytes: int = 0
    """Bytes of output text, thinking and tool input; counted only while the final counts are missing."""

    @property
    def is_counted(self) -> bool:
        """Whether the counts are the final ones."""
        return self.has_output and (self.is_complete or self.stop_reason is not None)


class Metered(NamedTuple):
    """A call as the gateway measured it; time, place and party are added by who saw them."""

    keys: tuple[str, ...]
    reading: Reading


class Names(NamedTuple):
    """By what a call is known beside the id of its message."""

    own: str
    """An id that nobody else has: the key of a call whose answer named none."""
    request: str | None = None
    """The provider's id of the request (the header `request-id`)."""
    session: str = ""


class _Message(Struct, gc=False):
    id: str | None = None
    type: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Told | None = None


class _Delta(Struct, gc=False):
    stop_reason: str | None = None


class _Event(Struct, gc=False):
    type: str | None = None
    message: _Message | None = None
    delta: _Delta | None = None
    usage: Told | None = None


class _Content(Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None


class _ContentEvent(Struct, gc=False):
    delta: _Content | None = None


class _Contents(Struct, gc=False):
    content: list[_Content] | None = None


class _Failed(Struct, gc=False):
    error: Any = None


class _Result(Struct, gc=False):
    type: str | None = None
    message: msgspec.Raw = msgspec.Raw()


class _BatchLine(Struct, gc=False):
    custom_id: str | None = None
    result: _Result | None = None


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_content = msgspec.json.Decoder(_ContentEvent).decode
_decode_contents = msgspec.json.Decoder(_Contents).decode
_decode_failed = msgspec.json.Decoder(_Failed).decode
_decode_batch_line = msgspec.json.Decoder(_BatchLine).decode
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_START, _DELTA, _STOP = "message_start", "message_delta", "message_stop"
_MARK = b'"message_'
"""Begins the type of each event that is read; inside a text it could not stand unescaped."""
_CONTENT = b'"content_block_delta"'
_ERROR = b'"error"'
_HELD = 1 << 14
"""How many bytes of a stream are kept before they are read: as many for each of a thousand streams."""
_LARGEST_EVENT = 1 << 20
"""A larger event is passed over: those with counts are small."""


class StreamMeter:
    """Sees a stream go by, in any pieces, and tells what it says of tokens.

    Feeding only keeps the bytes. They are read when there are many of them, or when somebody asks.
    """

    def __init__(self) -> None:
        self.saw_content = False
        """Whether the first piece of content has gone by."""
        self._seam = b""
        self._held: list[bytes] = []
        self._size = 0
        self._most = _HELD
        self._read_to = 0
        self._is_inside_large = False
        self._seen = Seen()
        self._text_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes of the stream."""
        self._held.append(chunk)
        self._size += len(chunk)
        if not self.saw_content:
            self._look_for_content(chunk)
        if self._size > self._most:
            self._let_go()

    @property
    def is_complete(self) -> bool:
        """Whether the stream came to its own end."""
        self._read()
        return self._seen.is_complete

    @property
    def failure(self) -> Failure | None:
        """The error that the stream told of in its middle."""
        self._read()
        return self._seen.failure

    @property
    def seen(self) -> Seen:
        """What was seen up to now."""
        self._read()
        if self._seen.is_counted:
            return self._seen
        self._let_go()
        # As in `_read`: the last event may lack its blank line. It stays to be counted again when there is more.
        rest = self._held[0]
        last = _text_bytes(rest) if rest.rstrip().endswith(b"}") else 0
        return self._seen._replace(text_bytes=self._text_bytes + last)

    def _look_for_content(self, chunk: bytes) -> None:
        seam = self._seam + chunk
        self.saw_content = _CONTENT in seam
        self._seam = seam[1 - len(_CONTENT) :]

    def _read(self) -> bytes:
        """Reads the marks of what is held and new, and answers all that is held."""
        data = _with_plain_ends(b"".join(self._held))
        if self._is_inside_large:
            data = self._skip_large(data)
        last = data.rfind(b"\n\n")
        if last + 2 > max(self._read_to, 1):
            self._read_marks(data, self._read_to, last + 2)
            self._read_to = last + 2
        # Some upstreams leave out the blank line after the last event.
        if data[self._read_to :].rstrip().endswith(b"}"):
            self._read_marks(data, self._read_to, len(data))
        self._held = [data]
        self._size = len(data)
        return data

    def _let_go(self) -> None:
        """Reads everything that is held and keeps the beginning of the next event only."""
        data = self._read()
        self._text_bytes += _text_bytes(data[: self._read_to])
        rest = data[self._read_to :]
        if len(rest) > _LARGEST_EVENT:
            self._is_inside_large, rest = True, rest[-2:]
        self._held, self._size, self._read_to = [rest], len(rest), 0
        self._most = max(_HELD, 2 * len(rest))

    def _skip_large(self, data: bytes) -> bytes:
        end = data.find(b"\n\n")
        if end < 0:
            return data[-2:]
        self._is_inside_large = False
        return data[end + 2 :]

    def _read_marks(self, data: bytes, start: int, end: int) -> None:
        at = find(data, _MARK, start, end)
        while at >= 0:
            event, after = _event_around(data, at, start, end)
            self._seen = _after_event(self._seen, _payload(event))
            at = find(data, _MARK, after, end)
        at = find(data, _ERROR, start, end)
        while at >= 0:
            event, after = _event_around(data, at, start, end)
            self._seen = self._seen._replace(failure=error_of(_payload(event)) or self._seen.failure)
            at = find(data, _ERROR, after, end)


def _with_plain_ends(data: bytes) -> bytes:
    """The same lines, each ended by a line feed; a last carriage return stays, its line feed may yet come."""
    if b"\r" not in data:
        return data
    last = data.endswith(b"\r")
    plain = data[: len(data) - last].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return plain + b"\r" if last else plain


def _event_around(data: bytes, at: int, start: int, end: int) -> tuple[bytes, int]:
    """The event in which a place is, and where the next one begins."""
    begin = data.rfind(b"\n\n", start, at)
    stop = data.find(b"\n\n", at, end)
    stop = end if stop < 0 else stop
    return data[start if begin < 0 else begin + 2 : stop], stop


def _payload(event: bytes) -> bytes:
    lines = event.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return b"\n".join([line[5:] for line in lines if line.startswith(b"data:")])


def _after_event(seen: Seen, payload: bytes) -> Seen:
    try:
        event = _decode_event(payload)
    except _NO_JSON:
        event = _event_in(decode_leniently(payload) or {})
    if event.type == _START and event.message is not None:
        return _after_message(seen, event.message)
    if event.type == _DELTA:
        stop_reason = seen.stop_reason if event.delta is None else event.delta.stop_reason or seen.stop_reason
        told = event.usage
        has_output = seen.has_output or (told is not None and told.output_tokens is not None)
        return seen._replace(told=_newer(seen.told, told), stop_reason=stop_reason, has_output=has_output)
    return seen._replace(is_complete=True) if event.type == _STOP else seen


def _event_in(data: dict[str, Any]) -> _Event:
    return _Event(
        type=text_in(data.get("type")),
        message=_message_in(object_in(data.get("message"))),
        delta=_Delta(text_in(object_in(data.get("delta")).get("stop_reason"))),
        usage=told_in(data.get("usage")),
    )


def _message_in(data: dict[str, Any]) -> _Message:
    return _Message(
        id=text_in(data.get("id")),
        model=text_in(data.get("model")),
        stop_reason=text_in(data.get("stop_reason")),
        usage=told_in(data.get("usage")),
    )


def _after_message(seen: Seen, message: _Message) -> Seen:
    return seen._replace(
        message=_brief(message.id) or seen.message,
        model=_brief(message.model) or seen.model,
        told=_newer(seen.told, message.usage),
        stop_reason=message.stop_reason or seen.stop_reason,
    )


def _brief(name: str | None) -> str:
    """A name as one may be: what is longer is none, and not to be kept for every call."""
    return name if name is not None and len(name) <= _LONGEST_NAME else ""


def _newer(old: Told | None, new: Told | None) -> Told | None:
    """The counts after more were told. They are totals, never added; what is not told again stays as it was.

    A zero takes no input back: some upstreams count it in the first event and write zeros into the last.
    """
    if old is None or new is None:
        return old or new
    return Told(
        input_tokens=new.input_tokens or old.input_tokens,
        output_tokens=old.output_tokens if new.output_tokens is None else new.output_tokens,
        cache_creation_input_tokens=new.cache_creation_input_tokens or old.cache_creation_input_tokens,
        cache_read_input_tokens=new.cache_read_input_tokens or old.cache_read_input_tokens,
        cache_creation=_newer_split(old.cache_creation, new.cache_creation),
        server_tool_use=_newer_tools(old.server_tool_use, new.server_tool_use),
        service_tier=new.service_tier or old.service_tier,
        speed=new.speed or old.speed,
        inference_geo=new.inference_geo or old.inference_geo,
        iterations=old.iterations if new.iterations is None else new.iterations,
    )


def _newer_split(old: Split | None, new: Split | None) -> Split | None:
    if old is None or new is None:
        return old or new
    return Split(
        new.ephemeral_5m_input_tokens or old.ephemeral_5m_input_tokens,
        new.ephemeral_1h_input_tokens or old.ephemeral_1h_input_tokens,
    )


def _newer_tools(old: Tools | None, new: Tools | None) -> Tools | None:
    return old if new is None or new.web_search_requests is None else new


def _text_bytes(events: bytes) -> int:
    """Bytes of text, thinking and tool input in the events of a stream."""
    return sum(_content_bytes(_payload(event)) for event in events.split(b"\n\n") if _CONTENT in event)


def _content_bytes(payload: bytes) -> int:
    try:
        delta = _decode_content(payload).delta
    except _NO_JSON:
        told = object_in((decode_leniently(payload) or {}).get("delta"))
        delta = _Content(*(text_in(told.get(name)) for name in _Content.__struct_fields__))
    return 0 if delta is None else _bytes_in(delta)


def _bytes_in(content: _Content) -> int:
    text = content.text or content.partial_json or content.thinking or ""
    return len(text) if text.isascii() else len(text.encode())


def read_answer(body: bytes) -> Seen:
    """What a whole answer in JSON says; nothing seen where it is none, for example when it was cut short."""
    try:
        message = _decode_message(body)
    except _NO_JSON:
        data = decode_leniently(body)
        if data is None:
            return Seen()
        message = _message_in(data)
    failure = error_of(body) if message.usage is None else None
    seen = _after_message(Seen(is_complete=failure is None, failure=failure), message)
    if message.usage is None:
        return seen._replace(text_bytes=_answered_bytes(body))
    return seen._replace(has_output=True)


def _answered_bytes(body: bytes) -> int:
    try:
        contents = _decode_contents(body).content
    except _NO_JSON:
        return 0
    return sum(map(_bytes_in, contents or ()))


def error_of(body: bytes) -> Failure | None:
    """The error that an answer or an event tells of, in Anthropic's form or OpenAI's; None when it tells of none."""
    try:
        error: object = _decode_failed(body).error
    except _NO_JSON:
        error = (decode_leniently(body) or {}).get("error")
    if isinstance(error, str):
        return Failure("", _error_text(error))
    told = object_in(error)
    return Failure(_error_text(told.get("type")), _error_text(told.get("message"))) if told else None


def _error_text(value: object) -> str:
    return storable(text_in(value) or "")[:_LONGEST_ERROR]


def measure(asked: Asked, seen: Seen | None, names: Names) -> tuple[Metered, ...]:
    """The calls that a request came to: itself first, then another model's advice inside its answer.

    `seen` is None when nothing was sent to an upstream or it refused: then no tokens were used, and that is measured.
    Counts that were not told are estimated from the length of the texts, and so marked.
    """
    if seen is None or (seen.failure is not None and seen.told is None):
        return (Metered(_keys(seen or Seen(), names), Reading(model_name(asked.model, 0), Usage())),)
    return _metered(_reading(asked, seen), seen, _keys(seen, names))


def read_batch_result(line: bytes) -> tuple[Metered, ...]:
    """The calls that a line of a batch's results came to; none for a request that failed, and for any other line."""
    try:
        told = _decode_batch_line(line)
    except _NO_JSON:
        return ()
    if told.result is None or told.result.type != "succeeded":
        return ()
    seen = read_answer(bytes(told.result.message))
    if seen.told is None or not seen.message:
        return ()
    seen.told.service_tier = "batch"
    own = message_key(seen.message, told.custom_id or "")
    return _metered(_reading(Asked(seen.model), seen), seen, (own,))


def _keys(seen: Seen, names: Names) -> tuple[str, ...]:
    if seen.message:
        own = message_key(seen.message, names.request or names.session or names.own)
    else:
        own = storable(f"call:{names.own}")
    return with_request(own, names.request)


def _reading(asked: Asked, seen: Seen) -> Reading:
    told = seen.told
    written = estimate_tokens(seen.text_bytes)
    if told is None:
        read = Usage(input_tokens=estimate_tokens(asked.text_bytes), output_tokens=written)
        return Reading(_model(asked, seen, asked.terms), read, asked.terms, Origin.ESTIMATED, complete=False)
    terms, usage = terms_of(told), usage_of(told)
    model = _model(asked, seen, terms)
    if seen.is_counted:
        return Reading(model, usage, terms)
    usage = usage._replace(output_tokens=max(usage.output_tokens, written))
    return Reading(model, usage, terms, Origin.ESTIMATED, complete=False)


def _model(asked: Asked, seen: Seen, terms: int) -> str:
    """Who answered: of several, the one that the first handed over to."""
    steps = (seen.told and seen.told.iterations) or ()
    served = [step.model for step in steps if step.type == "fallback_message" and step.model]
    return model_name(served[-1] if served else seen.model or asked.model, terms)


def _metered(reading: Reading, seen: Seen, keys: tuple[str, ...]) -> tuple[Metered, ...]:
    steps = (seen.told and seen.told.iterations) or ()
    advice = [
        Metered((advice_key(keys[0], number),), _advice(step, reading)) for number, step in enumerate(advice_in(steps))
    ]
    return (Metered(keys, reading), *advice)


def _advice(step: Iteration, answer: Reading) -> Reading:
    terms = answer.terms & ~_FAST
    return Reading(model_name(step.model, terms), usage_of(step), terms, complete=answer.complete)
