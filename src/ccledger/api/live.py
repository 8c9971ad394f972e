"""The live connection: what was booked and how the import goes, pushed to whoever listens; it never asks the ledger."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from ccledger.core.measures import Measures
from ccledger.core.periods import iso
from ccledger.ledger.store import Batch
from ccledger.stats.totals import cost_nano, count

_WAITING_MESSAGES = 256
"""A client that is this far behind is told to fetch everything anew instead."""


class Listener:
    """One connected client: messages that wait for it, and what it wants to hear."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WAITING_MESSAGES)
        self.models: frozenset[str] | None = None
        self.behind = False

    def offer(self, message: dict[str, Any]) -> None:
        """Queues a message unless the client is too far behind; then it hears that it missed some."""
        model = message["data"].get("model")
        if model is not None and self.models is not None and model not in self.models:
            return
        try:
            self.messages.put_nowait(message)
        except asyncio.QueueFull:
            self.behind = True


class Live:
    """Hands on what the writer and the import report, from their threads to the clients."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[Listener] = set()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on messages are delivered in this loop."""
        self._loop = loop

    def tell(self, message: dict[str, Any]) -> None:
        """Sends a message to every client; may be called from any thread, never waits."""
        if self._loop is not None and self._listeners:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._spread, message)

    def _spread(self, message: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener.offer(message)

    def tell_batch(self, batch: Batch) -> None:
        """Sends the increments of a commit, one message a model."""
        for model, measures in batch.models.items():
            self.tell(_increment(batch, model, measures))

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """A listener that hears everything until it leaves."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


_COUNTS = ("calls", "input_tokens", "output_tokens", "cache_read_tokens")


def _increment(batch: Batch, model: str, measures: Measures) -> dict[str, Any]:
    cost = cost_nano(measures)
    data: dict[str, Any] = {"batch": batch.sequence, "model": model}
    data.update((name, count(measures, name)) for name in _COUNTS)
    data["cache_creation_tokens"] = count(measures, "cache_write_5m_tokens") + count(measures, "cache_write_1h_tokens")
    data["total_cost_nano"] = None if cost is None else str(cost)
    return {"type": "stats_update", "timestamp": iso(batch.committed_at), "data": data}


def live_route(live: Live, initial: Callable[[], dict[str, Any]], now: Callable[[], int]) -> Any:
    """The WebSocket at `/ws`: first everything, then increments. It understands `ping` and `subscribe`."""

    @websocket("/ws", opt={"exclude_from_auth": True})
    async def connect(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        with live.listening() as listener:
            data = await asyncio.to_thread(initial)
            await _send(socket, {"type": "initial_data", "timestamp": iso(now()), "data": data})
            async with asyncio.TaskGroup() as tasks:
                pushing = tasks.create_task(_push(socket, listener))
                await _listen(socket, listener, now)
                pushing.cancel()

    return connect


async def _push(socket: WebSocket[Any, Any, Any], listener: Listener) -> None:
    while True:
        message = await listener.messages.get()
        if listener.behind:
            listener.behind = False
            while not listener.messages.empty():
                listener.messages.get_nowait()
            message = {"type": "resync", "timestamp": message["timestamp"], "data": {}}
        try:
            await _send(socket, message)
        except (WebSocketDisconnect, RuntimeError):
            return


async def _listen(socket: WebSocket[Any, Any, Any], listener: Listener, now: Callable[[], int]) -> None:
    while True:
        try:
            text = await socket.receive_text()
        except WebSocketDisconnect:
            return
        message = _request(text)
        if message is None:
            problem = 'send {"type":"ping"} or {"type":"subscribe","models":[…]}'
            await _send(socket, {"type": "error", "timestamp": iso(now()), "data": {"error": problem}})
        elif message.type == "ping":
            await _send(socket, {"type": "pong", "timestamp": iso(now()), "data": {}})
        else:
            listener.models = frozenset(message.models) if message.models is not None else None


class _Request(msgspec.Struct):
    type: str
    models: list[str] | None = None


def _request(text: str) -> _Request | None:
    try:
        message = msgspec.json.decode(text, type=_Request)
    except msgspec.MsgspecError:
        return None
    return message if message.type in ("ping", "subscribe") else None


async def _send(socket: WebSocket[Any, Any, Any], message: dict[str, Any]) -> None:
    await socket.send_text(msgspec.json.encode(message).decode())
