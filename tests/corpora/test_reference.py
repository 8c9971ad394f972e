"""Checks the reference against totals worked out by hand; never against another program."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from . import reference
from .made import TRAPS, roots_of, write_corpus
from .records import Json, encode
from .reference import Fact, Tally, Usage, cost_of, daily, find_model, fold, read_book

DAY, MODEL = "2026-10-20", "claude-opus-5"


def make_line(*, usage: Json | None = None, message: Json | None = None, **top: object) -> Json:
    """Make an assistant record with 100 output tokens."""
    counts: Json = {"input_tokens": 10, "output_tokens": 100, "cache_read_input_tokens": 1000} | (usage or {})
    body: Json = {"id": "msg_01a", "model": MODEL, "role": "assistant", "content": [], "usage": counts}
    record: Json = {
        "type": "assistant",
        "uuid": "u1",
        "sessionId": "s1",
        "requestId": "req_1",
        "timestamp": f"{DAY}T12:00:00.000Z",
        "message": body | (message or {}),
    }
    return record | top


def write_lines(root: Path, *lines: Json | bytes, name: str = "s.jsonl") -> Path:
    """Write one transcript."""
    path = root / "projects" / "p" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = [line if isinstance(line, bytes) else encode(line) for line in lines]
    path.write_bytes(b"\n".join(raw) + b"\n")
    return root


def tally(root: Path, *, timezone: str = "UTC") -> Tally:
    """Return the only tally below a root."""
    days = daily([root], timezone=timezone)
    assert len(days) == 1
    models = next(iter(days.values()))
    assert len(models) == 1
    return next(iter(models.values()))


def make_fact(usage: Usage, **changes: object) -> Fact:
    """Make a call of one second past noon."""
    plain: Json = {"sidechain": False, "fast": False, "batch": False, "us_only": False}
    at = datetime(2026, 11, 12, 12, 0, 1, tzinfo=UTC)
    plain |= {"key": ("message", "m"), "at": at, "model": MODEL, "usage": usage}
    return Fact(**cast("dict[str, Any]", plain | changes))


TEXT: Json = {"content": [{"type": "text", "text": "SPOIL"}]}

HOLES: dict[str, list[Json | bytes]] = {
    "null id in a tool's input": [make_line(message={"content": [{"type": "tool_use", "input": {"id": None}}]})],
    "null speed": [make_line(usage={"speed": None})],
    "lone surrogate": [encode(make_line(message=TEXT)).replace(b"SPOIL", b"\\ud83d")],
    "bad UTF-8": [encode(make_line(message=TEXT)).replace(b"SPOIL", b"\xff\xc3")],
    "no request id": [make_line(requestId=None), make_line(requestId=None, timestamp=f"{DAY}T12:00:02.000Z")],
    "two request ids": [make_line(), make_line(requestId="req_2")],
    "space before the object": [json.dumps(make_line()).encode()],
    "flat cache writes beside zeros": [
        make_line(
            usage={
                "cache_creation_input_tokens": 999,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            }
        )
    ],
}


@pytest.mark.parametrize("hole", HOLES)
def test_each_known_hole_gives_its_100_tokens(hole: str, tmp_path: Path) -> None:
    found = tally(write_lines(tmp_path, *HOLES[hole]))
    assert (found.output, found.calls) == (100, 1)
    assert found.cache_write_5m == (999 if "flat" in hole else 0)


def test_the_price_the_command_line_tool_itself_printed() -> None:
    usage = Usage(input=120, output=77, cache_read=5000, cache_write_5m=200, cache_write_1h=100)
    assert cost_of(make_fact(usage, model="claude-opus-5-5", us_only=True), read_book()) == 5_302_000


@pytest.mark.parametrize(
    ("prompt", "nano"),
    [(100_000, 100_000 * 100 + 1000 * 500), (100_001, 100_001 * 500 + 1000 * 2500)],
)
def test_a_long_prompt_makes_the_whole_request_dearer(prompt: int, nano: int) -> None:
    fact = make_fact(Usage(input=prompt, output=1000), model="claude-haiku-5-5")
    assert cost_of(fact, read_book()) == nano


@pytest.mark.parametrize(
    ("tokens", "nano"),
    [(1, 6), (3, 16), (5, 28), (7, 38)],
)
def test_half_a_nano_dollar_rounds_to_even(tokens: int, nano: int) -> None:
    """A cache read of Haiku 5.5 costs 10 nano-dollars; times 1.1 and one half that is 5.5."""
    fact = make_fact(Usage(cache_read=tokens), model="claude-haiku-5-5", us_only=True, batch=True)
    assert cost_of(fact, read_book()) == nano


@pytest.mark.parametrize(
    ("changes", "nano"),
    [
        ({}, 25_000),
        ({"fast": True}, 50_000),
        ({"batch": True}, 12_500),
        ({"batch": True, "fast": True}, 12_500),
        ({"us_only": True}, 27_500),
        ({"fast": True, "us_only": True}, 55_000),
        ({"model": "us.anthropic.claude-opus-5-v1:0", "us_only": True}, 27_500),
        ({"model": "global.anthropic.claude-opus-5"}, 25_000),
        ({"model": "claude-sonnet-5", "fast": True}, None),
        ({"model": "claude-opus-5-5-5"}, None),
        ({"model": "claude-opus-4-1", "us_only": True}, 75_000),
        ({"at": datetime(2026, 7, 23, 23, 59, 59, tzinfo=UTC)}, None),
        ({"at": datetime(2026, 7, 24, tzinfo=UTC)}, 25_000),
    ],
)
def test_modes_and_periods(changes: Json, nano: int | None) -> None:
    assert cost_of(make_fact(Usage(output=1), **changes), read_book()) == nano


def test_a_web_search_costs_a_cent_whatever_the_mode() -> None:
    assert cost_of(make_fact(Usage(web_searches=3), batch=True), read_book()) == 30_000_000


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("claude-opus-5[1m]", "claude-opus-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("openrouter/anthropic/claude-opus-4.8", "claude-opus-4-8"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-4-opus-20250514", "claude-opus-4"),
        ("claude-4-5-sonnet", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-50", None),
        ("claude-opus", None),
        ("", None),
    ],
)
def test_names_match_exactly_or_not_at_all(raw: str, name: str | None) -> None:
    model, _ = find_model(raw, read_book())
    assert (model and model.name) == name


def test_the_largest_copy_wins_as_a_whole_at_the_earliest_time(tmp_path: Path) -> None:
    first = make_line(usage={"output_tokens": 1}, timestamp=f"{DAY}T23:59:59.000Z")
    last = make_line(usage={"input_tokens": 9, "output_tokens": 500}, timestamp="2026-10-21T00:00:05.000Z")
    root = write_lines(tmp_path, last, first)
    assert list(daily([root], timezone="UTC")) == [DAY]
    assert (tally(root).input, tally(root).output) == (9, 500)
    assert list(daily([root], timezone="Asia/Kolkata")) == ["2026-10-21"]


def test_the_parent_wins_over_a_larger_side_conversation(tmp_path: Path) -> None:
    side = make_line(usage={"output_tokens": 900}, isSidechain=True, requestId="req_2")
    root = write_lines(tmp_path, side, make_line())
    assert tally(root).output == 100


def test_an_advisor_is_a_call_of_its_own_model(tmp_path: Path) -> None:
    advisor: Json = {"type": "advisor_message", "model": "claude-fable-5-1", "input_tokens": 5, "output_tokens": 6}
    included: Json = {"type": "message", "input_tokens": 50, "output_tokens": 60}
    lines = [make_line(usage={"iterations": [included, advisor], "speed": "fast"})] * 2
    models = daily([write_lines(tmp_path, *lines)], timezone="UTC")[DAY]
    assert {name: (one.output, one.calls) for name, one in models.items()} == {
        "claude-fable-5-1": (6, 1),
        "claude-opus-5-fast": (100, 1),
    }


def test_other_providers_ids_are_kept_apart_by_request_or_session(tmp_path: Path) -> None:
    body: Json = {"id": "chatcmpl-1"}
    lines = [make_line(message=body, requestId=None, sessionId=session) for session in ("s1", "s1", "s2")]
    assert tally(write_lines(tmp_path, *lines)).calls == 2


def test_an_unknown_model_has_tokens_and_no_cost(tmp_path: Path) -> None:
    found = tally(write_lines(tmp_path, make_line(message={"model": "glm-5"})))
    assert (found.output, found.cost_nano, found.unpriced_calls) == (100, None, 1)


def test_nothing_is_counted_in_a_journal_or_in_other_records(tmp_path: Path) -> None:
    write_lines(tmp_path, make_line(), name="journal.jsonl")
    write_lines(tmp_path, make_line(type="user"), make_line(message={"model": "<synthetic>"}))
    assert daily([tmp_path], timezone="UTC") == {}


def test_the_order_of_reading_does_not_matter(tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=3, sessions=5)
    paths = reference.transcripts(roots_of(tmp_path))
    facts = [fact for path in paths for fact in reference.facts_of_file(path)]
    expected = fold(facts)
    Random(1).shuffle(facts)
    assert fold(facts) == expected


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_can_be_read(trap: str, tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=1, sessions=0, traps=[trap])
    days = daily(roots_of(tmp_path), timezone="UTC")
    assert sum(one.calls for models in days.values() for one in models.values()) > 0


KNOWN_OUTPUTS = {
    "no_request_id": 3 * (100 + 350),
    "null_id_in_tool_input": 600,
    "spaced_json": 200,
    "split_zero": 100,
    "tool_input_usage": 200,
    "usage_first": 100,
    "escaped_usage_text": 200,
    "two_request_ids": 200,
    "midnight_lines": 1200,
    "api_error": 200,
    "hostile_shapes": 100,
    "final_on_last_line": 412 + 980,
    "btw_larger": 500,
    "growing_out_of_order": 640,
}


@pytest.mark.parametrize("trap", KNOWN_OUTPUTS)
def test_traps_with_known_outputs(trap: str, tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=7, sessions=0, traps=[trap])
    days = daily(roots_of(tmp_path), timezone="UTC")
    assert sum(one.output for models in days.values() for one in models.values()) == KNOWN_OUTPUTS[trap]
