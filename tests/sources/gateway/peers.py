"""A server that says exactly the bytes a test wants, and remembers the bytes it was told."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple


class Heard(NamedTuple):
    """A request as it came."""

    line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name]


class Visit:
    """One connection."""

    def __init__(self, peer: "Peer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = peer
        self.reader = reader
        self.writer = writer
        self.number = peer.visits

    async def head(self) -> Heard:
        """The head of the next request; ends the visit where there is none."""
        line, *rest = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        pairs = [header.partition(b": ") for header in rest]
        heard = Heard(line, [(name, value) for name, _, value in pairs], b"")
        self.peer.heard.append(heard)
        await self.peer.moved()
        return heard

    async def request(self) -> Heard:
        """The next request with its body."""
        heard = await self.head()
        body = await self.body(heard)
        self.peer.heard[-1] = heard._replace(body=body)
        return self.peer.heard[-1]

    async def body(self, heard: Heard) -> bytes:
        if heard.values(b"transfer-encoding") == [b"chunked"]:
            return b"".join([piece async for piece in self._chunks()])
        (length,) = heard.values(b"content-length") or [b"0"]
        return await self.reader.readexactly(int(length))

    async def _chunks(self) -> AsyncGenerator[bytes]:
        while size := int(await self.reader.readline(), 16):
            yield await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Waits until the other side has closed the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass
        self.peer.freed.set()


Script = Callable[[Visit], Awaitable[None]]


class Peer:
    """The server, its address and what it heard."""

    def __init__(self, script: Script) -> None:
        self.port = 0
        self.heard: list[Heard] = []
        self.visits = 0
        self.open = 0
        self.most_open = 0
        self.freed = asyncio.Event()
        """Set when a visit saw the client hang up."""
        self.read = asyncio.Event()
        """Set by a test for a script that waits for it."""
        self._moved = asyncio.Condition()
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.visits += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await self._script(Visit(self, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()
            self.open -= 1
            self._tasks.discard(task)
            await self.moved()

    async def has_heard(self, count: int) -> None:
        """Waits until so many requests have come."""
        async with self._moved:
            await self._moved.wait_for(lambda: len(self.heard) >= count)

    async def has_left(self) -> None:
        """Waits until no connection is open."""
        async with self._moved:
            await self._moved.wait_for(lambda: not self.open)

    async def moved(self) -> None:
        """Tells whoever waits that something has happened."""
        async with self._moved:
            self._moved.notify_all()

    async def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def peer(script: Script, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Peer]:
    """A server on a free port of loopback."""
    made = Peer(script)
    server = await asyncio.start_server(made.visit, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.hang_up()
        await server.wait_closed()


def saying(*answers: bytes, then_close: bool = False) -> Script:
    """Answers each request of each connection with the same bytes, one write per piece."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            for answer in answers:
                await visit.say(answer)
                await asyncio.sleep(0)
            if then_close:
                return

    return script


def ok(body: bytes = b"{}", *headers: bytes) -> bytes:
    """An answer with its length."""
    return b"\r\n".join((b"HTTP/1.1 200 OK", *headers, b"Content-Length: %d" % len(body), b"", body))


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks, with its end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
