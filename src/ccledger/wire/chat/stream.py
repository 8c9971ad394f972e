"""Turns Anthropic's event stream into a stream of chat completion chunks, piece by piece; it never waits for more.

It keeps what is not yet a whole event, and a few numbers; never what was said. Lines end in LF or CRLF.
Source of the events: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ccledger.wire.chat.answer import (
    Block,
    Citation,
    Note,
    Stop,
    Usage,
    read_block,
    thought_told,
    tier_told,
    usage_told,
)
from ccledger.wire.chat.errors import error_body, error_event
from ccledger.wire.chat.request import Ask

Json = dict[str, Any]

_LONGEST_EVENT = 16 << 20
"""No event of Anthropic's comes near; a larger one would fill the memory."""
_PING = b": ping\n\n"
"""A comment: it keeps the connection awake, and clients pass over it."""
_DONE = b"data: [DONE]\n\n"
_EMPTY = Raw(b"{}")
_NO_INPUT = (b"", b"{}", b"null")


class _Delta(Stop):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: Citation | None = None


class _Start(Struct):
    id: str = ""
    model: str = ""
    usage: Usage | None = None


class _Event(Struct):
    type: str = ""


class _BlockEvent(Struct):
    index: int = 0
    content_block: Raw = _EMPTY
    delta: _Delta | None = None


class _MessageEvent(Struct):
    message: _Start | None = None
    delta: _Delta | None = None
    usage: Usage | None = None


@dataclass
class _Call:
    """A tool call that is being written."""

    index: int
    input: Raw
    """What it began with: some upstreams tell the whole input at once."""
    begun: bool = False


_decode = msgspec.json.Decoder(_Event).decode
_decode_of_block = msgspec.json.Decoder(_BlockEvent).decode
_decode_of_message = msgspec.json.Decoder(_MessageEvent).decode
_encode = msgspec.json.encode


