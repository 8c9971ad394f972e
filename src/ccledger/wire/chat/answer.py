"""Turns a message of Anthropic's into a chat completion; it adds nothing that the model did not say."""

from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct, field

from ccledger.wire.chat.errors import AnswerUnreadable
from ccledger.wire.chat.request import Ask

Json = dict[str, Any]

_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "refusal": "content_filter",
}
"""A paused turn is not whole, so it ends like one that ran out of room: whoever wants the rest asks on."""
_TIERS = {"standard": "default"}
_UNREADABLE = "The upstream's answer is not a message of the Messages API."
_EMPTY = Raw(b"{}")
_SAID = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
"""Blocks with a like in OpenAI's words. The others (searches and code that Anthropic ran itself) are passed over."""


class Citation(Struct):
    """Where a sentence comes from; only pages on the web have a like in OpenAI's words."""

    url: str | None = None
    title: str | None = None


class Block(Struct):
    """A piece of an answer; of which kind says `type`."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = _EMPTY
    citations: list[Citation] | None = None


class _Kind(Struct):
    type: str = ""


class _OutputDetails(Struct):
    thinking_tokens: int | None = None


class Usage(Struct):
    """Token counts as Anthropic tells them; None where an event does not repeat them."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: dict[str, int | None] | None = None
    output_tokens_details: _OutputDetails | None = None
    service_tier: str | None = None


class _StopDetails(Struct):
    explanation: str | None = None


class Stop(Struct):
    """Why the model stopped."""

    stop_reason: str | None = None
    stop_details: _StopDetails | None = None

    def finish(self, *, old_calls: bool) -> str:
        """The finish reason in OpenAI's words; a reason that is not known is an ordinary end."""
        reason = _FINISHES.get(self.stop_reason or "", "stop")
        return "function_call" if reason == "tool_calls" and old_calls else reason

    def refusal(self) -> str | None:
        """What the model says to a refusal, if it refused and says anything."""
        if self.stop_reason != "refusal" or self.stop_details is None:
            return None
        return self.stop_details.explanation


class _Message(Stop):
    type: str = ""
    id: str = ""
    model: str = ""
    content: list[Raw] = field(default_factory=list[Raw])
    usage: Usage = field(default_factory=Usage)


class Note(NamedTuple):
    """A citation of a page on the web, where it stands in the answer's text."""

    citation: Citation
    start: int
    end: int

    def annotation(self) -> Json:
        """The citation in OpenAI's words; indexes count characters."""
        told = {"url": self.citation.url, "title": self.citation.title or self.citation.url}
        return {"type": "url_citation", "url_citation": {"start_index": self.start, "end_index": self.end, **told}}


_decode = msgspec.json.Decoder(_Message).decode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_block = msgspec.json.Decoder(Block).decode


def read_block(raw: Raw) -> Block | None:
    """A block that can be told in OpenAI's words, None for any other; raises ValueError when it makes no sense."""
    return _decode_block(raw) if _decode_kind(raw).type in _SAID else None


def convert_answer(body: bytes, ask: Ask, created: int) -> bytes:
    """The body of a chat completion for a whole message; `created` is in seconds since 1970.

    Raises AnswerUnreadable when the body is no message.
    """
    try:
        message = _decode(body)
        blocks = [block for block in map(read_block, message.content) if block is not None]
    except (ValueError, RecursionError) as problem:
        raise AnswerUnreadable(_UNREADABLE) from problem
    if message.type != "message":
        raise AnswerUnreadable(_UNREADABLE)
    made: Json = {
        "id": message.id,
        "object": "chat.completion",
        "created": created,
        "model": message.model or ask.model,
        "choices": [
            {
                "index": 0,
                "message": _said(message, blocks, ask),
                "logprobs": None,
                "finish_reason": message.finish(old_calls=ask.old_calls),
            },
        ],
        "usage": usage_told(message.usage),
        "system_fingerprint": None,
    }
    if message.usage.service_tier:
        made["service_tier"] = tier_told(message.usage.service_tier)
    return msgspec.json.encode(made)


def tier_told(tier: str) -> str:
    """Anthropic's service tier in OpenAI's words."""
    return _TIERS.get(tier, tier)


def usage_told(usage: Usage) -> Json:
    """The counts in OpenAI's words: prompt_tokens is all input read, cache included."""
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    prompt, completion = (usage.input_tokens or 0) + read + written, usage.output_tokens or 0
    made: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
    }
    details = usage.output_tokens_details
    if details is not None and details.thinking_tokens is not None:
        made["completion_tokens_details"] = {"reasoning_tokens": details.thinking_tokens}
    if usage.cache_creation is not None:
        made["cache_creation"] = usage.cache_creation
    return made


def _said(message: _Message, blocks: list[Block], ask: Ask) -> Json:
    text, notes = _text(blocks)
    made: Json = {"role": "assistant", "content": text, "refusal": message.refusal()}
    thought = "".join(block.thinking for block in blocks)
    if thought:
        made["reasoning_content"] = thought
    if ask.thoughts and (kept := [block for block in map(thought_told, blocks) if block]):
        made["thinking_blocks"] = kept
    if notes:
        made["annotations"] = [note.annotation() for note in notes]
    calls = [block for block in blocks if block.type == "tool_use"]
    if not calls:
        return {**made, "content": text or ""} if message.refusal() is None else made
    if ask.old_calls:
        made["function_call"] = _function(calls[0])
    else:
        made["tool_calls"] = [{"id": call.id, "type": "function", "function": _function(call)} for call in calls]
    return made


def _text(blocks: list[Block]) -> tuple[str | None, list[Note]]:
    text = ""
    notes: list[Note] = []
    for block in blocks:
        if block.type == "text":
            cited = [citation for citation in block.citations or () if citation.url]
            notes += [Note(citation, len(text), len(text) + len(block.text)) for citation in cited]
            text += block.text
    return text or None, notes


def _function(call: Block) -> Json:
    return {"name": call.name, "arguments": bytes(call.input).decode()}


def thought_told(block: Block) -> Json | None:
    """A block of thinking as the client can hand it back; None for other blocks."""
    if block.type == "thinking":
        return {"type": "thinking", "thinking": block.thinking, "signature": block.signature}
    return {"type": "redacted_thinking", "data": block.data} if block.type == "redacted_thinking" else None
