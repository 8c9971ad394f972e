"""Lets calls in where several nodes count them together; calls without a limit are not counted and wait for nobody.

Who has to wait stands in line on its own node; the first of each line asks again and again until there is room.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from ccledger.core.counting import CallLimits, CountsAway, Lack, Ticket, limits_of, subject_of_token
from ccledger.sources.gateway.admit import (
    MOST_WAITING,
    PATIENCE,
    Pass,
    Refusal,
    beyond_requests,
    beyond_tokens,
    crowded,
    too_large,
)

if TYPE_CHECKING:
    from ccledger.core.access import AccessToken
    from ccledger.core.ports import Counts
    from ccledger.sources.gateway.admit import Gate

_UNLIMITED: Final = CallLimits()
_OUTAGE: Final = 3.0
"""Seconds that a call with limits waits for somebody who can count."""
_COME_BACK: Final = 5
_AWAY: Final = Refusal(
    503,
    "This access token has limits, and the database that counts its calls can't be reached. "
    f"Try again in {_COME_BACK} s.",
    _COME_BACK,
)
_PAUSE: Final = (0.04, 0.12)
"""Between these, at random, the first in a line waits before it asks again: calls end on other nodes, too."""


class _Line:
    """Calls of one access token that wait on this node for room, in the order in which they came."""

    def __init__(self) -> None:
        self.turns: deque[asyncio.Event] = deque()
        self.freed = asyncio.Event()
        """A call of the token has ended on this node."""

    async def pause(self, seconds: float) -> None:
        """Waits until there may be room."""
        self.freed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.freed.wait()
        except TimeoutError:
            return


class SharedTurnstile:
    """Lets calls in, those without limits by `local`."""

    def __init__(
        self,
        local: "Gate",
        counts: "Counts",
        *,
        patience: float = PATIENCE,
        most_waiting: int = MOST_WAITING,
        outage: float = _OUTAGE,
        between: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._local = local
        self._counts = counts
        self._patience = patience
        self._most_waiting = most_waiting
        self._outage = outage
        self._between = between
        self._lines: dict[str, _Line] = {}

    async def enter(self, token: "AccessToken", tokens: int) -> Pass | Refusal:
        """Waits until a call with about so many tokens may be made, or says why it may not."""
        limits = limits_of(token)
        if limits == _UNLIMITED:
            return await self._local.enter(token, tokens)
        if limits.tokens_per_minute is not None and tokens > limits.tokens_per_minute:
            return too_large(token, tokens)
        # Who comes while others wait does not pass them, but hears at once that the minute is used up.
        asked = limits if token.id not in self._lines else limits._replace(concurrency=0)
        answer = await self._take(token, asked, tokens)
        if isinstance(answer, Lack) and answer.what == "room":
            return await self._wait(token, limits, tokens)
        return self._told(token, answer)

    async def _take(self, token: "AccessToken", limits: CallLimits, tokens: int) -> Ticket | Lack | Refusal:
        subject, now = subject_of_token(token), asyncio.get_running_loop().time
        deadline = now() + self._outage
        while True:
            try:
                return await self._counts.take(subject, limits, tokens)
            except CountsAway:
                if now() >= deadline:
                    return _AWAY
            await asyncio.sleep(self._between(*_PAUSE))

    def _told(self, token: "AccessToken", answer: Ticket | Lack | Refusal) -> Pass | Refusal:
        if isinstance(answer, Ticket):
            return Pass(partial(self._end, token.id, answer))
        if isinstance(answer, Refusal):
            return answer
        beyond = beyond_tokens if answer.what == "tokens" else beyond_requests
        return beyond(token, answer.wait_ms / 1000)

    def _end(self, token_id: str, ticket: Ticket, tokens_used: int) -> None:
        self._counts.leave(ticket, tokens_used)
        line = self._lines.get(token_id)
        if line is not None:
            line.freed.set()

    async def _wait(self, token: "AccessToken", limits: CallLimits, tokens: int) -> Pass | Refusal:
        line = self._lines.setdefault(token.id, _Line())
        if len(line.turns) >= self._most_waiting:
            return crowded(token, f"and {self._most_waiting} more are waiting")
        turn = asyncio.Event()
        line.turns.append(turn)
        line.turns[0].set()
        try:
            async with asyncio.timeout(self._patience):
                await turn.wait()
                return await self._ask_until_answered(line, token, limits, tokens)
        except TimeoutError:
            return crowded(token, f"and none ended within {self._patience:.0f} seconds")
        finally:
            line.turns.remove(turn)
            if line.turns:
                line.turns[0].set()
            else:
                self._lines.pop(token.id, None)

    async def _ask_until_answered(
        self, line: _Line, token: "AccessToken", limits: CallLimits, tokens: int
    ) -> Pass | Refusal:
        while True:
            answer = await self._take(token, limits, tokens)
            if not isinstance(answer, Lack) or answer.what != "room":
                return self._told(token, answer)
            await line.pause(self._between(*_PAUSE))
