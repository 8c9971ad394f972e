"""Whatever a client sends: it is refused in OpenAI's shape, or becomes a request that keeps Anthropic's rules."""

import json
from itertools import pairwise
from typing import Any

from anthropic.types import (
    ContentBlockParam,
    OutputConfigParam,
    TextBlockParam,
    ThinkingConfigParam,
    ToolChoiceParam,
    ToolUnionParam,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ccledger.wire.chat.abilities import Thinking, abilities
from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.request import convert_request

Json = dict[str, Any]

MODELS = [
    "claude-3-5-haiku",
    "claude-sonnet-4-5",
    "claude-opus-4-6",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-sonnet-5-5",
    "claude-opus-5-5",
    "claude-fable-5-1",
    "other",
]
WORDS = st.sampled_from(["", " ", "Hi.", "下雨 ", "So be it.\n"])
IMAGE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
SIGNED: Json = {"type": "thinking", "thinking": "Hm.", "signature": "s"}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def call(id_: str, arguments: str) -> Json:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}}


def id_of(made: Json) -> str:
    return made["id"]


def one(role: str, content: object) -> list[Json]:
    return [{"role": role, "content": content}]


def answered(content: str | None, calls: list[Json], thoughts: list[Json], result: str) -> list[Json]:
    said = {"role": "assistant", "content": content, "tool_calls": calls, "thinking_blocks": thoughts}
    return [said, *({"role": "tool", "tool_call_id": made["id"], "content": result} for made in calls)]


def joined(groups: list[list[Json]]) -> list[Json]:
    return [message for group in groups for message in group]


PARTS = st.lists(st.builds(text, WORDS) | st.just(IMAGE), max_size=3)
CALL = st.builds(call, st.sampled_from(["a", "b", "c:1"]), st.sampled_from(["", "{}", '{"x": 1}']))
CALLS = st.lists(CALL, max_size=3, unique_by=id_of)
THOUGHTS = st.lists(st.just(SIGNED), max_size=1)
SAID = st.one_of(
    st.builds(one, st.just("user"), WORDS | PARTS),
    st.builds(one, st.just("system"), WORDS),
    st.builds(answered, WORDS | st.none(), CALLS, THOUGHTS, WORDS),
)
TURNS = st.builds(joined, st.lists(SAID, min_size=1, max_size=8))
SCHEMA: Json = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
TOOL: Json = {"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": True}}
THINKING: list[Json] = [{"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive"}, {"type": "disabled"}]
FORMATS: list[Json] = [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}]
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "tools": st.lists(st.just(TOOL), max_size=1),
    "tool_choice": st.sampled_from(["auto", "none", "required"]),
    "parallel_tool_calls": st.booleans(),
    "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    "thinking": st.sampled_from(THINKING),
    "max_tokens": st.integers(1, 40_000),
    "temperature": st.floats(-1, 3),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(1, 50),
    "response_format": st.sampled_from(FORMATS),
    "stop": WORDS | st.lists(WORDS, max_size=2),
}
REQUIRED: dict[str, st.SearchStrategy[Any]] = {"model": st.sampled_from(MODELS), "messages": TURNS}
REQUESTS = st.fixed_dictionaries(REQUIRED, optional=SETTINGS)

BLOCK = TypeAdapter[Any](ContentBlockParam)
FIELDS = {
    "thinking": TypeAdapter[Any](ThinkingConfigParam),
    "tool_choice": TypeAdapter[Any](ToolChoiceParam),
    "output_config": TypeAdapter[Any](OutputConfigParam),
    "tools": TypeAdapter[Any](list[ToolUnionParam]),
    "system": TypeAdapter[Any](list[TextBlockParam]),
    "stop_sequences": TypeAdapter[Any](list[str]),
}


def outcome(body: bytes) -> Json:
    try:
        return json.loads(convert_request(body).body)
    except ChatRefused as refused:
        return json.loads(refused.body())


