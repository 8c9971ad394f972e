"""How often one may try to sign in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ccledger.access.attempts import Attempts

MINUTE = 60_000


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tried(attempts: Attempts, times: int, address: Callable[[int], str]) -> None:
    for number in range(times):
        assert attempts.wait_ms(address(number)) == 0
        attempts.count(address(number))


def test_an_address_may_try_ten_times_a_minute(clock: Clock) -> None:
    attempts = Attempts(clock)
    tried(attempts, 9, lambda _: "192.0.2.1")
    clock.now += 1000
    tried(attempts, 1, lambda _: "192.0.2.1")
    assert attempts.wait_ms("192.0.2.1") == MINUTE - 1000
    assert attempts.wait_ms("192.0.2.2") == 0
    clock.now += MINUTE - 1001
    assert attempts.wait_ms("192.0.2.1") == 1
    clock.now += 1
    tried(attempts, 9, lambda _: "192.0.2.1")
    assert attempts.wait_ms("192.0.2.1") == 1000


def test_all_together_may_try_sixty_times_a_minute_and_then_only_who_has_not_tried(clock: Clock) -> None:
    attempts = Attempts(clock)
    tried(attempts, 60, lambda number: f"192.0.2.{number}")
    assert attempts.wait_ms("192.0.2.1") == MINUTE
    assert attempts.wait_ms("198.51.100.1") == 0
    attempts.count("198.51.100.1")
    assert attempts.wait_ms("198.51.100.1") == MINUTE
    clock.now += MINUTE
    assert attempts.wait_ms("192.0.2.1") == 0


def test_who_has_signed_in_begins_anew_and_others_do_not(clock: Clock) -> None:
    attempts = Attempts(clock)
    tried(attempts, 10, lambda _: "192.0.2.1")
    tried(attempts, 10, lambda _: "192.0.2.2")
    attempts.forgive("192.0.2.1")
    tried(attempts, 10, lambda _: "192.0.2.1")
    assert attempts.wait_ms("192.0.2.2") == MINUTE
    for _ in range(20):
        attempts.forgive("192.0.2.1")
        tried(attempts, 10, lambda _: "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "192.0.2.1", False),
        ("testclient", "testclient", True),
    ],
)
def test_the_addresses_of_one_network_count_together(one: str, other: str, same: bool, clock: Clock) -> None:
    attempts = Attempts(clock)
    tried(attempts, 10, lambda _: one)
    assert (attempts.wait_ms(other) > 0) is same


def test_more_addresses_than_can_be_kept_are_forgotten_one_by_one(clock: Clock) -> None:
    attempts = Attempts(clock)
    tried(attempts, 10, lambda _: "192.0.2.1")
    for number in range(10_000):
        clock.now += 1
        attempts.count(f"address {number}")
    clock.now += MINUTE - 10_000
    assert len(vars(attempts)["_of"]) == 10_000
