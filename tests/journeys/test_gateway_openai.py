"""The official `openai` SDK, blocking and awaited, through a real gateway to a model that speaks another API."""

import base64
import json
from collections.abc import AsyncGenerator, Generator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.journeys.office import SECRET, Office, office
from tests.journeys.sdks import entered, listed, told
from tests.journeys.test_gateway_anthropic import COST, MODEL, PNG, TEXT, Desk
from tests.upstream.answers import Counts, error, events, message, text_block
from tests.upstream.server import Plan, Seen, streamed, whole

pytestmark = pytest.mark.anyio
HELLO = [{"role": "user", "content": "Hello"}]
ASKED: dict[str, Any] = {"model": MODEL, "messages": HELLO}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Step(BaseModel):
    """What the model is to fill in."""

    explanation: str
    result: int


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Office]:
    with office(tmp_path_factory.mktemp("office")) as found:
        found.fake.always = lambda seen: in_form(seen, 80_000 + len(found.fake.seen))
        yield found


@pytest.fixture(params=["sync", "async"])
async def desk(request: pytest.FixtureRequest, shared: Office) -> AsyncGenerator[Desk]:
    name = request.node.name
    async with entered(client(request.param, shared, shared.key(name))) as opened_client:
        yield Desk(opened_client, name, shared)


def client(kind: str, at: Office, key: str) -> Any:
    """A client that asks once and no more."""
    made = openai.AsyncOpenAI if kind == "async" else openai.OpenAI
    return made(api_key=key, base_url=f"{at.url}/v1", max_retries=0)


def in_form(seen: Seen, number: int) -> Plan | None:
    """Fills in a form where one is asked for."""
    if b"output_config" not in seen.body:
        return None
    blocks = [text_block(json.dumps({"explanation": "2 + 2", "result": 4}))]
    if seen.json.get("stream"):
        return streamed(events(number, MODEL, blocks, Counts()), number)
    return whole(json.dumps(message(number, MODEL, blocks, Counts())).encode(), number)


async def test_a_completion_is_answered_and_written_down(desk: Desk) -> None:
    answer = await told(desk.client.chat.completions.create(**ASKED))
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", TEXT, "stop")
    assert (answer.model, answer.object) == (MODEL, "chat.completion")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 7, 18)
    seen = desk.office.fake.seen[-1]
    assert (seen.target, seen.header("x-api-key"), seen.header("authorization")) == ("/v1/messages", SECRET, None)
    assert seen.header("anthropic-version") == "2023-06-01"
    (row,) = desk.calls(1)
    assert (row["endpoint"], row["model"], row["stream"], row["account_name"]) == ("chat", MODEL, False, "upstream")
    assert (row["input_tokens"], row["output_tokens"], row["total_cost_nano"]) == (11, 7, str(COST))
    assert (row["status_code"], row["failed_by"], row["origin"]) == (200, None, "measured")


async def test_a_stream_ends_with_what_was_used(desk: Desk) -> None:
    asked = ASKED | {"stream": True, "stream_options": {"include_usage": True}}
    chunks = await listed(desk.client.chat.completions.create(**asked))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    *before, last = chunks
    assert [chunk.usage for chunk in before] == [None] * len(before)
    assert before[-1].choices[0].finish_reason == "stop"
    assert (last.choices, last.usage.prompt_tokens, last.usage.completion_tokens) == ([], 11, 7)
    (row,) = desk.calls(1)
    assert (row["stream"], row["success"], row["total_cost_nano"]) == (True, True, str(COST))
    assert 0 <= row["ttft_ms"] <= row["duration_ms"]