@given(REQUESTS)
def test_what_is_sent_keeps_anthropics_rules(request: Json) -> None:
    made = outcome(json.dumps(request).encode())
    if "error" in made:
        assert made["error"]["type"] == "invalid_request_error"
        return
    expect_turns(made)
    expect_blocks(made)
    expect_settings(made)
    for name, adapter in FIELDS.items():
        if name in made:
            adapter.validate_python(made[name])


def expect_turns(made: Json) -> None:
    able = abilities(made["model"])
    roles = [message["role"] for message in made["messages"]]
    assert roles[0] == "user"
    assert all(before != after for before, after in pairwise(roles))
    for at, role in enumerate(roles):
        if role == "system":
            assert able.asides
            assert roles[at - 1] == "user"
            assert roles[at + 1 : at + 2] in ([], ["assistant"])
    if roles[-1] == "assistant":
        assert able.prefill
        assert "thinking" not in made
        assert "format" not in made.get("output_config", {})


def expect_blocks(made: Json) -> None:
    waiting: list[str] = []
    seen: set[str] = set()
    for message in made["messages"]:
        assert message["content"]
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        if message["role"] != "system":
            assert sorted(results) == sorted(waiting)
            assert [block["type"] for block in message["content"]][: len(results)] == ["tool_result"] * len(results)
            waiting = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert seen.isdisjoint(waiting)
        seen.update(waiting)
        for block in message["content"]:
            BLOCK.validate_python(block)
            assert block["type"] != "text" or block["text"].strip()
    assert waiting == []
    assert not seen or made["tools"]


def expect_settings(made: Json) -> None:
    able = abilities(made["model"])
    thinking = made.get("thinking", {})
    assert not ({"temperature", "top_p", "top_k"} & made.keys()) or able.sampling
    assert not {"temperature", "top_p"} <= made.keys()
    assert 0 <= made.get("temperature", 0) <= 1
    assert made.get("tool_choice") is None or made["tools"]
    if made.get("tool_choice", {}).get("type") in ("any", "tool"):
        assert able.forcing
        assert thinking.get("type") not in ("enabled", "adaptive")
    if thinking.get("type") == "enabled":
        assert able.thinking in (Thinking.BUDGET, Thinking.EITHER)
        assert 1024 <= thinking["budget_tokens"] < made["max_tokens"]
        assert not ({"temperature", "top_p", "top_k"} & made.keys())
    if thinking.get("type") == "adaptive":
        assert able.thinking in (Thinking.ADAPTIVE, Thinking.EITHER)
    if thinking.get("type") in ("disabled", "between_tools"):
        assert thinking["type"] == able.quiet
        assert made.get("output_config", {}).get("effort") not in ("xhigh", "max")
    assert all(stop.strip() for stop in made.get("stop_sequences", []))


PLAIN: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | WORDS


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    keys = st.sampled_from(["type", "text", "function", "name", "id"])
    return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)


JSON = st.recursive(PLAIN, nested, max_leaves=8)
KNOWN = [
    "messages",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "response_format",
    "reasoning_effort",
    "thinking",
    "stop",
    "metadata",
    "user",
    "stream_options",
    "web_search_options",
    "service_tier",
    "output_config",
    "temperature",
    "max_tokens",
    "modalities",
    "n",
]
MESSAGE_KEYS = ["role", "content", "tool_calls", "tool_call_id", "function_call", "thinking_blocks", "refusal", "name"]
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "function"])


@given(
    model=st.sampled_from(MODELS),
    fields=st.dictionaries(st.sampled_from(KNOWN), JSON),
    role=ROLES,
    message=st.dictionaries(st.sampled_from(MESSAGE_KEYS), JSON),
)
def test_nonsense_is_refused_and_never_worse(model: str, fields: Json, role: str, message: Json) -> None:
    hello = {"role": "user", "content": "Hi."}
    request = {"model": model, "messages": [hello, {"role": role, **message}, hello], **fields}
    assert outcome(json.dumps(request).encode())


@given(st.binary(max_size=60))
def test_bytes_are_refused_and_never_worse(body: bytes) -> None:
    assert "error" in outcome(body)
