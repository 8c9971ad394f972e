"""Calls through the whole gateway: what the upstream hears, what the client gets, what the ledger keeps."""

import json
import threading
from collections.abc import Generator, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from ccledger.core.call import Failer, Origin, Outcome, Source
from tests.upstream.answers import Counts, event, events, message, text_block
from tests.upstream.gateway import PATIENCE, SECRET, Running, running
from tests.upstream.server import Fake, Plan, streamed, upstream

MODEL = "claude-opus-4-5"


@pytest.fixture
def fake() -> Generator[Fake]:
    with upstream() as found:
        yield found


@pytest.fixture
def served(tmp_path: Path, fake: Fake) -> Generator[Running]:
    with running(tmp_path, fake) as found:
        yield found


def request(**more: Any) -> bytes:
    asked = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}], **more}
    return json.dumps(asked).encode()


def test_an_answer_passes_as_it_is_and_is_booked(served: Running, fake: Fake) -> None:
    answer, body = served.ask("/v1/messages?beta=true", request(), anthropic_version="2023-06-01", anthropic_beta="x-1")
    assert answer.status == 200
    assert json.loads(body)["content"][0]["text"].startswith("Hello there")
    assert answer.getheader("request-id") == "req_000000000000000000000001"
    seen = fake.seen[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/messages?beta=true", request())
    assert seen.header("x-api-key") == SECRET
    assert seen.header("anthropic-beta") == "x-1"
    assert seen.header("accept-encoding") == "identity"
    assert served.key not in str(seen.headers)
    (call,) = served.calls(1)
    fact = call.fact
    assert fact.keys == ("req:req_000000000000000000000001",)
    assert served.store.booked(["msg:msg_000000000000000000000001"])
    assert fact.reading is not None
    assert fact.reading.model == MODEL
    assert tuple(fact.reading.usage) == (11, 7, 0, 0, 0, 0)
    assert fact.timing.source == Source.GATEWAY
    assert (fact.timing.outcome, fact.timing.status_code) == (Outcome.OK, 200)
    assert fact.party is not None
    assert (fact.party.access_token, fact.party.mode, fact.party.user) == (served.token.id, "api", "owner")
    assert fact.exchange is not None
    assert (fact.exchange.endpoint, fact.exchange.stream, fact.exchange.attempts) == ("messages", False, 1)
    assert call.cost is not None
    assert call.cost.total == 11 * 5000 + 7 * 25000


def test_a_stream_passes_byte_for_byte(served: Running, fake: Fake) -> None:
    fake.counts = Counts(100, 50, 20, 30, 1000)
    answer, body = served.ask("/v1/messages", request(stream=True))
    assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert body == b"".join(events(1, MODEL, [text_block("Hello there, this is a made answer.")], fake.counts))
    (call,) = served.calls(1)
    assert call.fact.reading is not None
    assert tuple(call.fact.reading.usage) == (100, 50, 20, 30, 1000, 0)
    assert call.fact.timing.first_token_ms is not None
    assert call.fact.exchange is not None
    assert call.fact.exchange.stream


def test_an_upstreams_error_passes_with_its_headers(served: Running, fake: Fake) -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    fake.script.append(Plan(529, [("retry-after", "7"), ("content-type", "application/json")], [body], len(body)))
    answer, got = served.ask("/v1/messages", request())
    assert (answer.status, answer.getheader("retry-after"), got) == (529, "7", body)
    (call,) = served.calls(1)
    assert (call.fact.timing.outcome, call.fact.timing.status_code) == (Outcome.ERROR, 529)
    assert call.fact.exchange is not None
    assert (call.fact.exchange.failed_by, call.fact.exchange.error) == (Failer.UPSTREAM, "Overloaded")


def test_another_account_answers_where_the_first_cant(served: Running, fake: Fake) -> None:
    served.add_account(fake.url, "second", priority=1)
    fake.script.append(Plan(529, [("content-type", "application/json")], [b"{}"], 2))
    answer, _ = served.ask("/v1/messages", request())
    assert answer.status == 200
    (call,) = served.calls(1)
    assert call.fact.exchange is not None
    assert call.fact.exchange.attempts == 2


@pytest.mark.parametrize("key", ["", "ccl-nobody", "sk-ant-other"])
def test_a_stranger_is_refused_in_the_clients_form(served: Running, key: str) -> None:
    answer, body = served.ask("/v1/messages", request(), x_api_key=key)
    told = json.loads(body)
    assert answer.status == 401
    assert (told["type"], told["error"]["type"]) == ("error", "authentication_error")
    assert not key or key not in body.decode()
    answer, body = served.ask("/v1/chat/completions", request(), x_api_key=key)
    assert answer.status == 401
    assert json.loads(body)["error"]["code"] == "invalid_api_key"


def test_a_stream_that_ends_early_is_seen_to_and_marked(served: Running, fake: Fake) -> None:
    whole = events(1, MODEL, [text_block("Hello there, this is a made answer.")], Counts())
    fake.script.append(streamed(whole[:5], cut=True))
    with pytest.raises(Exception, match="Incomplete"):
        served.ask("/v1/messages", request(stream=True))
    (call,) = served.calls(1)
    assert (call.fact.timing.outcome, call.fact.timing.status_code) == (Outcome.ERROR, 502)
    assert call.fact.reading is not None
    assert call.fact.reading.origin == Origin.ESTIMATED
    assert call.fact.reading.usage.input_tokens == 11


def test_an_error_in_the_middle_of_a_stream_passes_and_is_kept(served: Running, fake: Fake) -> None:
    whole = events(1, MODEL, [text_block("Hello there")], Counts())
    failing = [*whole[:4], event("error", error={"type": "overloaded_error", "message": "Overloaded"})]
    fake.script.append(streamed(failing))
    _, body = served.ask("/v1/messages", request(stream=True))
    assert body == b"".join(failing)
    (call,) = served.calls(1)
    assert call.fact.timing.status_code == 529


def test_a_key_for_some_models_asks_those_and_no_others(served: Running, fake: Fake) -> None:
    key = served.issue("narrow", models=["claude-haiku-*"])
    allowed, _ = served.ask("/v1/messages", request(model="claude-haiku-4-5"), x_api_key=key)
    listed, _ = served.ask("/v1/models", x_api_key=key, anthropic_version="2023-06-01")
    refused, body = served.ask("/v1/messages", request(), x_api_key=key)
    assert (allowed.status, listed.status, refused.status) == (200, 200, 403)
    assert MODEL in json.loads(body)["error"]["message"]
    assert len(fake.seen) == 2


def batch_line(number: int) -> bytes:
    told = message(number, MODEL, [text_block("Hello")], Counts(1000, 100, tier="batch"))
    return json.dumps({"custom_id": f"c{number}", "result": {"type": "succeeded", "message": told}}).encode() + b"\n"


def test_the_results_of_a_batch_are_calls_at_half_the_price_however_often_they_are_fetched(
    served: Running, fake: Fake
) -> None:
    failed = b'{"custom_id":"x","result":{"type":"errored","error":{"type":"error"}}}\n'
    lines = b"".join(map(batch_line, range(1, 26))) + failed + batch_line(26).rstrip()
    pieces = [lines[start : start + 1000] for start in range(0, len(lines), 1000)]
    for _ in range(2):
        fake.script.append(Plan(200, [("content-type", "application/x-jsonl")], pieces))
        answer, body = served.ask("/v1/messages/batches/msgbatch_013Zva2CMHLNnXjNJJKqJ2EF/results")
        assert (answer.status, body) == (200, lines)
    calls = served.calls(26 + 2)
    results = [call for call in calls if call.fact.reading is not None]
    assert len(results) == 26
    assert {call.cost.total for call in results if call.cost} == {(1000 * 5000 + 100 * 25000) // 2}
    endpoints = {call.fact.exchange.endpoint for call in calls if call.fact.exchange}
    assert endpoints == {"batches", "messages/batches/*/results"}


def test_a_stream_that_asks_no_model_passes_event_by_event(served: Running, fake: Fake) -> None:
    first, second = event("session.status", status="running"), event("session.status", status="idle")
    heard, in_time = threading.Event(), list[bool]()

    def pieces() -> Iterator[bytes | float]:
        yield first
        yield 0.0
        in_time.append(heard.wait(PATIENCE))
        yield second

    fake.script.append(streamed(pieces()))
    connection = HTTPConnection("127.0.0.1", served.port, timeout=2 * PATIENCE)
    try:
        connection.request("GET", "/v1/sessions/sesn_011CZkZaBF1t/events/stream", headers={"x-api-key": served.key})
        answer = connection.getresponse()
        got = answer.read(len(first))
        heard.set()
        assert (got, answer.read()) == (first, second)
    finally:
        connection.close()
    assert in_time == [True]
    (call,) = served.calls(1)
    assert call.fact.exchange is not None
    assert (call.fact.exchange.endpoint, call.fact.timing.status_code) == ("sessions/*/events/stream", 200)


ADVISED = {"tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5"}]}
INSTEAD = {"fallbacks": [{"model": "claude-opus-5"}]}


