"""Every field of a chat completion request: what it becomes in the Messages API, or why it is refused."""

import json
from typing import Any

import pytest

from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.request import Ask, convert_request

OLD = "claude-sonnet-4-5"
MIDDLE = "claude-opus-4-6"
NEW = "claude-opus-5-5"
HELLO = [{"role": "user", "content": "Hello"}]
GREETING = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Says what it is like outside.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME: dict[str, Any] = {"type": "function", "function": {"name": "time"}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
PERSON = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": OLD, "messages": HELLO, **fields}


def convert(**fields: Any) -> dict[str, Any]:
    return json.loads(convert_request(json.dumps(asked(**fields)).encode()).body)


def ask(**fields: Any) -> Ask:
    return convert_request(json.dumps(asked(**fields)).encode()).ask


def refusal(**fields: Any) -> ChatRefused:
    with pytest.raises(ChatRefused) as caught:
        convert(**fields)
    return caught.value


def test_the_plainest_request() -> None:
    assert convert() == {"model": OLD, "max_tokens": 16384, "messages": GREETING}
    assert ask() == Ask(OLD)


def test_a_text_of_the_system_stands_apart() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind."}, *HELLO]
    made = convert(messages=messages)
    assert made["system"] == [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    assert made["messages"] == GREETING


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 16384),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 8}, 8),
        ({"max_tokens": 7, "max_completion_tokens": 8}, 8),
        ({"max_tokens": None}, 16384),
        ({"model": "claude-3-opus-20240229"}, 4096),
        ({"model": "somebody-elses"}, 4096),
        ({"model": NEW}, 16384),
    ],
)
def test_the_longest_answer(fields: dict[str, Any], tokens: int) -> None:
    assert convert(**fields)["max_tokens"] == tokens


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "7", True])
def test_a_length_that_is_none_is_refused(field: str, value: object) -> None:
    assert refusal(**{field: value}).param == field


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ({"temperature": 0.3}, {"temperature": 0.3}),
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"temperature": 0.3, "top_p": 0.5}, {"temperature": 0.3}),
        ({"top_k": 5}, {"top_k": 5}),
        ({"temperature": 0.3, "top_p": 0.5, "top_k": 5, "model": "claude-opus-4-7"}, {}),
        ({"temperature": 0.3, "model": MIDDLE}, {"temperature": 0.3}),
        ({"temperature": 0.3, "reasoning_effort": "low", "model": MIDDLE}, {}),
        ({"temperature": 0.3, "top_p": 0.9, "reasoning_effort": "low"}, {}),
        ({"temperature": 0.3, "reasoning_effort": "none"}, {"temperature": 0.3}),
    ],
)
def test_sampling_is_what_the_model_takes(fields: dict[str, Any], made: dict[str, Any]) -> None:
    whole = convert(**fields)
    assert {key: whole[key] for key in ("temperature", "top_p", "top_k") if key in whole} == made


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
def test_sampling_that_is_no_number_is_refused(field: str) -> None:
    assert refusal(**{field: "warm"}).param == field


@pytest.mark.parametrize(
    ("stop", "made"),
    [("END", ["END"]), (["a", "b"], ["a", "b"]), (["a", " \n"], ["a"]), ("", None), (None, None), ([], None)],
)
def test_stop_sequences(stop: object, made: list[str] | None) -> None:
    assert convert(stop=stop).get("stop_sequences") == made


@pytest.mark.parametrize("stop", [7, ["a", 7], {}])
def test_a_stop_that_is_no_text_is_refused(stop: object) -> None:
    assert refusal(stop=stop).param == "stop"


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({"user": "u-1"}, "u-1"),
        ({"metadata": {"user_id": "u-2", "other": "x"}}, "u-2"),
        ({"safety_identifier": "u-3"}, "u-3"),
        ({"user": "u-1", "safety_identifier": "u-3"}, "u-1"),
        ({"user": "u" * 257}, None),
        ({"user": ""}, None),
        ({"metadata": {"team": "x"}}, None),
        ({"metadata": "x"}, None),
    ],
)
def test_who_asks(fields: dict[str, Any], user: str | None) -> None:
    assert convert(**fields).get("metadata") == (user and {"user_id": user})


