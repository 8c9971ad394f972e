"""The way to a PostgreSQL server: one event loop in a thread of its own, connections, errors in people's words; no SQL.

Whoever asks waits in their own thread. A connection that broke is replaced by whoever needs it next.
"""

# asyncpg says nothing of its types; what is used of it is written down in `Connection`.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast
from weakref import WeakSet

import asyncpg
import uvloop
from asyncpg import exceptions

from ccledger.core.errors import StoreError

_Answer = TypeVar("_Answer")
Row = Sequence[Any]
"""What asyncpg calls a record: by place, or by name in brackets."""

PATIENCE_SECONDS: Final = 10.0
"""How long a server may take to let somebody in."""
ANSWER_SECONDS: Final = 60.0
"""How long a question may take to answer; then whatever lies between here and the server is held for broken."""
_IDLE_READERS: Final = 4
_READERS: Final = 16
_LONG_READERS: Final = _READERS // 2
"""States are held as long as somebody reads, maybe a slow client; short questions always find a place besides them."""
_LONGEST_STATEMENT: Final = 1 << 17
"""Statements up to this length stay prepared."""
# One plan for every value: with dozens of partitions, making a plan costs more than most of them.
_SETTINGS: Final = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET random_page_cost = 1.1;"
# No question wants a table read whole, or wide rows sorted before they are added up; a plan that is made without
# values, or before there are statistics, might. What is asked for in an order comes from an index that has it.
READER_SETTINGS: Final = (
    f"SET default_transaction_read_only = on; SET statement_timeout = '{int(ANSWER_SECONDS)}s'; SET work_mem = '32MB'; "
    "SET enable_seqscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0;"
)
_STATE: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1 FROM setting LIMIT 1"
"""The first question is what makes the moment."""
_ESCAPE: Final = "\x1a"
_CUT: Final = (
    ConnectionError,
    exceptions.PostgresConnectionError,
    exceptions.InterfaceError,
    exceptions.AdminShutdownError,
    exceptions.CrashShutdownError,
    exceptions.CannotConnectNowError,
    exceptions.IdleInTransactionSessionTimeoutError,
)
"""How asyncpg says that a connection is no more."""
_LOST: Final = (*_CUT, OSError, TimeoutError)
_HELD_UP: Final = (exceptions.DeadlockDetectedError, exceptions.SerializationError, exceptions.LockNotAvailableError)


class HeldUp(StoreError):
    """What was asked for stands in the way of what others do, and did not happen."""


class Cursor(Protocol):
    """What is used of a cursor of asyncpg."""

    async def fetch(self, n: int) -> list[Row]: ...


class Connection(Protocol):
    """What is used of a connection of asyncpg."""

    async def fetch(self, query: str, *values: Any, timeout: float | None = None) -> list[Row]: ...
    async def fetchrow(self, query: str, *values: Any) -> Row | None: ...
    async def fetchval(self, query: str, *values: Any) -> Any: ...
    async def execute(self, query: str, *values: Any, timeout: float | None = None) -> str: ...
    async def executemany(
        self, query: str, values: Sequence[Sequence[Any]], *, timeout: float | None = None
    ) -> None: ...
    async def set_type_codec(self, name: str, **how: Any) -> None: ...
    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...
    async def close(self, *, timeout: float | None = None) -> None: ...
    def cursor(self, query: str, *values: Any) -> Awaitable[Cursor]: ...
    def transaction(self) -> AbstractAsyncContextManager[None]: ...
    def is_in_transaction(self) -> bool: ...
    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...


class Address(NamedTuple):
    """Where a ledger is, and how to get in."""

    dsn: str
    """A URL as PostgreSQL's own programs take it."""
    shown: str
    """The same without its password."""
    pooled: bool = False
    """Whether others share the connections (pgbouncer): then nothing may be set or prepared on them."""


