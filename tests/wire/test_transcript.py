"""Every known trap of the format, a line or a few at a time, and laws that hold for any bytes at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Billing, Fact, Origin, Place, Source, Terms, Timing, Usage
from ccledger.core.money import NANO
from ccledger.core.periods import QUARTER_MS, Days, zone
from ccledger.core.prices import read_book
from ccledger.wire.transcript import FileOrigin
from tests.corpora import reference
from tests.corpora.made import TRAPS, roots_of, write_corpus
from tests.wire.lines import (
    COUNTED,
    DAY,
    NOON,
    ORIGIN,
    Json,
    encode,
    in_lines,
    join_all,
    make_line,
    make_record,
    new_reader,
    only,
    project_of,
    read_as_it_grows,
    read_each_alone,
    read_in_buffers,
    read_lines,
    read_whole,
    usage_of,
)
from tests.wire.made_lines import (
    any_json,
    any_object,
    cuts,
    encode_any,
    made_files,
    sizes_of,
    value_by_reference,
    values_by_reference,
    values_of,
)

BOOK = read_book(files("ccledger.core").joinpath("prices.toml").read_text("utf-8"))
CAPTURE = Path(__file__).parents[1] / "captures" / "claude-code-2.1.327.jsonl"

# What other tools get wrong: each gives one call with 100 output tokens.

TOOL_WITH_NULL: Json = {"type": "tool_use", "name": "x", "input": {"id": None, "model": None, "cwd": None}}
LATER: Json = {"timestamp": f"{DAY}T12:00:02.000Z"}
MESSAGE = cast("Json", make_record()["message"])
PROGRESS: Json = {"type": "agent_progress", "message": make_record(uuid="nested", message={"id": "msg_nested"})}

HOLES: dict[str, list[bytes]] = {
    "null in a tool's input": [make_line(message={"content": [TOOL_WITH_NULL]})],
    "null version beside it": [make_line(version=None, slug=None)],
    "null speed": [make_line(usage={"speed": None})],
    "null everywhere in usage": [
        make_line(
            usage={
                "service_tier": None,
                "inference_geo": None,
                "iterations": None,
                "server_tool_use": None,
                "cache_creation": None,
                "cache_creation_input_tokens": None,
            }
        )
    ],
    "lone surrogate": [make_line().replace(b"SPOIL", b"\\ud83d")],
    "lone surrogate in a field that is read": [make_line(gitBranch="SPOIT").replace(b"SPOIT", b"\\ud83d")],
    "bad UTF-8": [make_line().replace(b"SPOIL", b"\xff\xfe \xc3( \xed\xa0\xbd \xf0\x9f")],
    "bad UTF-8 in a field that is read": [make_line(gitBranch="SPOIT").replace(b"SPOIT", b"\xff\xc3")],
    "NUL bytes before the line": [b"\0" * 512 + make_line()],
    "NUL bytes on a line of their own": [b"\0" * 4096, make_line(), b"\0"],
    "separators of Unicode": [make_line().replace(b"SPOIL", "\u2028\u2029\u0085\ufeff".encode())],
    "no request id": [make_line(requestId=...), make_line(requestId=..., top=LATER)],
    "null request id": [make_line(requestId=None), make_line(requestId=None, top=LATER)],
    "two request ids": [make_line(), make_line(requestId="req_2")],
    "space after the colon": [json.dumps(make_record()).encode()],
    "spaces and tabs around the colon": [make_line().replace(b'"usage":{', b'"usage" :\t{')],
    "usage before the content": [encode(make_record() | {"message": dict(reversed(MESSAGE.items()))})],
    "the same line twice": [make_line(), make_line()],
    "a copy in a fork": [make_line(), make_line(sessionId="s2", uuid="u2", forkedFrom={"sessionId": "s1"})],
    "a copy hours later": [make_line(), make_line(sessionId="s2", timestamp="2026-10-21T20:00:00.000Z")],
    "a larger side conversation": [make_line(), make_line(usage={"output_tokens": 900}, isSidechain=True)],
    "counts that grow": [make_line(usage={"output_tokens": tokens}) for tokens in (1, 60, 100)],
    "counts that grow out of order": [make_line(usage={"output_tokens": tokens}) for tokens in (1, 100, 60)],
    "usage in a tool's input": [
        make_line(message={"content": [{"type": "tool_use", "input": {"usage": {"output_tokens": 77_777}}}]})
    ],
    "the same usage in two tools' inputs while the answer grows": [
        make_line(
            message={"content": [{"type": "tool_use", "id": f"toolu_{tokens}", "input": {"usage": {"a": 1}}}]},
            usage={"output_tokens": tokens},
        )
        for tokens in (1, 100)
    ],
    "usage after the message": [make_line(after={"usage": {"output_tokens": 4}})],
    "usage of a tool's result": [
        make_line(),
        encode({"type": "user", "message": {"role": "user"}, "toolUseResult": {"usage": {"output_tokens": 99}}}),
    ],
    "a quoted transcript": [
        make_line(message={"content": [{"type": "text", "text": make_line(message={"id": "msg_q"}).decode()}]}),
        encode({"type": "user", "message": {"role": "user", "content": make_line(message={"id": "msg_r"}).decode()}}),
    ],
    "a sub-agent's answer in a progress record": [
        make_line(),
        encode({"type": "progress", "timestamp": f"{DAY}T12:00:00Z", "sessionId": "s1", "data": PROGRESS}),
    ],
    "an answer of a real model that broke off": [make_line(isApiErrorMessage=True)],
    "a placeholder that failed calls leave": [make_line(), make_line(message={"id": "u", "model": "<synthetic>"})],
    "a failed call that used nothing": [
        make_line(),
        make_line(isApiErrorMessage=True, message={"id": "msg_err", "usage": {"input_tokens": 0, "output_tokens": 0}}),
    ],
    "a line without a usable time": [make_line(), make_line(timestamp="yesterday", message={"id": "msg_02b"})],
    "a cost from old times": [make_line(costUSD=1.25)],
    "Windows line ends": [make_line() + b"\r", b"\r"],
    "a deep tool's input": [make_line().replace(b'"SPOIL"', b'{"a":[' * 90 + b"1" + b"]}" * 90)],
    "an abyss beside it": [make_line(), b'{"usage":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
    "junk around it": [
        b"",
        b"   ",
        b"{",
        b"null",
        b"[]",
        b'"usage"',
        b"\xff\xff",
        b'x"usage":{"output_tokens":5}',
        b'[{"type":"assistant","message":{"usage":{"output_tokens":5}}}]',
        b'{"type":"assistant","message":{"usage":{',
        b'{"type":"assistant","message":{"usage":[1]}}',
        b'{"type":"assistant","message":5,"usage":{"output_tokens":5}}',
        b'{"usage":{"output_tokens":5}}',
        make_line() + make_line(),
        make_line(),
        make_line()[:-1],
    ],
}


@pytest.mark.parametrize("hole", HOLES)
def test_what_others_drop_or_count_twice_is_one_call_of_100_tokens(hole: str) -> None:
    assert usage_of(read_lines(*HOLES[hole])).output_tokens == 100


@pytest.mark.parametrize("hole", HOLES)
def test_a_trap_is_none_however_the_file_is_cut(hole: str) -> None:
    data = in_lines(HOLES[hole])
    random = Random(hole)
    for _ in range(20):
        cuts = random.choices(range(len(data)), k=3)
        assert join_all(read_in_buffers(data, cuts)) == join_all(read_whole(data))
        assert join_all(read_as_it_grows(data, cuts)) == join_all(read_whole(data))


# What a line says.


def split(minutes: object, hour: object) -> Json:
    return {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour}


COUNTS: list[tuple[Json, Usage]] = [
    ({}, Usage(10, 100, 0, 0, 1000)),
    ({"input_tokens": ..., "cache_read_input_tokens": None}, Usage(0, 100)),
    ({"cache_creation_input_tokens": 777}, Usage(10, 100, 777, 0, 1000)),
    ({"cache_creation_input_tokens": 777, "cache_creation": None}, Usage(10, 100, 777, 0, 1000)),
    ({"cache_creation_input_tokens": 999, "cache_creation": split(0, 0)}, Usage(10, 100, 999, 0, 1000)),
    ({"cache_creation_input_tokens": 999, "cache_creation": {}}, Usage(10, 100, 999, 0, 1000)),
    ({"cache_creation_input_tokens": 0, "cache_creation": split(120, 3300)}, Usage(10, 100, 120, 3300, 1000)),
    ({"cache_creation_input_tokens": 300, "cache_creation": split(200, 100)}, Usage(10, 100, 200, 100, 1000)),
    ({"cache_creation_input_tokens": 1000, "cache_creation": split(100, 400)}, Usage(10, 100, 600, 400, 1000)),
    ({"cache_creation_input_tokens": 1000, "cache_creation": split(None, 250)}, Usage(10, 100, 750, 250, 1000)),
    ({"cache_creation_input_tokens": 5, "cache_creation": split(100, 400)}, Usage(10, 100, 100, 400, 1000)),
    ({"server_tool_use": {"web_search_requests": 7, "web_fetch_requests": 4}}, Usage(10, 100, 0, 0, 1000, 7)),
    ({"server_tool_use": {}}, Usage(10, 100, 0, 0, 1000)),
    ({"output_tokens_details": {"thinking_tokens": 90}}, Usage(10, 100, 0, 0, 1000)),
    ({"input_tokens": 12.0, "cache_read_input_tokens": 3.5e3}, Usage(12, 100, 0, 0, 3500)),
    ({"input_tokens": 2**40, "cache_read_input_tokens": 10**13}, Usage(2**40, 100, 0, 0, 10**13)),
    ({"iterations": []}, Usage(10, 100, 0, 0, 1000)),
    ({"iterations": [{"type": "message", "output_tokens": 60}, {"type": "compaction"}]}, Usage(10, 100, 0, 0, 1000)),
]


@pytest.mark.parametrize(("counts", "usage"), COUNTS)
def test_counts_are_read_in_every_form_they_come_in(counts: Json, usage: Usage) -> None:
    assert usage_of(read_lines(make_line(usage=counts))) == usage


NO_COUNTS: list[object] = [-5, -1.5, "17", True, [], {}, "", None, 10**13 + 1, 10**30, 1e300, 2**63, 2**64]


@pytest.mark.parametrize("value", NO_COUNTS)
@pytest.mark.parametrize("name", ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"])
def test_what_is_no_count_is_zero_and_spoils_no_other(name: str, value: object) -> None:
    usage = usage_of(read_lines(make_line(usage={name: value})))
    assert usage == Usage(*(0 if name == "input_tokens" else 10, 100, 0, 0, 0 if "read" in name else 1000))


@pytest.mark.parametrize("value", [*NO_COUNTS, 7, "none"])
@pytest.mark.parametrize("name", ["cache_creation", "server_tool_use", "iterations", "speed", "service_tier"])
def test_what_has_no_sense_is_passed_over(name: str, value: object) -> None:
    assert usage_of(read_lines(make_line(usage={name: value}))) == Usage(10, 100, 0, 0, 1000)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e400", "-0", "-0.0"])
def test_numbers_that_are_none_are_zero(word: str) -> None:
    line = make_line(usage={"input_tokens": 123}).replace(b"123", word.encode())
    assert usage_of(read_lines(line)) == Usage(0, 100, 0, 0, 1000)


KEYS: list[tuple[Json, Json, tuple[str, ...]]] = [
    ({}, {}, ("msg:msg_01a", "req:req_1")),
    ({}, {"requestId": ...}, ("msg:msg_01a",)),
    ({"id": "chatcmpl-1"}, {}, ("own:chatcmpl-1/req_1", "req:req_1")),
    ({"id": "chatcmpl-1"}, {"requestId": None}, ("own:chatcmpl-1/s1",)),
    ({"id": "chatcmpl-1"}, {"requestId": None, "sessionId": None}, ("own:chatcmpl-1/session-of-file",)),
    ({"id": ...}, {}, ("line:u1", "req:req_1")),
    ({"id": ""}, {"requestId": ""}, ("line:u1",)),
    ({"id": None}, {"requestId": 5}, ("line:u1",)),
]


@pytest.mark.parametrize(("message", "top", "keys"), KEYS)
def test_a_message_is_known_by_what_makes_it_unique(message: Json, top: Json, keys: tuple[str, ...]) -> None:
    assert only(read_lines(make_line(message=message, top=top))).keys == keys


def test_a_line_without_any_id_is_known_by_its_own_bytes() -> None:
    message: Json = {"id": None}
    first, other = make_line(message=message, uuid=...), make_line(message=message, uuid=..., sessionId="s2")
    assert len(join_all(read_lines(first, first, other))) == 2


def test_a_uuid_is_found_in_a_line_that_is_damaged() -> None:
    line = make_line(message={"id": None}).replace(b"SPOIL", b"\\ud83d")
    assert only(read_lines(line)).keys == ("line:u1", "req:req_1")


TIMES = [
    ("2026-10-20T12:00:00.000Z", 0),
    ("2026-10-20T12:00:00Z", 0),
    ("2026-10-20T12:00:00.123Z", 123),
    ("2026-10-20T05:00:00.000-07:00", 0),
    ("2026-10-20T17:45:00.001+05:45", 1),
]


@pytest.mark.parametrize(("text", "milliseconds"), TIMES)
@pytest.mark.parametrize("damage", [b"", b"\\ud83d"])
def test_times_are_read_in_every_zone_and_precision(text: str, milliseconds: int, damage: bytes) -> None:
    line = make_line(timestamp=text).replace(b"SPOIL", damage)
    assert only(read_lines(line)).timing == Timing(Source.TRANSCRIPT, NOON + milliseconds)


@pytest.mark.parametrize("text", [None, "", "yesterday", 1_790_000_000, "2026-13-45T00:00:00Z", f"{DAY}T12:00:00", []])
def test_a_line_without_a_usable_time_is_counted_as_unreadable(text: object) -> None:
    facts: list[Fact] = []
    reader = new_reader(facts)
    data = in_lines([make_line(timestamp=text), make_line(timestamp=...)])
    reader.read(bytearray(data), len(data))
    assert (facts, reader.unreadable) == ([], 2)


@pytest.mark.parametrize(
    ("usage", "terms"),
    [
        ({"speed": "standard", "service_tier": "standard", "inference_geo": "not_available"}, Terms.NONE),
        ({"speed": "FAST", "service_tier": "priority", "inference_geo": "global"}, Terms.NONE),
        ({"speed": "fast"}, Terms.FAST),
        ({"service_tier": "batch"}, Terms.BATCH),
        ({"inference_geo": "us"}, Terms.US_ONLY),
        ({"speed": "fast", "service_tier": "batch", "inference_geo": "us"}, Terms.FAST | Terms.BATCH | Terms.US_ONLY),
    ],
)
def test_what_changes_the_price_is_told(usage: Json, terms: Terms) -> None:
    reading = only(read_lines(make_line(usage=usage))).reading
    assert reading is not None
    assert reading.terms == terms
    assert reading.model == ("claude-opus-5-fast" if terms & Terms.FAST else "claude-opus-5")


@pytest.mark.parametrize("model", [None, ..., "", 5])
def test_a_call_without_a_model_is_one_of_an_unknown_model(model: object) -> None:
    reading = only(read_lines(make_line(message={"model": model}))).reading
    assert reading is not None
    assert reading.model == "unknown"


@pytest.mark.parametrize(
    ("sidechain", "stop_reason", "complete"),
    [(False, None, True), (False, "end_turn", True), (True, None, False), (True, "tool_use", True), (None, None, True)],
)
def test_only_a_sub_agents_answer_without_its_end_is_partial(
    sidechain: object, stop_reason: str | None, complete: bool
) -> None:
    reading = only(read_lines(make_line(isSidechain=sidechain, message={"stop_reason": stop_reason}))).reading
    assert reading is not None
    assert (reading.complete, reading.sidechain, reading.origin) == (complete, sidechain is True, Origin.MEASURED)


def test_a_partial_answer_is_complete_once_its_last_line_is_there() -> None:
    lines = [make_line(isSidechain=True, usage={"output_tokens": 1})] * 2
    last = make_line(isSidechain=True, message={"stop_reason": "end_turn"})
    reading = only(read_lines(*lines, last)).reading
    assert reading is not None
    assert (reading.complete, reading.usage.output_tokens) == (True, 100)


def test_the_earliest_line_tells_the_time_and_the_largest_the_counts_as_a_whole() -> None:
    late = make_line(usage={"input_tokens": 9, "output_tokens": 500}, timestamp=f"{DAY}T12:00:05.000Z")
    early = make_line(usage={"input_tokens": 90, "output_tokens": 1})
    call = only(read_lines(late, early))
    assert call.timing.started_at == NOON
    assert usage_of([call]) == Usage(9, 500, 0, 0, 1000)


ADVICE: Json = {"type": "advisor_message", "model": "claude-fable-5-1", "input_tokens": 5, "output_tokens": 6}


def test_advice_is_a_call_of_its_own_at_its_own_models_normal_speed() -> None:
    unnamed: Json = {"type": "advisor_message", "output_tokens": 7}
    included: Json = {"type": "message", "output_tokens": 60}
    usage: Json = {"iterations": [included, ADVICE, included, unnamed], "speed": "fast", "inference_geo": "us"}
    lines = [make_line(usage=usage, advisorModel="claude-opus-4-8")] * 2
    calls = {call.keys[0]: call for call in join_all(read_lines(*lines))}
    assert set(calls) == {"msg:msg_01a", "msg:msg_01a/advice/0", "msg:msg_01a/advice/1"}
    readings = [calls[f"msg:msg_01a/advice/{number}"].reading for number in (0, 1)]
    assert [reading and (reading.model, reading.usage, reading.terms) for reading in readings] == [
        ("claude-fable-5-1", Usage(5, 6), Terms.US_ONLY),
        ("claude-opus-4-8", Usage(0, 7), Terms.US_ONLY),
    ]
    assert calls["msg:msg_01a/advice/0"].place == calls["msg:msg_01a"].place


def test_advice_that_comes_with_a_later_line_is_found() -> None:
    lines = [make_line(usage={"iterations": None, "output_tokens": 1}), make_line(usage={"iterations": [ADVICE]})]
    assert len(join_all(read_lines(*lines))) == 2


# Where a call belongs.


def place_of(*lines: bytes, origin: FileOrigin = ORIGIN) -> Place:
    place = only(read_whole(in_lines(lines), origin)).place
    assert place is not None
    return place


def test_a_line_tells_its_session_branch_and_agent() -> None:
    assert place_of(make_line(agentId="a1")) == Place(
        Source.TRANSCRIPT, "s1", "/home/app/x", "-home-app-x", "main", "a1", copied=False, billing=Billing.API
    )


def test_the_file_tells_what_the_line_does_not() -> None:
    origin = FileOrigin("-home-app-x", "s9", "a9", Billing.SUBSCRIPTION)
    assert place_of(make_line(sessionId=None, gitBranch="", agentId=..., cwd=...), origin=origin) == Place(
        Source.TRANSCRIPT, "s9", "-home-app-x", "-home-app-x", None, "a9", copied=False, billing=Billing.SUBSCRIPTION
    )


def test_the_project_is_where_the_session_started() -> None:
    first, moved = encode({"type": "user", "cwd": "/home/app/start"}), make_line(cwd="/home/app/start/inside")
    assert place_of(first, moved).project == "/home/app/start"


@pytest.mark.parametrize("path", ['/home/app/it\'s "quoted"', "C:\\Users\\app", "/home/项目", "/a\tb"])
def test_a_project_may_have_any_name(path: str) -> None:
    assert place_of(make_line(cwd=path)).project == path


def test_a_project_whose_name_is_damaged_is_still_one() -> None:
    project = place_of(make_line(cwd="/home/SPOIT").replace(b"SPOIT", b"\xff\\ud83d")).project
    assert project is not None
    assert project.encode().startswith(b"/home/")


@pytest.mark.parametrize("cwd", ["", None, 5])
def test_a_session_that_names_no_directory_belongs_to_its_folder(cwd: object) -> None:
    assert place_of(make_line(cwd=cwd)).project == "-home-app-x"


def test_a_project_holds_from_the_line_that_names_it() -> None:
    first, second = (make_line(cwd=..., message={"id": name}) for name in ("msg_1", "msg_2"))
    calls = join_all(read_lines(first, encode({"type": "user", "cwd": "/home/app/x"}), second))
    assert [call.place and call.place.project for call in calls] == ["-home-app-x", "/home/app/x"]


@pytest.mark.parametrize("late", [True, False])
def test_a_copy_in_a_fork_does_not_move_a_call(late: bool) -> None:
    copy = make_line(sessionId="s2", forkedFrom={"sessionId": "s1"}, timestamp=f"{DAY}T11:00:00.000Z")
    lines = [make_line(), copy]
    place = place_of(*(lines if late else reversed(lines)))
    assert (place.session, place.copied) == ("s1", False)


# What is not counted.


@pytest.mark.parametrize("kind", ["user", "system", "progress", "Assistant", "result", None, 5, ...])
def test_only_assistant_records_are_calls(kind: object) -> None:
    assert read_lines(make_line(type=kind)) == []


def test_lines_that_can_not_be_read_are_counted() -> None:
    facts: list[Fact] = []
    reader = new_reader(facts)
    data = in_lines([b"not even close", b'{"usage"', make_line(), make_line()[:-5], b'{"usage":{}}', b"\0"])
    assert reader.read(bytearray(data), len(data)) == len(data)
    assert reader.unreadable == 2
    assert len(join_all(facts)) == 1


# The end of a file that is being written.


def test_a_whole_last_line_is_read_before_its_end_comes_and_not_twice() -> None:
    facts: list[Fact] = []
    reader = new_reader(facts)
    done, last = in_lines([make_line(message={"id": "msg_00"})]), make_line()
    assert reader.read(bytearray(done + last), len(done + last), final=True) == len(done)
    assert len(join_all(facts)) == 2
    assert reader.read(bytearray(last + b"\n"), len(last) + 1, final=True) == len(last) + 1
    assert len(join_all(facts)) == 2
    assert reader.unreadable == 0


def test_a_last_line_is_left_alone_while_more_may_follow() -> None:
    assert read_whole(make_line(), final=False) == []


def test_a_line_cut_anywhere_says_nothing_and_is_no_error() -> None:
    line = make_line(usage={"iterations": [ADVICE]}, after={"usage": {}})
    for end in range(len(line)):
        facts: list[Fact] = []
        reader = new_reader(facts)
        assert reader.read(bytearray(line[:end]), end, final=True) == 0
        assert (facts, reader.unreadable) == ([], 0)


def test_only_the_filled_part_of_a_buffer_is_read() -> None:
    facts: list[Fact] = []
    line = in_lines([make_line()])
    buffer = bytearray(line + in_lines([make_line(message={"id": "msg_old"})]))
    assert new_reader(facts).read(buffer, len(line), final=True) == len(line)
    assert [fact.keys[0] for fact in facts] == ["msg:msg_01a"]


# Laws.


DIFFERENCES: list[tuple[Json, Json]] = [
    ({"isSidechain": True}, {}),
    ({"isSidechain": True}, {"stop_reason": "end_turn"}),
    ({}, {"model": "claude-sonnet-5"}),
    ({}, {"stop_reason": "end_turn"}),
    ({}, {"usage": COUNTED | {"speed": "fast"}}),
    ({"sessionId": "s2"}, {}),
    ({"gitBranch": "dev"}, {}),
    ({"agentId": "a1"}, {}),
    ({"forkedFrom": {}}, {}),
    ({"requestId": "req_2"}, {}),
    ({"timestamp": f"{DAY}T11:00:00Z"}, {}),
    ({}, {"id": "msg_02b"}),
]


@pytest.mark.parametrize(("top", "message"), DIFFERENCES)
@pytest.mark.parametrize("sidechain", [True, False])
def test_a_line_that_differs_in_one_thing_from_its_neighbour_is_not_taken_for_a_copy(
    top: Json, message: Json, sidechain: bool
) -> None:
    one, other = make_line(isSidechain=sidechain), make_line(message=message, top={"isSidechain": sidechain} | top)
    for data in (in_lines([one, other, one]), in_lines([other, one, other])):
        assert join_all(read_whole(data)) == join_all(read_each_alone(data))


@given(made_files)
def test_reading_lines_together_says_what_each_line_alone_says(data: bytes) -> None:
    assert join_all(read_whole(data)) == join_all(read_each_alone(data))


@given(made_files, cuts)
def test_it_does_not_matter_where_a_file_is_cut_into_buffers(data: bytes, places: list[int]) -> None:
    assert join_all(read_in_buffers(data, places)) == join_all(read_whole(data))


@given(made_files, cuts)
def test_it_does_not_matter_when_a_file_is_read(data: bytes, places: list[int]) -> None:
    assert join_all(read_as_it_grows(data, places)) == join_all(read_whole(data))


@given(made_files)
def test_the_plain_reader_counts_the_same(data: bytes) -> None:
    """Lines that contradict each other at equal totals are left to either."""
    mine, plain = values_of(read_whole(data)), values_by_reference(data.replace(b"\0", b""))
    assert sorted(map(sizes_of, mine)) == sorted(map(sizes_of, plain))


@given(made_files, st.integers(0, 1 << 20))
def test_what_is_not_consumed_is_the_unfinished_line(data: bytes, end: int) -> None:
    end %= len(data) + 1
    for final in (False, True):
        assert new_reader([]).read(bytearray(data), end, final=final) == data.rfind(b"\n", 0, end) + 1


@given(any_object(), any_object(), any_json())
def test_no_json_whatever_is_an_error(top: Json, message: Json, usage: object) -> None:
    record = make_record() | top
    both: Json = {"message": {**cast("Json", make_record()["message"]), **message, "usage": usage}}
    check_facts(read_lines(encode_any(record), encode_any(record | both)))


@given(st.lists(st.binary(max_size=40) | st.sampled_from((b'"usage":{', b"\n", make_line(), b'"cwd":"', b"{}"))))
def test_no_bytes_whatever_are_an_error(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    check_facts(read_whole(data))
    assert project_of(data) != ""


def check_facts(facts: Iterable[Fact]) -> None:
    """Check that a store can hold what was read."""
    for fact in facts:
        assert fact.keys
        assert list(fact.keys) == sorted(fact.keys)
        assert fact.reading is not None
        assert fact.place is not None
        assert all(0 <= count <= 10**13 for count in fact.reading.usage)
        assert fact.placed_at == fact.timing.started_at
        texts = (*fact.keys, fact.reading.model, fact.place.session, fact.place.branch, fact.place.agent)
        assert "".join(text or "" for text in texts).encode()


# Once wrong.


def test_a_time_just_before_midnight_stays_before_midnight() -> None:
    assert only(read_lines(make_line(timestamp=f"{DAY}T23:59:59.999999Z"))).timing.started_at == NOON + 43_199_999


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_in_no_day_somewhere_is_none(text: str) -> None:
    for call in read_lines(make_line(timestamp=text)):
        for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            Days(zone(name)).of_quarter(call.timing.started_at // QUARTER_MS)


def test_the_largest_numbers_that_are_believed_can_be_booked() -> None:
    tools: Json = {"server_tool_use": {"web_search_requests": 10**13}}
    reading = only(read_lines(make_line(usage=tools))).reading
    assert reading is not None
    cost = BOOK.cost(reading, NOON)
    assert cost is not None
    assert cost.total < 1 << 63


def test_it_does_not_matter_when_a_file_with_advice_is_read() -> None:
    first = make_line(usage={"iterations": None, "output_tokens": 1})
    data = in_lines([first, make_line(usage={"iterations": [ADVICE]}, top=LATER)])
    assert join_all(read_as_it_grows(data, [len(first) + 1])) == join_all(read_whole(data))


def test_it_does_not_matter_when_a_file_that_names_its_project_late_is_read() -> None:
    first = make_line(cwd=...)
    data = in_lines([first, encode({"type": "user", "cwd": "/home/app/x"}), make_line(cwd=..., uuid="u2")])
    assert join_all(read_in_buffers(data, [len(first) + 1])) == join_all(read_whole(data))


def test_a_project_may_be_the_root_of_a_drive() -> None:
    assert place_of(make_line(cwd="C:\\")).project == "C:\\"


def test_a_project_is_found_in_json_with_spaces() -> None:
    assert place_of(json.dumps(make_record()).encode()).project == "/home/app/x"


# Against the plain reader.


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_of_the_made_up_corpus_is_counted_as_the_plain_reader_does(trap: str, tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=3, sessions=0, traps=[trap])
    roots = roots_of(tmp_path)
    facts = [fact for path in reference.transcripts(roots) for fact in read_whole(path.read_bytes())]
    expected = sorted(value_by_reference(fact) for fact in reference.calls(roots).values())
    assert values_of(facts) == expected


# A real file.


def test_a_recorded_file_is_priced_as_the_command_line_tool_did() -> None:
    calls = join_all(read_whole(CAPTURE.read_bytes()))
    costs = [BOOK.cost(call.reading, call.timing.started_at) for call in calls if call.reading]
    told = {state["totalCostUSD"] for state in cost_states()}
    assert len(costs) == 6
    assert {Decimal(cost.total) / NANO for cost in costs if cost} == {Decimal("0.005302")}
    assert {round(Decimal(total) / Decimal("0.005302"), 9) for total in told} == {2, 3, 4, 5}


def cost_states() -> list[dict[str, float]]:
    """The totals that the tool wrote into its own file; two runs went on from the fourth call at once."""
    states = map(json.loads, CAPTURE.read_text("utf-8").splitlines())
    return [state for state in states if state["type"] == "cost-state"]


def test_a_recorded_file_tells_all_that_is_kept_of_a_call() -> None:
    first = join_all(read_whole(CAPTURE.read_bytes()))[0]
    assert first.keys == ("msg:msg_mock000005", "req:req_mock000006")
    assert usage_of([first]) == Usage(120, 77, 200, 100, 5000)
    assert first.place is not None
    assert (first.place.session, first.place.project) == ("7393f38a-39b3-5145-97eb-cb2e70d40efc", "/home/app/work")


def test_a_recorded_file_is_counted_as_the_plain_reader_does() -> None:
    assert values_of(read_whole(CAPTURE.read_bytes())) == values_by_reference(CAPTURE.read_bytes())


def test_no_text_of_a_call_holds_what_no_store_can_look_up() -> None:
    line = make_line(requestId="req_\x00", sessionId="s\x00", gitBranch="b\x00", cwd="/x\x00", agentId="a\x00")
    call = only(read_lines(line.replace(b'"id":"msg_', b'"id":"msg_\\u0000')))
    assert call.place is not None
    texts = [*call.keys, call.place.session, call.place.branch, call.place.project, call.place.agent]
    assert all(text and "\x00" not in text for text in texts)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "2020-09-01T00:00:00Z", "2100-01-01T00:00:00Z"])
def test_a_clock_that_is_far_off_tells_no_time(text: str) -> None:
    assert list(read_lines(make_line(timestamp=text))) == []