@pytest.mark.parametrize(
    ("tier", "made"),
    [("auto", "auto"), ("priority", "auto"), ("default", "standard_only"), ("flex", None), (None, None), (7, None)],
)
def test_service_tiers(tier: object, made: str | None) -> None:
    assert convert(service_tier=tier).get("service_tier") == made


def test_a_stream_says_so_and_its_usage_is_remembered() -> None:
    assert convert(stream=True)["stream"] is True
    assert "stream" not in convert(stream=False)
    assert ask(stream=True, stream_options={"include_usage": True}) == Ask(OLD, stream=True, include_usage=True)
    assert ask(stream=True, stream_options=None) == Ask(OLD, stream=True)
    assert ask(stream_options={"include_usage": True}) == Ask(OLD)


def test_what_has_no_like_is_left_out() -> None:
    harmless = {
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 3,
        "presence_penalty": 1,
        "frequency_penalty": 1,
        "logit_bias": {"7": 1},
        "prediction": {"type": "content", "content": "x"},
        "store": True,
        "verbosity": "low",
        "prompt_cache_key": "k",
        "n": 1,
        "modalities": ["text"],
        "never_heard_of": {"a": 1},
    }
    assert convert(**harmless) == convert()


def test_what_anthropic_knows_beside_is_passed_on() -> None:
    made = convert(cache_control={"type": "ephemeral"}, inference_geo="us", output_config={"effort": "low"})
    assert (made["cache_control"], made["inference_geo"]) == ({"type": "ephemeral"}, "us")
    assert made["output_config"] == {"effort": "low"}


IMPOSSIBLE: list[tuple[dict[str, Any], str, str | None]] = [
    ({"n": 2}, "n", "unsupported_value"),
    ({"n": 0}, "n", "unsupported_value"),
    ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
    ({"model": ""}, "model", None),
    ({"model": None}, "model", None),
    ({"messages": None}, "messages", None),
    ({"messages": []}, "messages", None),
    ({"messages": "Hello"}, "messages", None),
    ({"messages": ["Hello"]}, "messages[0]", None),
    ({"reasoning_effort": "frantic"}, "reasoning_effort", None),
    ({"response_format": {"type": "xml"}}, "response_format.type", None),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", None),
    ({"response_format": "json"}, "response_format", None),
    ({"tools": [7]}, "tools[0]", None),
    ({"tools": {}}, "tools", None),
    ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]", None),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", None),
    ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice", None),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice", None),
]


@pytest.mark.parametrize(("fields", "param", "code"), IMPOSSIBLE)
def test_what_is_refused(fields: dict[str, Any], param: str, code: str | None) -> None:
    refused = refusal(**fields)
    assert (refused.param, refused.code) == (param, code)
    error = json.loads(refused.body())["error"]
    assert error == {"message": str(refused), "type": "invalid_request_error", "param": param, "code": code}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'{"a":"\xff"}', b'"\\ud800"', b"[" * 100_000])
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(ChatRefused, match="must be a JSON object"):
        convert_request(body)


DECLARED = {
    "name": "weather",
    "description": "Says what it is like outside.",
    "input_schema": WEATHER["function"]["parameters"],
}


def test_a_function_becomes_a_tool() -> None:
    made = convert(tools=[WEATHER, TIME])
    assert made["tools"] == [DECLARED, {"name": "time", "input_schema": {"type": "object", "properties": {}}}]
    assert "tool_choice" not in made


def test_a_schema_without_a_type_is_an_object() -> None:
    tool: dict[str, Any] = {"type": "function", "function": {"name": "t", "parameters": {"properties": {}}}}
    assert convert(tools=[tool])["tools"][0]["input_schema"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(("model", "strict"), [(OLD, True), ("claude-opus-4-1", None)])
def test_a_strict_tool_is_strict_where_the_model_can_be(model: str, strict: bool | None) -> None:
    tool = {"type": "function", "function": {**WEATHER["function"], "strict": True}}
    made = convert(model=model, tools=[tool])["tools"][0]
    assert made.get("strict") is strict
    assert made["input_schema"].get("additionalProperties") is (False if strict else None)


def test_a_schema_that_strictness_can_not_keep_is_sent_as_it_is() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    tool = {"type": "function", "function": {"name": "t", "parameters": schema, "strict": True}}
    assert convert(tools=[tool])["tools"] == [{"name": "t", "input_schema": schema}]


def test_no_more_tools_are_strict_than_anthropic_takes() -> None:
    tools = [
        {"type": "function", "function": {"name": f"t{i}", "parameters": SCHEMA, "strict": True}} for i in range(22)
    ]
    assert [tool.get("strict", False) for tool in convert(tools=tools)["tools"]] == [True] * 20 + [False] * 2


def test_tools_in_anthropics_own_form_are_passed_on() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}, {"name": "own", "input_schema": {"type": "object"}}]
    assert convert(tools=tools)["tools"] == tools


