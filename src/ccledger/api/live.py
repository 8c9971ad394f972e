"""The live connection: what was booked and how the import goes, pushed to whoever listens; it never asks the ledger."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import msgspec
from litestar import WebSocket, get, websocket
from litestar.exceptions import HTTPException, WebSocketDisconnect
from msgspec import Struct, field

from ccledger.api.system import Import
from ccledger.core.measures import Measures
from ccledger.core.periods import iso
from ccledger.ledger.store import Batch
from ccledger.stats.totals import cache_creation_tokens, cost_nano, count
from ccledger.stats.words import Moment, Nano, Totals, about, nano_text

_WAITING_MESSAGES = 256
"""A client that is this far behind is told to fetch everything anew instead."""


class Everything(Struct, frozen=True):
    """What a client starts with."""

    totals: Totals
    models: dict[str, Totals]
    version: str
    import_: Import = field(name="import")


class Increment(Struct, frozen=True):
    """By how much one model's numbers moved with one batch. A correction can make them smaller."""

    batch: Annotated[int, about("Batches are numbered in the order in which they were booked.")]
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    total_cost_nano: Nano | None


class Nothing(Struct, frozen=True):
    """No data: the type says it all."""


class InitialData(Struct, frozen=True, tag_field="type", tag="initial_data"):
    """The first message."""

    timestamp: Moment
    data: Everything


class StatsUpdate(Struct, frozen=True, tag_field="type", tag="stats_update"):
    """The ledger moved; one message for each model of a batch."""

    timestamp: Moment
    data: Increment


class ImportProgress(Struct, frozen=True, tag_field="type", tag="import_progress"):
    """The import went on, at most ten times a second."""

    timestamp: Moment
    data: Import


class Resync(Struct, frozen=True, tag_field="type", tag="resync"):
    """The client was too slow and missed messages: everything has to be fetched anew."""

    timestamp: Moment
    data: Nothing = Nothing()


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to `ping`."""

    timestamp: Moment
    data: Nothing = Nothing()


class Complaint(Struct, frozen=True):
    """What was wrong with a client's message."""

    error: str


class Misunderstood(Struct, frozen=True, tag_field="type", tag="error"):
    """The client sent something nobody understands."""

    timestamp: Moment
    data: Complaint


class Ping(Struct, frozen=True, tag_field="type", tag="ping"):
    """Asks for a `pong`."""


class Subscribe(Struct, frozen=True, tag_field="type", tag="subscribe"):
    """From now on only increments of these models are sent; null: of all."""

    models: list[str] | None = None


Told = InitialData | StatsUpdate | ImportProgress | Resync | Pong | Misunderstood
"""What the server says."""
Asked = Ping | Subscribe
"""What clients say."""


class Listener:
    """One connected client: messages that wait for it, and what it wants to hear."""

    def __init__(self) -> None:
        self.models: frozenset[str] | None = None
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_WAITING_MESSAGES)
        self._behind = False

    def offer(self, timestamp: str, text: str, model: str | None) -> None:
        """Queues a message unless the client is too far behind; then it will hear that it missed some."""
        if model is not None and self.models is not None and model not in self.models:
            return
        try:
            self._waiting.put_nowait((timestamp, text))
        except asyncio.QueueFull:
            self._behind = True

    async def next(self) -> str:
        """The next message to send; waits for it."""
        timestamp, text = await self._waiting.get()
        if not self._behind:
            return text
        self._behind = False
        while not self._waiting.empty():
            timestamp, _ = self._waiting.get_nowait()
        return _text(Resync(timestamp))


class Live:
    """Hands on what the writer and the import report, from their threads to the clients."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[Listener] = set()

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on messages are delivered in this loop."""
        self._loop = loop

    def tell(self, message: StatsUpdate | ImportProgress) -> None:
        """Sends a message to every client that wants it; may be called from any thread, never waits."""
        if self._loop is None or not self._listeners:
            return
        model = message.data.model if isinstance(message, StatsUpdate) else None
        # The loop may be closed already when the import reports its last step.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._spread, message.timestamp, _text(message), model)

    def _spread(self, timestamp: str, text: str, model: str | None) -> None:
        for listener in self._listeners:
            listener.offer(timestamp, text, model)

    def tell_batch(self, batch: Batch) -> None:
        """Sends the increments of a commit, one message a model."""
        for model, measures in batch.models.items():
            self.tell(StatsUpdate(iso(batch.committed_at), _increment(batch.sequence, model, measures)))

    @contextmanager
    def listening(self) -> Generator[Listener]:
        """A listener that hears everything until it leaves."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


def _increment(sequence: int, model: str, measures: Measures) -> Increment:
    return Increment(
        batch=sequence,
        model=model,
        calls=count(measures, "calls"),
        input_tokens=count(measures, "input_tokens"),
        output_tokens=count(measures, "output_tokens"),
        cache_creation_tokens=cache_creation_tokens(measures),
        cache_read_tokens=count(measures, "cache_read_tokens"),
        total_cost_nano=nano_text(cost_nano(measures)),
    )


def live_routes(live: Live, initial: Callable[[], Everything], now: Callable[[], int]) -> list[Any]:
    """The WebSocket at `/ws`: first everything, then increments. It understands `ping` and `subscribe`."""

    @websocket("/ws")
    async def connect(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        # What is booked while the sums are read is heard as well: rather twice than never.
        with live.listening() as listener, suppress(WebSocketDisconnect):
            data = await asyncio.to_thread(initial)
            await _send(socket, _text(InitialData(iso(now()), data)))
            async with asyncio.TaskGroup() as tasks:
                pushing = tasks.create_task(_push(socket, listener))
                await _listen(socket, listener, now)
                pushing.cancel()

    @get("/ws", include_in_schema=False, sync_to_thread=False)
    def no_socket() -> None:
        """Tells whoever asks without a WebSocket."""
        raise HTTPException(status_code=426, detail="this is a WebSocket", headers={"upgrade": "websocket"})

    return [connect, no_socket]


async def _push(socket: WebSocket[Any, Any, Any], listener: Listener) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await _send(socket, await listener.next())


async def _listen(socket: WebSocket[Any, Any, Any], listener: Listener, now: Callable[[], int]) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            answer = _answer(await socket.receive_text(), listener, iso(now()))
            if answer is not None:
                await _send(socket, _text(answer))


async def _send(socket: WebSocket[Any, Any, Any], text: str) -> None:
    try:
        await socket.send_text(text)
    except (OSError, RuntimeError) as gone:  # uvicorn: the client went away, or was given up
        raise WebSocketDisconnect(detail="the connection has ended") from gone


def _answer(text: str, listener: Listener, timestamp: str) -> Told | None:
    try:
        asked = msgspec.json.decode(text, type=Asked)
    except msgspec.MsgspecError:
        return Misunderstood(timestamp, Complaint('send {"type":"ping"} or {"type":"subscribe","models":["…"]}'))
    if isinstance(asked, Ping):
        return Pong(timestamp)
    listener.models = None if asked.models is None else frozenset(asked.models)
    return None


def _text(message: Told) -> str:
    return msgspec.json.encode(message).decode()
