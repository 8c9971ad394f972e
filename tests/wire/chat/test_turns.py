"""Messages of every role, in every order that clients send them, and the turns they become."""

import json
from typing import Any

import pytest

from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.request import convert_request

Json = dict[str, Any]
OLD, NEW = "claude-sonnet-4-5", "claude-opus-5-5"


def converted(messages: list[Json], model: str = OLD, **fields: Any) -> Json:
    body = json.dumps({"model": model, "messages": messages, **fields}).encode()
    return json.loads(convert_request(body).body)


def turns(messages: list[Json], model: str = OLD) -> list[Json]:
    return converted(messages, model)["messages"]


def refused(messages: list[Json]) -> ChatRefused:
    with pytest.raises(ChatRefused) as caught:
        converted(messages)
    return caught.value


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": [*blocks]}


def said(*blocks: Json) -> Json:
    return {"role": "assistant", "content": [*blocks]}


def call(id_: str, arguments: str = "{}", name: str = "weather") -> Json:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: Json, content: str | None = None) -> Json:
    return {"role": "assistant", "content": content, "tool_calls": [*made]}


def use(id_: str, input_: Json | None = None, name: str = "weather") -> Json:
    return {"type": "tool_use", "id": id_, "name": name, "input": input_ or {}}


def result(id_: str, words: str) -> Json:
    return {"type": "tool_result", "tool_use_id": id_, "content": [text(words)]}


def tool(id_: str, content: object) -> Json:
    return {"role": "tool", "tool_call_id": id_, "content": content}


ASK: Json = {"role": "user", "content": "How is the weather?"}
ASKED = user(text("How is the weather?"))


def test_neighbours_of_one_role_are_one_turn() -> None:
    messages = [
        {"role": "user", "content": "One."},
        {"role": "user", "content": "Two.", "name": "bob"},
        {"role": "assistant", "content": "Three."},
        {"role": "assistant", "content": [text("Four.")]},
        {"role": "user", "content": "Five."},
    ]
    assert turns(messages) == [
        user(text("One."), text("Two.")),
        said(text("Three."), text("Four.")),
        user(text("Five.")),
    ]


def test_empty_words_are_left_out() -> None:
    messages = [ASK, {"role": "assistant", "content": " \n"}, {"role": "user", "content": [text(""), text("Now?")]}]
    assert turns(messages) == [user(text("How is the weather?"), text("Now?"))]


@pytest.mark.parametrize("content", ["", None, []])
def test_a_conversation_without_words_is_refused(content: object) -> None:
    assert refused([{"role": "user", "content": content}]).param == "messages"


def test_the_user_speaks_first() -> None:
    assert turns([{"role": "assistant", "content": "Hi."}, ASK]) == [user(text("Begin.")), said(text("Hi.")), ASKED]


def test_instructions_alone_are_what_is_asked() -> None:
    made = converted([{"role": "system", "content": "Write a poem."}])
    assert made["messages"] == [user(text("Write a poem."))]
    assert "system" not in made


def test_calls_and_their_results() -> None:
    messages = [
        ASK,
        calls(call("call_1", '{"city": "Bern", "exact": 1.50}'), call("call_2", ""), content="Let me see."),
        tool("call_1", "rain"),
        tool("call_2", [text("sun"), text("wind")]),
        {"role": "user", "content": "And now?"},
    ]
    assert turns(messages) == [
        ASKED,
        said(text("Let me see."), use("call_1", {"city": "Bern", "exact": 1.5}), use("call_2")),
        user(
            result("call_1", "rain"),
            {"type": "tool_result", "tool_use_id": "call_2", "content": [text("sun"), text("wind")]},
            text("And now?"),
        ),
    ]


def test_arguments_are_sent_digit_by_digit() -> None:
    body = json.dumps(
        {"model": OLD, "messages": [ASK, calls(call("c", '{"n":12345678901234567890.10}')), tool("c", "")]}
    )
    assert b'"input":{"n":12345678901234567890.10}' in convert_request(body.encode()).body


def test_a_result_without_words_stays_a_result() -> None:
    assert turns([ASK, calls(call("c")), tool("c", "")])[-1] == user({"type": "tool_result", "tool_use_id": "c"})


def test_words_of_the_user_come_after_the_results() -> None:
    messages = [ASK, calls(call("a"), call("b")), tool("a", "1"), {"role": "user", "content": "Go on."}, tool("b", "2")]
    assert turns(messages)[-1] == user(result("a", "1"), result("b", "2"), text("Go on."))