def test_a_search_asked_for_by_an_option_becomes_the_search_tool() -> None:
    place = {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}}
    assert convert(web_search_options={"user_location": place})["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "user_location": {"type": "approximate", "city": "Bern", "country": "CH"},
        },
    ]
    assert convert(web_search_options={})["tools"] == [{"type": "web_search_20250305", "name": "web_search"}]


def test_a_tool_keeps_its_cache_breakpoint() -> None:
    made = convert(tools=[{**TIME, "cache_control": {"type": "ephemeral"}}])
    assert made["tools"][0]["cache_control"] == {"type": "ephemeral"}


NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"tool_choice": "auto"}, None),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": NAMED}, {"type": "tool", "name": "weather"}),
        ({"tool_choice": {"type": "tool", "name": "time"}}, {"type": "tool", "name": "time"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
    ],
)
def test_how_tools_may_be_chosen(fields: dict[str, Any], choice: dict[str, Any] | None) -> None:
    made = convert(tools=[WEATHER, TIME], **fields)
    assert made.get("tool_choice") == choice
    assert len(made["tools"]) == 2


@pytest.mark.parametrize(("mode", "choice"), [("auto", None), ("required", {"type": "any"})])
def test_allowed_tools_are_the_only_ones(mode: str, choice: dict[str, Any] | None) -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [NAMED]}}
    made = convert(tools=[WEATHER, TIME], tool_choice=allowed)
    assert [tool["name"] for tool in made["tools"]] == ["weather"]
    assert made.get("tool_choice") == choice


def test_a_choice_without_tools_is_none() -> None:
    assert convert(tool_choice="auto", parallel_tool_calls=False) == convert()


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_a_model_that_can_not_be_forced_is_told(choice: object) -> None:
    made = convert(model=NEW, tools=[WEATHER], tool_choice=choice)
    assert "tool_choice" not in made
    assert "weather" in made["system"][-1]["text"]


def test_functions_of_the_old_form() -> None:
    fields = {"functions": [WEATHER["function"]], "function_call": {"name": "weather"}}
    made = convert(**fields)
    assert made["tools"] == [DECLARED]
    assert made["tool_choice"] == {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}
    assert ask(**fields).old_calls
    assert not ask(tools=[WEATHER]).old_calls
    assert not ask(tools=[TIME], **fields).old_calls


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "config"),
    [
        (NEW, "none", None, {"effort": "low"}),
        (NEW, "minimal", {"type": "adaptive", "display": "summarized"}, {"effort": "low"}),
        (NEW, "xhigh", {"type": "adaptive", "display": "summarized"}, {"effort": "xhigh"}),
        (NEW, None, None, None),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
        ("claude-haiku-5-5", "none", {"type": "disabled"}, None),
        ("claude-opus-4-8", "none", None, None),
        ("claude-opus-4-8", "medium", {"type": "adaptive", "display": "summarized"}, {"effort": "medium"}),
        (MIDDLE, "xhigh", {"type": "adaptive", "display": "summarized"}, {"effort": "high"}),
        (MIDDLE, "max", {"type": "adaptive", "display": "summarized"}, {"effort": "max"}),
        (OLD, "low", {"type": "enabled", "budget_tokens": 2048}, None),
        (OLD, "high", {"type": "enabled", "budget_tokens": 16384}, None),
        (OLD, "none", None, None),
        ("claude-3-5-haiku", "high", None, None),
    ],
)
def test_effort_becomes_thinking(model: str, effort: str | None, thinking: object, config: object) -> None:
    made = convert(model=model, reasoning_effort=effort)
    assert made.get("thinking") == thinking
    assert made.get("output_config") == config


