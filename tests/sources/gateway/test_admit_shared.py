"""Calls that several nodes count together: the same words, a fair line, and outages that are told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ccledger.core.access import AccessToken
from ccledger.core.counting import CallLimits, CountsAway, Lack, Ticket
from ccledger.sources.gateway.admit import Pass, Refusal, Turnstile
from ccledger.sources.gateway.admit_shared import SharedTurnstile


class Register:
    """Counts in memory for as many nodes as use it."""

    def __init__(self) -> None:
        self.open = 0
        self.requests = 0
        self.asked = 0
        self.used: list[int] = []
        self.is_away = False

    async def take(self, subject: str, limits: CallLimits, expected: int) -> Ticket | Lack:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise CountsAway
        if limits.requests_per_minute is not None and self.requests >= limits.requests_per_minute:
            return Lack("requests", 2500)
        if limits.concurrency is not None and self.open >= limits.concurrency:
            return Lack("room", 0)
        self.open += 1
        self.requests += 1
        return Ticket(self.requests, subject, expected)

    def leave(self, ticket: Ticket, used: int) -> None:
        self.open -= 1
        self.used.append(used)


def shortly(_least: float, _most: float) -> float:
    return 0.001


def token(**limits: Any) -> AccessToken:
    return AccessToken("t1", "laptop", "ann", 1, **limits)


def run(body: Callable[[Register, Callable[..., SharedTurnstile]], Awaitable[None]]) -> None:
    async def main() -> None:
        register = Register()

        def node(**how: Any) -> SharedTurnstile:
            return SharedTurnstile(Turnstile(asyncio.get_running_loop().time), register, between=shortly, **how)

        await body(register, node)

    asyncio.run(main())


async def passed(turnstile: SharedTurnstile, who: AccessToken, tokens: int = 0) -> Pass:
    answer = await turnstile.enter(who, tokens)
    assert isinstance(answer, Pass)
    return answer


async def refused(turnstile: SharedTurnstile, who: AccessToken, tokens: int = 0) -> Refusal:
    answer = await turnstile.enter(who, tokens)
    assert isinstance(answer, Refusal)
    return answer


def test_a_token_without_limits_asks_nobody() -> None:
    async def body(register: Register, node: Callable[..., SharedTurnstile]) -> None:
        register.is_away = True
        (await passed(node(), token(), 10**9)).leave(5)
        assert register.asked == 0

    run(body)


def test_limits_of_the_minute_are_said_with_the_time_to_wait() -> None:
    async def body(register: Register, node: Callable[..., SharedTurnstile]) -> None:
        who = token(requests_per_minute=2)
        for turnstile in (node(), node()):
            (await passed(turnstile, who)).leave(7)
        refusal = await refused(node(), who)
        assert (refusal.status, refusal.retry_after) == (429, 3)
        assert "may make 2 requests a minute. Try again in 3 s." in refusal.sentence
        assert register.used == [7, 7]

    run(body)


def test_a_call_that_never_fits_is_not_asked_about() -> None:
    async def body(register: Register, node: Callable[..., SharedTurnstile]) -> None:
        refusal = await refused(node(), token(tokens_per_minute=10), 11)
        assert "this call alone takes about 11" in refusal.sentence
        assert register.asked == 0

    run(body)


def test_calls_wait_for_room_on_any_node_in_the_order_in_which_they_came() -> None:
    async def body(register: Register, node: Callable[..., SharedTurnstile]) -> None:
        here, there = node(), node()
        who = token(concurrency=1)
        first = await passed(there, who)
        order: list[int] = []

        async def one(number: int) -> None:
            entered = await passed(here, who)
            order.append(number)
            entered.leave(0)

        waiting = [asyncio.create_task(one(number)) for number in range(5)]
        await asyncio.sleep(0.005)
        assert order == []
        first.leave(0)
        await asyncio.gather(*waiting)
        assert order == [0, 1, 2, 3, 4]
        assert register.open == 0
        assert vars(here)["_lines"] == {}

    run(body)


def test_who_waits_too_long_or_behind_too_many_is_told() -> None:
    async def body(register: Register, node: Callable[..., SharedTurnstile]) -> None:
        turnstile = node(patience=0.02, most_waiting=1)
        who = token(concurrency=1)
        await passed(turnstile, who)
        waiting = asyncio.create_task(turnstile.enter(who, 0))
        await asyncio.sleep(0.005)
        assert "and 1 more are waiting" in (await refused(turnstile, who)).sentence
        answer = await waiting
        assert isinstance(answer, Refusal)
        assert "none ended within" in answer.sentence
        assert register.open == 1

    run(body)


def test_who_leaves_the_line_leaves_it_to_the_next() -> None:
    async def body(register: Register, node: Callable[..., SharedTurnstile]) -> None:
        turnstile = node()
        who = token(concurrency=1)
        first = await passed(turnstile, who)
        gone, stays = (asyncio.create_task(turnstile.enter(who, 0)) for _ in range(2))
        await asyncio.sleep(0.005)
        gone.cancel()
        first.leave(0)
        assert isinstance(await stays, Pass)
        assert register.open == 1

    run(body)


def test_limited_calls_are_refused_for_a_while_when_nobody_can_count() -> None:
    async def body(register: Register, node: Callable[..., SharedTurnstile]) -> None:
        register.is_away = True
        turnstile = node(outage=0.01)
        refusal = await refused(turnstile, token(concurrency=5))
        assert (refusal.status, refusal.retry_after) == (503, 5)
        assert register.asked > 1
        register.is_away = False
        await passed(turnstile, token(concurrency=5))

    run(body)
