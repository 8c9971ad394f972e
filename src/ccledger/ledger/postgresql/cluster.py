"""This process among the nodes of a PostgreSQL ledger: keeps its lease and hears news on one connection; it books
nothing.
"""

# asyncpg says nothing of its types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import logging
import random
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

from ccledger.ledger.cluster import EVERYTHING
from ccledger.ledger.postgresql import nodes
from ccledger.ledger.postgresql.counts import PostgresqlCounts
from ccledger.ledger.postgresql.news import CHANNEL, News

if TYPE_CHECKING:
    from ccledger.core.ports import Counts
    from ccledger.ledger.postgresql.link import Address, Connection, Link

_Answer = TypeVar("_Answer")
_LOG = logging.getLogger(__name__)
_PATIENCE_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 0.5
_COUNTING: Final = "SET synchronous_commit = off; SET statement_timeout = '2s'; SET lock_timeout = '2s'"
"""A database that crashes may forget the last half second of counts; bookings never take part in this."""
_POLL_SECONDS: Final = 1.0
"""Where connections are shared nobody hears anything: then everything is looked at so often."""
_JOBS: Final = 0x63636C65
"""Tells our advisory locks from those of others on the same database."""


class PostgresqlCluster:
    """Fulfils `ledger.cluster.Cluster`."""

    def __init__(self, link: "Link", lease: nodes.Lease) -> None:
        self._link = link
        self._lease = lease
        self._news: News | None = None
        self._connection: Connection | None = None
        self._wake = threading.Event()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)

    @property
    def number(self) -> int:
        """See `Cluster.number`."""
        return self._lease.number

    def begin(self) -> None:
        """Takes a number and keeps it from now on. Raises `StoreError` when there is none."""
        connection = self._connected()
        try:
            self._link.ask(_in_time(nodes.begin(connection, self._lease), nodes.BEGIN_SECONDS))
        except BaseException:
            self._link.drop(connection)
            raise
        self._connection = connection
        self._thread.start()

    def follow(self, told: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """See `Cluster.follow`."""
        self._news = News(told, _POLL_SECONDS) if self._link.address.pooled else News(told)
        self._news.start()
        self._news.tell(EVERYTHING)

    @asynccontextmanager
    async def counting(self) -> "AsyncGenerator[Counts]":
        """See `Cluster.counting`."""
        address = self._link.address
        counts = PostgresqlCounts(lambda: _connect(address), self._lease.holder, lambda: secrets.randbits(63))
        try:
            yield counts
        finally:
            await counts.close()

    @contextmanager
    def alone(self, job: str) -> Generator[bool]:
        """See `Cluster.alone`. The lock goes with its connection, whatever becomes of this process.

        Where others share the connections there is no such lock, and two may do the same: it is only work for nothing.
        """
        if self._link.address.pooled:
            yield True
            return
        connection = self._link.connect("ccledger job")
        try:
            yield bool(self._ask(connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", _JOBS, job)))
        finally:
            self._link.end(connection)

    def expel(self, home: str) -> bool:
        """See `Cluster.expel`."""
        connection = self._link.connect("ccledger node")
        try:
            return self._ask(nodes.expel(connection, home))
        finally:
            self._link.end(connection)

    def leave(self) -> None:
        """See `Cluster.leave`."""
        self._is_ending = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._news is not None:
            self._news.stop()
        if self._connection is None:
            return
        with suppress(Exception):  # a lease that is not given back ends by itself
            self._ask(nodes.give_back(self._connection, self._lease))
            self._link.end(self._connection)

    def _ask(self, question: Coroutine[Any, Any, _Answer]) -> _Answer:
        return self._link.ask(_in_time(question))

    def _connected(self) -> "Connection":
        """A connection that hears what the others tell."""
        connection = self._link.connect("ccledger node")
        self._ask(_listen(connection, self._heard, self._broken))
        return connection

    def _heard(self, _connection: object, _process: int, _channel: str, payload: str) -> None:
        if self._news is not None:
            self._news.hear(payload)

    def _broken(self, _connection: object) -> None:
        self._wake.set()

    def _run(self) -> None:
        while not self._is_ending:
            self._wake.wait(nodes.BEAT_SECONDS if self._connection is not None else self._pause())
            self._wake.clear()
            if self._is_ending:
                return
            try:
                self._beat()
            except Exception as error:  # noqa: BLE001 - whatever it is: who stops renewing has lost the number
                self._lose(error)

    def _pause(self) -> float:
        """Not all nodes come back to a database in the same moment."""
        return random.uniform(0.5, 1.5) * _AGAIN_SECONDS  # noqa: S311 - no secret

    def _beat(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = self._connected()
            if self._news is not None:
                # What was told meanwhile was told to nobody here.
                self._news.tell(EVERYTHING)
        self._ask(nodes.renew(self._connection, self._lease))

    def _lose(self, error: BaseException) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _LOG.warning("this node has lost its connection to the database: %s", error or type(error).__name__)
            self._link.drop(connection)


async def _in_time(question: Coroutine[Any, Any, _Answer], seconds: float = _PATIENCE_SECONDS) -> _Answer:
    async with asyncio.timeout(seconds):
        return await question


async def _listen(connection: Any, heard: Callable[..., None], broken: Callable[[object], None]) -> None:
    await connection.add_listener(CHANNEL, heard)
    connection.add_termination_listener(broken)


async def _connect(address: "Address") -> Any:
    """A connection in the loop that asks for it."""
    if address.pooled:
        return await asyncpg.connect(address.dsn, timeout=int(_PATIENCE_SECONDS), statement_cache_size=0)
    connection: Any = await asyncpg.connect(
        address.dsn, timeout=int(_PATIENCE_SECONDS), server_settings={"application_name": "ccledger counts"}
    )
    await connection.execute(_COUNTING)
    return connection
