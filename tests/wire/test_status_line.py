"""What Claude Code hands to a status line, and what it might: read as it is, or passed over."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.limits import Limit
from ccledger.wire.status_line import Status, read_status

TOLD: dict[str, Any] = {
    "session_id": "abc",
    "transcript_path": "/home/u/.claude/projects/-home-u-app/abc.jsonl",
    "cwd": "/home/u/app",
    "model": {"id": "claude-opus-5", "display_name": "Opus 5"},
    "workspace": {"current_dir": "/home/u/app/web", "project_dir": "/home/u/app"},
    "version": "2.1.270",
    "cost": {"total_cost_usd": 1.25, "total_duration_ms": 1000},
    "context_window": {"total_input_tokens": 15500, "context_window_size": 200000, "used_percentage": 8},
    "rate_limits": {
        "five_hour": {"used_percentage": 23.5, "resets_at": 1795172400},
        "seven_day": {"used_percentage": 41, "resets_at": 1795500000},
        "spend_limit": {"used_percentage": 3},
    },
}


def read(told: object) -> Status:
    return read_status(json.dumps(told).encode())


def test_everything_that_is_told_is_read() -> None:
    assert read(TOLD) == Status(
        model="Opus 5",
        session="abc",
        transcript="/home/u/.claude/projects/-home-u-app/abc.jsonl",
        directory="/home/u/app/web",
        cost_nano=1_250_000_000,
        context_percentage=8.0,
        context_tokens=15500,
        limits=(
            Limit("five_hour", 23.5, 1_795_172_400_000),
            Limit("seven_day", 41.0, 1_795_500_000_000),
            Limit("spend_limit", 3.0, None),
        ),
    )


@pytest.mark.parametrize("part", [*TOLD])
@pytest.mark.parametrize("other", [None, 7, "text", [], {}, True, [[]], {"used_percentage": {}}])
def test_every_part_may_be_missing_or_something_else(part: str, other: object) -> None:
    without = read({name: value for name, value in TOLD.items() if name != part})
    changed = read({**TOLD, part: other})
    for field, whole, less, strange in zip(Status._fields, read(TOLD), without, changed, strict=True):
        assert less in (whole, "", None, (), "/home/u/app"), field
        assert isinstance(strange, str | int | float | tuple | None), field


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b"\0" * 9]
)
def test_what_is_no_status_is_an_empty_one(raw: bytes) -> None:
    assert read_status(raw) == Status()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "-1", "1e999", "true", '"5"', "9" * 400])
def test_numbers_that_make_no_sense_are_not_there(number: str) -> None:
    raw = f'{{"cost":{{"total_cost_usd":{number}}},"context_window":{{"used_percentage":{number}}},'
    raw += f'"rate_limits":{{"five_hour":{{"used_percentage":{number}}},'
    raw += f'"seven_day":{{"used_percentage":5,"resets_at":{number}}}}}}}'
    status = read_status(raw.encode())
    assert (status.cost_nano, status.context_percentage) == (None, None)
    assert status.limits == (Limit("seven_day", 5.0, None),)


def test_windows_of_other_names_come_as_they_are_but_no_text_does() -> None:
    names = ["seven_day_opus", "x" * 41, "a b", "\x1b[31m", "Überraschung", ""]
    status = read({"rate_limits": {name: {"used_percentage": 1} for name in names}})
    assert [limit.window for limit in status.limits] == ["seven_day_opus"]


def test_there_is_an_end_to_windows() -> None:
    assert len(read({"rate_limits": {f"w{n}": {"used_percentage": 1} for n in range(1000)}}).limits) == 16


def test_texts_can_always_be_written() -> None:
    raw = b'{"session_id":"a\\ud800b","model":{"id":"m\\udfff"}}'
    status = read_status(raw)
    assert (status.session, status.model) == ("a?b", "m?")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TOLD, "id", "five_hour"]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*TOLD]), values))
def test_it_never_fails(told: dict[str, object]) -> None:
    read(told)


@given(st.binary(max_size=200))
def test_it_never_fails_on_bytes(raw: bytes) -> None:
    read_status(raw)
