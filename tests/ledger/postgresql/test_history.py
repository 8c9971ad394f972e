"""Calls are read a page at a time, from one state of the ledger, and whoever stops early leaves nothing behind."""

import gc
import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from threading import Thread

import pytest

from ccledger.core.call import Source
from ccledger.ledger.postgresql.history import bounds_of, first_id
from ccledger.ledger.store import Store, Wanted, open_store
from tests.conformance.stores import price
from tests.conformance.test_store import FOREVER, MORNING, make_fact
from tests.postgres import fetch, fresh_database

MANY = 1_500
"""More than three pages."""
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture(autouse=True, scope="module")
def lane() -> None:
    """Nothing here is compiled."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    chooser = random.Random(3)
    at = [MORNING + chooser.randrange(40_000) for _ in range(MANY)]
    with fresh_database() as url:
        store = open_store(url, lambda: price, "UTC")
        store.append([make_fact(f"msg:{number}", at=moment) for number, moment in enumerate(at)], {}, now=1)
        earlier = [make_fact(f"msg:{number}", at=at[number] - chooser.randrange(9_000)) for number in range(0, MANY, 9)]
        store.append(earlier, {}, now=2)
        store.close()
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url, lambda: price, "UTC")
    yield opened
    opened.close()


@pytest.mark.parametrize("skip", [0, 1, 70, MANY - 1, MANY])
def test_pages_follow_each_other_without_a_gap(store: Store, skip: int) -> None:
    calls = [*store.oldest(0, FOREVER, Wanted())]
    order = [(call.fact.timing.started_at, call.id) for call in calls]
    assert len(order) == MANY
    assert order == sorted(order)
    assert [*store.oldest(0, FOREVER, Wanted(), skip)] == calls[skip:]
    assert [*store.newest(0, FOREVER, Wanted(), skip)] == calls[::-1][skip:]
    start, end = order[200][0], order[1100][0]
    inside = [call for call in calls if start <= call.fact.timing.started_at < end]
    assert [*store.newest(start, end, Wanted(), skip)] == inside[::-1][skip:]


def test_what_is_booked_meanwhile_does_not_show_on_later_pages(store: Store) -> None:
    reading = store.oldest(0, FOREVER, Wanted())
    first = next(reading)
    store.append([make_fact("own:late", at=MORNING + 50_000, source=Source.GATEWAY)], {}, now=3)
    assert len([first, *reading]) == MANY
    assert store.summary().calls == MANY + 1
    store.append([make_fact("own:late", "msg:0", at=MORNING)], {}, now=4)  # for the other tests
    assert store.summary().calls == MANY


def in_transactions(url: str) -> int:
    return fetch(url, f"SELECT count(*) {OTHERS} AND state LIKE 'idle in transaction%'")[0][0]


def test_whoever_stops_early_leaves_no_transaction_open(store: Store, url: str) -> None:
    with closing(store.newest(0, FOREVER, Wanted())) as reading:
        next(reading)
        assert in_transactions(url) == 1
    assert in_transactions(url) == 0


def test_an_iterator_that_is_forgotten_leaves_no_transaction_open(store: Store, url: str) -> None:
    circle: list[object] = [store.newest(0, FOREVER, Wanted())]
    next(circle[0])  # pyright: ignore[reportArgumentType]
    circle.append(circle)
    del circle
    gc.collect()
    # The connection was cut, which the server sees in its own time.
    assert any(in_transactions(url) == 0 for _ in range(500))


def test_many_states_can_be_held_at_once_and_few_connections_are_kept(store: Store, url: str) -> None:
    with ExitStack() as stack:
        views = [stack.enter_context(store.snapshot()) for _ in range(8)]
        assert {view.summary().calls for view in views} == {MANY}
        assert in_transactions(url) == 8
    assert in_transactions(url) == 0
    assert fetch(url, f"SELECT count(*) {OTHERS}")[0][0] <= 5


def test_connections_that_were_cut_off_while_idle_are_replaced_unnoticed(store: Store, url: str) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(store.snapshot())
    fetch(url, f"SELECT pg_terminate_backend(pid, 5000) {OTHERS}")
    assert store.summary().calls == MANY
    fetch(url, f"SELECT pg_terminate_backend(pid, 5000) {OTHERS}")
    with store.snapshot() as view:
        assert view.count(0, FOREVER, Wanted()) == MANY


def test_threads_read_beside_each_other(store: Store) -> None:
    found: list[int] = []

    def read() -> None:
        found.append(sum(1 for _ in store.newest(0, FOREVER, Wanted())))

    threads = [Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [MANY] * 6


def test_bounds_hold_the_ids_of_a_time_and_no_others() -> None:
    bounds = bounds_of(MORNING, MORNING + 2)
    assert bounds["until"] - bounds["first"] == 2 << 20
    assert first_id(0) == 0
    assert first_id(FOREVER * FOREVER) < 1 << 63
