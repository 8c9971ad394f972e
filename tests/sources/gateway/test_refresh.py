from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ccledger.core.access import Credential
from ccledger.core.errors import StoreError, UsageError
from ccledger.sources.gateway.refresh import Refresher, TokenEndpoint
from ccledger.sources.gateway.upstream import UpstreamFailure
from ccledger.sources.gateway.upstream_aiohttp import AiohttpUpstream
from tests.sources.gateway.accounts import NOW, Book, Clock, account
from tests.upstream.server import Fake, Plan, whole

OLD = Credential("planted-old", "planted-refresh-1", NOW + 3_600_000)
GRANTED = {"access_token": "planted-new", "refresh_token": "planted-refresh-2", "expires_in": 28_800, "token_type": "x"}


def new(bench: Bench) -> Credential:
    """What is granted, as long as the clock stands still."""
    return Credential("planted-new", "planted-refresh-2", bench.clock.now + 28_800_000)


class Bench:
    """A refresher, the endpoint it asks, and the account it is for."""

    def __init__(self, fake: Fake, refresher_of: Callable[[Bench], Refresher]) -> None:
        self.fake = fake
        self.clock = Clock()
        self.book = Book(account("a", type="oauth", expires_at=OLD.expires_at), account("key"))
        self.book.credentials["a"] = OLD
        self.refused: list[tuple[str, str]] = []
        self.refresher = refresher_of(self)

    @property
    def account(self) -> Any:
        return self.book.accounts[0]

    def granting(self, status: int = 200, **changed: object) -> None:
        self.fake.always = lambda _: whole(json.dumps({**GRANTED, **changed}).encode(), status=status)

    def near(self, seconds: float) -> None:
        """Lets it be so shortly before the end of the old bearer."""
        assert OLD.expires_at is not None
        self.clock.now = OLD.expires_at - int(seconds * 1000)

    async def usable(self) -> Credential | None:
        return await self.refresher.usable(self.account)


@asynccontextmanager
async def bench() -> AsyncGenerator[Bench]:
    fake = Fake()
    async with await fake.serve(), asyncio.TaskGroup() as tasks:
        upstream = AiohttpUpstream()
        endpoint = TokenEndpoint(f"{fake.url}/v1/oauth/token", "the-client")

        def make(bench: Bench) -> Refresher:
            return Refresher(
                bench.book,
                upstream,
                bench.clock,
                tasks.create_task,
                lambda name, reason: bench.refused.append((name, reason)),
                endpoint,
            )

        yield Bench(fake, make)
        await upstream.close()


