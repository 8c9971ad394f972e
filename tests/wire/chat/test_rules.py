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
TEXTS = WORDS.map(lambda words: {"type": "text", "text": words})
IMAGES = st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}})
IDS = st.sampled_from(["a", "b", "c:1"])
CALLS = st.lists(
    st.builds(
        lambda id_, arguments: {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}},
        IDS,
        st.sampled_from(["", "{}", '{"x": 1}']),
    ),
    max_size=3,
    unique_by=lambda call: call["id"],
)
THOUGHTS = st.sampled_from([[], [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]])
TURNS = st.lists(
    st.one_of(
        st.builds(lambda content: [{"role": "user", "content": content}], WORDS | st.lists(TEXTS | IMAGES, max_size=3)),
        st.builds(lambda content: [{"role": "system", "content": content}], WORDS),
        st.builds(
            lambda content, calls, thoughts, results: [
                {"role": "assistant", "content": content, "tool_calls": calls, "thinking_blocks": thoughts},
                *({"role": "tool", "tool_call_id": call["id"], "content": results} for call in calls),
            ],
            WORDS | st.none(),
            CALLS,
            THOUGHTS,
            WORDS,
        ),
    ),
    min_size=1,
    max_size=8,
).map(lambda groups: [message for group in groups for message in group])
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": True}}
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "tools": st.sampled_from([[], [TOOL]]),
    "tool_choice": st.sampled_from(["auto", "none", "required"]),
    "parallel_tool_calls": st.booleans(),
    "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    "thinking": st.sampled_from(
        [{"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive"}, {"type": "disabled"}],
    ),
    "max_tokens": st.integers(1, 40_000),
    "temperature": st.floats(-1, 3),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(1, 50),
    "response_format": st.sampled_from(
        [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}],
    ),
    "stop": WORDS | st.lists(WORDS, max_size=2),
}
REQUESTS = st.fixed_dictionaries({"model": st.sampled_from(MODELS), "messages": TURNS}, optional=SETTINGS)

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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "function", "name"]), inner)
    ),
    max_leaves=8,
)
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