def test_calls_in_two_messages_are_answered_together() -> None:
    messages = [ASK, calls(call("a")), calls(call("b")), tool("b", "2"), tool("a", "1")]
    assert turns(messages)[1:] == [said(use("a"), use("b")), user(result("b", "2"), result("a", "1"))]


def test_a_failed_call_and_a_picture_in_a_result() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    messages = [ASK, calls(call("a")), {**tool("a", [picture]), "is_error": True}]
    image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    assert turns(messages)[-1] == user(
        {"type": "tool_result", "tool_use_id": "a", "content": [image], "is_error": True},
    )


def test_ids_get_anthropics_letters() -> None:
    made = turns([ASK, calls(call("functions.weather:0")), tool("functions.weather:0", "rain")])
    id_ = made[1]["content"][0]["id"]
    assert id_ == "functions_2e_weather_3a_0"
    assert made[2]["content"][0]["tool_use_id"] == id_


def test_an_id_used_again_is_another_one() -> None:
    messages = [message for id_ in ("c", "c-2", "c", "c") for message in (ASK, calls(call(id_)), tool(id_, "1"))]
    made = turns(messages)
    ids = ["c", "c-2", "c-3", "c-4"]
    assert [turn["content"][0]["id"] for turn in made if turn["role"] == "assistant"] == ids
    assert [turn["content"][0]["tool_use_id"] for turn in made[2::2]] == ids


def test_ids_used_again_cost_no_search() -> None:
    """A conversation that looks for a free id from the beginning each time would take minutes here."""
    messages = [ASK, *[message for _ in range(60_000) for message in (calls(call("c")), tool("c", "1"))]]
    made = turns(messages)
    assert made[-1]["content"][0]["tool_use_id"] == "c-60000"


@pytest.mark.parametrize("arguments", ["{", "7", "[]", '"text"', "nonsense", 7, [], "[" * 100_000])
def test_arguments_that_are_no_object_are_refused(arguments: object) -> None:
    made = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    assert refused([ASK, calls(made), tool("c", "")]).param == "messages[1].tool_calls[0].function.arguments"


@pytest.mark.parametrize(("arguments", "input_"), [(None, {}), ("  ", {}), ({"a": 1}, {"a": 1})])
def test_arguments_that_are_let_pass(arguments: object, input_: Json) -> None:
    made = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    assert turns([ASK, calls(made), tool("c", "x")])[1] == said(use("c", input_))


@pytest.mark.parametrize(
    "messages",
    [
        [ASK, calls(call("a"))],
        [ASK, calls(call("a"), call("b")), tool("a", "1")],
        [ASK, calls(call("a"), call("b")), tool("a", "1"), {"role": "assistant", "content": "Well."}],
        [ASK, calls(call("a")), {"role": "user", "content": "Never mind."}],
        [ASK, tool("a", "1")],
        [ASK, calls(call("a")), tool("b", "1")],
        [ASK, calls(call("a")), tool("a", "1"), tool("a", "2")],
        [ASK, calls(call("a"), call("a")), tool("a", "1")],
        [ASK, {"role": "function", "name": "weather", "content": "rain"}],
    ],
)
def test_calls_and_results_that_do_not_pair_are_refused(messages: list[Json]) -> None:
    assert refused(messages).param is None or "messages" in str(refused(messages))


NONSENSE: list[tuple[Json, str]] = [
    ({"role": "wizard", "content": "x"}, "messages[1].role"),
    ({"content": "x"}, "messages[1].role"),
    ({"role": "user", "content": 7}, "messages[1].content"),
    ({"role": "tool", "content": "x"}, "messages[1].tool_call_id"),
    ({"role": "assistant", "tool_calls": {}}, "messages[1].tool_calls"),
    (
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]},
        "messages[1].tool_calls[0]",
    ),
    ({"role": "assistant", "tool_calls": [call("")]}, "messages[1].tool_calls[0].id"),
    ({"role": "assistant", "tool_calls": [call("c", name="")]}, "messages[1].tool_calls[0].function.name"),
    ({"role": "system", "content": [{"type": "image_url", "image_url": "x"}]}, "messages[1].content[0].type"),
]


@pytest.mark.parametrize(("message", "param"), NONSENSE)
def test_messages_that_make_no_sense_are_refused(message: Json, param: str) -> None:
    assert refused([ASK, message]).param == param