@pytest.mark.parametrize(
    ("limit", "tokens", "budget"),
    [(None, 24576, 8192), (100_000, 100_000, 8192), (8192, 8192, 4096), (2048, 2048, 1024), (2047, 2047, None)],
)
def test_a_budget_leaves_room_for_the_answer(limit: int | None, tokens: int, budget: int | None) -> None:
    made = convert(reasoning_effort="medium", max_tokens=limit)
    assert made["max_tokens"] == tokens
    assert made.get("thinking", {}).get("budget_tokens") == budget


@pytest.mark.parametrize(
    ("model", "thinking", "made"),
    [
        (OLD, {"type": "enabled", "budget_tokens": 3000}, {"type": "enabled", "budget_tokens": 3000}),
        (OLD, {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 8192}),
        (OLD, {"type": "disabled"}, None),
        (MIDDLE, {"type": "enabled", "budget_tokens": 3000}, {"type": "enabled", "budget_tokens": 3000}),
        (MIDDLE, {"type": "adaptive", "display": "omitted"}, {"type": "adaptive", "display": "omitted"}),
        (NEW, {"type": "enabled", "budget_tokens": 3000}, {"type": "adaptive", "display": "summarized"}),
        (NEW, {"type": "disabled"}, None),
        ("claude-opus-5", {"type": "disabled"}, {"type": "disabled"}),
        ("claude-3-haiku", {"type": "enabled", "budget_tokens": 3000}, None),
    ],
)
def test_thinking_in_anthropics_form_is_fitted_to_the_model(model: str, thinking: object, made: object) -> None:
    assert convert(model=model, thinking=thinking).get("thinking") == made
    assert ask(model=model, thinking=thinking).thoughts


def test_thinking_off_goes_with_no_more_than_high_effort() -> None:
    made = convert(model="claude-opus-5", thinking={"type": "disabled"}, reasoning_effort="max")
    assert made["output_config"] == {"effort": "high"}


@pytest.mark.parametrize("model", [OLD, MIDDLE, "claude-opus-5"])
def test_a_forced_tool_goes_before_thinking(model: str) -> None:
    made = convert(model=model, tools=[WEATHER], tool_choice="required", reasoning_effort="high")
    assert made["tool_choice"] == {"type": "any"}
    assert "thinking" not in made


def test_a_schema_for_the_answer() -> None:
    made = convert(response_format=PERSON)
    assert made["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    both = convert(model=NEW, response_format=PERSON, reasoning_effort="low")
    assert both["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}


@pytest.mark.parametrize("model", ["claude-opus-4-1", "somebody-elses"])
def test_a_model_without_schemas_is_told(model: str) -> None:
    made = convert(model=model, response_format=PERSON)
    assert "output_config" not in made
    assert json.dumps(SCHEMA, separators=(",", ":")) in made["system"][-1]["text"]


def test_a_schema_that_can_not_be_promised_is_told() -> None:
    open_schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    made = convert(response_format=open_schema)
    assert "output_config" not in made
    assert '{"type":"object"}' in made["system"][-1]["text"]


def test_any_object_is_asked_for_in_words() -> None:
    made = convert(response_format={"type": "json_object"})
    assert "JSON object" in made["system"][-1]["text"]
    assert convert(response_format={"type": "text"}) == convert()


PREFILLED = [*HELLO, {"role": "assistant", "content": "The answer is "}]


@pytest.mark.parametrize(
    ("fields", "last"),
    [
        ({}, "assistant"),
        ({"model": MIDDLE}, "user"),
        ({"reasoning_effort": "low"}, "user"),
        ({"response_format": PERSON}, "user"),
    ],
)
def test_the_models_own_words_at_the_end(fields: dict[str, Any], last: str) -> None:
    messages = convert(messages=PREFILLED, **fields)["messages"]
    assert messages[-1]["role"] == last
    text = "The answer is" if last == "assistant" else "The answer is "
    assert messages[1] == {"role": "assistant", "content": [{"type": "text", "text": text}]}
