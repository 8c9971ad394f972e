"""The official `anthropic` SDK, blocking and awaited, through a real gateway; what it did is on the ledger."""

import base64
import json
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import pytest

from tests.journeys.office import SECRET, Office, add_account, make_home, office, opened, say
from tests.journeys.sdks import each, entered, listed, told
from tests.upstream.answers import Counts, error, message, text_block
from tests.upstream.server import Plan, Seen, upstream, usual_headers, whole

pytestmark = pytest.mark.anyio
MODEL = "claude-opus-4-5"
INPUT, OUTPUT = 5_000, 25_000
"""Nano-dollars a token of the model."""
COUNTS = Counts()
COST = COUNTS.input_tokens * INPUT + COUNTS.output_tokens * OUTPUT
TEXT = "Hello there, this is a made answer."
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = {
    "name": "weather",
    "description": "Tells the weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ASKED: dict[str, Any] = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
BATCH = "msgbatch_013Zva2CMHLNnXjNJJKqJ2EF"
FILE = "file_011CNha8iCJcU1wXNR6q4V8w"


class Desk(NamedTuple):
    """Who asks: a client with a key of its own, at an office."""

    client: Any
    name: str
    office: Office

    def calls(self, count: int) -> list[dict[str, Any]]:
        """What was written down of its calls."""
        return self.office.calls_of(self.name, count)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Office]:
    with office(tmp_path_factory.mktemp("office")) as found:
        found.fake.always = lambda seen: beside_messages(seen, 70_000 + len(found.fake.seen))
        yield found


@pytest.fixture(params=["sync", "async"])
async def desk(request: pytest.FixtureRequest, shared: Office) -> AsyncGenerator[Desk]:
    name = request.node.name
    async with entered(client(request.param, shared, shared.key(name))) as opened_client:
        yield Desk(opened_client, name, shared)


def client(kind: str, at: Office, key: str) -> Any:
    """A client that asks once and no more."""
    made = anthropic.AsyncAnthropic if kind == "async" else anthropic.Anthropic
    return made(api_key=key, base_url=at.url, max_retries=0)


def beside_messages(seen: Seen, number: int) -> Plan | None:
    """What the API answers to what asks no model."""
    path = seen.target.partition("?")[0]
    if path.endswith("/results"):
        body = b"".join(json.dumps(line).encode() + b"\n" for line in results(number))
        return Plan(200, usual_headers(number, "application/x-jsonl"), [body], len(body))
    if "/batches" in path:
        return whole(json.dumps(batch()).encode(), number)
    if path == "/v1/files" and seen.method == "POST":
        return whole(json.dumps(file(len(seen.body))).encode(), number)
    return None


def batch() -> dict[str, Any]:
    """A batch that ended."""
    return {
        "id": BATCH, "type": "message_batch", "processing_status": "ended", "created_at": "2026-11-20T12:00:00Z",
        "expires_at": "2026-11-21T12:00:00Z", "ended_at": "2026-11-20T12:01:00Z", "cancel_initiated_at": None,
        "archived_at": None, "results_url": f"https://api.anthropic.com/v1/messages/batches/{BATCH}/results",
        "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 1, "expired": 0},
    }  # fmt: skip


def results(number: int) -> list[dict[str, Any]]:
    """What became of the requests of a batch."""
    answer = message(number, MODEL, [text_block(TEXT)], COUNTS._replace(tier="batch"))
    return [
        {"custom_id": "one", "result": {"type": "succeeded", "message": answer}},
        {"custom_id": "two", "result": {"type": "canceled"}},
    ]


def file(size: int) -> dict[str, Any]:
    """An uploaded file."""
    return {
        "id": FILE, "type": "file", "filename": "words.txt", "mime_type": "text/plain", "size_bytes": size,
        "created_at": "2026-11-20T12:00:00Z", "downloadable": False,
    }  # fmt: skip


async def test_a_message_is_answered_and_written_down(desk: Desk) -> None:
    answer = await told(desk.client.messages.create(**ASKED))
    assert answer.content[0].text == TEXT
    assert (answer.stop_reason, answer.usage.input_tokens, answer.usage.output_tokens) == ("end_turn", 11, 7)
    assert answer._request_id == f"req_{int(answer.id.removeprefix('msg_')):024}"
    (row,) = desk.calls(1)
    assert (row["token_name"], row["account_name"], row["user_name"], row["mode"]) == (
        desk.name, "upstream", "owner", "api",
    )  # fmt: skip
    assert (row["model"], row["endpoint"], row["stream"], row["origin"]) == (MODEL, "messages", False, "measured")
    assert (row["input_tokens"], row["output_tokens"], row["total_tokens"]) == (11, 7, 18)
    assert row["total_cost_nano"] == str(COST)
    assert (row["status_code"], row["success"], row["failed_by"], row["attempts"]) == (200, True, None, 1)
    assert row["duration_ms"] >= 0


