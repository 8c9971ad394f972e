"""Says a Messages request in the words of a claude.ai-style chat backend, and its answer in those of Messages.

Such a backend takes one text and answers one. What a request holds beside text is not left out in silence: it is
refused. The backend counts no tokens, so that all usage told here is an estimate. It sends nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from ccledger.wire.asked import estimate_tokens
from ccledger.wire.refusal import anthropic_error

_LONGEST_EVENT = 1 << 20
_encode = msgspec.json.Encoder().encode


class NotCarried(ValueError):
    """A request that such a backend can't be asked; the text says why."""


class Prompt(NamedTuple):
    """A request as one text."""

    text: str
    model: str
    is_stream: bool


def read_prompt(body: bytes) -> Prompt:
    """The request in a body of `POST /v1/messages`. Raises `NotCarried`."""
    try:
        asked = msgspec.json.decode(body)
        turns = [(turn["role"], _text(turn["content"])) for turn in asked["messages"]]
        system, model = _text(asked.get("system") or ""), asked["model"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError):
        raise NotCarried("The request body must be a JSON object with a model and messages") from None
    if asked.get("tools"):
        raise NotCarried("tools: mode web carries text only; use an account of mode api")
    if not turns or not isinstance(model, str):
        raise NotCarried("messages: at least one message is required, and the name of a model")
    return Prompt(_flatten(system, turns), model, asked.get("stream") is True)


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = cast("Sequence[Mapping[str, Any]]", content)
    foreign = sorted({str(block["type"]) for block in blocks if block["type"] != "text"})
    if foreign:
        raise NotCarried(f"messages: mode web carries text only, and no {', '.join(foreign)}")
    return "\n\n".join(block["text"] for block in blocks)


def _flatten(system: str, turns: Sequence[tuple[str, str]]) -> str:
    """One question stands alone; a conversation is written down with who said what."""
    if len(turns) == 1:
        said = turns[0][1]
    else:
        names = {"user": "Human", "assistant": "Assistant"}
        said = "\n\n".join(f"{names.get(role, role)}: {text}" for role, text in turns)
    return f"{system}\n\n{said}" if system else said


def conversation_body(conversation: str) -> bytes:
    """What opens a conversation of that id."""
    return _encode({"uuid": conversation, "name": ""})


def completion_body(prompt: Prompt) -> bytes:
    """What asks for the answer."""
    return _encode({"prompt": prompt.text, "model": prompt.model, "timezone": "UTC", "attachments": [], "files": []})


def first_organization(body: bytes) -> str:
    """The id of the first organization in a list of them; empty when there is none."""
    try:
        return str(msgspec.json.decode(body)[0]["uuid"])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return ""


class Answering:
    """The backend's stream of events, piece by piece, as one message."""

    def __init__(self, prompt: Prompt, message_id: str) -> None:
        self._prompt = prompt
        self._id = message_id
        self._rest = b""
        self._parts: list[str] = []
        self.is_complete = False
        """Whether the backend has said that it is done."""
        self.failure = ""
        """What it said went wrong; empty: nothing."""

    def feed(self, piece: bytes) -> bytes:
        """The events of Messages that a piece of the stream makes."""
        *events, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._rest) > _LONGEST_EVENT:
            self.failure, self._rest = "an event that does not end", b""
        texts = [text for event in events if (text := self._take(event))]
        self._parts += texts
        return b"".join(
            _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts
        )

    def _take(self, event: bytes) -> str:
        data = b"".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
        try:
            told = cast("dict[str, Any]", msgspec.json.decode(data)) if data else {}
            kind = told.get("type")
            if kind == "error":
                self.failure = "an error of the web backend"
            self.is_complete |= kind == "message_stop" or (kind == "completion" and told.get("stop_reason") is not None)
            text = told["completion"] if kind == "completion" else told["delta"].get("text", "")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, AttributeError):
            return ""
        return text if isinstance(text, str) else ""

    def begin(self) -> bytes:
        """The events before the first text."""
        message = self._message([], None, 1)
        return _event("message_start", message=message) + _event(
            "content_block_start", index=0, content_block={"type": "text", "text": ""}
        )

    def end(self) -> bytes:
        """The events after the last text; an error when the backend has not said that it is done."""
        if self.failure or not self.is_complete:
            body = anthropic_error(500, self.failure or "the web backend broke its answer off")
            return b"event: error\ndata: " + body + b"\n\n"
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return b"".join(
            [
                _event("content_block_stop", index=0),
                _event("message_delta", delta=delta, usage={"output_tokens": self._output_tokens()}),
                _event("message_stop"),
            ]
        )

    def whole(self) -> bytes:
        """The message in one piece."""
        content = [{"type": "text", "text": "".join(self._parts)}]
        return _encode(self._message(content, "end_turn", self._output_tokens()))

    def _output_tokens(self) -> int:
        return estimate_tokens(sum(len(part.encode("utf-8", "replace")) for part in self._parts))

    def _message(self, content: list[dict[str, str]], stop_reason: str | None, output_tokens: int) -> dict[str, object]:
        input_tokens = estimate_tokens(len(self._prompt.text.encode("utf-8", "replace")))
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._prompt.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens},
        }


def _event(kind: str, **fields: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + _encode({"type": kind, **fields}) + b"\n\n"
