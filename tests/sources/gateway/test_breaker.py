from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ccledger.sources.gateway.breaker import ENOUGH_SUCCESSES, MOST_FAILURES, OPEN_MS, Breaker


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(MOST_FAILURES):
        call = breaker.begin()
        breaker.failed(call, 0)
        breaker.ended(call)
    return breaker


def test_it_opens_after_five_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(MOST_FAILURES - 1):
        breaker.failed(breaker.begin(), 0)
    breaker.succeeded(breaker.begin())
    for _ in range(MOST_FAILURES - 1):
        breaker.failed(breaker.begin(), 0)
    assert breaker.lets_through(0)
    breaker.failed(breaker.begin(), 0)
    assert not breaker.lets_through(0)
    assert not breaker.lets_through(OPEN_MS - 1)


def test_answers_that_are_cut_short_open_it_too() -> None:
    breaker = Breaker()
    for _ in range(MOST_FAILURES):
        call = breaker.begin()
        breaker.answered(call)
        breaker.failed(call, 0)
        breaker.ended(call)
    assert not breaker.lets_through(0)


def test_then_one_call_at_a_time_tries_and_two_that_succeed_close_it() -> None:
    breaker = opened()
    first = breaker.begin()
    assert not breaker.lets_through(OPEN_MS)
    breaker.answered(first)
    assert breaker.lets_through(OPEN_MS)
    second = breaker.begin()
    assert not breaker.lets_through(OPEN_MS)
    breaker.answered(second)
    assert breaker.lets_through(0)
    breaker.failed(breaker.begin(), 0)
    assert breaker.lets_through(0)


def test_a_trial_that_fails_opens_it_anew() -> None:
    breaker = opened()
    call = breaker.begin()
    breaker.answered(call)
    call = breaker.begin()
    breaker.failed(call, OPEN_MS)
    breaker.ended(call)
    assert not breaker.lets_through(2 * OPEN_MS - 1)
    breaker.answered(breaker.begin())
    assert not breaker.lets_through(0), "one success before the failure does not count"


def test_a_trial_that_tells_nothing_makes_room_for_the_next() -> None:
    breaker = opened()
    call = breaker.begin()
    breaker.ended(call)
    assert breaker.lets_through(OPEN_MS)
    assert not breaker.lets_through(OPEN_MS - 1)


def test_what_calls_from_before_tell_is_not_heard() -> None:
    breaker = Breaker()
    old = breaker.begin()
    for _ in range(MOST_FAILURES):
        breaker.failed(breaker.begin(), 0)
    breaker.answered(old)
    breaker.succeeded(old)
    breaker.failed(old, OPEN_MS)
    breaker.ended(old)
    assert not breaker.lets_through(OPEN_MS - 1)
    assert breaker.lets_through(OPEN_MS)
    trial = breaker.begin()
    breaker.ended(old)
    assert not breaker.lets_through(OPEN_MS)
    breaker.answered(trial)
    assert breaker.lets_through(OPEN_MS)


class Rounds(RuleBasedStateMachine):
    """The breaker beside a plain model of it: what calls of the present state tell, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 1
        self.state = "closed"
        self.until = 0
        self.failures = self.successes = 0
        self.trial: int | None = None
        self.calls: list[int] = []

    def may_begin(self) -> bool:
        return self.state == "closed" or (self.now >= self.until and self.trial is None)

    @invariant()
    def lets_through_what_it_should(self) -> None:
        assert self.breaker.lets_through(self.now) == self.may_begin()

    @rule(ms=st.sampled_from([1, OPEN_MS // 2, OPEN_MS]))
    def wait(self, ms: int) -> None:
        self.now += ms

    @precondition(may_begin)
    @rule(outcome=st.sampled_from(["succeeds", "fails", "vanishes", "lasts"]))
    def call(self, outcome: str) -> None:
        call = self.breaker.begin()
        if outcome == "lasts":
            if self.state == "open":
                self.trial = call
            self.calls.append(call)
            return
        self.end(call, outcome, is_current=True)

    @precondition(lambda self: self.trial is not None)
    @rule(outcome=st.sampled_from(["succeeds", "fails", "vanishes"]))
    def end_trial(self, outcome: str) -> None:
        call, self.trial = self.trial, None
        assert call is not None
        self.calls.remove(call)
        self.end(call, outcome, is_current=True)

    def end(self, call: int, outcome: str, *, is_current: bool) -> None:
        if outcome == "succeeds":
            self.breaker.answered(call)
            self.breaker.succeeded(call)
        elif outcome == "fails":
            self.breaker.failed(call, self.now)
        self.breaker.ended(call)
        if is_current and outcome != "vanishes":
            self.count(outcome)

    def count(self, outcome: str) -> None:
        if outcome == "succeeds":
            self.failures = 0 if self.state == "closed" else self.failures
            self.successes += self.state == "open"
            if self.successes == ENOUGH_SUCCESSES:
                self.state, self.failures, self.successes = "closed", 0, 0
            return
        self.failures += 1
        if self.state == "open" or self.failures == MOST_FAILURES:
            self.state, self.until, self.successes = "open", self.now + OPEN_MS, 0


TestRounds = Rounds.TestCase
