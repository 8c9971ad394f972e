"""Answers as they leave: head and body together, in the form HTTP asks for, never one that says something else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ccledger.core.asgi import PASS, Application, Headers, Scope, Send
from tests.api.serving import serving

Telling = Callable[[Send], Awaitable[None]]
ASK = b"%b / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Pieces(asyncio.Protocol):
    """A client that keeps what arrives as it arrives."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lost = asyncio.Event()
        self.arrived = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        self.arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self.arrived.set()


def application(telling: Telling) -> Application:
    async def app(scope: Scope, receive: Any, send: Send) -> None:
        await (live(receive, send) if scope["type"] == "lifespan" else telling(send))

    return app


async def live(receive: Any, send: Send) -> None:
    """Begins and ends with the server."""
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


async def begin(send: Send, *headers: tuple[bytes, bytes], status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def go_on(send: Send, body: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


def length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


def heard(telling: Telling, ends_with: bytes, method: bytes = b"GET") -> list[bytes]:
    """The pieces in which an answer came, up to one that ends in a certain way or the end of the connection."""

    async def run() -> list[bytes]:
        async with serving(application(telling)) as host:
            name, port = host.split(":")
            loop = asyncio.get_running_loop()
            transport, client = await loop.create_connection(Pieces, name, int(port))
            transport.write(ASK % method)
            async with asyncio.timeout(20):
                while not client.lost.is_set() and not b"".join(client.pieces).endswith(ends_with):
                    client.arrived.clear()
                    await client.arrived.wait()
            transport.close()
            return client.pieces

    return asyncio.run(run())


def test_a_small_answer_is_one_piece() -> None:
    async def tell(send: Send) -> None:
        await begin(send, length(b"hello"), (b"x-some", b"thing"))
        await go_on(send, b"hello")

    (whole,) = heard(tell, b"hello")
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nx-some: thing\r\n" in whole
    assert b"transfer-encoding" not in whole


def test_a_large_answer_is_whole() -> None:
    body = bytes(range(256)) * 4096

    async def tell(send: Send) -> None:
        await begin(send, length(body))
        await go_on(send, body[:100_000], more=True)
        await go_on(send, body[100_000:])

    assert b"".join(heard(tell, body[-300:])).partition(b"\r\n\r\n")[2] == body


def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    gate = asyncio.Event

    async def run() -> None:
        may_go_on = gate()

        async def tell(send: Send) -> None:
            await begin(send, length(b"late"))
            await may_go_on.wait()
            await go_on(send, b"late")

        async with serving(application(tell)) as host:
            name, port = host.split(":")
            reader, writer = await asyncio.open_connection(name, int(port))
            writer.write(ASK % b"GET")
            async with asyncio.timeout(20):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
                may_go_on.set()
                assert await reader.readexactly(4) == b"late"
            writer.close()

    asyncio.run(run())


def test_a_body_of_unknown_length_comes_in_chunks() -> None:
    async def tell(send: Send) -> None:
        await begin(send)
        await go_on(send, b"one", more=True)
        await go_on(send, b"", more=True)
        await go_on(send, b"seventeen letters")

    whole = b"".join(heard(tell, b"0\r\n\r\n"))
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert body == b"3\r\none\r\n11\r\nseventeen letters\r\n0\r\n\r\n"


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_an_answer_without_a_body_ends_with_its_head(method: bytes, status: int) -> None:
    async def tell(send: Send) -> None:
        await begin(send, *([length(b"hello")] if method == b"HEAD" else []), status=status)
        await go_on(send, b"hello" if method == b"HEAD" else b"")

    whole = b"".join(heard(tell, b"\r\n\r\n", method))
    assert whole.endswith(b"\r\n\r\n")
    assert b"hello" not in whole
    assert b"transfer-encoding" not in whole


def test_a_date_that_the_answer_has_is_the_only_one() -> None:
    async def tell(send: Send) -> None:
        await begin(send, (b"date", b"Fri, 20 Nov 2026 12:00:00 GMT"), length(b""))
        await go_on(send, b"")

    whole = b"".join(heard(tell, b"\r\n\r\n"))
    assert whole.lower().count(b"\r\ndate:") == 1
    assert b"Fri, 20 Nov 2026 12:00:00 GMT" in whole


def test_an_answer_that_closes_its_connection_does() -> None:
    async def tell(send: Send) -> None:
        await begin(send, (b"connection", b"close"), length(b"bye"))
        await go_on(send, b"bye")

    assert b"".join(heard(tell, b"never")).endswith(b"\r\n\r\nbye")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([(b"content-length", b"3")], b"longer"),
        ([(b"content-length", b"9")], b"shorter"),
        ([(b"x-some", b"thing\r\nset-cookie: a=b"), (b"content-length", b"2")], b"no"),
        ([(b"x-some", b"thing\nset-cookie: a=b"), (b"content-length", b"2")], b"no"),
    ],
)
def test_an_answer_that_would_be_taken_for_another_is_not_sent(
    headers: Headers, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(send: Send) -> None:
        await begin(send, *headers)
        await go_on(send, body)

    whole = b"".join(heard(tell, b"never"))
    assert body not in whole
    assert b"set-cookie" not in whole
    assert "RuntimeError" in caplog.text


def test_nothing_follows_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def tell(send: Send) -> None:
        await begin(send, length(b"end"))
        await go_on(send, b"end")
        await go_on(send, b"more")

    assert b"".join(heard(tell, b"end")).endswith(b"\r\n\r\nend")


def test_pieces_that_are_passed_on_keep_their_place() -> None:
    pieces = [b"%d " % number for number in range(200)]

    async def run() -> list[bytes]:
        async def app(scope: Scope, receive: Any, send: Send) -> None:
            if scope["type"] == "lifespan":
                await live(receive, send)
                return
            await begin(send)
            for number, piece in enumerate(pieces):
                if number % 7 == 3:
                    await go_on(send, piece, more=True)
                elif (wait := scope[PASS](piece)) is not None:
                    await wait()
                if number % 5 == 2:
                    await asyncio.sleep(0)
            assert scope[PASS](b"") is None
            await go_on(send, b"end")

        async with serving(app) as host, httpx.AsyncClient(base_url=f"http://{host}") as client:
            answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
            return [answer.content for answer in answers]

    assert asyncio.run(run()) == [b"".join(pieces) + b"end"] * 5


def test_a_client_that_does_not_read_has_to_be_waited_for() -> None:
    piece = bytes(1 << 16)

    async def run() -> None:
        waited = asyncio.Event()

        async def app(scope: Scope, receive: Any, send: Send) -> None:
            if scope["type"] == "lifespan":
                await live(receive, send)
                return
            await begin(send)
            while True:
                if (wait := scope[PASS](piece)) is not None:
                    waited.set()
                    await wait()
                await asyncio.sleep(0)

        async with serving(app) as host:
            name, port = host.split(":")
            _, writer = await asyncio.open_connection(name, int(port), limit=1024)
            writer.write(ASK % b"GET")
            await asyncio.wait_for(waited.wait(), 20)
            writer.transport.abort()

    asyncio.run(run())


@pytest.mark.parametrize("when", ["before", "after"])
def test_no_piece_is_passed_on_outside_an_answer(when: str) -> None:
    async def run() -> bytes:
        async def app(scope: Scope, receive: Any, send: Send) -> None:
            if scope["type"] == "lifespan":
                await live(receive, send)
                return
            if when == "after":
                await begin(send, length(b"all"))
                await go_on(send, b"all")
            with pytest.raises(RuntimeError, match="before its head or after its end"):
                scope[PASS](b"more")
            if when == "before":
                await begin(send, length(b"all"))
                await go_on(send, b"all")

        async with serving(app) as host, httpx.AsyncClient(base_url=f"http://{host}") as client:
            return (await client.get("/")).content

    assert asyncio.run(run()) == b"all"
