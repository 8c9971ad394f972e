from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from ccledger.core.access import Credential
from ccledger.sources.gateway.base_url import base_of
from ccledger.sources.gateway.credentials import authorise
from ccledger.sources.gateway.upstream import Answer, Request, UpstreamFailure
from ccledger.sources.gateway.upstream_aiohttp import AiohttpUpstream
from ccledger.sources.gateway.web import WebBackend
from tests.sources.gateway.accounts import account
from tests.upstream.server import Fake, Plan, Seen, whole

ASKED = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
COMPLETION = {"type": "completion", "model": "m"}
EVENTS = [
    b"data: " + json.dumps({**COMPLETION, **told}).encode() + b"\n\n"
    for told in ({"completion": "Hi "}, {"completion": "there"}, {"completion": "", "stop_reason": "stop_sequence"})
]


def backend(seen: Seen) -> Plan:
    """What a claude.ai-style backend answers."""
    if seen.target.endswith("/api/organizations"):
        return whole(b'[{"uuid": "org-9"}]')
    if seen.target.endswith("/chat_conversations"):
        return whole(b"{}", status=201)
    return Plan(200, [("content-type", "text/event-stream")], EVENTS)


class Bench:
    def __init__(self, fake: Fake, upstream: AiohttpUpstream) -> None:
        numbers = count(1)
        self.fake = fake
        self.fake.always = backend
        self.web = WebBackend(upstream, lambda: f"id-{next(numbers)}")
        self.organization = ""

    async def ask(self, target: bytes = b"/base/v1/messages?beta=true", body: Any = ASKED, **more: Any) -> Answer:
        one = account("w", type="session-key", base_url=f"{self.fake.url}/base", organization_id=self.organization)
        headers = authorise([(b"anthropic-version", b"x"), (b"user-agent", b"me")], one, Credential("planted"))
        text = json.dumps({**body, **more}).encode()
        return await self.web.send(one, Request(b"POST", base_of(one.base_url).origin, target, headers, text))


def run(test: Callable[[Bench], Awaitable[None]]) -> None:
    async def inside() -> None:
        fake = Fake()
        async with await fake.serve():
            upstream = AiohttpUpstream()
            await test(Bench(fake, upstream))
            await upstream.close()

    asyncio.run(inside())


async def read(answer: Answer) -> bytes:
    body = b""
    while piece := await answer.read():
        body += piece
    await answer.close()
    return body


def test_a_message_is_a_conversation_of_its_own() -> None:
    async def test(bench: Bench) -> None:
        answer = await bench.ask()
        told = json.loads(await read(answer))
        assert (answer.status, dict(answer.headers)[b"content-type"]) == (200, b"application/json")
        assert (told["content"], told["id"]) == ([{"type": "text", "text": "Hi there"}], "msg_web_id-2")
        folder = "/base/api/organizations/org-9/chat_conversations"
        assert [(seen.method, seen.target) for seen in bench.fake.seen] == [
            ("GET", "/base/api/organizations"),
            ("POST", folder),
            ("POST", f"{folder}/id-1/completion"),
        ]
        assert {seen.header("cookie") for seen in bench.fake.seen} == {"sessionKey=planted"}
        assert {seen.header("user-agent") for seen in bench.fake.seen} == {"me"}
        assert bench.fake.seen[1].json == {"uuid": "id-1", "name": ""}
        assert bench.fake.seen[2].json["prompt"] == "Hello"
        await read(await bench.ask())
        assert len(bench.fake.seen) == 5, "the organization is asked for once"

    run(test)


def test_a_stream_passes_as_it_comes() -> None:
    async def test(bench: Bench) -> None:
        bench.organization = "a/b"
        answer = await bench.ask(stream=True)
        assert dict(answer.headers)[b"content-type"].startswith(b"text/event-stream")
        body = await read(answer)
        assert body.startswith(b"event: message_start\n")
        assert body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        assert bench.fake.seen[0].target.startswith("/base/api/organizations/a%2Fb/")

    run(test)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_refusal_of_the_backend_is_one_of_messages(at: int) -> None:
    async def test(bench: Bench) -> None:
        refused = whole(b"<html>planted</html>", status=429, headers=[("Retry-After", "7")])
        bench.fake.always = lambda seen: refused if len(bench.fake.seen) == at + 1 else backend(seen)
        answer = await bench.ask()
        body = await read(answer)
        assert (answer.status, dict(answer.headers)[b"retry-after"]) == (429, b"7")
        assert json.loads(body)["error"]["type"] == "rate_limit_error"
        assert b"planted" not in body

    run(test)


@pytest.mark.parametrize(
    ("target", "more", "status"),
    [
        (b"/base/v1/messages/count_tokens", {}, 404),
        (b"/base/v1/models", {}, 404),
        (b"/base/v1/messages", {"tools": [{"name": "x"}]}, 400),
    ],
)
def test_what_it_can_not_carry_is_never_sent(target: bytes, more: dict[str, Any], status: int) -> None:
    async def test(bench: Bench) -> None:
        answer = await bench.ask(target, **more)
        assert answer.status == status
        assert json.loads(await read(answer))["type"] == "error"
        assert bench.fake.seen == []

    run(test)


def test_a_backend_without_an_organization_is_said() -> None:
    async def test(bench: Bench) -> None:
        bench.fake.always = lambda _: whole(b"[]")
        answer = await bench.ask()
        assert (answer.status, b"give the account one" in await read(answer)) == (502, True)

    run(test)


def test_an_answer_that_breaks_off_fails_or_ends_in_an_error() -> None:
    async def test(bench: Bench) -> None:
        def broken(seen: Seen) -> Plan:
            return Plan(200, [], EVENTS[:1]) if seen.target.endswith("/completion") else backend(seen)

        bench.fake.always = broken
        with pytest.raises(UpstreamFailure, match="broke its answer off"):
            await bench.ask()
        assert b"event: error" in await read(await bench.ask(stream=True))

    run(test)
