"""Answers in the forms that Anthropic's API gives them: made here, byte for byte known."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple


class Counts(NamedTuple):
    """The counts of one answer."""

    input_tokens: int = 11
    output_tokens: int = 7
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    web_searches: int = 0
    speed: str | None = None
    geo: str = "not_available"
    tier: str = "standard"

    def usage(self, output_tokens: int | None = None) -> dict[str, Any]:
        """As the API writes them."""
        usage: dict[str, Any] = {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": self.cache_write_5m + self.cache_write_1h,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write_5m,
                "ephemeral_1h_input_tokens": self.cache_write_1h,
            },
            "output_tokens": self.output_tokens if output_tokens is None else output_tokens,
            "service_tier": self.tier,
            "inference_geo": self.geo,
        }
        if self.web_searches:
            usage["server_tool_use"] = {"web_search_requests": self.web_searches}
        if self.speed:
            usage["speed"] = self.speed
        return usage


def text_block(text: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": text}


def tool_block(name: str, given: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A block that calls a tool."""
    return {"type": "tool_use", "id": f"toolu_{number:024}", "name": name, "input": given}


def thinking_block(text: str) -> dict[str, Any]:
    """A block of thoughts."""
    return {"type": "thinking", "thinking": text, "signature": "c2lnbmF0dXJl"}


def message(
    number: int, model: str, blocks: Sequence[dict[str, Any]], counts: Counts, stop: str = "end_turn"
) -> dict[str, Any]:
    """A whole answer."""
    return {
        "model": model,
        "id": f"msg_{number:024}",
        "type": "message",
        "role": "assistant",
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "usage": counts.usage(),
    }


def event(kind: str, **fields: Any) -> bytes:
    """One event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, separators=(',', ':'))}\n\n".encode()


PING = event("ping")


def events(
    number: int, model: str, blocks: Sequence[dict[str, Any]], counts: Counts, stop: str = "end_turn"
) -> list[bytes]:
    """The same answer as a stream, event by event."""
    head = {**message(number, model, [], counts, stop), "stop_reason": None, "usage": counts.usage(1)}
    found = [event("message_start", message=head), PING]
    for index, block in enumerate(blocks):
        found.extend(_block_events(index, block))
    delta = {"stop_reason": stop, "stop_sequence": None}
    found.append(event("message_delta", delta=delta, usage=counts.usage()))
    found.append(event("message_stop"))
    return found


_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


def _block_events(index: int, block: dict[str, Any]) -> list[bytes]:
    kind = block["type"]
    empty = _EMPTY[kind]
    found = [event("content_block_start", index=index, content_block={**block, **empty})]
    if kind == "tool_use":
        whole = json.dumps(block["input"])
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", *_parts(whole))]
    elif kind == "thinking":
        deltas: list[dict[str, str]] = [{"type": "thinking_delta", "thinking": part} for part in _parts(block[kind])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        deltas = [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
    found.extend(event("content_block_delta", index=index, delta=delta) for delta in deltas)
    found.append(event("content_block_stop", index=index))
    return found


def _parts(text: str, size: int = 7) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def error(kind: str, text: str) -> bytes:
    """The body of an error."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": text}}).encode()