@pytest.mark.parametrize("more", [{"model": "claude-opus-5"}, ADVISED, INSTEAD])
def test_a_key_for_some_models_reaches_no_other_by_any_way(served: Running, fake: Fake, more: dict[str, Any]) -> None:
    key = served.issue("haiku", models=["claude-haiku*"])
    asked = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    assert served.ask("/v1/messages", json.dumps(asked).encode(), x_api_key=key)[0].status == 200
    assert served.ask("/v1/messages", json.dumps(asked | more).encode(), x_api_key=key)[0].status == 403
    batch = {"requests": [{"custom_id": "1", "params": asked}, {"custom_id": "2", "params": asked | more}]}
    assert served.ask("/v1/messages/batches", json.dumps(batch).encode(), x_api_key=key)[0].status == 403
    assert len(fake.seen) == 1


def test_what_one_call_may_not_do_keeps_the_account_for_all_others(served: Running, fake: Fake) -> None:
    refusal = b'{"type":"error","error":{"type":"permission_error","message":"not you"}}'
    for status, path in ((403, "/v1/messages"), (401, "/v1/organizations/me")):
        fake.script.append(Plan(status, [("content-type", "application/json")], [refusal], len(refusal)))
        assert served.ask(path, request() if path.endswith("messages") else None)[0].status == status
    assert served.ask("/v1/messages", request())[0].status == 200


