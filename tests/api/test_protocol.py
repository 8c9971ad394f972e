"""Bytes on a connection that no well-behaved client sends: each answered in our form, or served as it should be."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvloop

from ccledger.api.protocol import Protocol
from ccledger.api.server import configure
from ccledger.core.asgi import CONNECTION, Receive, Scope, Send
from ccledger.ledger.store import Store
from tests.api.apps import make_app
from tests.api.serving import serving

Answer = tuple[int, dict[str, str], bytes]


def say(store: Store, *requests: bytes) -> list[Answer]:
    """What the server answers to each of these bytes, on a connection of its own."""

    async def run() -> list[Answer]:
        async with serving(make_app(store)) as host:
            return [await one(host, request) for request in requests]

    return asyncio.run(run())


async def one(host: str, request: bytes) -> Answer:
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(request)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1")
    status, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", 0))), 20)
    writer.close()
    return int(status.split()[1]), headers, body


def ask(target: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", *headers, b"", b""])


LOCAL = b"Host: localhost"


def test_a_head_without_end_is_refused_instead_of_kept(store: Store) -> None:
    async def run() -> bytes:
        async with serving(make_app(store)) as host:
            name, port = host.split(":")
            reader, writer = await asyncio.open_connection(name, int(port))
            try:
                writer.write(b"GET / HTTP/1.1\r\n" + LOCAL + b"\r\nx: ")
                for _ in range(1_000):
                    writer.write(b"y" * 65_536)
                    await writer.drain()
            except ConnectionError:
                return b"HTTP/1.1 400 (the connection ended first)"
            return await asyncio.wait_for(reader.read(), 20)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 400 ")


def test_the_fast_parser_and_loop_are_used(store: Store) -> None:
    config = configure(make_app(store))
    config.load()
    assert issubclass(config.http_protocol_class, Protocol)
    factory = config.get_loop_factory()
    assert factory is not None
    loop = factory()
    assert isinstance(loop, uvloop.Loop)
    loop.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_our_form(store: Store, request_: bytes) -> None:
    [(status, headers, body)] = say(store, request_)
    assert status == 400
    assert headers["content-type"] == "application/json"
    assert list(json.loads(body)) == ["error"]
    assert headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://localhost/api/v1/health", LOCAL, 200),
        (b"HTTP://127.0.0.1:9/api/v1/health?x=1", b"Host: evil.example", 200),
        (b"http://evil.example/api/v1/health", LOCAL, 421),
        (b"http://evil.example", LOCAL, 400),
        (b"http://localhost@evil.example/api/v1/health", LOCAL, 421),
        (b"http://evil.example@localhost/api/v1/health", LOCAL, 421),
        (b"http://evil.example?localhost/api/v1/health", LOCAL, 400),
        (b"//evil.example/api/v1/health.json", LOCAL, 404),
    ],
)
def test_the_host_of_an_absolute_target_counts(store: Store, target: bytes, host: bytes, status: int) -> None:
    assert say(store, ask(target, host))[0][0] == status


def test_hosts_that_are_missing_or_doubled_are_refused(store: Store) -> None:
    answers = say(
        store,
        ask(b"/api/v1/health"),
        ask(b"/api/v1/health", LOCAL, LOCAL),
        ask(b"/api/v1/health", LOCAL, b"Host: evil.example"),
        b"GET /api/v1/health HTTP/1.0\r\n\r\n",
        ask(b"/api/v1/health", LOCAL),
    )
    assert [status for status, _, _ in answers] == [421, 421, 421, 421, 200]


def test_a_query_that_is_no_utf8_is_a_bad_request(store: Store) -> None:
    answers = say(
        store, ask(b"/api/v1/stats/current?timezone=\xff\xfe", LOCAL), ask(b"/api/v1/stats/current?zone=%ff%fe", LOCAL)
    )
    assert [status for status, _, _ in answers] == [400, 200]


def test_a_target_that_is_too_long_is_refused(store: Store) -> None:
    long, longer = say(store, ask(b"/" + b"x" * 20_000, LOCAL), ask(b"/" + b"x" * 1_000_000, LOCAL))
    assert long[0] == 414
    assert "8192" in json.loads(long[2])["error"]
    assert longer[0] == 400
    assert list(json.loads(longer[2])) == ["error"]
    assert long[1]["content-security-policy"] == longer[1]["content-security-policy"]


def test_paths_are_not_read_with_dots_in_them(store: Store) -> None:
    answers = say(
        store,
        ask(b"/../../etc/passwd", LOCAL),
        ask(b"/%2e%2e/%2e%2e/etc/passwd", LOCAL),
        ask(b"/..%2f..%2fetc%2fpasswd", LOCAL),
        ask(b"/..\\..\\etc\\passwd", LOCAL),
        ask(b"/assets/..%00/passwd", LOCAL),
    )
    assert [status for status, _, _ in answers] == [404] * 5


UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade")
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = b"Sec-WebSocket-Version: 13"


def test_a_handshake_that_lacks_something_is_told_so_in_our_form(store: Store) -> None:
    answers = say(
        store,
        ask(b"/ws", LOCAL, *UPGRADE),
        ask(b"/ws", LOCAL, *UPGRADE, KEY),
        ask(b"/ws", LOCAL, *UPGRADE, VERSION),
        ask(b"/ws", LOCAL, b"Upgrade: h2c", b"Connection: Upgrade"),
    )
    for status, headers, body in answers:
        assert status == 426
        assert list(json.loads(body)) == ["error"]
        assert headers["content-security-policy"]


def test_a_whole_handshake_is_taken(store: Store) -> None:
    accepted, elsewhere, foreign = say(
        store,
        ask(b"/ws", LOCAL, *UPGRADE, KEY, VERSION),
        ask(b"/api/v1/health", LOCAL, *UPGRADE, KEY, VERSION),
        ask(b"http://evil.example/ws", LOCAL, *UPGRADE, KEY, VERSION),
    )
    assert accepted[0] == 101
    assert (elsewhere[0], json.loads(elsewhere[2]).keys()) == (404, {"error"})
    assert foreign[0] == 421


def test_a_client_that_leaves_in_its_handshake_is_no_failure(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(store)
    scope = {
        "type": "websocket", "path": "/ws", "raw_path": b"/ws", "root_path": "", "query_string": b"", "scheme": "ws",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "subprotocols": [], "state": {}, "extensions": {}, "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip
    messages = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise ConnectionResetError(message["type"])

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    assert caplog.records == []


def test_no_header_of_a_proxy_is_believed(store: Store) -> None:
    """Behind no proxy of ours they would be a client's own words about itself."""
    config: Any = configure(make_app(store))
    config.load()
    assert config.loaded_app is config.app
    assert config.proxy_headers is False