class Link:
    """Connections to one database. Any thread may ask."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgresql", daemon=True)
        self._thread.start()
        self._idle: list[Connection] = []
        self._every = WeakSet[Connection]()
        self._places = threading.Semaphore(_READERS)
        self._long_places = threading.Semaphore(_LONG_READERS)

    def ask(self, question: Coroutine[Any, Any, _Answer]) -> _Answer:
        """What comes of a question to a connection; the thread that asks waits for it."""
        if self._is_own_thread():
            question.close()
            raise StoreError("the thread that talks to the database can't wait for an answer of it")
        asked = _until_nobody_waits(question)
        try:
            answer = asyncio.run_coroutine_threadsafe(asked, self._loop)
        except RuntimeError:
            asked.close()
            question.close()
            raise StoreError("the ledger is closed already") from None
        try:
            return answer.result()
        except BaseException:
            answer.cancel()
            raise

    def _is_own_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def connect(self, name: str = "ccledger", settings: str = "") -> Connection:
        """A new connection, for whoever keeps it. The server lists it under `name`."""
        with in_words(self.address):
            connection = self.ask(_connect(self.address, name, settings))
        self._every.add(connection)
        return connection

    @contextmanager
    def reader(self) -> Generator[Connection]:
        """Lends a connection that only reads. One that breaks is not lent again."""
        with _place(self._places):
            connection = self._take_idle() or self.connect(settings=READER_SETTINGS)
            try:
                yield connection
            except TimeoutError:
                self.drop(connection)
                raise
            finally:
                self._give_back(connection)

    @contextmanager
    def state(self) -> Generator[Connection]:
        """Lends a connection in a transaction that sees one state of the database."""
        with ExitStack() as stack:
            stack.enter_context(_place(self._long_places))
            with in_words(self.address):
                try:
                    connection = self._begin(stack)
                except _CUT:
                    self._drop_idle()
                    connection = self._begin(stack)
            yield connection

    def _begin(self, stack: ExitStack) -> Connection:
        with ExitStack() as lent:
            connection = lent.enter_context(self.reader())
            lent.callback(self._leave, connection)
            self.ask(connection.execute(_STATE))
            stack.push(lent.pop_all())
        return connection

    def _leave(self, connection: Connection) -> None:
        """Ends a transaction; where that can't be waited for, its connection."""
        if connection.is_closed():
            return
        try:
            self.ask(connection.execute("ROLLBACK"))
        except (*_LOST, StoreError, exceptions.PostgresError, AttributeError):
            # The last is what asyncpg says of a connection that is being cleared away with whoever forgot to end it.
            self.drop(connection)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if not connection.is_closed():
                return connection
        return None

    def _give_back(self, connection: Connection) -> None:
        if connection.is_closed():
            return
        if connection.is_in_transaction() or len(self._idle) >= _IDLE_READERS:
            self.drop(connection)
        else:
            self._idle.append(connection)

    def rows(self, query: str, *values: Any) -> list[Row]:
        """What a reading connection answers. Those that were cut off while nobody used them are replaced unnoticed."""
        bound = bind(values)
        with in_words(self.address):
            try:
                return self._read(query, bound)
            except _CUT:
                self._drop_idle()
                return self._read(query, bound)

    def _read(self, query: str, bound: Sequence[Any]) -> list[Row]:
        with self.reader() as connection:
            return self.ask(connection.fetch(query, *bound))

    def _drop_idle(self) -> None:
        while (connection := self._take_idle()) is not None:
            self.drop(connection)

    def portions(self, connection: Connection, query: str, *values: Any, size: int = 200) -> Generator[list[Row]]:
        """What a connection that is in a transaction answers, some rows at a time."""
        with in_words(self.address):
            cursor = self.ask(_open_cursor(connection, query, bind(values)))
            while rows := self.ask(cursor.fetch(size)):
                yield rows

    def drop(self, connection: Connection) -> None:
        """Ends a connection at once, whatever it is doing."""
        if self._is_own_thread():  # whoever read from it was forgotten, and is cleared away here
            connection.terminate()
        else:
            self.ask(_terminate(connection))

    def close(self) -> None:
        """Ends every connection, and the loop."""
        if self._loop.is_closed():
            return
        while (connection := self._take_idle()) is not None:
            self.end(connection)
        for connection in list(self._every):
            if not connection.is_closed():
                self.drop(connection)
        self.ask(_settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def end(self, connection: Connection) -> None:
        """Ends a connection in order."""
        if not connection.is_closed():
            self.ask(_close(connection))


@contextmanager
def _place(places: threading.Semaphore) -> Generator[None]:
    """Takes one of some places. Raises `StoreError` when none becomes free."""
    if not places.acquire(timeout=PATIENCE_SECONDS):
        raise StoreError("too many questions wait for the database; ask again in a moment")
    try:
        yield
    finally:
        places.release()


async def _until_nobody_waits(question: Coroutine[Any, Any, _Answer]) -> _Answer:
    try:
        return await question
    except Exception:
        task = asyncio.current_task()
        # Whoever asked was interrupted; what an interrupted question ran into on its way out is no news.
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise


def fresh_name() -> str:
    """A name for a connection that no other one has."""
    return f"ccledger-{secrets.token_hex(8)}"


async def _connect(address: Address, name: str, settings: str) -> Connection:
    how: Mapping[str, Any] = (
        {"statement_cache_size": 0}
        if address.pooled
        else {"max_cacheable_statement_size": _LONGEST_STATEMENT, "max_cached_statement_lifetime": 0}
    )
    patience: Any = PATIENCE_SECONDS
    connection = cast(
        "Connection",
        await asyncpg.connect(
            address.dsn,
            timeout=patience,
            command_timeout=ANSWER_SECONDS,
            server_settings={"application_name": name},
            **how,
        ),
    )
    try:
        await connection.set_type_codec("text", schema="pg_catalog", encoder=escape, decoder=unescape, format="text")
        if not address.pooled:
            await connection.execute(_SETTINGS + settings)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _open_cursor(connection: Connection, query: str, bound: Sequence[Any]) -> Cursor:
    return await connection.cursor(query, *bound)


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=2)
    except (*_LOST, exceptions.PostgresError):
        connection.terminate()


