"""Whole answers of Anthropic's and the chat completions they become."""

import json
from typing import Any

import pytest

from ccledger.wire.chat.answer import convert_answer
from ccledger.wire.chat.errors import AnswerUnreadable
from ccledger.wire.chat.request import Ask
from tests.wire.chat.made import BARE_CALL, CALL, CITED, COUNTED, FOUND, SEALED, SEARCH, TEXT, THOUGHT, USAGE, message

Json = dict[str, Any]
ASK = Ask("claude-sonnet-4-5")


def completion(told: Json, ask: Ask = ASK) -> Json:
    return json.loads(convert_answer(json.dumps(told).encode(), ask, 1_790_000_000))


def choice(told: Json, ask: Ask = ASK) -> Json:
    return completion(told, ask)["choices"][0]


def said(told: Json, ask: Ask = ASK) -> Json:
    return choice(told, ask)["message"]


def test_the_plainest_answer() -> None:
    assert completion(message(TEXT)) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "claude-sonnet-4-5-20250929",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT["text"], "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            },
        ],
        "usage": COUNTED,
        "system_fingerprint": None,
        "service_tier": "default",
    }


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_why_the_model_stopped(stop: str, reason: str) -> None:
    assert choice(message(TEXT, stop=stop))["finish_reason"] == reason


def test_texts_are_one_and_no_text_is_empty() -> None:
    assert said(message(TEXT, TEXT))["content"] == TEXT["text"] * 2
    assert said(message())["content"] == ""


def test_calls_without_words() -> None:
    made = said(message(CALL, BARE_CALL, stop="tool_use"))
    assert made["content"] is None
    assert [(call["id"], call["type"], call["function"]["name"]) for call in made["tool_calls"]] == [
        ("toolu_1", "function", "weather"),
        ("toolu_2", "function", "time"),
    ]
    assert [json.loads(call["function"]["arguments"]) for call in made["tool_calls"]] == [CALL["input"], {}]


def test_arguments_come_digit_by_digit() -> None:
    body = json.dumps(message(CALL)).replace("1.5", "12345678901234567890.10").encode()
    call = json.loads(convert_answer(body, ASK, 0))["choices"][0]["message"]["tool_calls"][0]
    assert "12345678901234567890.10" in call["function"]["arguments"]


def test_a_client_of_the_old_form_gets_one_function_call() -> None:
    made = choice(message(TEXT, BARE_CALL, stop="tool_use"), Ask("m", old_calls=True))
    assert made["finish_reason"] == "function_call"
    assert made["message"]["function_call"] == {"name": "time", "arguments": "{}"}
    assert "tool_calls" not in made["message"]


def test_thoughts() -> None:
    told = message(THOUGHT, SEALED, TEXT)
    made = said(told)
    assert (made["reasoning_content"], made["content"]) == (THOUGHT["thinking"], TEXT["text"])
    assert "thinking_blocks" not in made
    assert said(told, Ask("m", thoughts=True))["thinking_blocks"] == [THOUGHT, SEALED]


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "I can't help with that."}
    made = choice(message(stop="refusal", stop_details=details))
    assert made["finish_reason"] == "content_filter"
    assert made["message"] == {"role": "assistant", "content": None, "refusal": "I can't help with that."}
    assert said(message(stop="refusal", stop_details=None))["content"] == ""


def test_pages_on_the_web_are_cited_and_searches_passed_over() -> None:
    made = said(message(TEXT, SEARCH, FOUND, CITED))
    begin = len(TEXT["text"])
    cited = {"url": "https://example.org", "title": "T", "start_index": begin, "end_index": begin + 5}
    assert made["annotations"] == [{"type": "url_citation", "url_citation": cited}]
    assert made["content"] == TEXT["text"] + "Rain."


def test_reasoning_is_counted_where_it_is_known() -> None:
    usage = {**USAGE, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}, "service_tier": "priority"}
    made = completion(message(TEXT, usage=usage))
    assert made["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    assert (made["usage"]["completion_tokens"], made["service_tier"]) == (9, "priority")


def test_an_answer_that_tells_little_is_an_answer() -> None:
    made = completion({"type": "message", "usage": {"input_tokens": 1, "output_tokens": 2}})
    assert (made["model"], made["usage"]["total_tokens"]) == (ASK.model, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"type":"error"}',
        b'{"type":"message","content":[7]}',
        b'{"type":7}',
        b"[" * 99_999,
    ],
)
def test_what_is_no_message_is_told_so(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable) as caught:
        convert_answer(body, ASK, 0)
    assert json.loads(caught.value.body())["error"]["type"] == "server_error"
