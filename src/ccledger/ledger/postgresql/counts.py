"""Calls counted by the database for all nodes, one exchange after the other on a connection of its own; it never waits
for a call to end.

What comes while an exchange is under way goes with the next one, all of it in one statement. Everything here runs in
the loop that asks.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ccledger.core.counting import CountsAway, Lack, Ticket

if TYPE_CHECKING:
    from ccledger.core.counting import CallLimits

_LOG = logging.getLogger(__name__)
_PATIENCE: Final = 3.0
"""Seconds that one exchange may take, and getting in as well: the database gives up earlier on an exchange, so that
nothing is counted later than that."""
_REST: Final = 0.2
_MOST: Final = 500
_EXCHANGE: Final = "SELECT ticket, lacks, wait_ms FROM exchange_calls($1, $2, $3, $4, $5, $6, $7, $8)"
_FORGET: Final = "DELETE FROM call_open WHERE holder = $1 AND ticket <> ALL($2::bigint[])"
"""A database that crashed may have forgotten that calls ended, and nobody would end them again."""


class _Ask(NamedTuple):
    """One call that wants to be counted."""

    ticket: Ticket
    limits: "CallLimits"
    answer: "asyncio.Future[Ticket | Lack]"


class _Leave(NamedTuple):
    """One that is over."""

    ticket: Ticket
    used: int


class PostgresqlCounts:
    """Fulfils `core.ports.Counts`."""

    def __init__(
        self, connect: Callable[[], Awaitable[Any]], holder: str, new_number: Callable[[], int], rest: float = _REST
    ) -> None:
        """`holder` is this node, while whose lease lasts its calls count; `new_number` answers 63 random bits."""
        self._connect = connect
        self._holder = holder
        self._new_number = new_number
        self._rest = rest
        self._connection: Any = None
        self._asks: deque[_Ask] = deque()
        self._leaves: deque[_Leave] = deque()
        self._open: set[int] = set()
        """The numbers of the tickets that may be counted and are not told to be over."""
        self._news = asyncio.Event()
        self._told = asyncio.Event()
        """Nothing is left to be told."""
        self._task: asyncio.Task[None] | None = None
        self._is_away = False

    async def take(self, subject: str, limits: "CallLimits", expected: int) -> Ticket | Lack:
        """See `Counts.take`."""
        ask = _Ask(Ticket(self._new_number(), subject, expected), limits, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        self._wake()
        try:
            return await ask.answer
        except asyncio.CancelledError:
            # The answer may have come in the same moment.
            if _is_counted(ask.answer):
                self.leave(ask.ticket, 0)
            raise

    def leave(self, ticket: Ticket, used: int) -> None:
        """See `Counts.leave`."""
        self._leaves.append(_Leave(ticket, used))
        self._wake()

    async def close(self) -> None:
        """Tells what is over as far as that can be told now, and ends."""
        task, self._task = self._task, None
        if task is None:
            return
        if not self._is_away:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._told.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._drop()

    def _wake(self) -> None:
        self._news.set()
        self._told.clear()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._asks or self._leaves:
                await self._exchange()
            self._told.set()

    async def _exchange(self) -> None:
        leaves = [self._leaves.popleft() for _ in range(min(len(self._leaves), _MOST))]
        asks = [self._asks.popleft() for _ in range(min(len(self._asks), _MOST))]
        # Who went away meanwhile was never counted.
        asks = [ask for ask in asks if not ask.answer.done()]
        self._open.update(ask.ticket.number for ask in asks)
        try:
            await self._get_in()
            async with asyncio.timeout(_PATIENCE):
                rows = await self._send(leaves, asks)
        except (Exception, asyncio.CancelledError) as error:
            if self._task is None:
                raise  # it is being closed
            await self._fail(leaves, asks, error)
            return
        self._is_away = False
        self._open.difference_update(leave.ticket.number for leave in leaves)
        self._open.difference_update(row["ticket"] for row in rows if row["lacks"])
        self._answer(asks, rows)

    async def _get_in(self) -> None:
        if self._connection is not None and not self._connection.is_closed():
            return
        async with asyncio.timeout(_PATIENCE):
            self._connection = await self._connect()
            await self._connection.execute(_FORGET, self._holder, list(self._open))

    async def _send(self, leaves: Sequence[_Leave], asks: Sequence[_Ask]) -> Sequence[Any]:
        # By subject, so that two nodes never wait for each other in a circle; what ends makes room for what begins.
        told: list[tuple[Ticket, int | None, CallLimits | None]] = [
            *((leave.ticket, leave.used, None) for leave in leaves),
            *((ask.ticket, None, ask.limits) for ask in asks),
        ]
        told.sort(key=lambda one: one[0].subject)
        return await self._connection.fetch(
            _EXCHANGE,
            self._holder,
            [ticket.number for ticket, _, _ in told],
            [ticket.subject for ticket, _, _ in told],
            [ticket.expected for ticket, _, _ in told],
            [used for _, used, _ in told],
            *([limits and limits[place] for _, _, limits in told] for place in range(3)),
        )

    def _answer(self, asks: Sequence[_Ask], rows: Sequence[Any]) -> None:
        said = {row["ticket"]: row for row in rows}
        for ask in asks:
            row = said[ask.ticket.number]
            if not ask.answer.done():
                ask.answer.set_result(Lack(row["lacks"], row["wait_ms"]) if row["lacks"] else ask.ticket)
            elif not row["lacks"]:
                self.leave(ask.ticket, 0)

    async def _fail(self, leaves: Sequence[_Leave], asks: Sequence[_Ask], error: BaseException) -> None:
        """Nobody knows whether it was counted: what ended is told again, and what did not begin has ended, too."""
        if not self._is_away:
            self._is_away = True
            _LOG.warning("calls with limits can't be counted: %r", error)
        self._drop()
        self._leaves.extendleft(reversed(leaves))
        self._leaves.extend(_Leave(ask.ticket, 0) for ask in asks)
        for ask in asks:
            if not ask.answer.done():
                ask.answer.set_exception(CountsAway(str(error)))
        await asyncio.sleep(self._rest)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _is_counted(answer: "asyncio.Future[Ticket | Lack]") -> bool:
    return answer.done() and not answer.cancelled() and not answer.exception() and isinstance(answer.result(), Ticket)