async def test_a_stream_without_a_wish_for_it_tells_no_usage(desk: Desk) -> None:
    chunks = await listed(desk.client.chat.completions.create(**ASKED, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    (row,) = desk.calls(1)
    assert row["output_tokens"] == 7


@pytest.mark.parametrize("streams", [False, True])
async def test_a_tool_is_called_and_its_result_taken(desk: Desk, streams: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "How is the weather in Berlin?"}]
    first = await _answer(desk, streams, messages)
    (call,) = first.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Berlin"})
    messages += [first, {"role": "tool", "tool_call_id": call.id, "content": "Rain"}]
    last = await _answer(desk, streams, messages)
    assert last.content == TEXT
    (result,) = desk.office.fake.seen[-1].json["messages"][-1]["content"]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", call.id)
    assert [row["total_cost_nano"] for row in desk.calls(2)] == [str(COST)] * 2


async def _answer(desk: Desk, streams: bool, messages: list[Any]) -> Any:
    asked = {"model": MODEL, "messages": messages, "tools": [WEATHER]}
    completions = desk.client.chat.completions
    if not streams:
        return (await told(completions.create(**asked))).choices[0].message
    async with entered(completions.stream(**asked)) as stream:
        await told(stream.until_done())
        return (await told(stream.get_final_completion())).choices[0].message


async def test_an_image_arrives_as_it_was_sent(desk: Desk) -> None:
    data = base64.b64encode(PNG).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    content = [{"type": "text", "text": "What is this?"}, image]
    answer = await told(
        desk.client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    )
    assert answer.choices[0].message.content == TEXT
    _, found = desk.office.fake.seen[-1].json["messages"][0]["content"]
    assert found == {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    desk.calls(1)


async def test_an_answer_is_parsed(desk: Desk) -> None:
    answer = await told(desk.client.chat.completions.parse(**ASKED, response_format=Step))
    assert answer.choices[0].message.parsed == Step(explanation="2 + 2", result=4)
    form = desk.office.fake.seen[-1].json["output_config"]["format"]
    assert (form["type"], sorted(form["schema"]["properties"])) == ("json_schema", ["explanation", "result"])
    (row,) = desk.calls(1)
    assert row["total_cost_nano"] == str(COST)


async def test_models_are_listed(desk: Desk) -> None:
    (model,) = await listed(desk.client.models.list())
    assert (model.id, model.object, model.owned_by) == ("claude-opus-5", "model", "anthropic")
    (row,) = desk.calls(1)
    assert (row["endpoint"], row["status_code"], row["total_cost_nano"]) == ("models", 200, None)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_unknown_key_is_refused(shared: Office, kind: str) -> None:
    async with entered(client(kind, shared, "sk-nobody-has-this-one")) as stranger:
        with pytest.raises(openai.AuthenticationError, match="not known here") as caught:
            await told(stranger.chat.completions.create(**ASKED))
    assert caught.value.code == "invalid_api_key"
    assert "sk-nobody" not in str(caught.value.body)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_limits_of_a_key_are_told_in_openais_words(shared: Office, kind: str) -> None:
    name = f"haiku, once a minute, {kind}"
    key = shared.key(name, models=["claude-haiku-*"], requests_per_minute=1)
    async with entered(client(kind, shared, key)) as narrow:
        with pytest.raises(openai.PermissionDeniedError, match="may not ask claude-opus"):
            await told(narrow.chat.completions.create(**ASKED))
        await told(narrow.chat.completions.create(model="claude-haiku-4-5", messages=HELLO))
        with pytest.raises(openai.RateLimitError) as caught:
            await told(narrow.chat.completions.create(model="claude-haiku-4-5", messages=HELLO))
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert [row["status_code"] for row in shared.calls_of(name, 3)] == [403, 200, 429]


async def test_what_cant_be_said_to_the_model_is_refused_before_it_is_asked(desk: Desk) -> None:
    before = len(desk.office.fake.seen)
    with pytest.raises(openai.BadRequestError) as caught:
        await told(desk.client.chat.completions.create(**ASKED, n=2))
    assert (caught.value.type, caught.value.param) == ("invalid_request_error", "n")
    assert len(desk.office.fake.seen) == before
    (row,) = desk.calls(1)
    assert (row["status_code"], row["failed_by"], row["attempts"]) == (400, "client", 0)


async def test_what_the_upstream_refuses_is_told_in_openais_words(desk: Desk) -> None:
    fake = desk.office.fake
    fake.script.append(whole(error("invalid_request_error", "prompt is too long: 1 > 0"), 5, 400))
    fake.script.append(whole(error("not_found_error", "model: claude-nope"), 6, 404))
    fake.script.append(whole(error("overloaded_error", "Overloaded"), 7, 529, [("retry-after", "7")]))
    with pytest.raises(openai.BadRequestError, match="too long"):
        await told(desk.client.chat.completions.create(**ASKED))
    with pytest.raises(openai.NotFoundError, match="claude-nope"):
        await told(desk.client.chat.completions.create(**ASKED))
    with pytest.raises(openai.InternalServerError, match="Overloaded") as overloaded:
        await told(desk.client.chat.completions.create(**ASKED))
    assert overloaded.value.response.headers["retry-after"] == "7"
    assert [(row["status_code"], row["failed_by"]) for row in desk.calls(3)] == [
        (400, "client"), (404, "client"), (529, "upstream"),
    ]  # fmt: skip


async def test_an_error_in_the_middle_of_a_stream_is_raised(desk: Desk) -> None:
    begun = events(90_000 + len(desk.name), MODEL, [text_block(TEXT)], Counts())[:4]
    failing = b"event: error\ndata: " + error("overloaded_error", "Overloaded") + b"\n\n"
    desk.office.fake.script.append(streamed([*begun, failing]))
    with pytest.raises(openai.APIError, match="Overloaded"):
        await listed(desk.client.chat.completions.create(**ASKED, stream=True))
    (row,) = desk.calls(1)
    assert (row["status_code"], row["success"], row["failed_by"]) == (529, False, "upstream")
