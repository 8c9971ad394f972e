from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ccledger.core.access import Credential
from ccledger.sources.gateway.breaker import MOST_FAILURES
from ccledger.sources.gateway.pool import Lease, Pool, Unavailable
from tests.sources.gateway.accounts import NOW, Book, Clock, Told, account


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease(pool: Pool, session: str | None = None, *excluded: str, mode: str = "api") -> Lease:
    found = pool.choose(mode, session, excluded)
    assert isinstance(found, Lease)
    return found


def refusal(pool: Pool, *excluded: str, mode: str = "api") -> Unavailable:
    found = pool.choose(mode, None, excluded)
    assert isinstance(found, Unavailable)
    return found


def serve(pool: Pool, status: int = 200, session: str | None = None, retry_after: float | None = None) -> str:
    """One call from beginning to end, and who served it."""
    found = lease(pool, session)
    found.answered(status, retry_after)
    found.release()
    return found.account.id


def sessions(count: int) -> list[str]:
    return [f"session {number}" for number in range(count)]


# Who is asked


def test_without_an_account_it_says_how_to_add_one(clock: Clock) -> None:
    told = refusal(Pool(Book(), clock))
    assert told == Unavailable("there is no account for mode 'api'; 'ccledger account add' adds one", None, "none")


def test_each_mode_has_its_accounts(clock: Clock) -> None:
    pool = Pool(Book(account("key"), account("web", type="session-key")), clock)
    assert lease(pool).account.id == "key"
    assert lease(pool, mode="web").account.id == "web"
    assert (pool.serves("api"), pool.serves("web"), pool.serves("both")) == (True, True, False)


def test_lower_priority_numbers_are_asked_first(clock: Clock) -> None:
    pool = Pool(Book(account("spare", priority=5), account("main", priority=1), account("other", priority=1)), clock)
    assert {serve(pool, session=one) for one in [None, *sessions(20)]} == {"main", "other"}
    assert lease(pool, None, "main", "other").account.id == "spare"
    assert lease(pool, "s", "main").account.id == "other"


def test_calls_without_a_session_go_where_the_fewest_are_open_for_the_weight(clock: Clock) -> None:
    pool = Pool(Book(account("small"), account("big", weight=3)), clock)
    assert Counter(lease(pool).account.id for _ in range(40)) == {"small": 10, "big": 30}


def test_one_after_the_other_they_are_spread_by_weight(clock: Clock) -> None:
    pool = Pool(Book(account("a"), account("b", weight=2), account("c", weight=7)), clock)
    assert Counter(serve(pool) for _ in range(1000)) == {"a": 100, "b": 200, "c": 700}


def test_who_comes_back_does_not_catch_up(clock: Clock) -> None:
    pool = Pool(Book(account("a"), account("b")), clock)
    limited = lease(pool)
    limited.answered(429, 60)
    limited.release()
    assert {serve(pool) for _ in range(100)} == {"a", "b"} - {limited.account.id}
    clock.wait(60)
    assert max(Counter(serve(pool) for _ in range(10)).values()) <= 6


def test_a_session_stays_with_its_account(clock: Clock) -> None:
    pool = Pool(Book(*(account(name) for name in "abc")), clock)
    homes = {one: serve(pool, session=one) for one in sessions(100)}
    held = [lease(pool) for _ in range(50)]
    assert {one: serve(pool, session=one) for one in homes} == homes
    again = Pool(Book(*(account(name) for name in "cab")), clock)
    assert {one: serve(again, session=one) for one in homes} == homes, "after a restart, and in any order"
    for one in held:
        one.release()


def test_a_session_moves_while_its_account_rests_and_comes_back(clock: Clock) -> None:
    pool = Pool(Book(*(account(name) for name in "abc")), clock)
    homes = {one: serve(pool, session=one) for one in sessions(60)}
    found = lease(pool, "session 0")
    found.answered(429, 30)
    found.release()
    moved = {one: serve(pool, session=one) for one in homes}
    assert {one for one in homes if moved[one] != homes[one]} == {
        one for one in homes if homes[one] == homes["session 0"]
    }
    assert {one: serve(pool, session=one) for one in homes} == moved, "and stays where it moved"
    clock.wait(30)
    assert {one: serve(pool, session=one) for one in homes} == homes


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4))
def test_sessions_are_spread_by_weight(weights: list[int]) -> None:
    pool = Pool(Book(*(account(f"account {n}", weight=weight) for n, weight in enumerate(weights))), Clock())
    count = 3000
    shares = Counter(serve(pool, session=one) for one in sessions(count))
    for number, weight in enumerate(weights):
        fair = weight / sum(weights)
        assert abs(shares[f"account {number}"] / count - fair) < 5 * (fair * (1 - fair) / count) ** 0.5 + 0.005