def run(test: Callable[[Bench], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with bench() as made:
            await test(made)

    asyncio.run(inside())


def test_a_key_and_a_fresh_bearer_are_used_as_they_are() -> None:
    async def test(bench: Bench) -> None:
        assert await bench.usable() == OLD
        assert await bench.refresher.usable(bench.book.accounts[1]) == Credential("secret of key")
        bench.near(301)
        assert await bench.usable() == OLD
        assert bench.fake.seen == []

    run(test)


def test_an_expired_bearer_is_renewed_before_it_is_used() -> None:
    async def test(bench: Bench) -> None:
        bench.near(-1)
        bench.granting()
        assert await bench.usable() == new(bench)
        assert bench.book.credentials["a"] == new(bench)
        (seen,) = bench.fake.seen
        assert (seen.method, seen.target) == ("POST", "/v1/oauth/token")
        assert seen.json == {
            "grant_type": "refresh_token",
            "refresh_token": "planted-refresh-1",
            "client_id": "the-client",
        }

    run(test)


def test_a_bearer_that_ends_in_five_minutes_is_renewed_while_it_is_used() -> None:
    async def test(bench: Bench) -> None:
        bench.near(299)
        bench.granting()
        assert await bench.usable() == OLD
        assert await bench.usable() == OLD
        assert await bench.refresher.renewed(bench.account, OLD) == new(bench)
        assert len(bench.fake.seen) == 1

    run(test)


def test_many_calls_renew_it_once() -> None:
    async def test(bench: Bench) -> None:
        bench.near(0)
        bench.granting()
        found = await asyncio.gather(*(bench.usable() for _ in range(50)))
        assert found == [new(bench)] * 50
        assert len(bench.fake.seen) == 1

    run(test)


def test_a_client_that_goes_away_does_not_lose_the_new_bearer() -> None:
    async def test(bench: Bench) -> None:
        bench.near(0)
        loop, asked, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        keep = bench.book.renew

        def slowly(account: str, credential: Credential) -> None:
            loop.call_soon_threadsafe(asked.set)
            go_on.wait(10)
            keep(account, credential)

        bench.book.renew = slowly
        bench.granting()
        client = asyncio.ensure_future(bench.usable())
        await asked.wait()
        client.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client
        go_on.set()
        assert await bench.usable() == new(bench)
        assert len(bench.fake.seen) == 1

    run(test)


def test_a_refused_bearer_is_renewed_once() -> None:
    async def test(bench: Bench) -> None:
        bench.granting()
        renewed = await bench.refresher.renewed(bench.account, OLD)
        assert renewed is not None
        assert renewed == new(bench)
        assert await bench.refresher.renewed(bench.account, OLD) == renewed, "who used the old one gets the new one"
        assert await bench.refresher.renewed(bench.account, renewed) is None, "a new one that is refused is none"
        assert len(bench.fake.seen) == 1
        bench.clock.wait(61)
        bench.granting(access_token="planted-third")
        third = await bench.refresher.renewed(bench.account, renewed)
        assert third is not None
        assert third.secret == "planted-third"

    run(test)


def test_a_key_that_is_refused_has_nothing_in_its_place() -> None:
    async def test(bench: Bench) -> None:
        key = bench.book.accounts[1]
        assert await bench.refresher.renewed(key, Credential("secret of key")) is None
        with pytest.raises(UsageError, match="only accounts of type oauth that have a refresh token"):
            await bench.refresher.refresh(key)
        assert bench.fake.seen == []

    run(test)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "invalid_grant", "error_description": "planted-refresh-1"}', "invalid_grant"),
        (b'{"type": "error", "error": {"type": "invalid_request_error", "message": "x"}}', "invalid_request_error"),
        (b'{"error": "planted-refresh-1 is bad"}', "status 400"),
        (b'{"error": 1}', "status 400"),
        (b"[]", "status 400"),
        (b"\xff", "status 400"),
    ],
)
def test_a_refresh_token_that_is_refused_needs_somebody(body: bytes, said: str) -> None:
    async def test(bench: Bench) -> None:
        bench.near(0)
        bench.fake.always = lambda _: whole(body, status=400)
        assert await bench.usable() is None
        assert bench.refused == [("a", f"its refresh token was refused ({said}); sign in to it again")]
        bench.clock.wait(61)
        with pytest.raises(UsageError, match="sign in to it again"):
            await bench.refresher.refresh(bench.account)
        assert bench.book.credentials["a"] == OLD

    run(test)


@pytest.mark.parametrize(
    "plan",
    [
        whole(b"busy", status=503),
        whole(b"slow down", status=429),
        whole(b"no JSON"),
        whole(b'{"token": "planted"}'),
        whole(b"x" * 70_000),
        Plan(raw=b""),
    ],
)
def test_an_endpoint_that_does_not_work_is_asked_again_after_a_while(plan: Plan) -> None:
    async def test(bench: Bench) -> None:
        bench.fake.always = lambda _: plan
        bench.near(10)
        assert await bench.usable() == OLD, "it still holds"
        asked = len(bench.fake.seen)
        assert await bench.usable() == OLD
        bench.clock.wait(10)
        for _ in range(3):
            with pytest.raises(UpstreamFailure) as failed:
                await bench.usable()
            assert "planted" not in failed.value.text
        assert len(bench.fake.seen) == asked
        assert bench.refused == []
        bench.clock.wait(61)
        bench.granting()
        assert await bench.usable() == new(bench)

    run(test)


def test_what_the_endpoint_leaves_out_stays() -> None:
    async def test(bench: Bench) -> None:
        bench.granting(refresh_token=None, expires_in=None)
        assert await bench.refresher.refresh(bench.account) == Credential("planted-new", "planted-refresh-1", None)

    run(test)


def test_a_credential_that_was_replaced_meanwhile_is_left_alone() -> None:
    async def test(bench: Bench) -> None:
        given = Credential("given by hand", "planted-refresh-9", NOW + 99_000_000)

        def answer(_: object) -> Plan:
            bench.book.renew("a", given)
            return whole(json.dumps(GRANTED).encode())

        bench.fake.always = answer
        bench.near(0)
        assert await bench.usable() == given
        assert bench.book.credentials["a"] == given

    run(test)


def test_a_new_bearer_is_used_even_if_it_can_not_be_written_down(caplog: pytest.LogCaptureFixture) -> None:
    async def test(bench: Bench) -> None:
        bench.near(0)
        bench.granting()

        def fail(account: str, credential: Credential) -> None:
            raise StoreError("the disk is full")

        bench.book.renew = fail
        assert await bench.usable() == new(bench)

    with caplog.at_level(logging.ERROR):
        run(test)
    assert "the disk is full" in caplog.text
    assert "planted" not in caplog.text