async def test_a_stream_is_answered_and_written_down(desk: Desk) -> None:
    async with entered(desk.client.messages.stream(**ASKED)) as stream:
        heard = [text async for text in each(stream.text_stream)]
        final = await told(stream.get_final_message())
    assert len(heard) > 1
    assert "".join(heard) == final.content[0].text == TEXT
    assert final.usage.output_tokens == 7
    (row,) = desk.calls(1)
    assert (row["stream"], row["success"], row["total_cost_nano"]) == (True, True, str(COST))
    assert 0 <= row["ttft_ms"] <= row["duration_ms"]


async def test_events_of_a_stream_come_one_by_one(desk: Desk) -> None:
    kinds = [event.type for event in await listed(desk.client.messages.create(**ASKED, stream=True))]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    (row,) = desk.calls(1)
    assert row["output_tokens"] == 7


@pytest.mark.parametrize("streams", [False, True])
async def test_a_tool_is_called_and_its_result_taken(desk: Desk, streams: bool) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "How is the weather in Berlin?"}]
    first = await _answer(desk, streams, messages)
    (use,) = first.content
    assert (first.stop_reason, use.type, use.name, use.input) == ("tool_use", "tool_use", "weather", {"city": "Berlin"})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "Rain"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    last = await _answer(desk, streams, messages)
    assert last.content[0].text == TEXT
    assert desk.office.fake.seen[-1].json["messages"][-1]["content"] == [result]
    assert [row["total_cost_nano"] for row in desk.calls(2)] == [str(COST)] * 2


async def _answer(desk: Desk, streams: bool, messages: list[dict[str, Any]]) -> Any:
    asked = {"model": MODEL, "max_tokens": 64, "tools": [WEATHER], "messages": messages}
    if not streams:
        return await told(desk.client.messages.create(**asked))
    async with entered(desk.client.messages.stream(**asked)) as stream:
        return await told(stream.get_final_message())


async def test_an_image_arrives_as_it_was_sent(desk: Desk) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    answer = await told(desk.client.messages.create(**ASKED | {"messages": [{"role": "user", "content": content}]}))
    assert answer.content[0].text == TEXT
    assert desk.office.fake.seen[-1].json["messages"][0]["content"] == content
    desk.calls(1)


async def test_tokens_are_counted_for_nothing(desk: Desk) -> None:
    asked = {name: ASKED[name] for name in ("model", "messages")}
    counted = await told(desk.client.messages.count_tokens(**asked))
    assert counted.input_tokens == len(desk.office.fake.seen[-1].body) // 4
    (row,) = desk.calls(1)
    assert (row["endpoint"], row["total_tokens"], row["total_cost_nano"]) == ("count_tokens", 0, None)


async def test_models_are_listed(desk: Desk) -> None:
    assert [model.id for model in await listed(desk.client.models.list())] == ["claude-opus-5"]
    (row,) = desk.calls(1)
    assert (row["endpoint"], row["status_code"], row["total_cost_nano"]) == ("models", 200, None)


async def test_beta_features_pass_by_name(desk: Desk) -> None:
    answer = await told(desk.client.beta.messages.create(**ASKED, betas=["context-1m-2025-08-07", "x-2026-01-01"]))
    assert answer.content[0].text == TEXT
    seen = desk.office.fake.seen[-1]
    assert seen.header("anthropic-beta") == "context-1m-2025-08-07,x-2026-01-01"
    assert (seen.header("x-api-key"), seen.header("authorization")) == (SECRET, None)
    desk.calls(1)


