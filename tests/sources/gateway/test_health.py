from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ccledger.core.access import Account, Credential
from ccledger.sources.gateway.health import Checker
from ccledger.sources.gateway.refresh import Refresher
from ccledger.sources.gateway.upstream_aiohttp import AiohttpUpstream
from tests.sources.gateway.accounts import NOW, Book, Clock, account
from tests.upstream.server import Fake, Plan, whole


class Bench:
    """A checker, and the upstream of its accounts."""

    def __init__(self, fake: Fake, tasks: asyncio.TaskGroup, upstream: AiohttpUpstream) -> None:
        self.fake = fake
        self.clock = Clock()
        kinds = {"key": "api-key", "bearer": "oauth", "cookie": "session-key"}
        self.book = Book(*(account(name, type=kind, base_url=f"{fake.url}/base") for name, kind in kinds.items()))
        self.slept: list[float] = []
        self.rounds = 99
        self.spawned: list[asyncio.Task[None]] = []

        def refuse(name: str, reason: str) -> None:
            raise AssertionError(name, reason)

        refresher = Refresher(self.book, upstream, self.clock, tasks.create_task, refuse)
        self.checker = Checker(
            self.book,
            refresher,
            upstream,
            self.clock,
            lambda work: self.spawned.append(tasks.create_task(work)),
            self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.wait(seconds)
        if len(self.slept) > self.rounds:
            raise asyncio.CancelledError

    def account(self, name: str) -> Account:
        return next(one for one in self.book.accounts if one.id == name)

    def answering(self, status: int) -> None:
        self.fake.always = lambda _: whole(b"{}", status=status)

    async def settled(self) -> None:
        await asyncio.gather(*self.spawned)


@asynccontextmanager
async def bench() -> AsyncGenerator[Bench]:
    fake = Fake()
    async with await fake.serve(), asyncio.TaskGroup() as tasks:
        upstream = AiohttpUpstream()
        yield Bench(fake, tasks, upstream)
        await upstream.close()


def run(test: Callable[[Bench], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with bench() as made:
            await test(made)

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("name", "target", "header", "value"),
    [
        ("key", "/base/v1/models?limit=1", "x-api-key", "secret of key"),
        ("bearer", "/base/v1/models?limit=1", "authorization", "Bearer secret of bearer"),
        ("cookie", "/base/api/organizations", "cookie", "sessionKey=secret of cookie"),
    ],
)
def test_a_check_asks_for_what_costs_nothing(name: str, target: str, header: str, value: str) -> None:
    async def test(bench: Bench) -> None:
        bench.answering(200)
        found = await bench.checker.check(bench.account(name))
        assert (found.status, bench.account(name).health) == ("healthy", "healthy")
        (seen,) = bench.fake.seen
        assert (seen.method, seen.target, seen.body) == ("GET", target, b"")
        assert seen.header(header) == value

    run(test)


@pytest.mark.parametrize(
    ("status", "found", "kept"),
    [
        (200, "healthy", "healthy"),
        (429, "healthy", "healthy"),
        (401, "unhealthy", "unhealthy"),
        (403, "unhealthy", "unhealthy"),
        (404, "unknown", "unknown"),
        (405, "unknown", "unknown"),
        (500, "unhealthy", "before"),
        (529, "unhealthy", "before"),
    ],
)
def test_what_an_answer_says_of_the_credential(status: int, found: str, kept: str) -> None:
    async def test(bench: Bench) -> None:
        bench.answering(status)
        bench.book.change("key", health="before")
        checked = await bench.checker.check(bench.account("key"))
        assert (checked.status, bench.account("key").health) == (found, kept)
        assert "secret" not in checked.message

    run(test)


def test_an_upstream_that_can_not_be_reached_says_nothing_of_the_credential() -> None:
    async def test(bench: Bench) -> None:
        bench.fake.always = lambda _: Plan(raw=b"")
        checked = await bench.checker.check(bench.account("key"))
        assert (checked.status, checked.is_verdict, bench.account("key").health) == ("unhealthy", False, "unknown")

    run(test)


def test_a_credential_that_can_not_be_opened_says_nothing_of_itself() -> None:
    async def test(bench: Bench) -> None:
        del bench.book.credentials["key"]
        bench.book.change("key", health="healthy")
        checked = await bench.checker.check(bench.account("key"))
        assert (checked.status, bench.account("key").health) == ("unhealthy", "healthy")
        assert "can't be opened" in checked.message
        assert bench.fake.seen == []

    run(test)


def test_an_expired_bearer_is_renewed_before_it_is_checked() -> None:
    async def test(bench: Bench) -> None:
        bench.answering(200)
        bench.book.credentials["bearer"] = Credential("old", None, NOW - 1)
        await bench.checker.check(bench.account("bearer"))
        assert bench.fake.seen[0].header("authorization") == "Bearer old", "what can't be renewed is tried as it is"

    run(test)


def test_a_call_that_was_refused_is_looked_into_at_once_and_then_once_a_minute() -> None:
    async def test(bench: Bench) -> None:
        bench.answering(200)
        for _ in range(3):
            bench.checker.refused("key")
            await bench.settled()
            assert bench.account("key").health == "healthy"
        assert bench.slept == [0, 60, 60]

    run(test)


def test_a_credential_that_is_refused_again_stays_unhealthy() -> None:
    async def test(bench: Bench) -> None:
        for status in (401, 404, 500):
            bench.answering(status)
            bench.checker.refused("key")
            await bench.settled()
            assert bench.account("key").health == "unhealthy"
        bench.checker.refused("gone")
        await bench.settled()

    run(test)


def test_the_patrol_checks_active_accounts_every_five_minutes() -> None:
    async def test(bench: Bench) -> None:
        bench.answering(200)
        bench.book.change("cookie", is_active=False)
        rounds = bench.rounds = 2
        with pytest.raises(asyncio.CancelledError):
            await bench.checker.patrol()
        assert (bench.slept, len(bench.fake.seen)) == ([300] * (rounds + 1), 2 * rounds)

    run(test)