class ChunkWriter:
    """Fed with an upstream's stream as it comes, gives the client's stream as far as it can be told by then."""

    def __init__(self, ask: Ask, created: int) -> None:
        """`created` is in seconds since 1970; every chunk repeats it."""
        self._ask = ask
        self._created = created
        self._rest = bytearray()
        """The line that has not ended yet."""
        self._searched = 0
        self._data = bytearray()
        """The data lines of the event that has not ended yet."""
        self._head, self._tail = b"", b""
        self._out: list[bytes] = []
        self._calls: dict[int, _Call] = {}
        self._called = 0
        self._written = 0
        self._block_start = 0
        self._usage = Usage()
        self._finished = False
        self._closed = False

    @property
    def complete(self) -> bool:
        """Whether the stream came to its proper end, or to an error that the client was told."""
        return self._closed

    def feed(self, chunk: bytes) -> bytes:
        """What the client gets for these bytes; b"" when that is nothing yet."""
        if self._closed:
            return b""
        self._rest += chunk
        begin = 0
        while not self._closed and (end := self._rest.find(b"\n", max(self._searched, begin))) >= 0:
            self._line(bytes(self._rest[begin:end]))
            begin = end + 1
        del self._rest[:begin]
        self._searched = len(self._rest)
        if len(self._rest) + len(self._data) > _LONGEST_EVENT:
            self._fail("The upstream sent an event that is too large.")
        if self._closed:
            self._rest.clear()
        told = b"".join(self._out)
        self._out.clear()
        return told

    def finish(self) -> bytes:
        """What the client gets when the upstream sends no more: an error if the answer is not whole."""
        last = self.feed(b"\n\n")  # some upstreams leave out the blank line after the last event
        if self._closed:
            return last
        self._fail("The upstream's answer ended too early: what came of it is not whole.")
        told = last + b"".join(self._out)
        self._out.clear()
        return told

    def _line(self, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        if line.startswith(b"data:"):
            if self._data:
                self._data += b"\n"
            self._data += line[5:]
        elif not line and self._data:
            data = bytes(self._data)
            self._data.clear()
            self._event(data)

    def _event(self, data: bytes) -> None:
        try:
            type_ = _decode(data).type
            if type_ in ("content_block_delta", "content_block_start", "content_block_stop"):
                self._of_block(type_, _decode_of_block(data))
            elif type_ in ("message_start", "message_delta", "message_stop"):
                self._of_message(type_, _decode_of_message(data))
            elif type_ == "ping":
                self._out.append(_PING)
            elif type_ == "error":
                self._out.append(error_event(data))
                self._closed = True
        except (ValueError, RecursionError):
            self._fail("The upstream sent an event that can't be read.")

    def _of_block(self, type_: str, event: _BlockEvent) -> None:
        if type_ == "content_block_delta":
            if event.delta is not None:
                self._delta(event.index, event.delta)
        elif type_ == "content_block_start":
            block = read_block(event.content_block)
            if block is not None:
                self._block(event.index, block)
        elif (call := self._calls.pop(event.index, None)) and not call.begun:
            whole = bytes(call.input)
            self._arguments(call, "{}" if whole in _NO_INPUT else whole.decode())

    def _of_message(self, type_: str, event: _MessageEvent) -> None:
        usage = event.usage if event.message is None else event.message.usage
        if usage is not None:
            self._count(usage)
        if type_ == "message_start":
            self._begin(event.message or _Start())
        elif type_ == "message_delta":
            if event.delta is not None and event.delta.stop_reason:
                self._end(event.delta)
        else:
            self._end(Stop())
            if self._ask.include_usage:
                self._out.append(self._usage_chunk())
            self._out.append(_DONE)
            self._closed = True

    def _begin(self, start: _Start) -> None:
        told: Json = {
            "id": start.id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": start.model or self._ask.model,
            "system_fingerprint": None,
        }
        if self._usage.service_tier:
            told["service_tier"] = tier_told(self._usage.service_tier)
        self._head = b"data: " + _encode(told)[:-1] + b',"choices":['
        self._tail = b',"usage":null}\n\n' if self._ask.include_usage else b"}\n\n"
        self._tell({"role": "assistant", "content": ""})

    def _block(self, index: int, block: Block) -> None:
        if block.type == "tool_use":
            self._call(index, block)
            return
        if block.type == "text":
            self._block_start = self._written
            self._say(block.text)
        elif block.thinking:
            self._tell({"reasoning_content": block.thinking})
        elif block.type == "redacted_thinking" and self._ask.thoughts:
            self._tell({"thinking_blocks": [thought_told(block)]})

    def _call(self, index: int, block: Block) -> None:
        self._calls[index] = call = _Call(self._called, block.input)
        self._called += 1
        function = {"name": block.name, "arguments": ""}
        if not self._ask.old_calls:
            told = {"index": call.index, "id": block.id, "type": "function", "function": function}
            self._tell({"tool_calls": [told]})
        elif call.index == 0:
            self._tell({"function_call": function})

    def _delta(self, index: int, delta: _Delta) -> None:
        if delta.type == "text_delta":
            self._say(delta.text)
        elif delta.type == "input_json_delta":
            call = self._calls.get(index)
            if call is not None and delta.partial_json:
                call.begun = True
                self._arguments(call, delta.partial_json)
        elif delta.type == "thinking_delta" and delta.thinking:
            self._tell({"reasoning_content": delta.thinking})
        elif delta.type == "signature_delta" and self._ask.thoughts:
            self._tell({"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": delta.signature}]})
        elif delta.type == "citations_delta" and delta.citation is not None and delta.citation.url:
            note = Note(delta.citation, self._block_start, self._written)
            self._tell({"annotations": [note.annotation()]})

    def _say(self, text: str) -> None:
        if text:
            self._written += len(text)
            self._tell({"content": text})

    def _arguments(self, call: _Call, part: str) -> None:
        if not self._ask.old_calls:
            self._tell({"tool_calls": [{"index": call.index, "function": {"arguments": part}}]})
        elif call.index == 0:
            self._tell({"function_call": {"arguments": part}})

    def _tell(self, delta: Json, reason: str | None = None) -> None:
        if not self._head:
            self._begin(_Start())
        choice: Json = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        self._out.append(self._head + _encode(choice) + b"]" + self._tail)

    def _end(self, stop: Stop) -> None:
        if self._finished:
            return
        self._finished = True
        refusal = stop.refusal()
        if refusal is not None:
            self._tell({"refusal": refusal})
        self._tell({}, stop.finish(old_calls=self._ask.old_calls))

    def _count(self, told: Usage) -> None:
        """Counts are totals so far, and an event may leave some out: the last that was told counts."""
        for name in Usage.__struct_fields__:
            value = getattr(told, name)
            if value is not None:
                setattr(self._usage, name, value)

    def _usage_chunk(self) -> bytes:
        return self._head + b'],"usage":' + _encode(usage_told(self._usage)) + b"}\n\n"

    def _fail(self, sentence: str) -> None:
        self._out.append(b"data: " + error_body(sentence, "server_error", code="upstream_incomplete") + b"\n\n")
        self._closed = True
