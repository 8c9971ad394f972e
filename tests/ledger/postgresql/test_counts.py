"""Limits that hold for all nodes together: exact, given back, and never let through uncounted."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from itertools import count
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import pytest

from ccledger.core.counting import CallLimits, CountsAway, Lack, Ticket
from ccledger.ledger.postgresql.counts import PostgresqlCounts
from tests.postgres import execute, fetch, fresh_database

HOLDERS = "one", "two"


@pytest.fixture
def url() -> Generator[str]:
    with fresh_database() as found:
        for number, holder in enumerate(HOLDERS):
            lease = f"holder = '{holder}', leased_until = now_ms() + 600000"
            execute(found, f"UPDATE node SET {lease} WHERE number = {number}")
        yield found


async def connected(url: str) -> Any:
    return await asyncpg.connect(url)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def run(url: str, body: Callable[[PostgresqlCounts, PostgresqlCounts], Awaitable[None]]) -> None:
    """The counts of two nodes."""

    async def main() -> None:
        numbers = count(1)
        pair = [PostgresqlCounts(partial(connected, url), holder, lambda: next(numbers), rest=0) for holder in HOLDERS]
        try:
            await body(*pair)
        finally:
            for one in pair:
                await one.close()

    asyncio.run(main())


async def taken(counts: PostgresqlCounts, limits: CallLimits, tokens: int = 0, subject: str = "token:a") -> Ticket:
    answer = await counts.take(subject, limits, tokens)
    assert isinstance(answer, Ticket)
    return answer


async def lacking(counts: PostgresqlCounts, limits: CallLimits, tokens: int = 0) -> Lack:
    answer = await counts.take("token:a", limits, tokens)
    assert isinstance(answer, Lack)
    return answer


async def run_sql(url: str, script: str) -> None:
    await asyncio.to_thread(execute, url, script)


async def age(url: str, milliseconds: int) -> None:
    await run_sql(url, f"UPDATE call_taken SET at = at - {milliseconds}")


def test_requests_are_counted_once_for_all_nodes(url: str) -> None:
    limits = CallLimits(requests_per_minute=25)

    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        asked = [counts.take("token:a", limits, 0) for counts in (first, second) for _ in range(40)]
        answers = await asyncio.gather(*asked)
        assert sum(isinstance(one, Ticket) for one in answers) == 25
        lack = await lacking(second, limits)
        assert lack.what == "requests"
        assert 0 < lack.wait_ms <= 60_000
        await age(url, 60_000)
        await taken(first, limits)

    run(url, body)


def test_another_token_is_counted_by_itself(url: str) -> None:
    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        limits = CallLimits(requests_per_minute=1)
        await asyncio.gather(taken(first, limits), taken(second, limits, subject="token:b"))
        await lacking(second, limits)

    run(url, body)


def test_tokens_are_corrected_when_a_call_is_over(url: str) -> None:
    limits = CallLimits(tokens_per_minute=100)

    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        ticket = await taken(first, limits, 80)
        assert (await lacking(second, limits, 30)).what == "tokens"
        first.leave(ticket, 60)
        await taken(first, limits, 40)
        assert (await lacking(second, limits, 1)).what == "tokens"

    run(url, body)


def test_a_call_that_used_more_than_expected_is_paid_for(url: str) -> None:
    limits = CallLimits(tokens_per_minute=100)

    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        ticket = await taken(first, limits, 10)
        await age(url, 61_000)
        first.leave(ticket, 95)
        await taken(first, limits, 15)
        assert (await lacking(first, limits, 1)).what == "tokens"

    run(url, body)
    assert fetch(url, "SELECT tokens, (SELECT sum(tokens) FROM call_taken) FROM call_count") == [(100, 100)]


def test_open_calls_are_counted_until_they_end_or_their_node_does(url: str) -> None:
    limits = CallLimits(concurrency=2)

    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        one = await taken(first, limits)
        await taken(second, limits)
        assert await lacking(first, limits) == Lack("room", 0)
        first.leave(one, 0)
        first.leave(one, 0)
        await taken(first, limits)
        await lacking(first, limits)
        await run_sql(url, "UPDATE node SET leased_until = now_ms() - 1")
        await taken(first, limits)

    run(url, body)


def test_who_went_away_while_it_was_counted_is_not_counted(url: str) -> None:
    limits = CallLimits(concurrency=1)

    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        asking = asyncio.create_task(first.take("token:a", limits, 0))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await taken(first, limits)

    run(url, body)


def test_who_went_away_in_the_moment_of_the_answer_is_not_counted(url: str) -> None:
    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        asking = asyncio.ensure_future(first.take("token:a", CallLimits(concurrency=1), 0))
        while not asking.done():
            await asyncio.sleep(0)
            if any(ask.done() for ask in waited_for(asking)):
                asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await first.close()
        await taken(second, CallLimits(concurrency=1))

    run(url, body)


def waited_for(task: "asyncio.Task[Ticket | Lack]") -> "list[asyncio.Future[Any]]":
    """What a task waits for at the moment."""
    waiting = getattr(task, "_fut_waiter", None)
    return [waiting] if waiting is not None else []


def test_nobody_is_counted_while_the_database_is_away_and_what_ended_is_told_later(url: str) -> None:
    limits = CallLimits(concurrency=1)
    is_away = False

    async def connect() -> Any:
        if is_away:
            raise OSError("nobody listens")
        return await connected(url)

    async def main() -> None:
        nonlocal is_away
        numbers = count(1)
        counts = PostgresqlCounts(connect, HOLDERS[0], lambda: next(numbers), rest=0.001)
        ticket = await taken(counts, limits)
        is_away = True
        await run_sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with pytest.raises(CountsAway):
            await counts.take("token:a", limits, 0)
        counts.leave(ticket, 0)
        with pytest.raises(CountsAway):
            await counts.take("token:a", limits, 0)
        is_away = False
        answer = None
        while not isinstance(answer, Ticket):
            try:
                answer = await counts.take("token:a", limits, 0)
                assert isinstance(answer, Ticket)
            except CountsAway:
                await asyncio.sleep(0.001)
        await counts.close()

    asyncio.run(main())


async def cut_off(url: str) -> None:
    await run_sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


async def taken_again(counts: PostgresqlCounts, limits: CallLimits) -> Ticket | Lack:
    """What the database answers once it has been noticed that the connection broke."""
    while True:
        try:
            return await counts.take("token:a", limits, 0)
        except CountsAway:
            continue


def test_calls_whose_end_a_crashed_database_forgot_end_with_the_next_connection(url: str) -> None:
    limits = CallLimits(concurrency=2)

    async def body(first: PostgresqlCounts, second: PostgresqlCounts) -> None:
        over, _ = await taken(first, limits), await taken(first, limits)
        first.leave(over, 0)
        await taken(first, limits)
        await taken(second, CallLimits())
        await run_sql(url, f"INSERT INTO call_open VALUES ({over.number}, 'token:a', '{HOLDERS[0]}')")
        await cut_off(url)
        more = CallLimits(concurrency=4)
        assert isinstance(await taken_again(first, more), Ticket)
        assert await taken_again(first, more) == Lack("room", 0)

    run(url, body)


def test_an_exchange_has_its_patience_for_itself_however_long_it_takes_to_get_in(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    timeout = asyncio.timeout

    def patience(seconds: float | None) -> asyncio.Timeout:
        noted.append("patience")
        return timeout(seconds)

    async def connect() -> Any:
        found = await connected(url)
        noted.append("in")
        return found

    async def main() -> None:
        counts = PostgresqlCounts(connect, HOLDERS[0], lambda: 1)
        await taken(counts, CallLimits())
        assert noted == ["patience", "in", "patience"]
        await counts.close()

    monkeypatch.setattr(asyncio, "timeout", patience)
    asyncio.run(main())
