"""Messages, answers and streams as Anthropic writes them, made up for tests."""

import json
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

USAGE: Json = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 1,
    "service_tier": "standard",
}
COUNTED: Json = {
    "prompt_tokens": 60,
    "completion_tokens": 5,
    "total_tokens": 65,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 0},
}


def message(*content: Json, stop: str = "end_turn", **fields: Any) -> Json:
    """Make a whole answer."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [*content],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {**USAGE, "output_tokens": 5},
        **fields,
    }


def event(type_: str, **fields: Any) -> Json:
    """Make an event of a stream."""
    return {"type": type_, **fields}


def stream(*content: Json, stop: str = "end_turn", details: Json | None = None) -> list[Json]:
    """Make the events of an answer: each block in pieces of a few characters."""
    start = message(content=[], stop_reason=None, usage=USAGE)
    events = [event("message_start", message=start), event("ping")]
    for index, block in enumerate(content):
        events += _block(index, block)
    delta: Json = {"stop_reason": stop, "stop_sequence": None}
    if details is not None:
        delta["stop_details"] = details
    events.append(event("message_delta", delta=delta, usage={"output_tokens": 5}))
    return [*events, event("message_stop")]


def _block(index: int, block: Json) -> list[Json]:
    opened, deltas = _opened(block)
    parts = [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    start = event("content_block_start", index=index, content_block=opened)
    return [start, *parts, event("content_block_stop", index=index)]


def _opened(block: Json) -> tuple[Json, list[Json]]:
    if block["type"] == "text":
        cited = [{"type": "citations_delta", "citation": each} for each in block.get("citations", [])]
        return {"type": "text", "text": ""}, [
            {"type": "text_delta", "text": part} for part in _cut(block["text"])
        ] + cited
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": part} for part in _cut(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if block["type"] in ("tool_use", "server_tool_use"):
        written = json.dumps(block["input"]) if block["input"] else ""
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", *_cut(written))]
        return {**block, "input": {}}, deltas
    return block, []


def _cut(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def sse(events: Iterable[Json], end: str = "\n") -> bytes:
    """Write events as a server does."""
    lines = (f"event: {told['type']}{end}data: {json.dumps(told, ensure_ascii=False)}{end}{end}" for told in events)
    return "".join(lines).encode()


TEXT: Json = {"type": "text", "text": "It rains. 下雨了。"}
THOUGHT: Json = {"type": "thinking", "thinking": "Let me look.", "signature": "sig"}
SEALED: Json = {"type": "redacted_thinking", "data": "sealed"}
CALL: Json = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern", "n": 1.5}}
BARE_CALL: Json = {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}}
SEARCH: Json = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
FOUND: Json = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"title": "T", "text": None}]}
CITED: Json = {
    "type": "text",
    "text": "Rain.",
    "citations": [
        {"type": "web_search_result_location", "url": "https://example.org", "title": "T", "cited_text": "x"},
        {"type": "char_location", "document_title": "D", "cited_text": "y"},
    ],
}