def test_an_account_more_takes_sessions_but_moves_none_between_others(clock: Clock) -> None:
    few = Pool(Book(account("a"), account("b")), clock)
    more = Pool(Book(account("a"), account("b"), account("c")), clock)
    for one in sessions(200):
        assert serve(more, session=one) in ("c", serve(few, session=one))


# Who can't be asked


def test_deactivated_accounts_are_not_asked(clock: Clock) -> None:
    book = Book(account("a", is_active=False), account("b"))
    pool = Pool(book, clock)
    assert {serve(pool, session=one) for one in sessions(20)} == {"b"}
    book.change("b", is_active=False)
    assert refusal(pool).kind == "none"
    assert {name: state.status for name, state in pool.states().items()} == {"a": "inactive", "b": "inactive"}
    book.change("a", is_active=True)
    assert serve(pool) == "a"


def test_as_many_calls_are_open_as_an_account_may_have(clock: Clock) -> None:
    pool = Pool(Book(account("a", concurrency=2)), clock)
    first, _ = lease(pool), lease(pool)
    assert refusal(pool)[1:] == (1, "busy")
    assert pool.states()["a"].status == "busy"
    first.release()
    first.release()
    lease(pool)
    assert refusal(pool).kind == "busy", "a call that is released twice makes room for one"
    assert pool.states()["a"].in_flight == 2


