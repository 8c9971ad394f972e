"""The live connection: what was booked and how the import goes, pushed to whoever listens; it sums up nothing."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, NamedTuple

import msgspec
from litestar import WebSocket, get, websocket
from litestar.exceptions import HTTPException, WebSocketDisconnect
from msgspec import Meta, Struct, field

from ccledger.api.system import Import
from ccledger.core.measures import Measures
from ccledger.core.periods import iso
from ccledger.ledger.store import Batch
from ccledger.stats.totals import cache_creation_tokens, cost_nano, count
from ccledger.stats.words import Moment, Nano, Totals, about, nano_text

_WAITING_MESSAGES = 256
"""A client that is this far behind is told to fetch everything anew instead."""
_FIRST_WORD_SECONDS = 0.2
"""How long a new client may take to say what it wants, before increments are sent: what it missed comes first then."""
_MISSED_BATCHES = 256
"""The same of one that comes back after so much."""


class Everything(Struct, frozen=True):
    """What a client starts with."""

    totals: Totals
    models: dict[str, Totals]
    batch: Annotated[int, about("The last batch that is counted in; increments go on from there.")]
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
    """The client missed more than can be told again: everything has to be fetched anew."""

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
    after: Annotated[
        Annotated[int, Meta(ge=0, lt=1 << 62)] | None,
        about("The last batch that the client knows of: what came after it is sent first. What cannot be is `resync`."),
    ] = None


_ACCEPTED = 'send {"type":"ping"} or {"type":"subscribe","models":["…"],"after":123}; models and after may be left out'
Told = InitialData | StatsUpdate | ImportProgress | Resync | Pong | Misunderstood
"""What the server says."""
Asked = Ping | Subscribe
"""What clients say."""


Batches = Callable[[int, int], list[Batch]]
"""Commits after a sequence number, oldest first, at most so many."""


class _News(NamedTuple):
    """A message, or all messages of a batch, as they wait for a client."""

    timestamp: str
    texts: list[tuple[str | None, str]]
    """Each with the model that it is about; None: it is for everybody."""
    batch: int | None = None


class Listener:
    """One connected client: messages that wait for it, what it wants to hear, and what it has heard."""

    def __init__(self) -> None:
        self.models: frozenset[str] | None = None
        self.sending = asyncio.Lock()
        """Held by whoever sends increments, so that no two do at once."""
        self.spoken = asyncio.Event()
        """The client has said something."""
        self._waiting: asyncio.Queue[_News] = asyncio.Queue(_WAITING_MESSAGES)
        self._behind = False
        self._heard = 0
        """The last batch that was sent, or that need not be."""
        self._heard_from: int | None = None
        """From this batch on, all were sent with all their models."""

    def offer(self, news: _News) -> None:
        """Queues messages unless the client is too far behind; then it will hear that it missed some."""
        try:
            self._waiting.put_nowait(news)
        except asyncio.QueueFull:
            self._behind = True

    async def next(self) -> _News:
        """What to send next; waits for it."""
        news = await self._waiting.get()
        if not self._behind:
            return news
        self._behind, self._heard_from = False, None
        timestamp = news.timestamp
        while not self._waiting.empty():
            timestamp = self._waiting.get_nowait().timestamp
        return _News(timestamp, [(None, _text(Resync(timestamp)))])

    def begin(self, batch: int) -> None:
        """The client knows everything up to this batch."""
        self._heard, self._heard_from = batch, None

    def take(self, news: _News) -> list[str]:
        """The texts that the client is to get, each batch once."""
        if news.batch is None:
            return [text for _, text in news.texts]
        if news.batch <= self._heard:
            return []
        self._heard = news.batch
        if self.models is not None:
            self._heard_from = None
        elif self._heard_from is None:
            self._heard_from = news.batch
        return self._wanted(news)

    def take_missed(self, missed: list[_News], after: int) -> Generator[str]:
        """The texts of batches since one that the client knows, but for what it was sent on this connection."""
        for news in missed:
            batch = news.batch or 0
            if self._heard_from is None or not self._heard_from <= batch <= self._heard:
                yield from self._wanted(news)
            self._heard = max(self._heard, batch)
        if self.models is None:
            self._heard_from = min(after + 1, self._heard_from or after + 1)
        else:
            self._heard_from = None

    def _wanted(self, news: _News) -> list[str]:
        return [text for model, text in news.texts if self.models is None or model in self.models]


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

    def tell(self, message: ImportProgress) -> None:
        """Sends a message to every client; may be called from any thread, never waits."""
        self._tell(lambda: _News(message.timestamp, [(None, _text(message))]))

    def tell_batch(self, batch: Batch) -> None:
        """Sends the increments of a commit, one message a model, to every client that wants them; as `tell`."""
        self._tell(lambda: _news(batch))

    def _tell(self, make: Callable[[], _News]) -> None:
        if self._loop is None or not self._listeners:
            return
        # The loop may be closed already when the import reports its last step.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._spread, make())

    def _spread(self, news: _News) -> None:
        for listener in self._listeners:
            listener.offer(news)

    @contextmanager
    def listening(self) -> Generator[Listener]:
        """A listener that hears everything until it leaves."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