async def _terminate(connection: Connection) -> None:
    connection.terminate()


async def _settle() -> None:
    """Lets what was terminated come to its end."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def bind(values: Sequence[Any]) -> list[Any]:
    """Values as they are bound: in lists of texts, too, no NUL is left."""
    return [[text and escape(text) for text in value] if _is_texts(value) else value for value in values]


def _is_texts(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    values = cast("list[object]", value)
    return isinstance(next((one for one in values if one is not None), None), str)


def escape(text: str) -> str:
    """A text as PostgreSQL can hold it: NUL, which it can't, is written as two characters."""
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    if _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE + "0", "\0").replace(_ESCAPE + "1", _ESCAPE)


def is_lost(error: BaseException) -> bool:
    """Whether an error means that a connection is no more, so that nobody knows what became of the last question."""
    return isinstance(error, _LOST)


@contextmanager
def in_words(address: Address) -> Generator[None]:
    """Says what can go wrong with a database in words that help; never its password."""
    try:
        yield
    except (OSError, TimeoutError, exceptions.PostgresError, exceptions.InterfaceError) as error:
        sentence = _sentence(error, address.shown)
        if sentence is None:
            raise
        raise (HeldUp if isinstance(error, _HELD_UP) else StoreError)(sentence) from None


_SENTENCES: Final[Sequence[tuple[tuple[type[Exception], ...], str]]] = (
    (
        (exceptions.InvalidPasswordError, exceptions.InvalidAuthorizationSpecificationError),
        "{shown} lets nobody in with this user and password; correct them in CCLEDGER_DATABASE_URL",
    ),
    (
        (exceptions.InvalidCatalogNameError,),
        "{shown} does not exist; create it with 'createdb', or correct CCLEDGER_DATABASE_URL",
    ),
    (
        (exceptions.TooManyConnectionsError,),
        "{shown} has no connection left; raise max_connections there, or run fewer nodes",
    ),
    ((exceptions.DiskFullError,), "the disk of {shown} is full; make room there, and what waits is booked by itself"),
    (
        (exceptions.InsufficientPrivilegeError,),
        "{shown} does not allow this user what the ledger needs ({reason}); as its owner, GRANT it",
    ),
    (
        (exceptions.ReadOnlySQLTransactionError,),
        "{shown} only lets read at the moment (is it a standby?); point CCLEDGER_DATABASE_URL at the primary",
    ),
    ((exceptions.QueryCanceledError,), "{shown} took too long to answer; ask for less, or see what else it is doing"),
    (
        (exceptions.UndefinedTableError, exceptions.UndefinedColumnError, exceptions.UndefinedFunctionError),
        "{shown} holds no ledger of this version ({reason}); run 'ccledger migrate'",
    ),
    (
        _HELD_UP,
        "{shown} is held up by others ({reason}); try again",
    ),
    ((exceptions.ClientConfigurationError,), "CCLEDGER_DATABASE_URL can't be used: {reason}"),
    ((TimeoutError,), "{shown} does not answer; see whether it runs, and whether anything on the way holds it up"),
    (_LOST, "{shown} can't be reached ({reason}); see whether it runs, and correct CCLEDGER_DATABASE_URL if not"),
    (
        (exceptions.InsufficientResourcesError, exceptions.PostgresIOError, exceptions.PostgresSystemError),
        "{shown} can't go on: {reason}",
    ),
)
"""What errors of the storage mean; all others are the fault of what was asked."""


def _sentence(error: Exception, shown: str) -> str | None:
    """What an error of the storage means; None when the question is to blame."""
    for kinds, sentence in _SENTENCES:
        if isinstance(error, kinds):
            return sentence.format(shown=shown, reason=_reason(error))
    return None


def _reason(error: Exception) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__