@pytest.mark.parametrize(
    ("retry_after", "windows", "seconds"),
    [
        (None, [], 60),
        (7.5, [], 7.5),
        (0, [], 0),
        (None, [Told("five_hour", 100, NOW + 90_000, "rejected"), Told("seven_day", 9, NOW + 999_000, "allowed")], 90),
        (5, [Told("five_hour", 100, NOW + 90_000, "rejected")], 90),
        (95, [Told("five_hour", 100, NOW + 90_000, "rejected")], 95),
        (None, [Told("five_hour", 100, None, "rejected")], 60),
        (1e12, [], 8 * 86_400),
    ],
)
def test_a_limited_account_rests(clock: Clock, retry_after: float | None, windows: list[Told], seconds: float) -> None:
    pool = Pool(Book(account("a")), clock)
    found = lease(pool)
    found.answered(429, retry_after, windows)
    found.release()
    if seconds:
        assert refusal(pool)[1:] == (-(-seconds // 1), "resting")
        assert pool.states()["a"][:3] == ("cooling", 0, NOW + seconds * 1000)
        clock.wait(seconds - 0.001)
        assert refusal(pool).retry_after == 1
        clock.wait(0.001)
    assert serve(pool) == "a"


def test_a_shorter_rest_told_later_does_not_shorten_the_first(clock: Clock) -> None:
    pool = Pool(Book(account("a")), clock)
    first, second = lease(pool), lease(pool)
    first.answered(429, 100)
    second.answered(429, 1)
    clock.wait(50)
    assert refusal(pool).retry_after == 50


@pytest.mark.parametrize("status", [503, 529])
def test_an_overloaded_account_is_asked_last(clock: Clock, status: int) -> None:
    pool = Pool(Book(account("a"), account("spare", priority=1)), clock)
    assert serve(pool, status) == "a"
    assert pool.states()["a"][:3] == ("cooling", 0, NOW + 10_000)
    assert serve(pool) == "spare"
    assert lease(pool, None, "spare").account.id == "a", "rather than nobody"
    clock.wait(10)
    assert serve(pool) == "a"


def test_what_one_call_may_not_do_says_nothing_of_the_account(clock: Clock) -> None:
    refused: list[str] = []
    pool = Pool(Book(account("a")), clock, refused.append)
    assert serve(pool, 403) == "a"
    assert refused == []
    assert pool.states()["a"].status == "ready"


def test_a_refused_account_is_not_asked_until_it_is_checked(clock: Clock) -> None:
    status = 401
    refused: list[str] = []
    book = Book(account("a"))
    pool = Pool(book, clock, refused.append)
    other = lease(pool)
    assert serve(pool, status) == "a"
    other.answered(status)
    assert refused == ["a"]
    assert refusal(pool)[1:] == (None, "unusable")
    state = pool.states()["a"]
    assert (state.status, str(status) in state.reason, state.cooldown_until) == ("unhealthy", True, None)
    book.tell_health("a", "unhealthy")
    assert refusal(pool).kind == "unusable"
    assert pool.states()["a"].reason == state.reason
    book.tell_health("a", "healthy")
    assert serve(pool) == "a"


def test_a_refused_account_is_asked_again_once_its_credential_changes(clock: Clock) -> None:
    book = Book(account("a", type="oauth", health="unhealthy"))
    pool = Pool(book, clock)
    assert refusal(pool).kind == "unusable"
    book.renew("a", Credential("new"))
    assert serve(pool) == "a"


def test_an_old_call_that_is_refused_says_nothing_of_the_new_credential(clock: Clock) -> None:
    book = Book(account("a"))
    pool = Pool(book, clock)
    old = lease(pool)
    book.change("a", hint="new1")
    serve(pool)
    old.answered(401)
    old.release()
    assert serve(pool) == "a"


def test_an_account_whose_credential_can_not_be_opened_is_not_asked(clock: Clock) -> None:
    book = Book(account("a"))
    book.credentials.clear()
    pool = Pool(book, clock)
    assert refusal(pool).kind == "unusable"
    assert "can't be opened" in pool.states()["a"].reason


def test_an_expired_account_is_not_asked_unless_it_can_be_renewed(clock: Clock) -> None:
    book = Book(account("a", type="oauth", expires_at=NOW + 5000), account("b", type="oauth", expires_at=NOW + 5000))
    book.credentials["b"] = Credential("bearer", "refresh")
    pool = Pool(book, clock)
    assert {serve(pool, session=one) for one in sessions(20)} == {"a", "b"}
    clock.wait(5)
    assert {serve(pool, session=one) for one in sessions(20)} == {"b"}
    assert pool.states()["a"].status == "expired"
    assert refusal(pool, "b").kind == "unusable"


@pytest.mark.parametrize("kind", ["connect", "tls", "timeout", "closed", "protocol", 500, 502, 503])
def test_five_failures_in_a_row_open_the_breaker(clock: Clock, kind: str | int) -> None:
    pool = Pool(Book(account("a")), clock)
    for _ in range(MOST_FAILURES):
        found = lease(pool)
        if isinstance(kind, int):
            found.answered(kind)
        else:
            found.failed(kind)
        found.release()
    assert refusal(pool)[1:] == (30, "broken")
    state = pool.states()["a"]
    assert state[:3] == ("open", 0, NOW + 30_000)
    assert str(kind) in state.reason
    clock.wait(30)
    trial = lease(pool)
    assert refusal(pool).kind == "busy", "one call at a time"
    trial.answered(200)
    trial.release()
    serve(pool)
    lease(pool)
    lease(pool)
    assert pool.states()["a"].status == "ready"


@pytest.mark.parametrize("status", [400, 404, 413, 429, 529])
def test_an_upstream_that_answers_so_is_not_broken(clock: Clock, status: int) -> None:
    pool = Pool(Book(account("a")), clock)
    for _ in range(20):
        serve(pool, status, retry_after=0)
    assert serve(pool) == "a"


def test_a_client_that_goes_away_says_nothing_of_the_account(clock: Clock) -> None:
    pool = Pool(Book(account("a")), clock)
    for _ in range(20):
        lease(pool).release()
    state = pool.states()["a"]
    assert (state.status, state.success_count, state.error_count, state.in_flight) == ("ready", 0, 0, 0)


def test_what_it_knows_of_an_upstream_goes_when_the_account_leads_to_another(clock: Clock) -> None:
    book = Book(account("a"))
    pool = Pool(book, clock)
    serve(pool, 429)
    book.change("a", weight=2)
    assert refusal(pool).kind == "resting"
    book.change("a", base_url="https://other.example.com")
    assert serve(pool) == "a"


def test_a_renewed_bearer_rests_on(clock: Clock) -> None:
    book = Book(account("a", type="oauth"))
    pool = Pool(book, clock)
    serve(pool, 429)
    book.change("a", hint="new1", expires_at=NOW + 1)
    assert refusal(pool).kind == "resting"


def test_a_deleted_account_is_gone_while_its_calls_end(clock: Clock) -> None:
    book = Book(account("a"), account("b"))
    pool = Pool(book, clock)
    held = lease(pool, None, "b")
    book.accounts = book.accounts[1:]
    assert {serve(pool) for _ in range(5)} == {"b"}
    held.answered(200)
    held.release()
    assert list(pool.states()) == ["b"]


# What it tells


def test_it_counts_what_became_of_calls(clock: Clock) -> None:
    pool = Pool(Book(account("a")), clock)
    clock.wait(1)
    for status in (200, 400, 500, 429):
        serve(pool, status, retry_after=0)
    cut = lease(pool)
    cut.answered(200)
    cut.failed("closed")
    cut.release()
    state = pool.states()["a"]
    assert (state.success_count, state.error_count, state.last_used_at) == (1, 3, NOW + 1000)


def test_it_keeps_what_the_upstream_says_of_its_limits_until_they_begin_anew(clock: Clock) -> None:
    pool = Pool(Book(account("a")), clock)
    five, seven = Told("five_hour", 10, NOW + 5000, "allowed"), Told("seven_day", 20, NOW + 9000, "allowed")
    newer = five._replace(used_percentage=11)
    for windows in ([five, seven], [], [newer]):
        lease(pool).answered(200, None, windows)
    assert pool.states()["a"].windows == (newer, seven)
    clock.wait(5)
    assert pool.states()["a"].windows == (seven,)


class Traffic(RuleBasedStateMachine):
    """Whatever happens, only usable accounts serve, within their concurrency, and every call is counted once."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.book = Book(
            account("a", concurrency=1), account("b", concurrency=3, weight=2), account("c", priority=1, concurrency=2)
        )
        self.pool = Pool(self.book, self.clock)
        self.open: list[Lease] = []
        self.resting: dict[str, int] = {}
        self.refused: set[str] = set()

    @rule(seconds=st.sampled_from([1, 15, 61]))
    def wait(self, seconds: int) -> None:
        self.clock.wait(seconds)

    @rule(session=st.none() | st.sampled_from("xyz"), excluded=st.sets(st.sampled_from("abc")))
    def call(self, session: str | None, excluded: set[str]) -> None:
        before = self.pool.states()
        usable = {
            name
            for name, state in before.items()
            if state.status == "ready" or (state.status == "cooling" and "overloaded" in state.reason)
        }
        found = self.pool.choose("api", session, excluded)
        if isinstance(found, Unavailable):
            assert usable <= excluded
            return
        self.open.append(found)
        name = found.account.id
        assert name in usable - excluded
        assert self.resting.get(name, 0) <= self.clock.now
        assert name not in self.refused

    @rule(data=st.data(), status=st.sampled_from([200, 200, 400, 401, 429, 500, 500, 500, 529]))
    def answer(self, data: st.DataObject, status: int) -> None:
        if not self.open:
            return
        found = data.draw(st.sampled_from(self.open))
        found.answered(status)
        name = found.account.id
        if status == 429:
            self.resting[name] = max(self.resting.get(name, 0), self.clock.now + 60_000)
        if status == 401:
            self.refused.add(name)

    @rule(data=st.data(), times=st.integers(1, 3))
    def release(self, data: st.DataObject, times: int) -> None:
        if not self.open:
            return
        found = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        for _ in range(times):
            found.release()

    @rule(name=st.sampled_from("abc"))
    def check(self, name: str) -> None:
        self.book.tell_health(name, "healthy")
        self.book.change(name, checked_at=self.clock.now)
        self.refused.discard(name)
        self.pool.states()
        # An answer to a call from before says nothing any more.
        self.open = [one for one in self.open if one.account.id != name or one.release()]

    @invariant()
    def counts_open_calls(self) -> None:
        states = self.pool.states()
        counted = Counter(one.account.id for one in self.open)
        for one in self.book.accounts:
            assert states[one.id].in_flight == counted[one.id] <= (one.concurrency or 0)


TestTraffic = Traffic.TestCase