def test_a_head_that_does_not_come_in_time_ends_the_connection(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.05)

    async def run() -> list[bytes]:
        async with serving(make_app(store)) as host:
            name, port = host.split(":")
            silent, first = await asyncio.open_connection(name, int(port))
            slow, second = await asyncio.open_connection(name, int(port))
            second.write(b"GET / HTTP/1.1\r\nx: ")
            answered = await one(host, ask(b"/api/health", LOCAL))
            ended = [await asyncio.wait_for(reader.read(), 20) for reader in (silent, slow)]
            for writer in (first, second):
                writer.close()
                await writer.wait_closed()
            return [b"%d" % answered[0], *ended]

    answered, silent, slow = asyncio.run(run())
    assert answered == b"200"
    assert silent.startswith(b"HTTP/1.1 408 ")
    assert slow.startswith(b"HTTP/1.1 408 ")


# What a client does after, beside or instead of what it should.


class _Echo:
    """An application that says how long a body was; `/early` it answers at once, `/long` without an end."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/long":
            await self._long(scope, send)
            return
        size = 0
        more = scope["path"] != "/early"
        while more and (message := await receive())["type"] == "http.request":
            size += len(message["body"])
            more = message["more_body"]
        text = b"%d" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text, "more_body": False})

    async def _long(self, scope: Scope, send: Send) -> None:
        scope[CONNECTION].on_lost = self.lost.set
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not self.lost.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)


@asynccontextmanager
async def echoing() -> AsyncGenerator[tuple[_Echo, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to an echo."""
    app = _Echo()
    async with serving(app) as host:
        name, port = host.split(":")
        reader, writer = await asyncio.open_connection(name, int(port))
        try:
            yield app, reader, writer
        finally:
            writer.transport.abort()


