"""The connections of our own client: who waits for one, who has one, which stay open; it sends nothing."""

import asyncio
import socket
import ssl
from collections import deque

import aiohappyeyeballs

from ccledger.sources.gateway.own_connection import Connection, PlainConnection, TlsConnection
from ccledger.sources.gateway.upstream import Limits, Origin, Patience, Waits, shut, unconnected

_NEXT_ADDRESS_AFTER = 0.25
"""Seconds after which the next address of a name is tried beside the last, as RFC 8305 says."""

_ROOM = 64 * 1024


class _Stand:
    """The connections to one origin."""

    __slots__ = ("idle", "open", "waiting")

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.open = 0
        """Used, idle and being made."""
        self.waiting: deque[asyncio.Future[Connection | None]] = deque()


class Connections:
    """Makes connections and lends them; the one used last is lent first, so that the others may expire."""

    def __init__(self, patience: Patience, limits: Limits, tls: ssl.SSLContext) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._limits = limits
        self._tls = tls
        self._waits = Waits()
        self._stands: dict[Origin, _Stand] = {}
        self._open = 0
        self._all: set[Connection] = set()
        self._room = memoryview(bytearray(_ROOM))
        self._emptied: asyncio.Future[None] | None = None

    def pick(self, origin: Origin) -> Connection | None:
        """A connection that is open and free."""
        stand = self._stands.get(origin)
        while stand is not None and stand.idle:
            connection = stand.idle.pop()
            if connection.usable:
                return connection
        return None

    async def obtain(self, origin: Origin) -> Connection:
        """A free connection or a new one, as soon as the limits allow it; raises `UpstreamFailure`."""
        return await self._lend(origin, self._stand(origin))

    async def another(self, origin: Origin) -> Connection:
        """A connection that nobody has used yet; raises `UpstreamFailure`."""
        stand = self._stand(origin)
        while stand.idle:  # whatever closed one of them has closed them all, most likely
            stand.idle.pop().drop()
        return await self._lend(origin, stand)

    async def close(self) -> None:
        """Closes all of them, and waits until their sockets are closed."""
        self._waits.end()
        for connection in list(self._all):
            connection.fail(shut(connection.origin))
        if self._all:
            self._emptied = self._loop.create_future()
            await self._emptied

    def release(self, connection: Connection) -> None:
        """Takes a connection back."""
        stand = self._stands[connection.origin]
        while stand.waiting:
            waiter = stand.waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if self._open >= self._limits.total and any(other.waiting for other in self._stands.values()):
            connection.drop()
        else:
            stand.idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """Gives the place of a connection to another."""
        if connection not in self._all:
            return
        stand = self._stands[connection.origin]
        if connection in stand.idle:
            stand.idle.remove(connection)
        self._free(stand)

    def gone(self, connection: Connection) -> None:
        """Takes note that a socket is closed."""
        self._all.discard(connection)
        if not self._all and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def _stand(self, origin: Origin) -> _Stand:
        return self._stands.setdefault(origin, _Stand())

    async def _lend(self, origin: Origin, stand: _Stand) -> Connection:
        if self._waits.ended:
            raise shut(origin)
        try:
            async with self._waits.during(asyncio.timeout(self._patience.connect)):
                return await self._place(stand) or await self._connect(origin, stand)
        except (OSError, ValueError) as error:
            raise (shut(origin) if self._waits.ended else unconnected(origin, error)) from error

    async def _place(self, stand: _Stand) -> Connection | None:
        """A connection that came free, or None: a new one may be made and is counted already."""
        while True:
            if self._has_room(stand):
                stand.open += 1
                self._open += 1
                return None
            waiter: asyncio.Future[Connection | None] = self._loop.create_future()
            stand.waiting.append(waiter)
            try:
                lent = await waiter
            except BaseException:
                self._give_back(stand, waiter)
                raise
            if lent is None or lent.usable:
                return lent

    def _has_room(self, stand: _Stand) -> bool:
        if stand.open >= self._limits.per_origin:
            return False
        if self._open < self._limits.total:
            return True
        for other in self._stands.values():
            if other.idle:
                other.idle.pop(0).drop()
                return self._open < self._limits.total
        return False

    def _give_back(self, stand: _Stand, waiter: "asyncio.Future[Connection | None]") -> None:
        """Somebody who waited has gone, maybe with what was just handed over."""
        if waiter.cancelled() or not waiter.done():
            if waiter in stand.waiting:
                stand.waiting.remove(waiter)
            return
        lent = waiter.result()
        if lent is None:
            self._free(stand)
        elif lent.usable:
            self.release(lent)

    def _free(self, stand: _Stand) -> None:
        stand.open -= 1
        self._open -= 1
        for other in (stand, *self._stands.values()):
            if other.open >= self._limits.per_origin or self._open >= self._limits.total:
                continue
            while other.waiting:
                waiter = other.waiting.popleft()
                if not waiter.done():
                    other.open += 1
                    self._open += 1
                    waiter.set_result(None)
                    return

    async def _connect(self, origin: Origin, stand: _Stand) -> Connection:
        try:
            connection = await self._made(origin)
        except BaseException:
            self._free(stand)
            raise
        if not connection.usable:
            self._free(stand)
            raise unconnected(origin, ConnectionResetError())
        self._all.add(connection)
        return connection

    async def _made(self, origin: Origin) -> Connection:
        addresses = await self._loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        opened = await aiohappyeyeballs.start_connection(  # pyright: ignore[reportUnknownMemberType] # tuples of any shape
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, interleave=1, loop=self._loop
        )
        try:
            if origin.scheme == "https":
                return await self._secured(origin, opened)
            _, connection = await self._loop.create_connection(
                lambda: PlainConnection(origin, self._patience, self._limits.idle, self), sock=opened
            )
        except BaseException:
            opened.close()
            raise
        return connection

    async def _secured(self, origin: Origin, opened: socket.socket) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: TlsConnection(origin, self._patience, self._limits.idle, self, self._room),
            sock=opened,
            ssl=self._tls,
            server_hostname=origin.host,
        )
        return connection