async def test_batches_pass(desk: Desk) -> None:
    batches = desk.client.messages.batches
    made = await told(batches.create(requests=[{"custom_id": "one", "params": ASKED}]))
    assert made.id == BATCH
    assert desk.office.fake.seen[-1].json == {"requests": [{"custom_id": "one", "params": ASKED}]}
    assert (await told(batches.retrieve(BATCH))).processing_status == "ended"
    ended = await told(desk.client.get(f"/v1/messages/batches/{BATCH}/results", cast_to=str))
    assert [json.loads(line) for line in ended.splitlines()] == results(70_000 + len(desk.office.fake.seen))
    costs = {row["endpoint"]: row["total_cost_nano"] for row in desk.calls(4)}
    asked = ("messages/batches", "messages/batches/*", "messages/batches/*/results")
    assert costs == dict.fromkeys(asked) | {"batches": str(COST // 2)}


async def test_a_file_is_uploaded_byte_for_byte(desk: Desk) -> None:
    content = bytes(range(256)) * 9000
    """More than is taken whole, and every byte there is."""
    found = await told(desk.client.beta.files.upload(file=("words.txt", content, "text/plain")))
    assert found.id == FILE
    seen = desk.office.fake.seen[-1]
    kind, _, boundary = (seen.header("content-type") or "").partition("; boundary=")
    head, _, rest = seen.body.partition(b"\r\n\r\n")
    assert kind == "multipart/form-data"
    assert head.startswith(f"--{boundary}\r\n".encode())
    assert rest == content + f"\r\n--{boundary}--\r\n".encode()
    assert found.size_bytes == len(seen.body)
    (row,) = desk.calls(1)
    assert (row["endpoint"], row["status_code"]) == ("files", 200)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_unknown_key_is_refused(shared: Office, kind: str) -> None:
    before = len(shared.fake.seen)
    async with entered(client(kind, shared, "ccl-nobody-has-this-one")) as stranger:
        with pytest.raises(anthropic.AuthenticationError, match="not known here") as caught:
            await told(stranger.messages.create(**ASKED))
    assert caught.value.status_code == 401
    assert "ccl-nobody" not in str(caught.value.body)
    assert len(shared.fake.seen) == before


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_model_that_a_key_may_not_use_is_refused(shared: Office, kind: str) -> None:
    name = f"haiku only, {kind}"
    async with entered(client(kind, shared, shared.key(name, models=["claude-haiku-*"]))) as narrow:
        with pytest.raises(anthropic.PermissionDeniedError) as caught:
            await told(narrow.messages.create(**ASKED))
        answer = await told(narrow.messages.create(**ASKED | {"model": "claude-haiku-4-5"}))
    assert caught.value.type == "permission_error"
    assert answer.content[0].text == TEXT
    refused, served = shared.calls_of(name, 2)
    assert (refused["status_code"], refused["success"], refused["failed_by"]) == (403, False, "client")
    assert (refused["total_tokens"], refused["attempts"], served["status_code"]) == (0, 0, 200)


async def test_what_the_upstream_does_not_know_is_not_found(desk: Desk) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await told(desk.client.models.retrieve("claude-nope-1"))
    assert caught.value.request_id is not None
    assert caught.value.request_id.startswith("req_0")
    (row,) = desk.calls(1)
    assert (row["status_code"], row["failed_by"], row["error_message"]) == (404, "client", "Not found")


async def test_a_body_that_is_too_long_is_refused(desk: Desk) -> None:
    long = [{"role": "user", "content": "a" * (33 << 20)}]
    with pytest.raises(anthropic.APIStatusError) as caught:
        await told(desk.client.messages.create(**ASKED | {"messages": long}))
    assert (caught.value.status_code, caught.value.type) == (413, "request_too_large")
    (row,) = desk.calls(1)
    assert (row["status_code"], row["failed_by"], row["attempts"]) == (413, "client", 0)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_key_that_asks_too_often_hears_when_to_come_back(shared: Office, kind: str) -> None:
    name = f"once a minute, {kind}"
    async with entered(client(kind, shared, shared.key(name, requests_per_minute=1))) as hasty:
        await told(hasty.messages.create(**ASKED))
        with pytest.raises(anthropic.RateLimitError, match="1 requests a minute") as caught:
            await told(hasty.messages.create(**ASKED))
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert [row["status_code"] for row in shared.calls_of(name, 2)] == [200, 429]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_what_an_upstream_refuses_is_told_as_it_was_said(tmp_path: Path, kind: str) -> None:
    home = make_home(tmp_path)
    with upstream() as fake, opened(home, fake) as found:
        key = say(home, "token", "create", "--name", "laptop")["token"]
        add_account(home, fake.url)
        headers = [("retry-after", "17")]
        fake.script.append(whole(error("invalid_request_error", "messages: too few"), 1, 400))
        fake.script.append(whole(error("overloaded_error", "Overloaded"), 2, 529, headers))
        fake.script.append(whole(error("rate_limit_error", "Slow down"), 3, 429, headers))
        async with entered(client(kind, found, key)) as caller:
            with pytest.raises(anthropic.BadRequestError, match="too few") as bad:
                await told(caller.messages.create(**ASKED))
            with pytest.raises(anthropic.InternalServerError, match="Overloaded") as overloaded:
                await told(caller.messages.create(**ASKED))
            with pytest.raises(anthropic.RateLimitError, match="Slow down") as limited:
                await told(caller.messages.create(**ASKED))
        assert [one.value.request_id for one in (bad, overloaded, limited)] == [f"req_{n:024}" for n in (1, 2, 3)]
        assert [one.value.response.headers.get("retry-after") for one in (bad, overloaded, limited)] == [
            None, "17", "17",
        ]  # fmt: skip
        assert overloaded.value.status_code == 529
        rows = found.calls_of("laptop", 3)
        assert [(row["status_code"], row["failed_by"]) for row in rows] == [
            (400, "client"), (529, "upstream"), (429, "upstream"),
        ]  # fmt: skip
        assert [row["error_message"] for row in rows] == ["messages: too few", "Overloaded", "Slow down"]
