"""Makes streams of the Messages API up and says what a plain reader makes of them; it never uses the meter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from hypothesis import strategies as st

Json = dict[str, Any]

START_USAGE: Json = {
    "input_tokens": 120,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 5000,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    "output_tokens": 1,
    "service_tier": "standard",
    "inference_geo": "us",
}
NONSENSE = (-1, 10**14, "many", True)


def message_start(**more: object) -> Json:
    """Make the first event of a stream."""
    message: Json = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-opus-5", "content": []}
    return {"type": "message_start", "message": message | {"stop_reason": None, "usage": START_USAGE} | more}


def text(words: str) -> Json:
    """Make a piece of text."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}


def message_delta(stop_reason: str | None = "end_turn", **usage: object) -> Json:
    """Make the event with the final counts."""
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage}


def ordinary(words: Sequence[str] = ("Hello", " world")) -> list[Json]:
    """Make a whole stream."""
    return [
        message_start(),
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *map(text, words),
        {"type": "content_block_stop", "index": 0},
        message_delta(output_tokens=77),
        {"type": "message_stop"},
    ]


def encode(events: Iterable[Json], end: str = "\n") -> bytes:
    """Write events as the API does."""
    return "".join(
        f"event: {event['type']}{end}data: {json.dumps(event, ensure_ascii=False, separators=(',', ':'))}{end}{end}"
        for event in events
    ).encode()


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ('"usage"', '{"type":"message_stop"}', "data: x\n\n", '"content_block_delta"', "\\", "\r\n\r\n")
)
counts = st.integers(0, 10**6) | st.none() | st.sampled_from(NONSENSE)


@st.composite
def usages(draw: st.DrawFn) -> Json:
    """Draw a usage object, some of whose fields are missing, null or nonsense."""
    split = st.fixed_dictionaries(
        {}, optional={"ephemeral_5m_input_tokens": counts, "ephemeral_1h_input_tokens": counts}
    )
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(names, counts),
                "cache_creation": split | st.none(),
                "server_tool_use": st.none() | st.fixed_dictionaries({}, optional={"web_search_requests": counts}),
                "speed": st.sampled_from((None, "fast", "standard")),
                "inference_geo": st.sampled_from((None, "us", "global")),
                "new_in_2027": words,
            },
        )
    )


@st.composite
def deltas(draw: st.DrawFn) -> Json:
    """Draw an event with content."""
    name = draw(st.sampled_from(("text", "thinking", "partial_json", "signature")))
    return {"type": "content_block_delta", "index": draw(st.integers(0, 9)), "delta": {"type": "d", name: draw(words)}}


others = st.sampled_from(
    (
        {"type": "ping"},
        {
            "type": "content_block_start",
            "content_block": {"type": "tool_use", "input": {"usage": {"output_tokens": 9}}},
        },
        {"type": "content_block_start", "content_block": {"type": "x", "error": {"type": "no", "message": "none"}}},
        {"type": "content_block_stop", "index": 0},
        {"type": "something_new", "message_delta": {"usage": {"output_tokens": 9}}},
    )
)


def error_event(says: str) -> Json:
    """Make the event of an error."""
    return {"type": "error", "error": {"type": "overloaded_error", "message": says}}


def start_with(usage: Json) -> Json:
    """Make a first event with these counts."""
    return message_start(usage=usage)


def delta_with(usage: Json | None, reason: str | None) -> Json:
    """Make a last event with these counts."""
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


errors = st.builds(error_event, words)


@st.composite
def event_lists(draw: st.DrawFn) -> list[Json]:
    """Draw the events of a stream, whole or not, sensible or not."""
    starts = st.builds(start_with, usages())
    ends = st.builds(delta_with, usages() | st.none(), st.sampled_from((None, "end_turn", "tool_use")))
    middle = st.lists(deltas() | others | ends | errors, max_size=8)
    stop: list[list[Json]] = [[], [{"type": "message_stop"}]]
    return [*draw(st.lists(starts, max_size=1)), *draw(middle), *draw(st.sampled_from(stop))]


@st.composite
def written(draw: st.DrawFn, events: Sequence[Json]) -> bytes:
    """Draw one of the ways in which events may be written."""
    end = draw(st.sampled_from(("\n", "\n", "\r\n", "\r")))
    lines: list[str] = []
    for event in events:
        if draw(st.booleans()):
            lines.append(f"event: {event['type']}")
        if draw(st.integers(0, 5)) == 0:
            lines.append(": a comment")
        indent = draw(st.sampled_from((None, None, 1)))
        space = draw(st.sampled_from(("", " ")))
        data = json.dumps(event, ensure_ascii=draw(st.booleans()), indent=indent)
        lines += [f"data:{space}{line}" for line in data.split("\n")]
        lines += [""] * draw(st.integers(1, 2))
    mark = draw(st.sampled_from(("", "", "\ufeff")))
    return (mark + "".join(line + end for line in lines)).encode()


class Expected(NamedTuple):
    """What a stream says, as a plain reader sees it."""

    counts: tuple[int, ...]
    """Input, output, cache writes as told flat, for 5 minutes, for an hour, cache reads, searches."""
    terms: tuple[str | None, str | None]
    stop_reason: str | None
    is_complete: bool
    failure: tuple[str, str] | None
    text_bytes: int


def read_plainly(events: Sequence[Json]) -> Expected:
    """Look at every event, one after the other, and remember the last sensible thing each said."""
    last: Json = {}
    failure = None
    stop_reason = None
    text_bytes = 0
    for event in events:
        source: Json = event.get("message", {}) if event["type"] == "message_start" else event
        if event["type"] in ("message_start", "message_delta"):
            remember(last, source.get("usage") or {})
        if event["type"] == "message_delta":
            stop_reason = event["delta"]["stop_reason"] or stop_reason
        if event["type"] == "error":
            failure = (event["error"]["type"], event["error"]["message"].replace("\0", "\ufffd"))
        if event["type"] == "content_block_delta":
            told = event["delta"]
            text_bytes += len("".join(told.get(name, "") for name in ("text", "thinking", "partial_json")).encode())
    names = ("input", "output", "flat", "5m", "1h", "read", "searches")
    return Expected(
        tuple(last.get(name, 0) for name in names),
        (last.get("speed"), last.get("geo")),
        stop_reason,
        any(event["type"] == "message_stop" for event in events),
        failure,
        text_bytes,
    )


def remember(last: Json, usage: Json) -> None:
    """Remember what a usage object says: nothing senseless, and no zero that takes input back."""
    split = cast("Json", usage.get("cache_creation") or {})
    tools = cast("Json", usage.get("server_tool_use") or {})
    found: Json = {
        "input": usage.get("input_tokens") or None,
        "output": usage.get("output_tokens"),
        "flat": usage.get("cache_creation_input_tokens") or None,
        "5m": split.get("ephemeral_5m_input_tokens") or None,
        "1h": split.get("ephemeral_1h_input_tokens") or None,
        "read": usage.get("cache_read_input_tokens") or None,
        "searches": tools.get("web_search_requests"),
    }
    most = {"searches": 10**6}
    for name, value in found.items():
        if type(value) is int and 0 <= value <= most.get(name, 10**13):
            last[name] = value
    for name, value in (("speed", usage.get("speed")), ("geo", usage.get("inference_geo"))):
        if value is not None:
            last[name] = value
