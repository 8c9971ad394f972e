"""Batches are read in their order, none before every older one can be; keys are found however long they are."""

from collections.abc import Iterator

import pytest

from ccledger.core.call import Source
from ccledger.ledger.postgresql.link import Link
from ccledger.ledger.postgresql.opening import address_of
from ccledger.ledger.store import Store, open_store
from tests.conformance.stores import price
from tests.conformance.test_store import make_fact
from tests.postgres import fresh_database


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url, lambda: price, "UTC")
    yield opened
    opened.close()


def test_a_batch_waits_for_whoever_began_before_it(store: Store, url: str) -> None:
    link = Link(address_of(url))
    other = link.connect("other")
    link.ask(other.execute("BEGIN; SELECT pg_current_xact_id()"))
    batch = store.append([make_fact("msg:1")], {}, now=1)
    assert store.summary().calls == 1
    assert store.batches(0, 10) == []
    link.ask(other.execute("ROLLBACK"))
    assert store.batches(0, 10) == [batch]
    link.end(other)
    link.close()


def test_keys_that_no_index_holds_are_told_from_each_other(store: Store) -> None:
    long = ["own:" + "数" * 5_000 + end for end in ("a", "b", "c")]
    store.append([make_fact(long[0], source=Source.GATEWAY), make_fact(long[1])], {}, now=1)
    assert store.booked(long) == {*long[:2]}
    assert store.exchanged(long) == {long[0]}
