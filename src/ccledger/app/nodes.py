"""Ties the parts of a server to the other nodes of its ledger; where there is one node only, it ties nothing."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ccledger.ledger.cluster import BATCH, EVERYTHING, Cluster, home_of
from ccledger.ledger.drain import POSITION
from ccledger.ledger.inherit import Heir, book_left, holding, position_of, position_of_own
from ccledger.ledger.spool import segments
from ccledger.sources.gateway.upstream import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ccledger.access.accounts import AccountBook
    from ccledger.access.tokens import Tokens
    from ccledger.api.live import Live
    from ccledger.core.ports import Counts, Sink
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings

SPOOL_FOLDER: Final = "spool"
_BATCHES_AT_ONCE: Final = 500
_OWED_SECONDS: Final = 10.0
"""How long a batch that was told of may be hidden by an older one that is still being booked."""
_RENEWING_SECONDS: Final = 20.0
_RETRY_SECONDS: Final = 0.2


class Followed:
    """What was booked by any node, told to the live pages in its order, each batch once."""

    def __init__(self, store: "Store", live: "Live") -> None:
        self._store = store
        self._live = live
        self._after = 0
        while batches := store.batches(self._after, _BATCHES_AT_ONCE):
            self._after = batches[-1].sequence

    def follow(self) -> bool:
        """Tells what is new; whether anything was."""
        before = self._after
        while batches := self._store.batches(self._after, _BATCHES_AT_ONCE):
            for batch in batches:
                self._live.tell_batch(batch)
                self._after = batch.sequence
        return self._after != before


class Ears:
    """Takes over what other nodes changed."""

    def __init__(self, followed: Followed, tokens: "Tokens", accounts: "AccountBook") -> None:
        self._followed = followed
        self._tokens = tokens
        self._accounts = accounts
        self._owed_until = 0.0

    def told(self, topics: frozenset[str]) -> frozenset[str]:
        """Reads anew what is on these topics; answers those that have to be told again."""
        # Keys first: one that was revoked must not wait for anything.
        if topics & {EVERYTHING, "access_token", "users"}:
            self._tokens.reload()
        if topics & {EVERYTHING, "accounts"}:
            self._accounts.reload()
        return self._follow(topics)

    def _follow(self, topics: frozenset[str]) -> frozenset[str]:
        now = time.monotonic()
        if BATCH in topics and self._owed_until <= now:
            self._owed_until = now + _OWED_SECONDS
        if self._followed.follow() or now >= self._owed_until:
            self._owed_until = 0.0
        return frozenset((BATCH,)) if self._owed_until else frozenset()


class Spool(NamedTuple):
    """Where this node's calls wait for the ledger."""

    folder: Path
    position: str
    """The name under which the ledger keeps how far it is read."""


@contextmanager
def spooling(settings: "Settings", store: "Store", sink: "Sink", cluster: Cluster | None) -> Generator[Spool]:
    """The spool of this node, and an eye on those of dead nodes where they share a folder."""
    inside = settings.data_dir / SPOOL_FOLDER
    if cluster is None:
        yield Spool(inside, POSITION)
        return
    home = home_of(settings.data_dir)
    own = Spool(inside, position_of_own(home))
    if settings.spool_dir is None:
        yield own
        return
    if segments(inside):
        book_left(*own, store, sink)
    folder = settings.spool_dir / home
    with holding(folder):
        heir = Heir(settings.spool_dir, home, store, sink, cluster.expel)
        heir.start()
        try:
            yield Spool(folder, position_of(home))
        finally:
            heir.stop()


def hear(cluster: Cluster | None, store: "Store", live: "Live", tokens: "Tokens", accounts: "AccountBook") -> None:
    """From now on what other nodes change holds here, and what they book is seen here."""
    if cluster is not None:
        cluster.follow(Ears(Followed(store, live), tokens, accounts).told)


def counting(cluster: Cluster | None) -> "AbstractAsyncContextManager[Counts | None]":
    """Who counts calls together with other nodes; None where there are none."""
    return nullcontext() if cluster is None else cluster.counting()


def renewing(
    cluster: Cluster | None, reload: "Callable[[], None]"
) -> "Callable[[str], AbstractAsyncContextManager[Any]]":
    """Lets one node at a time renew an account's bearer: a refresh token is often worth nothing the second time."""
    return nullcontext if cluster is None else partial(_renewing_alone, cluster, reload)


@asynccontextmanager
async def _renewing_alone(cluster: Cluster, reload: "Callable[[], None]", account: str) -> AsyncGenerator[None]:
    deadline = time.monotonic() + _RENEWING_SECONDS
    while True:
        job = cluster.alone(f"renew {account}")
        if await _try(job.__enter__):
            break
        await _try(partial(job.__exit__, None, None, None))
        if time.monotonic() > deadline:
            raise UpstreamFailure("timeout", "Another node is still renewing this bearer.", reached=False)
        await asyncio.sleep(_RETRY_SECONDS)
    try:
        await _try(reload)
        yield
    finally:
        await asyncio.shield(asyncio.to_thread(job.__exit__, None, None, None))


async def _try(work: "Callable[[], Any]") -> Any:
    """Does some work beside the loop. Raises `UpstreamFailure` when the database is away."""
    try:
        return await asyncio.to_thread(work)
    except Exception as error:
        raise UpstreamFailure(
            "connect", "The bearer can't be renewed while the database that all nodes share is away.", reached=False
        ) from error
