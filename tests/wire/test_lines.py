"""The compiled reader against the one in Python: on any bytes both say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Fact
from ccledger.wire import transcript
from tests.lanes import NOT_COMPILED, is_compiled, leave_compiled_out
from tests.wire.lines import DAY, in_lines, join_all, make_line, new_reader
from tests.wire.made_lines import any_object, encode_any, made_files

pytestmark = pytest.mark.skipif(not is_compiled(), reason=NOT_COMPILED)

CAPTURE = Path(__file__).parents[1] / "captures" / "claude-code-2.1.327.jsonl"
ANY: list[object] = [1, -2.5, 0, True, False, None, {}, [], {"a": [{"b": ""}]}]
PLAIN = {
    "a line as it is written today": make_line(),
    "a step of a sub-agent": make_line(isSidechain=True, agentId="a1"),
    "terms": make_line(usage={"speed": "fast", "service_tier": "batch", "inference_geo": "us"}),
    "what the cache took": make_line(
        usage={
            "cache_creation_input_tokens": 9,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        }
    ),
    "searches": make_line(usage={"server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0}}),
    "nothing but null": make_line(usage={"speed": None, "iterations": None, "cache_creation": None}, gitBranch=None),
    "no request id": make_line(requestId=...),
    "no session": make_line(sessionId=..., gitBranch=...),
    "any text in what is not kept": make_line(
        message={"content": [{"type": "text", "text": '读 é \\ " / \n\t\b\f\r\x1b'}]}
    ),
    "any value in what is not kept": make_line(message={"content": ANY}),
    "another kind of line": make_line(type="user"),
    "no answer": make_line(message={"model": "<synthetic>"}),
    "no usage": make_line(message={"usage": ...}, toolUseResult={"usage": {"output_tokens": 1}}),
    "a leap day": make_line(timestamp="2028-02-29T23:59:59.999Z"),
}
STRANGE = {
    "an escape in what is kept": make_line(gitBranch="a\\b"),
    "other letters in what is kept": make_line(gitBranch="é"),
    "a field twice": make_line().replace(b'"output_tokens":100', b'"output_tokens":1,"output_tokens":100'),
    "a name that is escaped": make_line().replace(b'"requestId"', b'"request\\u0049d"'),
    "a space": make_line().replace(b'"usage":', b'"usage": '),
    "an end with a return": make_line() + b"\r",
    "another id": make_line(message={"id": "chatcmpl-1"}),
    "an id that is a prefix": make_line(message={"id": "msg_"}),
    "an empty request id": make_line(requestId=""),
    "a failed call": make_line(isApiErrorMessage=True),
    "a copy": make_line(forkedFrom={"sessionId": "s0"}),
    "advice": make_line(usage={"iterations": [{"type": "advisor_message", "model": "m", "output_tokens": 5}]}),
    "too many tokens": make_line(usage={"output_tokens": 10**13 + 1}),
    "too many searches": make_line(usage={"server_tool_use": {"web_search_requests": 10**6 + 1}}),
    "a fraction of a token": make_line(usage={"output_tokens": 1.5}),
    "a number with a zero before it": make_line().replace(b":100", b":0100"),
    "a negative count": make_line(usage={"output_tokens": -1}),
    "a time without its zone": make_line(timestamp=f"{DAY}T12:00:00.000"),
    "a time in another zone": make_line(timestamp=f"{DAY}T12:00:00.000+01:00"),
    "no time": make_line(timestamp=...),
    "a day that is not": make_line(timestamp="2027-02-29T12:00:00.000Z"),
    "an hour that is not": make_line(timestamp=f"{DAY}T24:00:00.000Z"),
    "before there was a Claude": make_line(timestamp="2020-09-13T12:26:39.999Z"),
    "far from now": make_line(timestamp="2039-12-31T00:00:00.000Z"),
    "half a pair": make_line().replace(b"SPOIL", b"\\ud83d"),
    "a pair": make_line().replace(b"SPOIL", b"\\ud83d\\ude00"),
    "a control character": make_line().replace(b"SPOIL", b"\x1f"),
    "no such escape": make_line().replace(b"SPOIL", b"\\x"),
    "too deep": make_line().replace(b'"SPOIL"', b"[" * 80 + b"]" * 80),
    "broken off": make_line()[:-1],
    "more behind it": make_line() + b"{}",
}


def read(data: bytes, project: str | None = None) -> tuple[list[Fact], int, str | None]:
    facts: list[Fact] = []
    reader = new_reader(facts, project=project)
    reader.read(bytearray(data), len(data), final=True)
    return join_all(facts), reader.unreadable, reader.project


def read_in_python(data: bytes, project: str | None = None) -> tuple[list[Fact], int, str | None]:
    with pytest.MonkeyPatch.context() as patch:
        leave_compiled_out(patch)
        return read(data, project)


def taken_to(data: bytes) -> int:
    """How far the compiled reader goes by itself."""
    return vars(transcript)["_lines"].read(bytearray(data), 0, len(data))[1]


@pytest.fixture(scope="module")
def lane() -> None:
    """Both lanes are asked in every test."""


@pytest.mark.parametrize("line", PLAIN.values(), ids=PLAIN.keys())
def test_plain_lines_are_taken(line: bytes) -> None:
    data = in_lines([line, line])
    assert taken_to(data) == len(data)
    assert read(data) == read_in_python(data)


@pytest.mark.parametrize("line", STRANGE.values(), ids=STRANGE.keys())
def test_other_lines_are_left_to_python(line: bytes) -> None:
    before = in_lines([make_line()])
    data = before + in_lines([line, make_line(message={"id": "msg_later"})])
    assert taken_to(data) == len(before)
    assert read(data) == read_in_python(data)


def test_claude_codes_own_lines_are_taken() -> None:
    data = CAPTURE.read_bytes()
    assert taken_to(data) == len(data)
    assert read(data) == read_in_python(data)
    assert read(data)[0]


@given(st.data())
def test_damage_is_read_alike(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from([*PLAIN.values(), *STRANGE.values()]), min_size=1, max_size=4))
    text = bytearray(in_lines(lines))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(text)))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(PIECES))
    project = data.draw(st.sampled_from((None, "/p")))
    assert read(bytes(text), project) == read_in_python(bytes(text), project)


PIECES = [
    *(bytes([byte]) for byte in b'"\\{}[],:09-.eE \t\r\n\0\x1f\x7f\xff'),
    *(b"null", b"true", b"\\u0041", b"\\ud83d", b"\xc3\xa9", b'"usage"', b'"usage":{}', b'"id":"msg_b",', b"msg_", b""),
]


@given(made_files)
def test_files_are_read_alike(data: bytes) -> None:
    assert read(data) == read_in_python(data)


@given(any_object())
def test_any_json_is_read_alike(record: dict[str, object]) -> None:
    data = in_lines([encode_any(record)])
    assert read(data) == read_in_python(data)


def test_only_what_it_is_given_is_read() -> None:
    data = in_lines([make_line()] * 3)
    line = len(data) // 3
    answers, end = vars(transcript)["_lines"].read(bytearray(data), line, 2 * line)
    assert (len(answers), end) == (1, 2 * line)


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (1, 0), (0, 99)])
def test_a_span_outside_the_buffer_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="inside the buffer"):
        vars(transcript)["_lines"].read(bytearray(b"x\n"), start, end)
