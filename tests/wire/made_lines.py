"""Makes lines up that meet often, repeat each other or are damaged; and says what a plain reader makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from hypothesis import strategies as st

from ccledger.core.call import Fact, Terms
from tests.corpora import reference
from tests.wire.lines import DAY, Json, encode, in_lines, join_all, make_record

Value = tuple[str, tuple[int, ...], int, bool, int]
"""Model, counts, time, whether of a side conversation, terms."""

TOOL_INPUTS: list[Json] = [
    {},
    {"usage": {"output_tokens": 5}},
    {"id": "msg_b", "model": "m", "usage": {"a": "}"}},
    {"requestId": "req_2", "timestamp": "2020-01-01T00:00:00Z"},
]
USAGE_FIELDS: dict[str, tuple[object, ...]] = {
    "input_tokens": (3, 0, -1, "x"),
    "cache_creation": (None, {"ephemeral_5m_input_tokens": 2}, {"x": "}"}),
    "server_tool_use": (None, {"web_search_requests": 1}),
    "service_tier": ("batch", "standard"),
    "speed": (None, "fast", "standard"),
}
TOP_FIELDS: dict[str, tuple[object, ...]] = {
    "requestId": (None, "req_1", "req_2"),
    "sessionId": (None, "s1", "s2"),
    "gitBranch": (None, "main", ""),
    "isSidechain": (True, False),
    "agentId": (None, "a1"),
    "forkedFrom": (None, {"sessionId": "s1"}),
    "after": ({"usage": {"output_tokens": 4}},),
}


def some(fields: dict[str, tuple[object, ...]]) -> st.SearchStrategy[Json]:
    """Draw some of the fields, each with one of its values."""
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in fields.items()})


@st.composite
def made_records(draw: st.DrawFn) -> Json:
    """Draw the record of a line; most are of the same few answers."""
    message: Json = {
        "id": draw(st.sampled_from(("msg_a", "msg_a", "msg_b", "chatcmpl-1", None))),
        "model": draw(st.sampled_from(("claude-opus-5", "claude-opus-5", "claude-sonnet-5", "<synthetic>"))),
        "content": [{"type": "tool_use", "input": draw(st.sampled_from(TOOL_INPUTS))}],
        "stop_reason": draw(st.sampled_from((None, "end_turn"))),
        "usage": {"output_tokens": draw(st.sampled_from((1, 60, 100)))} | draw(some(USAGE_FIELDS)),
    }
    return {
        "type": draw(st.sampled_from(("assistant", "assistant", "assistant", "user"))),
        "cwd": "/home/app/x",
        "message": message,
        "timestamp": draw(st.sampled_from([f"{DAY}T12:00:00.{number:03d}Z" for number in (0, 5, 9)])),
        "uuid": draw(st.sampled_from(("u1", "u2"))),
    } | draw(some(TOP_FIELDS))


@st.composite
def made_lines(draw: st.DrawFn) -> bytes:
    """Draw a line, sometimes damaged or followed by something."""
    spoil = draw(st.sampled_from((b"", b"", b"", b"\xff", b"\\ud83d", b"\0")))
    end = draw(st.sampled_from((b"", b"", b"\r", b" ")))
    return encode(draw(made_records())).replace(b"tool_use", b"tool_" + spoil) + end


junk = st.sampled_from((b"", b"{", b"null", b'"usage"', b'{"usage":1}', b"\xff", b"\0" * 9))
made_files = st.lists(st.one_of(made_lines(), made_lines(), made_lines(), junk), max_size=7).map(in_lines)
cuts = st.lists(st.integers(0, 1 << 20), max_size=4)

NAMES = sorted(
    {
        *make_record(agentId="a", forkedFrom={}, advisorModel="m", isApiErrorMessage=True),
        *cast("Json", make_record()["message"]),
        *("input_tokens", "output_tokens", "cache_creation", "ephemeral_5m_input_tokens", "server_tool_use"),
        *("web_search_requests", "speed", "service_tier", "inference_geo", "iterations", "x"),
    }
)
SCALARS = ("assistant", "msg_1", "fast", f"{DAY}T12:00:00Z", "9999-12-31T23:59:59.999999-23:59", "0001-01-01")


def any_json(depth: int = 3) -> st.SearchStrategy[object]:
    """Draw JSON that uses the format's names with values of any kind."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(), max_size=5)
        | st.sampled_from(SCALARS)
    )
    if not depth:
        return scalars
    inner = st.deferred(lambda: any_json(depth - 1))
    return scalars | st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)


def any_object() -> st.SearchStrategy[Json]:
    """Draw a JSON object as `any_json` does."""
    return st.dictionaries(st.sampled_from(NAMES), any_json(), max_size=6)


def encode_any(record: Json) -> bytes:
    """Write a record that may hold anything, half characters included."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def values_of(facts: Sequence[Fact]) -> list[Value]:
    """What counts of the calls that some facts are, in an order of its own."""
    return sorted(map(value_of, join_all(facts)))


def value_of(call: Fact) -> Value:
    """Name what counts; the plain reader dates advice otherwise, so that its time is left out."""
    reading = call.reading
    assert reading is not None
    time = -1 if "/advice/" in call.keys[0] else call.timing.started_at
    return (reading.model, tuple(reading.usage), time, reading.sidechain, reading.terms)


def sizes_of(value: Value) -> tuple[object, ...]:
    """What any two readers have to agree on: the time, the kind of conversation, all tokens, searches."""
    _, (*tokens, searches), time, sidechain, _ = value
    return (time, sidechain, sum(tokens), searches)


def values_by_reference(data: bytes) -> list[Value]:
    """What the plain reader counts in a file."""
    text = data.decode("utf-8", errors="replace")
    facts = [fact for line in text.split("\n") for fact in reference.facts_of_line(line)]
    return sorted(map(value_by_reference, reference.fold(facts).values()))


def value_by_reference(fact: reference.Fact) -> Value:
    """Name the same of a call as the plain reader knows it."""
    usage = fact.usage
    terms = fact.fast * Terms.FAST | fact.batch * Terms.BATCH | fact.us_only * Terms.US_ONLY
    time = -1 if fact.key[0] == "advisor" else int(fact.at.timestamp() * 1000)
    counts = (usage.input, usage.output, usage.cache_write_5m, usage.cache_write_1h, usage.cache_read)
    return (fact.shown_model, (*counts, usage.web_searches), time, fact.sidechain, int(terms))
