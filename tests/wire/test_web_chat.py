from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.wire.messages import StreamMeter, read_answer
from ccledger.wire.web_chat import (
    Answering,
    NotCarried,
    Prompt,
    completion_body,
    conversation_body,
    first_organization,
    read_prompt,
)

PROMPT = Prompt("Hello there", "claude-x", is_stream=True)


def asked(**more: Any) -> bytes:
    return json.dumps({"model": "claude-x", "messages": [{"role": "user", "content": "Hello"}], **more}).encode()


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def events(*told: dict[str, Any]) -> bytes:
    return b"".join(b"event: completion\r\ndata: " + json.dumps(one).encode() + b"\r\n\r\n" for one in told)


def said(text: str, stop: str | None = None) -> dict[str, Any]:
    return {"type": "completion", "completion": text, "stop_reason": stop, "model": "m"}


ANSWER = events(said("Hi, "), {"type": "ping"}, said("你好"), said("", "stop_sequence"))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "Hello"),
        ({"system": "Be kind."}, "Be kind.\n\nHello"),
        ({"system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]}, "A\n\nB\n\nHello"),
        ({"messages": [turn("user", [{"type": "text", "text": "Hi"}])]}, "Hi"),
        (
            {"messages": [turn("user", "a"), turn("assistant", "b"), turn("user", "c")]},
            "Human: a\n\nAssistant: b\n\nHuman: c",
        ),
    ],
)
def test_a_request_becomes_one_text(more: dict[str, Any], text: str) -> None:
    assert read_prompt(asked(**more)) == Prompt(text, "claude-x", is_stream=False)
    assert read_prompt(asked(**more, stream=True)).is_stream


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b"\xff", "must be a JSON object"),
        (b"{}", "must be a JSON object"),
        (asked(messages=[]), "at least one message"),
        (asked(messages=[5]), "must be a JSON object"),
        (asked(model=5), "the name of a model"),
        (asked(tools=[{"name": "x"}]), "tools: mode web carries text only"),
        (asked(messages=[turn("user", [{"type": "image"}, {"type": "tool_result"}])]), "no image, tool_result"),
        (asked(messages=[turn("user", 5)]), "must be a JSON object"),
    ],
)
def test_what_it_can_not_carry_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(NotCarried, match=why):
        read_prompt(body)


def test_what_the_backend_is_asked() -> None:
    assert json.loads(conversation_body("c-1")) == {"uuid": "c-1", "name": ""}
    assert json.loads(completion_body(PROMPT)) == {
        "prompt": "Hello there",
        "model": "claude-x",
        "timezone": "UTC",
        "attachments": [],
        "files": [],
    }


@pytest.mark.parametrize(
    ("body", "found"), [(b'[{"uuid": "o-1"}, {"uuid": "o-2"}]', "o-1"), (b"[]", ""), (b"{}", ""), (b"<p>", "")]
)
def test_the_first_organization_counts(body: bytes, found: str) -> None:
    assert first_organization(body) == found


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=6))
def test_an_answer_is_a_stream_of_messages_however_it_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(ANSWER)]
    answering = Answering(PROMPT, "msg_web_1")
    stream = answering.begin()
    for start, end in pairwise(places):
        stream += answering.feed(ANSWER[start:end])
    assert answering.is_complete
    stream += answering.end()
    meter = StreamMeter()
    meter.feed(stream)
    assert meter.is_complete
    told = [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]
    assert "".join(one["delta"]["text"] for one in told if one["type"] == "content_block_delta") == "Hi, 你好"
    assert [one["type"] for one in told if one["type"] != "content_block_delta"] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_an_answer_in_one_piece_is_a_message_with_estimated_usage() -> None:
    answering = Answering(PROMPT, "msg_web_1")
    answering.feed(ANSWER)
    told = json.loads(answering.whole())
    assert (told["id"], told["content"]) == ("msg_web_1", [{"type": "text", "text": "Hi, 你好"}])
    assert (told["stop_reason"], told["usage"]) == ("end_turn", {"input_tokens": 4, "output_tokens": 3})
    assert read_answer(answering.whole()).is_counted


def test_the_newer_events_of_such_backends_are_understood() -> None:
    answering = Answering(PROMPT, "msg_web_1")
    answering.feed(
        events(
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "message_stop"},
        )
    )
    assert answering.is_complete
    assert json.loads(answering.whole())["content"][0]["text"] == "Hi"


@pytest.mark.parametrize(
    "stream",
    [events(said("Hi")), events(said("Hi"), {"type": "error", "error": {"message": "planted"}}), b"x" * (1 << 20 | 1)],
)
def test_an_answer_that_breaks_off_ends_in_an_error(stream: bytes) -> None:
    answering = Answering(PROMPT, "msg_web_1")
    answering.feed(stream)
    end = answering.end()
    assert end.startswith(b"event: error\ndata: {")
    assert b"planted" not in end


@given(st.binary())
def test_whatever_it_says_nothing_breaks(stream: bytes) -> None:
    answering = Answering(PROMPT, "msg_web_1")
    answering.feed(b"data: " + stream + b"\n\n")
    answering.end()
