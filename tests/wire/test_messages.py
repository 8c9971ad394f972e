"""What answers say of their tokens: any stream in any pieces, aborted anywhere, and a table of known answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Origin, Reading, Terms, Usage
from ccledger.core.periods import milliseconds
from ccledger.core.prices import read_book
from ccledger.wire.asked import Asked, estimate_tokens
from ccledger.wire.messages import (
    Failure,
    Metered,
    Names,
    Seen,
    StreamMeter,
    error_of,
    measure,
    read_answer,
    read_batch_result,
)
from ccledger.wire.usage import terms_of, usage_of
from tests.wire.lines import cut, make_line, only, read_lines
from tests.wire.made_streams import (
    Json,
    encode,
    event_lists,
    message_delta,
    message_start,
    ordinary,
    read_plainly,
    text,
    written,
)

BOOK = read_book(files("ccledger.core").joinpath("prices.toml").read_text("utf-8"))
GOLDEN: list[dict[str, Any]] = json.loads(Path(__file__).with_name("golden_messages.json").read_text("utf-8"))
ASKED = Asked("claude-opus-5", stream=True, text_bytes=700)
NAMES = Names("c1", "req_1", "s1")
STARTED = Usage(120, 1, 200, 100, 5000)


def watch(*chunks: bytes) -> StreamMeter:
    meter = StreamMeter()
    for chunk in chunks:
        meter.feed(chunk)
    return meter


def reading_of(calls: tuple[Metered, ...]) -> Reading:
    (call,) = calls
    return call.reading


# Streams, in any pieces.


@given(st.data())
def test_any_pieces_of_any_stream_say_what_reading_every_event_says(data: st.DataObject) -> None:
    events = data.draw(event_lists())
    stream = data.draw(written(events))
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=9))
    meter = watch(*cut(stream, places))
    seen, expected = meter.seen, read_plainly(events)
    counts = (0,) * 6 if seen.told is None else usage_of(seen.told)
    fresh, output, flat, five, hour, read, searches = expected.counts
    assert counts == (fresh, output, five + max(0, flat - five - hour), hour, read, searches)
    terms = 0 if seen.told is None else terms_of(seen.told)
    assert terms == (Terms.FAST * (expected.terms[0] == "fast")) | (Terms.US_ONLY * (expected.terms[1] == "us"))
    assert (seen.stop_reason, seen.is_complete, seen.failure) == (
        expected.stop_reason,
        expected.is_complete,
        expected.failure,
    )
    assert meter.is_complete == expected.is_complete
    assert meter.failure == expected.failure
    assert seen.is_counted or seen.text_bytes == expected.text_bytes
    assert meter.saw_content == any(event["type"] == "content_block_delta" for event in events)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_split_at_every_byte(end: str) -> None:
    stream = encode(ordinary(("你好", ' "usage":{', "🙂")), end)
    whole = watch(stream).seen
    assert (whole.message, whole.is_counted) == ("msg_01", True)
    for place in range(len(stream)):
        assert watch(stream[:place], stream[place:]).seen == whole
    assert watch(*(stream[at : at + 1] for at in range(len(stream)))).seen == whole


def test_asking_in_between_changes_nothing() -> None:
    stream = encode(ordinary())
    meter = StreamMeter()
    for at in range(len(stream)):
        meter.feed(stream[at : at + 1])
        assert meter.seen.is_complete == (at >= len(stream) - 3)
    assert meter.seen == watch(stream).seen


def test_content_is_seen_with_the_very_byte_that_shows_it() -> None:
    stream = encode(ordinary())
    shown = stream.index(b'"content_block_delta"') + len(b'"content_block_delta"')
    assert not watch(stream[: shown - 1]).saw_content
    meter = watch(*(stream[at : at + 1] for at in range(shown)))
    assert meter.saw_content


def test_a_stream_without_the_last_blank_line_is_complete() -> None:
    assert watch(encode(ordinary()).rstrip()).seen == watch(encode(ordinary())).seen
    assert not watch(encode(ordinary()).rstrip()[:-1]).is_complete


def test_long_streams_are_read_as_they_go_and_not_kept() -> None:
    words = "word " * 20
    meter = watch(encode([message_start()]))
    for _ in range(5_000):
        meter.feed(encode([text(words)]))
        assert held_by(meter) < 200_000
    assert meter.seen.text_bytes == 5_000 * len(words)
    meter.feed(encode([message_delta(output_tokens=9), {"type": "message_stop"}]))
    assert reading_of(measure(ASKED, meter.seen, NAMES)).usage == STARTED._replace(output_tokens=9)


@pytest.mark.parametrize("size", [70_000, 900_000, 3_000_000])
def test_events_of_any_size_pass(size: int) -> None:
    large = {"type": "content_block_start", "content_block": {"type": "web_fetch_tool_result", "content": "x" * size}}
    stream = encode([message_start(), large, text("hi"), message_delta(output_tokens=9), {"type": "message_stop"}])
    meter = StreamMeter()
    for at in range(0, len(stream), 10_000):
        meter.feed(stream[at : at + 10_000])
        assert held_by(meter) < 2_500_000
    assert reading_of(measure(ASKED, meter.seen, NAMES)) == Reading(
        "claude-opus-5", STARTED._replace(output_tokens=9), Terms.US_ONLY
    )


def held_by(meter: StreamMeter) -> int:
    return sum(map(len, vars(meter)["_held"]))


@given(st.lists(st.binary(max_size=60), max_size=9))
def test_no_bytes_make_the_meter_fail(chunks: list[bytes]) -> None:
    measure(ASKED, watch(encode([message_start()]), *chunks).seen, NAMES)


@pytest.mark.parametrize("spoilt", [b"\xff", b"\\ud83d", b"\0"])
def test_counts_are_read_from_damaged_events(spoilt: bytes) -> None:
    stream = encode([message_start(), text("SPOIL"), message_delta(note="SPOIL", output_tokens=9)])
    seen = watch(stream.replace(b"SPOIL", b"a" + spoilt)).seen
    assert reading_of(measure(ASKED, seen, NAMES)).usage.output_tokens == 9


def test_an_upstream_that_counts_the_input_only_once_keeps_it() -> None:
    zeros = message_delta(input_tokens=0, cache_read_input_tokens=0, cache_creation_input_tokens=0, output_tokens=5)
    assert reading_of(measure(ASKED, watch(encode([message_start(), zeros])).seen, NAMES)).usage == STARTED._replace(
        output_tokens=5
    )
    late = [
        message_start(usage={"input_tokens": 0, "output_tokens": 0}),
        message_delta(input_tokens=8, output_tokens=2),
    ]
    assert reading_of(measure(ASKED, watch(encode(late)).seen, NAMES)).usage == Usage(8, 2)


def test_repeated_totals_are_never_added() -> None:
    events = [message_start(), message_delta(None, output_tokens=50), message_delta(output_tokens=40)]
    assert reading_of(measure(ASKED, watch(encode(events)).seen, NAMES)).usage.output_tokens == 40


# Aborts: at every event of a stream.

WORDS = ("Hello" * 9, " world" * 9)
ABORTS: list[tuple[int, Usage, Origin]] = [
    (0, Usage(200), Origin.ESTIMATED),
    (1, STARTED, Origin.ESTIMATED),
    (2, STARTED, Origin.ESTIMATED),
    (3, STARTED, Origin.ESTIMATED),
    (4, STARTED._replace(output_tokens=estimate_tokens(45)), Origin.ESTIMATED),
    (5, STARTED._replace(output_tokens=estimate_tokens(99)), Origin.ESTIMATED),
    (6, STARTED._replace(output_tokens=estimate_tokens(99)), Origin.ESTIMATED),
    (7, STARTED._replace(output_tokens=77), Origin.MEASURED),
    (8, STARTED._replace(output_tokens=77), Origin.MEASURED),
]


def test_the_table_of_aborts_has_every_event() -> None:
    assert [number for number, _, _ in ABORTS] == list(range(len(ordinary(WORDS)) + 1))


@pytest.mark.parametrize(("events", "usage", "origin"), ABORTS)
def test_an_abort_keeps_what_was_seen_and_says_what_is_estimated(events: int, usage: Usage, origin: Origin) -> None:
    stream = ordinary(WORDS)
    bounds = [encode(stream[:events]), encode(stream[: events + 1])]
    for seen in (watch(bounds[0]).seen, watch(bounds[1][:-12]).seen if events < len(stream) else Seen()):
        if seen == Seen() and events:
            continue
        (call,) = measure(ASKED, seen, NAMES)
        assert (call.reading.usage, call.reading.origin) == (usage, origin)
        assert call.reading.complete == (origin is Origin.MEASURED)
        assert call.keys == (("msg:msg_01" if events else "call:c1"), "req:req_1")


def test_an_estimate_never_lowers_what_was_told() -> None:
    seen = watch(encode([message_start(), text("hi"), message_delta(None, output_tokens=50)])).seen
    assert reading_of(measure(ASKED, seen, NAMES)) == Reading(
        "claude-opus-5", STARTED._replace(output_tokens=50), Terms.US_ONLY, Origin.ESTIMATED, complete=False
    )


def test_a_model_that_broke_off_is_estimated_and_one_that_refused_costs_nothing() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    broken = watch(encode([message_start(), text("Hello" * 9), error])).seen
    assert broken.failure == Failure("overloaded_error", "Overloaded")
    assert reading_of(measure(ASKED, broken, NAMES)).usage == STARTED._replace(output_tokens=estimate_tokens(45))
    refused = watch(encode([error])).seen
    assert measure(ASKED, refused, NAMES) == (Metered(("call:c1", "req:req_1"), Reading("claude-opus-5", Usage())),)


def test_what_was_never_sent_costs_nothing_for_certain() -> None:
    assert measure(ASKED, None, Names("c1")) == (Metered(("call:c1",), Reading("claude-opus-5", Usage())),)


def test_terms_of_an_answer_that_told_none_are_those_asked_for() -> None:
    asked = ASKED._replace(terms=int(Terms.FAST))
    assert reading_of(measure(asked, Seen(), NAMES)).model == "claude-opus-5-fast"


# Keys: a call seen by gateway and transcript is one.


@pytest.mark.parametrize("message", ["msg_01a", "chatcmpl-1", "gen-\0x"])
@pytest.mark.parametrize("request_id", ["req_1", None])
def test_keys_are_those_of_the_transcript(message: str, request_id: str | None) -> None:
    line = make_line(message={"id": message}, requestId=request_id)
    answer = json.dumps({"id": message, "model": "claude-opus-5", "usage": {"output_tokens": 1}}).encode()
    (call,) = measure(ASKED, read_answer(answer), Names("c1", request_id, "s1"))
    assert call.keys == only(read_lines(line)).keys == tuple(sorted(call.keys))


@pytest.mark.parametrize("field", ["id", "model"])
def test_a_name_without_end_is_none(field: str) -> None:
    answer = {"id": "msg_1", "model": "claude-opus-5", "usage": {"output_tokens": 1}}
    seen = [read_answer(json.dumps(answer | {field: "x" * length}).encode()) for length in (256, 257)]
    (kept,), (passed,) = (measure(ASKED, each, Names("c1")) for each in seen)
    if field == "id":
        assert (kept.keys, passed.keys) == ((f"own:{'x' * 256}/c1",), ("call:c1",))
    else:
        assert (kept.reading.model, passed.reading.model) == ("x" * 256, ASKED.model)


def test_advice_has_the_keys_of_the_transcript() -> None:
    usage: dict[str, object] = {
        "output_tokens": 5,
        "speed": "fast",
        "iterations": [
            {"type": "message", "output_tokens": 5},
            {"type": "advisor_message", "model": "claude-sonnet-5", "output_tokens": 7},
            {"type": "advisor_message", "model": "claude-haiku-5-5", "output_tokens": 8},
        ],
    }
    facts = read_lines(make_line(usage=usage, message={"id": "msg_1", "stop_reason": "end_turn"}))
    answer = json.dumps(
        {
            "id": "msg_1",
            "model": "claude-opus-5",
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 1000} | usage,
        }
    ).encode()
    calls = measure(ASKED, read_answer(answer), NAMES)
    assert sorted((call.keys, call.reading.model, call.reading.usage) for call in calls) == sorted(
        (fact.keys, fact.reading.model, fact.reading.usage) for fact in facts if fact.reading
    )


# Errors.


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (
            b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}',
            ("rate_limit_error", "slow down"),
        ),
        (b'{"error":{"message":"bad key","type":"auth","code":null}}', ("auth", "bad key")),
        (b'{"error":"nope"}', ("", "nope")),
        (b'{"error":{"type":7}}', ("", "")),
        (b'{"error":{"message":"a\xffb"}}', ("", "a\ufffdb")),
        (b'{"error":{"message":"' + b"x" * 9000 + b'"}}', ("", "x" * 2000)),
        (b'{"error":null}', None),
        (b"<html>502</html>", None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_errors_are_read_in_every_form(body: bytes, failure: tuple[str, str] | None) -> None:
    assert error_of(body) == failure
    assert read_answer(body).failure == failure


def test_an_answer_cut_short_is_estimated_from_the_request() -> None:
    body = json.dumps({"id": "msg_1", "usage": {"output_tokens": 5}}).encode()
    reading = reading_of(measure(ASKED, read_answer(body[:-2]), NAMES))
    assert reading == Reading("claude-opus-5", Usage(200), 0, Origin.ESTIMATED, complete=False)


def test_an_answer_without_counts_is_estimated_from_its_text() -> None:
    body = json.dumps({"id": "msg_1", "model": "m", "content": [{"type": "text", "text": "你" * 7}, {"type": "x"}]})
    reading = reading_of(measure(ASKED, read_answer(body.encode()), NAMES))
    assert reading == Reading("m", Usage(200, 6), 0, Origin.ESTIMATED, complete=False)


# Batches.


def test_lines_of_a_batch() -> None:
    message: Json = {"id": "msg_7", "model": "claude-opus-5", "usage": {"input_tokens": 10, "output_tokens": 20}}

    def line(result: object) -> bytes:
        return json.dumps({"custom_id": "a", "result": result}).encode()

    (call,) = read_batch_result(line({"type": "succeeded", "message": message}))
    assert call == Metered(("msg:msg_7",), Reading("claude-opus-5", Usage(10, 20), Terms.BATCH))
    (other,) = read_batch_result(line({"type": "succeeded", "message": message | {"id": "x1"}}))
    assert other.keys == ("own:x1/a",)
    failed: list[object] = [
        {"type": "errored", "error": {"type": "invalid_request_error"}},
        {"type": "canceled"},
        {"type": "succeeded"},
        {"type": "succeeded", "message": {"id": "msg_7"}},
        None,
        5,
    ]
    assert [read_batch_result(line(result)) for result in failed] == [()] * len(failed)
    assert read_batch_result(b"") == read_batch_result(b"[]") == read_batch_result(b"\xff") == ()


# Known answers: tokens by kind and the money they cost.


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_known_answers_cost_what_they_should(case: dict[str, Any]) -> None:
    if "batch" in case:
        calls = read_batch_result(json.dumps(case["batch"]).encode())
    else:
        seen = read_answer(json.dumps(case["answer"]).encode()) if "answer" in case else watch_case(case)
        calls = measure(Asked(case["asked"]), seen, NAMES)
    at = milliseconds(datetime.fromisoformat(case["at"]).replace(tzinfo=UTC))
    found: list[dict[str, Any]] = []
    for call in calls:
        cost = BOOK.cost(call.reading, at)
        found.append(
            {
                "model": call.reading.model,
                "tokens": list(call.reading.usage),
                "nano": None if cost is None else cost.total,
                "origin": Origin(call.reading.origin).name.lower(),
            }
        )
    assert found == case["calls"]


def watch_case(case: dict[str, Any]) -> Seen:
    stream = encode(case["stream"])
    places = [0, len(stream) // 3, len(stream) // 2, len(stream)]
    return watch(*(stream[a:b] for a, b in pairwise(places))).seen


# The official client's own adding up is the judge of a sensible stream.

ADVICE: Json = {"type": "advisor_message", "model": "claude-sonnet-5", "input_tokens": 3, "output_tokens": 4}
SENSIBLE: dict[str, list[Json]] = {
    "plain": [message_delta(output_tokens=77)],
    "repeated": [message_delta(None, output_tokens=30), message_delta(output_tokens=77)],
    "grown input": [message_delta(input_tokens=9000, cache_read_input_tokens=9, output_tokens=77)],
    "nulls": [message_delta(input_tokens=None, cache_creation_input_tokens=None, output_tokens=77)],
    "searches": [message_delta(output_tokens=77, server_tool_use={"web_search_requests": 2, "web_fetch_requests": 1})],
    "advice": [message_delta(output_tokens=77, iterations=[ADVICE])],
}


@pytest.mark.parametrize("way", SENSIBLE)
def test_the_official_client_adds_up_the_same(way: str) -> None:
    events = [*ordinary()[:-2], *SENSIBLE[way], {"type": "message_stop"}]
    stream = encode(events)
    headers = {"content-type": "text/event-stream"}
    answers = httpx2.MockTransport(lambda _: httpx2.Response(200, content=stream, headers=headers))
    with httpx2.Client(transport=answers) as http:
        client = anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1:1", http_client=http, max_retries=0)
        with client.beta.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]) as going:
            told = going.get_final_message().usage
    reading = measure(ASKED, watch(stream).seen, NAMES)[0].reading
    split = told.cache_creation
    assert split is not None
    assert reading.usage == Usage(
        told.input_tokens,
        told.output_tokens,
        split.ephemeral_5m_input_tokens,
        split.ephemeral_1h_input_tokens,
        told.cache_read_input_tokens or 0,
        told.server_tool_use.web_search_requests if told.server_tool_use else 0,
    )


def test_text_in_a_last_event_without_a_blank_line_counts_once() -> None:
    meter = StreamMeter()
    meter.feed(b'data:{"type":"content_block_delta","delta":{"type":"text_delta","text":"abc"}}\r\r')
    meter.feed(b': hi\rdata:{"type":"content_block_delta","delta":{"type":"text_delta","text":"de"}}')
    assert meter.seen.text_bytes == 5
    meter.feed(b"\r\r")
    assert meter.seen.text_bytes == 5