def test_a_batch_and_its_results_stay_with_one_account(served: Running, fake: Fake) -> None:
    with upstream() as other:
        served.add_account(other.url, "other")
        for path in ("", "/msgbatch_013Zva2CMHLNnXjNJJKqJ2EF", "/msgbatch_013Zva2CMHLNnXjNJJKqJ2EF/cancel") * 3:
            served.ask(f"/v1/messages/batches{path}")
        assert sorted((len(fake.seen), len(other.seen))) == [0, 9]


def test_what_a_browser_would_keep_for_our_address_does_not_pass(served: Running, fake: Fake) -> None:
    fake.script.append(Plan(200, [("content-type", "application/json"), ("set-cookie", "a=b")], [b"{}"], 2))
    answer, _ = served.ask("/v1/messages", request())
    assert answer.getheader("set-cookie") is None
    assert answer.getheader("content-type") == "application/json"


def test_an_error_in_an_answer_that_seems_well_is_one(served: Running, fake: Fake) -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    fake.script.append(Plan(200, [("content-type", "application/json")], [body], len(body)))
    answer, got = served.ask("/v1/messages", request())
    assert (answer.status, got) == (200, body)
    (call,) = served.calls(1)
    assert (call.fact.timing.outcome, call.fact.timing.status_code) == (Outcome.ERROR, 529)


def test_who_leaves_early_has_used_its_tokens_too(served: Running, fake: Fake) -> None:
    key = served.issue("few", tokens_per_minute=3000)
    whole = events(1, MODEL, [text_block("Hello there")], Counts(2500, 10))
    fake.script.append(streamed(whole[:4], cut=True))
    with pytest.raises(Exception, match="Incomplete"):
        served.ask("/v1/messages", request(stream=True), x_api_key=key)
    answer, _ = served.ask("/v1/messages", request(messages=[{"role": "user", "content": "x" * 2000}]), x_api_key=key)
    assert answer.status == 429
    assert int(answer.getheader("retry-after") or 0) > 0


def test_strangers_fill_no_book_with_names(served: Running) -> None:
    for path in ("/v1/one", "/v1/two", "/v1/%3Dcmd%0d%0a/x"):
        assert served.ask(path, x_api_key="ccl-nobody")[0].status in (400, 401)
    assert {call.fact.exchange.endpoint for call in served.calls(3) if call.fact.exchange} == {"*"}
