"""Stores on one PostgreSQL database that are nodes of one ledger, for tests."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from ccledger.ledger.cluster import Cluster, Member, Shared
from ccledger.ledger.store import Store, open_store


class Node(NamedTuple):
    """One of them."""

    store: Store
    cluster: Cluster


@contextmanager
def node(url: str, home: str = "home", host: str = "here") -> Generator[Node]:
    """A node that leaves at the end."""
    store = open_store(url, lambda: lambda _reading, _at: None, "UTC")
    try:
        assert isinstance(store, Shared)
        cluster = store.join(Member(home, host, "1"))
        try:
            yield Node(store, cluster)
        finally:
            cluster.leave()
    finally:
        store.close()


@contextmanager
def nodes(url: str, count: int) -> Generator[list[Node]]:
    """Several, of data directories of their own."""
    with ExitStack() as stack:
        yield [stack.enter_context(node(url, f"home{number}")) for number in range(count)]