async def answer_to(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    assert head.startswith(b"HTTP/1.1 200 ")
    return await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))


def test_the_rest_of_a_body_that_was_answered_early_is_passed_over() -> None:
    async def run() -> list[bytes]:
        async with echoing() as (_, reader, writer):
            writer.write(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n")
            first = await answer_to(reader)
            writer.write(b"x" * 5_000_000 + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            return [first, await answer_to(reader)]

    assert asyncio.run(run()) == [b"0", b"3"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", id="nothing of the body"),
        pytest.param(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n|x", id="a part of the body"),
        pytest.param(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n|xx", id="the body, late"),
        pytest.param(b"GET /early HTTP/1.1\r\nHost: a\r\n\r\n|\r\n", id="an empty line"),
    ],
)
def test_a_client_that_was_answered_and_falls_silent_is_let_go(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.1)
    monkeypatch.setattr(Protocol, "silent_seconds", 0.1)

    async def run() -> None:
        async with echoing() as (_, reader, writer):
            first, _, second = said.partition(b"|")
            writer.write(first)
            assert await answer_to(reader) == b"0"
            writer.write(second)
            await asyncio.wait_for(reader.read(), 20)

    asyncio.run(run())


def test_a_client_that_takes_nothing_of_its_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.1)
    monkeypatch.setattr(Protocol, "unread_seconds", 0.1)

    async def run() -> None:
        async with echoing() as (app, _, writer):
            cast("asyncio.Transport", writer.transport).pause_reading()
            writer.write(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.wait_for(app.lost.wait(), 20)

    asyncio.run(run())


def test_nothing_else_is_said_in_the_middle_of_an_answer() -> None:
    async def run() -> bytes:
        async with echoing() as (app, reader, writer):
            writer.write(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
            first = await reader.readuntil(b"xxx")
            writer.write(b"nonsense\r\n\r\n")
            rest = await asyncio.wait_for(reader.read(), 20)
            await asyncio.wait_for(app.lost.wait(), 20)
            return first + rest

    assert asyncio.run(run()).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_an_offer_to_change_the_protocol_keeps_the_body(upgrade: bytes) -> None:
    async def run() -> list[bytes]:
        async with echoing() as (_, reader, writer):
            offer = (
                b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %s\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n" % upgrade
            )
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\n%sContent-Length: 7\r\n\r\nabc" % offer)
            await writer.drain()
            writer.write(b"defg" + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            return [await answer_to(reader), await answer_to(reader)]

    assert asyncio.run(run()) == [b"7", b"1"]


def test_what_follows_a_body_is_no_part_of_the_head(store: Store) -> None:
    chunks = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    [(status, _, _)] = say(store, chunks + b"Host: evil.example\r\n\r\n")
    assert status == 200


def test_too_many_headers_are_refused(store: Store) -> None:
    few, many = say(
        store,
        ask(b"/api/v1/health", LOCAL, *(b"x-%d: y" % number for number in range(400))),
        ask(b"/api/v1/health", LOCAL, *(b"x-%d: y" % number for number in range(600))),
    )
    assert (few[0], many[0]) == (200, 400)
