"""A server that speaks as Anthropic's API does, and misbehaves when it is told to; it looks at no key."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.upstream.answers import Counts, error, events, message, text_block, tool_block

Headers = list[tuple[str, str]]


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of a name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Plan(NamedTuple):
    """What to answer, piece by piece; a number among the pieces is a pause in seconds."""

    status: int = 200
    headers: Headers = []  # noqa: RUF012 - nobody changes it
    pieces: "Iterable[bytes | float]" = ()
    length: int | None = None
    """The content-length to tell, be it true or not; None: the body is chunked."""
    cut: bool = False
    """Whether the connection ends without the end of the body."""
    raw: bytes | None = None
    """Sent instead of everything else."""


Script = Callable[[Seen], Plan | None]


class Fake:
    """A running fake. What `script` holds is used first, one entry a request; else it answers as the API would."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.script: deque[Plan | Script] = deque()
        self.always: Script | None = None
        """Asked for every request that the script does not answer."""
        self.counts = Counts()
        self.url = ""
        self.open = 0
        """Connections that are open now."""
        self._number = 0
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, port: int = 0) -> asyncio.Server:
        """Begins to listen on loopback."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=1 << 26, backlog=2048)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self._streams.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (seen := await _read(reader)) is not None:
                self.seen.append(seen)
                if not await _write(writer, self._plan(seen)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self._streams.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def end(self) -> None:
        """Ends every connection, and whatever was to be answered on it."""
        self.drop_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop_all(self) -> None:
        """Ends every connection at once."""
        for writer in list(self._streams):
            writer.transport.abort()

    def _plan(self, seen: Seen) -> Plan:
        if self.script:
            entry = self.script.popleft()
            plan = entry if isinstance(entry, Plan) else entry(seen)
            if plan is not None:
                return plan
        plan = self.always(seen) if self.always else None
        return plan or self.usual(seen)

    def usual(self, seen: Seen) -> Plan:
        """What the API would answer."""
        path = seen.target.partition("?")[0]
        self._number += 1
        if path.endswith("/messages") and seen.method == "POST":
            return self._answer(seen)
        if path.endswith("/count_tokens"):
            return whole(json.dumps({"input_tokens": len(seen.body) // 4}).encode(), self._number)
        if path.endswith("/models"):
            return whole(json.dumps(MODELS).encode(), self._number)
        if "/batches" in path or "/files" in path:
            return whole(json.dumps({"id": "some_1", "echo": len(seen.body)}).encode(), self._number)
        return whole(error("not_found_error", "Not found"), self._number, 404)

    def _answer(self, seen: Seen) -> Plan:
        asked = seen.json
        blocks, stop = [text_block("Hello there, this is a made answer.")], "end_turn"
        tools = [tool for tool in asked.get("tools", ()) if "input_schema" in tool]
        content: Any = asked["messages"][-1]["content"]
        answered = not isinstance(content, str) and any(part.get("type") == "tool_result" for part in content)
        if tools and not answered:
            blocks, stop = [tool_block(tools[0]["name"], {"city": "Berlin"}, self._number)], "tool_use"
        if not asked.get("stream"):
            return whole(
                json.dumps(message(self._number, asked["model"], blocks, self.counts, stop)).encode(), self._number
            )
        return streamed(events(self._number, asked["model"], blocks, self.counts, stop), self._number)


MODELS = {
    "data": [
        {"type": "model", "id": "claude-opus-5", "display_name": "Claude Opus 5", "created_at": "2026-01-01T00:00:00Z"}
    ],
    "has_more": False,
    "first_id": "claude-opus-5",
    "last_id": "claude-opus-5",
}


def usual_headers(number: int, kind: str) -> Headers:
    """What the API sends beside an answer."""
    return [
        ("Date", "Fri, 20 Nov 2026 12:00:00 GMT"),
        ("Content-Type", kind),
        ("anthropic-ratelimit-unified-status", "allowed"),
        ("anthropic-ratelimit-unified-5h-status", "allowed"),
        ("anthropic-ratelimit-unified-5h-reset", "1795000000"),
        ("anthropic-ratelimit-unified-5h-utilization", "0.25"),
        ("request-id", f"req_{number:024}"),
        ("anthropic-organization-id", "00000000-0000-0000-0000-000000000000"),
        ("Server", "cloudflare"),
    ]


def whole(body: bytes, number: int = 1, status: int = 200, headers: Headers | None = None) -> Plan:
    """An answer in one piece."""
    return Plan(status, [*usual_headers(number, "application/json"), *(headers or [])], [body], len(body))


def streamed(pieces: Iterable[bytes | float], number: int = 1, *, cut: bool = False) -> Plan:
    """An answer in events."""
    return Plan(200, usual_headers(number, "text/event-stream; charset=utf-8"), pieces, None, cut)


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    told = {name.lower(): value for name, value in headers}
    if told.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(told.get("content-length", 0)))
    return Seen(method, target, headers, body)


async def _write(writer: asyncio.StreamWriter, plan: Plan) -> bool:
    """Answers; whether the connection may be used again."""
    if plan.raw is not None:
        writer.write(plan.raw)
        await writer.drain()
        return False
    how = ("Transfer-Encoding", "chunked") if plan.length is None else ("Content-Length", str(plan.length))
    lines = "".join(f"{name}: {value}\r\n" for name, value in [*plan.headers, how])
    writer.write(f"HTTP/1.1 {plan.status} Whatever\r\n{lines}\r\n".encode("latin-1"))
    try:
        for piece in plan.pieces:
            if isinstance(piece, float | int):
                await writer.drain()
                await asyncio.sleep(piece)
            elif piece:
                writer.write(piece if plan.length is not None else b"%x\r\n%s\r\n" % (len(piece), piece))
    finally:
        # Who makes the pieces is told at once that nobody takes more of them.
        if (close := getattr(plan.pieces, "close", None)) is not None:
            close()
    if plan.cut:
        await writer.drain()
        return False
    if plan.length is None:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


@contextmanager
def upstream(port: int = 0) -> Generator[Fake]:
    """A fake in a thread of its own."""
    fake = Fake()
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def run() -> None:
        async with await fake.serve(port):
            ready.set()
            await stop.wait()
            await fake.end()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