def test_functions_of_the_old_form() -> None:
    messages = [
        ASK,
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": '{"a":1}'}},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    assert turns(messages) == [ASKED, said(use("call_0", {"a": 1})), user(result("call_0", "rain"))]


def test_a_refusal_is_what_the_model_said() -> None:
    messages = [ASK, {"role": "assistant", "content": None, "refusal": "No."}, {"role": "user", "content": "Please."}]
    assert turns(messages)[1] == said(text("No."))
    part = {"role": "assistant", "content": [{"type": "refusal", "refusal": "Never."}]}
    assert turns([ASK, part, ASK])[1] == said(text("Never."))


def test_an_answer_can_be_handed_back_as_it_came() -> None:
    answer: Json = {
        "role": "assistant",
        "content": "Rain.",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "reasoning_content": "I looked.",
    }
    assert turns([ASK, answer, ASK])[1] == said(text("Rain."))


def test_signed_thoughts_are_handed_back() -> None:
    thoughts: list[Any] = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "Not signed."},
        7,
    ]
    message = {**calls(call("a")), "thinking_blocks": thoughts}
    assert turns([ASK, message, tool("a", "1")])[1] == said(*thoughts[:2], use("a"))


def test_a_budget_waits_until_the_call_has_its_thoughts() -> None:
    bare = [ASK, calls(call("a")), tool("a", "1")]
    assert "thinking" not in converted(bare, reasoning_effort="low")
    assert converted(bare, NEW, reasoning_effort="low")["thinking"]["type"] == "adaptive"
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    whole = [ASK, {**calls(call("a")), "thinking_blocks": [thought]}, tool("a", "1")]
    assert converted(whole, reasoning_effort="low")["thinking"]["type"] == "enabled"
    budget = {"type": "enabled", "budget_tokens": 2000}
    assert converted(bare, "claude-opus-4-6", thinking=budget)["thinking"]["type"] == "adaptive"


def test_tools_of_the_past_are_declared() -> None:
    made = converted([ASK, calls(call("a"), call("b", name="time")), tool("a", "1"), tool("b", "2")])
    assert [declared["name"] for declared in made["tools"]] == ["weather", "time"]
    assert made["tool_choice"] == {"type": "none"}


LATE: Json = {"role": "system", "content": "Now be brief."}
REPLY: Json = {"role": "assistant", "content": "Rain."}


@pytest.mark.parametrize(
    ("messages", "roles"),
    [
        ([ASK, LATE], ["user", "system"]),
        ([ASK, LATE, REPLY, ASK], ["user", "system", "assistant", "user"]),
        ([ASK, REPLY, LATE, ASK], ["user", "assistant", "user", "system"]),
        ([ASK, REPLY, ASK, LATE, ASK], ["user", "assistant", "user", "system"]),
        ([ASK, REPLY, LATE], ["user", "assistant", "user", "system"]),
        ([ASK, calls(call("a")), LATE, tool("a", "1")], ["user", "assistant", "user", "system"]),
        ([ASK, calls(call("a")), tool("a", "1"), LATE], ["user", "assistant", "user", "system"]),
        ([ASK, LATE, LATE, REPLY, ASK], ["user", "system", "assistant", "user"]),
    ],
)
def test_late_instructions_stay_after_the_turn_of_the_user(messages: list[Json], roles: list[str]) -> None:
    made = turns(messages, NEW)
    assert [turn["role"] for turn in made] == roles
    late = made[roles.index("system")]["content"]
    assert late == [text("Now be brief.")] * messages.count(LATE)


@pytest.mark.parametrize("messages", [[ASK, LATE], [ASK, LATE, REPLY, ASK], [ASK, REPLY, LATE, ASK]])
def test_late_instructions_join_the_first_where_the_model_takes_no_others(messages: list[Json]) -> None:
    made = converted([{"role": "system", "content": "Be kind."}, *messages])
    assert made["system"] == [text("Be kind."), text("Now be brief.")]
    assert {turn["role"] for turn in made["messages"]} <= {"user", "assistant"}


CACHE = {"type": "ephemeral"}


def test_cache_breakpoints_stay_where_they_were() -> None:
    part = {**text("Long."), "cache_control": CACHE}
    made = converted(
        [
            {"role": "system", "content": [part]},
            {"role": "user", "content": [part, text("Short.")]},
            {**calls(call("a")), "cache_control": CACHE},
            {**tool("a", "1"), "cache_control": CACHE},
            {"role": "user", "content": "Go on.", "cache_control": CACHE},
        ],
    )
    assert made["system"] == [part]
    assert made["messages"] == [
        user(part, text("Short.")),
        said({**use("a"), "cache_control": CACHE}),
        user({**result("a", "1"), "cache_control": CACHE}, {**text("Go on."), "cache_control": CACHE}),
    ]
