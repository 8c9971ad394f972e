"""OpenAI's own client, talking to Claude: plain, asynchronous, streaming, with tools, pictures, schemas and errors."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.wire.chat.gateway import Canned, Gateway, running
from tests.wire.chat.made import BARE_CALL, CALL, COUNTED, TEXT, THOUGHT, event, message, stream

Json = dict[str, Any]
MODEL = "claude-sonnet-4-5"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASK: Any = {"role": "user", "content": "How is the weather?"}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running() as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.url, api_key="none", max_retries=0) as client:
        yield client


def test_a_question_and_an_answer(gateway: Gateway, client: openai.OpenAI) -> None:
    gateway.answers.append(Canned(message(THOUGHT, TEXT)))
    made = client.chat.completions.create(model=MODEL, messages=[{"role": "system", "content": "Be brief."}, ASK])
    assert made.choices[0].message.content == TEXT["text"]
    assert made.choices[0].finish_reason == "stop"
    assert (made.created, made.model) == (1_790_000_000, "claude-sonnet-4-5-20250929")
    assert made.usage is not None
    assert made.usage.to_dict() == COUNTED
    assert gateway.asked[0]["system"] == [{"type": "text", "text": "Be brief."}]


def test_the_asynchronous_client(gateway: Gateway) -> None:
    gateway.answers += [Canned(message(TEXT)), Canned(stream(TEXT))]

    async def ask() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key="none", max_retries=0) as client:
            whole = await client.chat.completions.create(model=MODEL, messages=[ASK])
            parts = await client.chat.completions.create(model=MODEL, messages=[ASK], stream=True)
            said = [part.choices[0].delta.content or "" async for part in parts]
            return whole.choices[0].message.content, "".join(said)

    assert asyncio.run(ask()) == (TEXT["text"], TEXT["text"])


def test_a_stream_with_its_usage(gateway: Gateway, client: openai.OpenAI) -> None:
    gateway.answers.append(Canned(stream(THOUGHT, TEXT)))
    options: Any = {"include_usage": True}
    parts = [*client.chat.completions.create(model=MODEL, messages=[ASK], stream=True, stream_options=options)]
    assert parts[0].choices[0].delta.role == "assistant"
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == TEXT["text"]
    assert parts[-2].choices[0].finish_reason == "stop"
    assert parts[-1].choices == []
    assert parts[-1].usage is not None
    assert parts[-1].usage.to_dict() == COUNTED
    assert gateway.asked[0]["stream"] is True


def test_a_loop_of_tools(gateway: Gateway, client: openai.OpenAI) -> None:
    gateway.answers += [Canned(message(TEXT, CALL, BARE_CALL, stop="tool_use")), Canned(message(TEXT))]
    messages = [ASK]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER]).choices[0]
    assert first.finish_reason == "tool_calls"
    assert first.message.tool_calls is not None
    messages.append(first.message)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in first.message.tool_calls]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER]).choices[0]
    assert second.message.content == TEXT["text"]
    rain = [{"type": "text", "text": "rain"}]
    assert gateway.asked[1]["messages"][1:] == [
        {"role": "assistant", "content": [TEXT, CALL, BARE_CALL]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": rain},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": rain},
            ],
        },
    ]


def test_tools_in_a_stream_as_the_client_puts_them_together(gateway: Gateway, client: openai.OpenAI) -> None:
    gateway.answers.append(Canned(stream(TEXT, CALL, BARE_CALL, stop="tool_use")))
    with client.chat.completions.stream(model=MODEL, messages=[ASK], tools=[WEATHER]) as events:
        kinds = [each.type for each in events]
        final = events.get_final_completion().choices[0]
    assert "tool_calls.function.arguments.delta" in kinds
    assert final.finish_reason == "tool_calls"
    assert final.message.content == TEXT["text"]
    assert final.message.tool_calls is not None
    calls = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in final.message.tool_calls]
    assert calls == [("toolu_1", "weather", CALL["input"]), ("toolu_2", "time", {})]


def test_a_picture(gateway: Gateway, client: openai.OpenAI) -> None:
    gateway.answers.append(Canned(message(TEXT)))
    picture: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
    what: Any = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    client.chat.completions.create(model=MODEL, messages=[what])
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert gateway.asked[0]["messages"][0]["content"][1] == {"type": "image", "source": source}


class Weather(BaseModel):
    sky: str
    degrees: int


@pytest.mark.parametrize("model", [MODEL, "claude-opus-4-1"])
def test_an_answer_read_as_a_value(gateway: Gateway, client: openai.OpenAI, model: str) -> None:
    gateway.answers.append(Canned(message({"type": "text", "text": '{"sky": "grey", "degrees": 7}'})))
    made = client.chat.completions.parse(model=model, messages=[ASK], response_format=Weather)
    assert made.choices[0].message.parsed == Weather(sky="grey", degrees=7)
    format_ = gateway.asked[0].get("output_config", {}).get("format")
    assert (format_ is not None) == (model == MODEL)
    if format_:
        assert format_["schema"]["required"] == ["sky", "degrees"]


def test_a_refusal_of_the_model(gateway: Gateway, client: openai.OpenAI) -> None:
    details = {"type": "refusal", "explanation": "No."}
    gateway.answers.append(Canned(message(stop="refusal", stop_details=details)))
    made = client.chat.completions.create(model=MODEL, messages=[ASK]).choices[0]
    assert (made.finish_reason, made.message.refusal, made.message.content) == ("content_filter", "No.", None)


def test_a_refusal_of_ours(gateway: Gateway, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[ASK], n=2)
    assert (caught.value.param, caught.value.code) == ("n", "unsupported_value")
    assert "n must be 1" in caught.value.message
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("status", "type_", "error", "code"),
    [
        (401, "authentication_error", openai.AuthenticationError, "invalid_api_key"),
        (403, "permission_error", openai.PermissionDeniedError, "permission_denied"),
        (404, "not_found_error", openai.NotFoundError, "model_not_found"),
        (429, "rate_limit_error", openai.RateLimitError, "rate_limit_exceeded"),
        (529, "overloaded_error", openai.InternalServerError, "overloaded"),
    ],
)
def test_an_error_of_the_upstream(
    gateway: Gateway,
    client: openai.OpenAI,
    status: int,
    type_: str,
    error: type[openai.APIStatusError],
    code: str,
) -> None:
    body = {"type": "error", "error": {"type": type_, "message": "model: no"}, "request_id": "req_1"}
    gateway.answers.append(Canned(body, status))
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=MODEL, messages=[ASK])
    assert (caught.value.code, caught.value.status_code) == (code, status)


OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


@pytest.mark.parametrize(
    ("events", "says"), [(stream(TEXT)[:4], "not whole"), ([*stream(TEXT)[:4], OVERLOADED], "Overl")]
)
def test_a_stream_that_breaks(gateway: Gateway, client: openai.OpenAI, events: list[Json], says: str) -> None:
    gateway.answers.append(Canned(events))
    parts = client.chat.completions.create(model=MODEL, messages=[ASK], stream=True)
    with parts, pytest.raises(openai.APIError, match=says):
        for _ in parts:
            pass


def test_the_list_of_models(gateway: Gateway, client: openai.OpenAI) -> None:
    gateway.answers.append(Canned({"data": [{"type": "model", "id": MODEL, "created_at": "2025-09-29T00:00:00Z"}]}))
    assert [(model.id, model.owned_by) for model in client.models.list()] == [(MODEL, "anthropic")]
