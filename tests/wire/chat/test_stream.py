"""Streams of Anthropic's, in pieces of any size, and the chunks they become."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.wire.chat.answer import convert_answer
from ccledger.wire.chat.request import Ask
from ccledger.wire.chat.stream import ChunkWriter
from tests.wire.chat.made import (
    BARE_CALL,
    CALL,
    CITED,
    COUNTED,
    FOUND,
    SEALED,
    SEARCH,
    TEXT,
    THOUGHT,
    event,
    message,
    sse,
    stream,
)

Json = dict[str, Any]
ASK = Ask("claude-sonnet-4-5", stream=True)
DONE = "data: [DONE]"


def written(events: list[Json], ask: Ask = ASK) -> str:
    return ChunkWriter(ask, 7).feed(sse(events)).decode()


def chunks(told: str) -> list[Json]:
    lines = [line for line in told.split("\n\n") if line.startswith("data: ") and line != DONE]
    return [json.loads(line[6:]) for line in lines]


def deltas(events: list[Json], ask: Ask = ASK) -> list[Json]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(written(events, ask)) if chunk["choices"]]


def assembled(events: list[Json], ask: Ask = ASK) -> Json:
    """Put a stream together again as a client does."""
    made: Json = {"role": "assistant", "content": None}
    for delta in deltas(events, ask):
        for key in ("content", "reasoning_content", "refusal"):
            if delta.get(key):
                made[key] = (made.get(key) or "") + delta[key]
        for key in ("thinking_blocks", "annotations"):
            made[key] = made.get(key, []) + delta.get(key, [])
        for call in delta.get("tool_calls", []):
            known: list[Json] = made.setdefault("tool_calls", [])
            if call["index"] == len(known):
                known.append({"id": call["id"], "type": call["type"], "function": {**call["function"]}})
            else:
                known[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    return {key: value for key, value in made.items() if value != []}


def test_the_plainest_stream() -> None:
    told = written(stream({"type": "text", "text": "Hello"}))
    head = {"id": "msg_1", "object": "chat.completion.chunk", "created": 7, "model": "claude-sonnet-4-5-20250929"}
    tail = {"system_fingerprint": None, "service_tier": "default"}

    def chunk(delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, **tail, "choices": [choice]}

    assert chunks(told) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hell"}),
        chunk({"content": "o"}),
        chunk({}, "stop"),
    ]
    assert told.endswith(f"{DONE}\n\n")
    assert told.count(": ping\n\n") == 1


def test_usage_comes_last_when_it_is_asked_for() -> None:
    made = chunks(written(stream(TEXT), Ask("m", stream=True, include_usage=True)))
    assert made[-1]["choices"] == []
    assert made[-1]["usage"] == COUNTED
    assert {json.dumps(chunk["usage"]) for chunk in made[:-1]} == {"null"}
    assert all("usage" not in chunk for chunk in chunks(written(stream(TEXT))))


def test_the_last_count_is_the_count() -> None:
    events = stream(TEXT)
    again = event(
        "message_delta",
        delta={"stop_reason": "max_tokens"},
        usage={"input_tokens": 11, "cache_read_input_tokens": 0, "output_tokens": 50},
    )
    made = chunks(written([*events[:-1], again, events[-1]], Ask("m", stream=True, include_usage=True)))
    assert made[-1]["usage"]["completion_tokens"] == 50
    assert made[-1]["usage"]["prompt_tokens"] == 31
    assert [chunk["choices"][0]["finish_reason"] for chunk in made[:-1] if chunk["choices"][0]["finish_reason"]] == [
        "stop"
    ]


@pytest.mark.parametrize(
    "content",
    [
        [TEXT],
        [THOUGHT, TEXT],
        [CALL],
        [BARE_CALL],
        [TEXT, CALL, BARE_CALL],
        [THOUGHT, TEXT, CALL, CALL],
        [SEARCH, FOUND, TEXT],
    ],
)
def test_a_stream_says_what_the_whole_answer_says(content: list[Json]) -> None:
    whole = json.loads(convert_answer(json.dumps(message(*content)).encode(), ASK, 7))["choices"][0]["message"]
    made = assembled(stream(*content))
    for call in made.get("tool_calls", []) + whole.get("tool_calls", []):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert made == {key: value for key, value in whole.items() if key != "refusal"}


def test_a_call_is_named_first_and_numbered_among_calls() -> None:
    made = deltas(stream(TEXT, CALL, SEARCH, BARE_CALL))
    calls = [delta["tool_calls"][0] for delta in made if "tool_calls" in delta]
    named = [call for call in calls if "id" in call]
    assert [(call["index"], call["id"], call["type"], call["function"]) for call in named] == [
        (0, "toolu_1", "function", {"name": "weather", "arguments": ""}),
        (1, "toolu_2", "function", {"name": "time", "arguments": ""}),
    ]
    assert calls[-1] == {"index": 1, "function": {"arguments": "{}"}}
    assert "".join(call["function"]["arguments"] for call in calls if call["index"] == 0) == json.dumps(CALL["input"])


def test_an_input_that_comes_whole_is_told_whole() -> None:
    events = [
        event("message_start", message={"id": "m"}),
        event("content_block_start", index=0, content_block=CALL),
        event("content_block_stop", index=0),
        event("message_stop"),
    ]
    assert json.loads(assembled(events)["tool_calls"][0]["function"]["arguments"]) == CALL["input"]


def test_a_client_of_the_old_form_gets_one_function_call() -> None:
    ask = Ask("m", stream=True, old_calls=True)
    made = [
        delta["function_call"]
        for delta in deltas(stream(CALL, BARE_CALL, stop="tool_use"), ask)
        if delta.get("function_call")
    ]
    assert made[0] == {"name": "weather", "arguments": ""}
    assert not any("name" in call for call in made[1:])
    assert json.loads("".join(call["arguments"] for call in made)) == CALL["input"]
    assert chunks(written(stream(CALL, stop="tool_use"), ask))[-1]["choices"][0]["finish_reason"] == "function_call"


def test_thoughts_can_be_handed_back_by_who_asked_for_them() -> None:
    made = assembled(stream(THOUGHT, SEALED, TEXT), Ask("m", stream=True, thoughts=True))
    assert made["thinking_blocks"] == [{"type": "thinking", "thinking": "", "signature": "sig"}, SEALED]
    assert "thinking_blocks" not in assembled(stream(THOUGHT, SEALED, TEXT))


def test_pages_on_the_web_are_cited() -> None:
    begin = len(TEXT["text"])
    cited = {"url": "https://example.org", "title": "T", "start_index": begin, "end_index": begin + 5}
    assert assembled(stream(TEXT, CITED))["annotations"] == [{"type": "url_citation", "url_citation": cited}]


def test_a_refusal_says_why() -> None:
    made = chunks(written(stream(stop="refusal", details={"type": "refusal", "explanation": "No."})))
    assert [chunk["choices"][0]["delta"] for chunk in made[1:]] == [{"refusal": "No."}, {}]
    assert made[-1]["choices"][0]["finish_reason"] == "content_filter"


def test_each_event_is_told_as_soon_as_it_is_whole() -> None:
    writer = ChunkWriter(ASK, 7)
    events = stream(TEXT, CALL)
    told = [writer.feed(sse([each])) for each in events]
    silent = [each["type"] for each, out in zip(events, told, strict=True) if not out]
    assert set(silent) <= {"content_block_start", "content_block_stop", "content_block_delta"}
    assert sum(1 for each in told if each) == len(events) - len(silent)
    assert not any(DONE in each.decode() for each in told[:-1])


def test_unknown_events_and_comments_are_passed_over() -> None:
    events = stream(TEXT)
    strange = [
        event("brand_new", delta="?"),
        event("content_block_delta", index=0, delta={"type": "hum_delta", "hum": 1}),
    ]
    raw = sse([events[0], *strange, *events[1:]]).replace(b"event: ping", b": nothing\nid: 7\nretry: 1\nevent: ping")
    assert ChunkWriter(ASK, 7).feed(raw).decode() == written(events)


def test_lines_may_end_as_on_windows() -> None:
    events = stream(THOUGHT, TEXT, CALL)
    assert ChunkWriter(ASK, 7).feed(sse(events, "\r\n")).decode() == written(events)


def test_data_may_stand_on_several_lines() -> None:
    raw = sse(stream(TEXT)).replace(b'data: {"type": ', b'data:{\ndata: "type": ')
    assert ChunkWriter(ASK, 7).feed(raw).decode() == written(stream(TEXT))


PIECES = st.lists(st.integers(0, 6000), max_size=40).map(sorted)
BLOCKS = st.lists(st.sampled_from([TEXT, THOUGHT, SEALED, CALL, BARE_CALL, SEARCH, FOUND, CITED]), max_size=6)


@given(content=BLOCKS, cuts=PIECES, end=st.sampled_from(["\n", "\r\n"]), thoughts=st.booleans())
def test_pieces_of_any_size_say_the_same(content: list[Json], cuts: list[int], end: str, thoughts: bool) -> None:
    ask = Ask("m", stream=True, include_usage=True, thoughts=thoughts)
    raw = sse(stream(*content), end)
    writer = ChunkWriter(ask, 7)
    pieces = [raw[begin:until] for begin, until in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert b"".join(map(writer.feed, pieces)) + writer.finish() == ChunkWriter(ask, 7).feed(raw)


@given(raw=st.binary(max_size=200), at=st.integers(0, 2000))
def test_rubbish_is_no_trouble(raw: bytes, at: int) -> None:
    whole = sse(stream(THOUGHT, CALL))
    writer = ChunkWriter(ASK, 7)
    told = writer.feed(whole[:at] + raw + whole[at:]) + writer.finish()
    for chunk in chunks(told.decode()):
        assert "choices" in chunk or "error" in chunk


OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def test_an_error_in_the_middle_is_told_and_ends_the_stream() -> None:
    events = stream(TEXT)
    writer = ChunkWriter(ASK, 7)
    told = writer.feed(sse([*events[:4], OVERLOADED, *events[4:]])).decode()
    error = {"message": "Overloaded", "type": "server_error", "param": None, "code": "overloaded"}
    assert chunks(told)[-1] == {"error": error}
    assert DONE not in told
    assert writer.complete
    assert writer.feed(sse(events)) + writer.finish() == b""


@pytest.mark.parametrize("kept", range(1, len(stream(TEXT, CALL))))
def test_a_stream_that_is_cut_short_is_told_so(kept: int) -> None:
    writer = ChunkWriter(ASK, 7)
    told = writer.feed(sse(stream(TEXT, CALL)[:kept]))
    assert not writer.complete
    end = writer.finish().decode()
    assert chunks(end)[0]["error"]["code"] == "upstream_incomplete"
    assert DONE not in told.decode() + end
    assert writer.finish() == b""


def test_the_last_event_needs_no_blank_line() -> None:
    writer = ChunkWriter(ASK, 7)
    told = writer.feed(sse(stream(TEXT)).rstrip()) + writer.finish()
    assert told == ChunkWriter(ASK, 7).feed(sse(stream(TEXT)))


def test_a_whole_stream_needs_no_more() -> None:
    writer = ChunkWriter(ASK, 7)
    writer.feed(sse(stream(TEXT)))
    assert writer.complete
    assert writer.finish() == b""


@pytest.mark.parametrize("data", [b"nonsense", b'{"type":"message_start","message":7}', b'{"type":7}', b"[" * 99_999])
def test_an_event_that_can_not_be_read_ends_the_stream(data: bytes) -> None:
    told = ChunkWriter(ASK, 7).feed(sse(stream(TEXT)[:3]) + b"data: " + data + b"\n\n" + sse(stream(TEXT)[3:]))
    assert chunks(told.decode())[-1]["error"]["type"] == "server_error"
    assert DONE not in told.decode()


def test_memory_is_bounded() -> None:
    writer = ChunkWriter(ASK, 7)
    piece = b"x" * (1 << 20)
    told = b"".join(writer.feed(piece) for _ in range(40))
    assert chunks(told.decode())[0]["error"]["message"] == "The upstream sent an event that is too large."
    assert len(vars(writer)["_rest"]) == 0
    writer = ChunkWriter(ASK, 7)
    for _ in range(200):
        writer.feed(b"data: " + piece[:100_000] + b"\n")
    assert writer.complete


def test_what_was_said_is_not_kept() -> None:
    writer = ChunkWriter(ASK, 7)
    events = stream(TEXT)
    writer.feed(sse(events[:3]))
    before = {name: len(repr(value)) for name, value in vars(writer).items()}
    for _ in range(1000):
        writer.feed(sse([event("content_block_delta", index=0, delta={"type": "text_delta", "text": "word " * 20})]))
    after = {name: len(repr(value)) for name, value in vars(writer).items()}
    assert all(after[name] <= before[name] + 10 for name in before)


def test_a_long_line_in_small_pieces_is_searched_once() -> None:
    """A line that is searched from its beginning with every piece would take minutes here."""
    writer = ChunkWriter(ASK, 7)
    line = sse([event("content_block_delta", index=0, delta={"type": "text_delta", "text": "x" * 15_000_000})])
    out = [writer.feed(line[at : at + 16]) for at in range(0, len(line), 16)]
    assert len(b"".join(out)) > 15_000_000


def test_events_before_a_beginning_are_told_all_the_same() -> None:
    assert assembled(stream(TEXT)[2:])["content"] == TEXT["text"]