def _news(batch: Batch) -> _News:
    timestamp = iso(batch.committed_at)
    updates = {
        model: StatsUpdate(timestamp, _increment(batch.sequence, model, measures))
        for model, measures in batch.models.items()
    }
    return _News(timestamp, [(model, _text(update)) for model, update in updates.items()], batch.sequence)


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


def live_routes(live: Live, initial: Callable[[], Everything], batches: Batches, now: Callable[[], int]) -> list[Any]:
    """The WebSocket at `/ws`: first everything, then increments. It understands `ping` and `subscribe`."""

    @websocket("/ws")
    async def connect(socket: WebSocket[Any, Any, Any]) -> None:
        try:
            await socket.accept()
        except OSError:
            return  # it went away before it was let in
        # Who listens before the sums are read misses nothing; what is in the sums is then not told again.
        with live.listening() as listener, suppress(WebSocketDisconnect):
            data = await asyncio.to_thread(initial)
            listener.begin(data.batch)
            await _send(socket, _text(InitialData(iso(now()), data)))
            async with asyncio.TaskGroup() as tasks:
                pushing = tasks.create_task(_push(socket, listener))
                await _Talk(socket, listener, batches, now).listen()
                pushing.cancel()

    @get("/ws", include_in_schema=False, sync_to_thread=False)
    def no_socket() -> None:
        """Tells whoever asks without a WebSocket."""
        raise HTTPException(status_code=426, detail="this is a WebSocket", headers={"upgrade": "websocket"})

    return [connect, no_socket]


async def _push(socket: WebSocket[Any, Any, Any], listener: Listener) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_FIRST_WORD_SECONDS):
            await listener.spoken.wait()
    with suppress(WebSocketDisconnect):
        while True:
            news = await listener.next()
            async with listener.sending:
                for text in listener.take(news):
                    await _send(socket, text)


class _Talk(NamedTuple):
    """Answers what one client says."""

    socket: WebSocket[Any, Any, Any]
    listener: Listener
    batches: Batches
    now: Callable[[], int]

    async def listen(self) -> None:
        """Answers until the client leaves."""
        with suppress(WebSocketDisconnect):
            while True:
                await self._answer(await self.socket.receive_text())
                self.listener.spoken.set()

    async def _answer(self, text: str) -> None:
        try:
            asked = msgspec.json.decode(text, type=Asked)
        except msgspec.MsgspecError:
            await self._say(Misunderstood(iso(self.now()), Complaint(_ACCEPTED)))
            return
        if isinstance(asked, Ping):
            await self._say(Pong(iso(self.now())))
            return
        async with self.listener.sending:
            self.listener.models = None if asked.models is None else frozenset(asked.models)
            if asked.after is not None:
                await self._catch_up(asked.after)

    async def _catch_up(self, after: int) -> None:
        """Tells what was booked since a batch. What is booked meanwhile waits, and is told after it."""
        missed = await asyncio.to_thread(_missed, self.batches, after)
        if missed is None:
            await self._say(Resync(iso(self.now())))
            return
        for text in self.listener.take_missed(missed, after):
            await _send(self.socket, text)

    async def _say(self, message: Told) -> None:
        await _send(self.socket, _text(message))


def _missed(batches: Batches, after: int) -> list[_News] | None:
    """What was booked after a batch; None when that is too much, too long ago, or not a batch of this ledger."""
    # The batch itself is read, too: only if it is there, nothing can be missing between it and the next one. Numbers
    # rise, but not always by one.
    found = batches(max(after - 1, 0), _MISSED_BATCHES + 1)
    if len(found) > _MISSED_BATCHES or (after and (not found or found[0].sequence != after)):
        return None
    return [_news(batch) for batch in found if batch.sequence > after]


async def _send(socket: WebSocket[Any, Any, Any], text: str) -> None:
    try:
        await socket.send_text(text)
    except (OSError, RuntimeError) as gone:  # uvicorn: the client went away, or was given up
        raise WebSocketDisconnect(detail="the connection has ended") from gone


def _text(message: Told) -> str:
    return msgspec.json.encode(message).decode()
