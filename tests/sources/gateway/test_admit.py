"""Who may make a call: exact limits over any 60 seconds, a fair line that nobody is lost in, and who may not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.access import AccessToken
from ccledger.sources.gateway.admit import Pass, Refusal, Turnstile, refusal_of

NOW = 1_792_497_600_000


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def token(**limits: Any) -> AccessToken:
    return AccessToken("t1", "laptop", "ann", NOW, **limits)


def run(body: Callable[[Clock, Turnstile], Awaitable[None]], **turnstile: Any) -> None:
    async def main() -> None:
        clock = Clock()
        await body(clock, Turnstile(clock, **turnstile))

    asyncio.run(main())


async def enter(turnstile: Turnstile, who: AccessToken, tokens: int = 0) -> Pass:
    answer = await turnstile.enter(who, tokens)
    assert isinstance(answer, Pass)
    return answer


async def refused(turnstile: Turnstile, who: AccessToken, tokens: int = 0) -> Refusal:
    answer = await turnstile.enter(who, tokens)
    assert isinstance(answer, Refusal)
    assert answer.status == 429
    return answer


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_without_limits_everything_passes_and_nothing_is_kept() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        for passed in [await enter(turnstile, token(), 10**9) for _ in range(1000)]:
            passed.leave(5)
        turnstile.forget_idle()
        assert vars(turnstile)["_lanes"] == {}

    run(body)


def test_requests_a_minute() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(requests_per_minute=2)
        await enter(turnstile, who)
        clock.now += 15.5
        (await enter(turnstile, who)).leave(0)
        refusal = await refused(turnstile, who)
        assert refusal.retry_after == 45
        assert "2 requests a minute" in refusal.sentence
        assert "45 s" in refusal.sentence
        clock.now += 44.4
        assert (await refused(turnstile, who)).retry_after == 1
        clock.now += 0.1
        await enter(turnstile, who)
        await refused(turnstile, who)
        await enter(turnstile, AccessToken("t2", "other", "ann", NOW, requests_per_minute=1))

    run(body)


def test_tokens_a_minute_are_reserved_and_corrected() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(tokens_per_minute=100)
        first = await enter(turnstile, who, 60)
        assert (await refused(turnstile, who, 41)).retry_after == 60
        second = await enter(turnstile, who, 40)
        first.leave(10)
        third = await enter(turnstile, who, 50)
        await refused(turnstile, who, 1)
        clock.now += 30
        second.leave(70)
        third.leave(50)
        assert (await refused(turnstile, who, 1)).retry_after == 30
        clock.now += 30
        await enter(turnstile, who, 70)
        assert (await refused(turnstile, who, 1)).retry_after == 30

    run(body)


def test_a_call_that_outlasts_its_minute_still_counts_what_it_used() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(tokens_per_minute=100)
        long = await enter(turnstile, who, 10)
        clock.now += 300
        long.leave(110)
        assert (await refused(turnstile, who, 1)).retry_after == 60
        clock.now += 60
        shorter = await enter(turnstile, who, 100)
        clock.now += 300
        shorter.leave(1)
        await enter(turnstile, who, 100)

    run(body)


def test_a_call_larger_than_the_limit_is_told_so() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        refusal = await refused(turnstile, token(tokens_per_minute=100), 101)
        assert refusal.retry_after is None
        assert "about 101" in refusal.sentence

    run(body)


def test_leaving_twice_is_leaving_once() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=1, tokens_per_minute=100)
        first = await enter(turnstile, who, 100)
        first.leave(40)
        first.leave(0)
        second = await enter(turnstile, who, 60)
        first.leave(0)
        second.leave(60)
        await refused(turnstile, who, 1)

    run(body)


def test_those_beyond_the_open_calls_wait_in_order() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=2)
        passes = [await enter(turnstile, who) for _ in range(2)]
        order: list[int] = []

        async def come(number: int) -> Pass:
            passed = await enter(turnstile, who)
            order.append(number)
            return passed

        tasks = [asyncio.create_task(come(number)) for number in range(4)]
        await settle()
        assert order == []
        passes[0].leave(0)
        late = asyncio.create_task(come(9))
        await settle()
        assert order == [0]
        passes[1].leave(0)
        (await tasks[0]).leave(0)
        await settle()
        assert order == [0, 1, 2]
        for task in (*tasks[1:], late):
            (await task).leave(0)
        assert order == [0, 1, 2, 3, 9]

    run(body)


def test_the_line_has_an_end() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=1)
        first = await enter(turnstile, who)
        tasks = [asyncio.create_task(enter(turnstile, who)) for _ in range(3)]
        await settle()
        refusal = await refused(turnstile, who)
        assert "3 more are waiting" in refusal.sentence
        assert refusal.retry_after == 5
        first.leave(0)
        for task in tasks:
            (await task).leave(0)

    run(body, most_waiting=3)


def test_patience_ends() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=1)
        first = await enter(turnstile, who)
        refusal = await refused(turnstile, who)
        assert "1 calls open at once" in refusal.sentence
        assert "none ended" in refusal.sentence
        first.leave(0)
        (await enter(turnstile, who)).leave(0)
        turnstile.forget_idle()
        assert vars(turnstile)["_lanes"] == {}

    run(body, patience=0)


def test_who_goes_away_frees_the_place() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=1)
        first = await enter(turnstile, who)
        gone, stays = (asyncio.create_task(enter(turnstile, who)) for _ in range(2))
        await settle()
        gone.cancel()
        await settle()
        first.leave(0)
        (await stays).leave(0)
        assert gone.cancelled()

    run(body)


def test_who_goes_away_the_moment_it_is_let_in_frees_the_place() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=1, tokens_per_minute=100)
        first = await enter(turnstile, who, 10)
        gone = asyncio.create_task(enter(turnstile, who, 50))
        await settle()
        first.leave(10)
        gone.cancel()
        await settle()
        assert gone.cancelled()
        (await enter(turnstile, who, 90)).leave(0)

    run(body)


def test_who_waited_is_still_bound_by_the_other_limits() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=1, requests_per_minute=2)
        first = await enter(turnstile, who)
        waiting = [asyncio.create_task(turnstile.enter(who, 0)) for _ in range(2)]
        await settle()
        first.leave(0)
        await settle()
        second = await waiting[0]
        assert isinstance(second, Pass)
        second.leave(0)
        refusal = await waiting[1]
        assert isinstance(refusal, Refusal)
        assert refusal.retry_after == 60

    run(body)


def test_whom_another_limit_refuses_need_not_wait() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(concurrency=1, requests_per_minute=1)
        await enter(turnstile, who)
        assert (await refused(turnstile, who)).retry_after == 60

    run(body)


def test_new_limits_hold_at_once() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        passes = [await enter(turnstile, token(requests_per_minute=9)) for _ in range(3)]
        await refused(turnstile, token(requests_per_minute=3))
        waiting = asyncio.create_task(enter(turnstile, token(concurrency=3)))
        await settle()
        assert not waiting.done()
        turnstile.change(token(concurrency=4))
        (await waiting).leave(0)
        turnstile.change(token(concurrency=1))
        passes[0].leave(0)
        passes[1].leave(0)
        waiting = asyncio.create_task(enter(turnstile, token(concurrency=1)))
        await settle()
        assert not waiting.done()
        passes[2].leave(0)
        await waiting

    run(body)


def test_idle_tokens_are_forgotten_as_others_come() -> None:
    async def body(clock: Clock, turnstile: Turnstile) -> None:
        for number in range(100):
            who = AccessToken(f"t{number}", "x", "ann", NOW, requests_per_minute=1, tokens_per_minute=9)
            (await enter(turnstile, who, 5)).leave(5)
        clock.now += 59
        await enter(turnstile, token(requests_per_minute=5))
        assert len(vars(turnstile)["_lanes"]) == 100
        clock.now += 1
        await enter(turnstile, token(requests_per_minute=5))
        assert list(vars(turnstile)["_lanes"]) == ["t1"]

    run(body)


steps = st.lists(
    st.tuples(st.sampled_from((0.0, 0.25, 1.0, 7.0, 20.0, 59.5, 60.0)), st.integers(0, 60), st.integers(0, 90)),
    max_size=40,
)


@given(steps, st.integers(1, 5), st.integers(1, 100), st.integers(1, 3))
def test_no_window_of_a_minute_ever_holds_more(
    steps: Sequence[tuple[float, int, int]], requests: int, tokens: int, together: int
) -> None:
    """Estimates that come true: as many requests and tokens as allowed, in any 60 seconds, and never too many open."""

    async def body(clock: Clock, turnstile: Turnstile) -> None:
        who = token(requests_per_minute=requests, tokens_per_minute=tokens, concurrency=together)
        made: list[tuple[float, int]] = []
        opened: list[tuple[Pass, int]] = []
        tasks: set[asyncio.Task[None]] = set()

        async def call(size: int) -> None:
            answer = await turnstile.enter(who, size)
            if isinstance(answer, Pass):
                made.append((clock.now, size))
                opened.append((answer, size))
                assert len(opened) <= together
            elif answer.retry_after is not None and not opened:
                clock.now += answer.retry_after
                again = await turnstile.enter(who, size)
                assert isinstance(again, Pass), "whoever waits as long as told gets in"
                made.append((clock.now, size))
                again.leave(size)

        for pause, size, leaves in steps:
            clock.now += pause
            tasks.add(asyncio.create_task(call(size)))
            await settle()
            if opened and leaves % 3:
                passed, used = opened.pop(leaves % len(opened))
                passed.leave(used)
                await settle()
        while opened:
            passed, used = opened.pop()
            passed.leave(used)
            await settle()
        await asyncio.gather(*tasks)
        while opened:
            opened.pop()[0].leave(0)
        assert [a for a, b in pairwise(made) if a[0] > b[0]] == []
        for start, _ in made:
            inside = [size for at, size in made if start <= at < start + 60]
            assert len(inside) <= requests
            assert sum(inside) <= tokens

    run(body)


# Who may not at all.


@pytest.mark.parametrize(
    ("limits", "status", "says"),
    [
        ({}, None, ""),
        ({"revoked_at": NOW}, 401, "revoked"),
        ({"revoked_at": NOW + 1}, 401, "revoked"),
        ({"expires_at": NOW}, 401, "expired"),
        ({"expires_at": NOW + 1}, None, ""),
        ({"mode": "web"}, 403, "mode web, not api"),
        ({"mode": "both"}, None, ""),
        ({"models": ("claude-haiku-5-5",)}, 403, "may not ask claude-opus-5. It may ask claude-haiku-5-5"),
        ({"models": ("claude-haiku-5-5", "claude-opus-5")}, None, ""),
        ({"ips": ("10.0.0.0/8",)}, 403, "192.0.2.7"),
        ({"ips": ("10.0.0.0/8", "192.0.2.7")}, None, ""),
        ({"revoked_at": 1, "ips": ("10.0.0.1",), "models": ("x",), "mode": "web"}, 401, "revoked"),
    ],
)
def test_who_may_not_call(limits: dict[str, Any], status: int | None, says: str) -> None:
    refusal = refusal_of(token(**limits), NOW, "claude-opus-5", "192.0.2.7", "api")
    assert (refusal and refusal.status) == status
    assert says in (refusal.sentence if refusal else "")


@pytest.mark.parametrize(
    ("pattern", "model", "allowed"),
    [
        ("*", "anything", True),
        ("claude-opus-5", "claude-opus-5", True),
        ("claude-opus-5", "claude-opus-5-5", False),
        ("claude-opus-5", "Claude-opus-5", False),
        ("claude-haiku-*", "claude-haiku-5-5", True),
        ("claude-haiku-*", "claude-haiku-", True),
        ("claude-haiku-*", "x-claude-haiku-5", False),
        ("*-5", "claude-opus-5", True),
        ("*-5", "claude-opus-5x", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "acb", False),
        ("a*bc*c", "abc", False),
        ("**", "x", True),
        ("claude.opus-5", "claude-opus-5", False),
        ("[a-z]*", "claude", False),
        ("?laude", "claude", False),
        ("*a" * 40 + "b", "a" * 256, False),
        ("", "claude", False),
    ],
)
def test_patterns_of_models(pattern: str, model: str, allowed: bool) -> None:
    assert (refusal_of(token(models=(pattern,)), NOW, model, "", "api") is None) == allowed


def test_a_call_that_asks_no_model_is_not_held_to_them() -> None:
    assert refusal_of(token(models=("claude-haiku-*",)), NOW, None, "", "api") is None
    assert refusal_of(token(models=("claude-haiku-*",)), NOW, "", "", "api") is not None


@pytest.mark.parametrize(
    ("network", "ip", "allowed"),
    [
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.9/24", "192.0.2.1", True),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("0.0.0.0/0", "::1", False),
        (" 127.0.0.1 ", "127.0.0.1", True),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "unix:", False),
        ("nonsense", "127.0.0.1", False),
    ],
)
def test_addresses(network: str, ip: str, allowed: bool) -> None:
    assert (refusal_of(token(ips=(network,)), NOW, "m", ip, "api") is None) == allowed
