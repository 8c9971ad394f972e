"""Builds the gateway out of its parts and the ones it meets through ports; it answers nothing itself."""

import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from ccledger.app.nodes import counting, renewing, spooling
from ccledger.app.supervisor import Supervisor
from ccledger.ledger.drain import Booker, Drain
from ccledger.ledger.spool import Position, SpoolWriter
from ccledger.sources.gateway.admit import Turnstile
from ccledger.sources.gateway.admit_shared import SharedTurnstile
from ccledger.sources.gateway.bodies import Taking
from ccledger.sources.gateway.caller import Caller
from ccledger.sources.gateway.front import Front
from ccledger.sources.gateway.health import Checker
from ccledger.sources.gateway.pool import Pool
from ccledger.sources.gateway.refresh import Refresher
from ccledger.sources.gateway.relay import Ports, Relay
from ccledger.sources.gateway.upstream import Patience
from ccledger.sources.gateway.upstream_both import BothUpstream
from ccledger.sources.gateway.web import WebBackend

if TYPE_CHECKING:
    from ccledger.access.accounts import AccountBook
    from ccledger.core.asgi import Application
    from ccledger.core.ports import Clock, Keys, Sink
    from ccledger.ledger.cluster import Cluster
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings

_RENEWING_SECONDS = 10.0
"""How long the end waits for a bearer that is being renewed: one that was issued and not written down would be lost."""


class Gateway(NamedTuple):
    """The gateway as the rest of the program sees it."""

    pool: Pool
    drain: Drain
    front: "Callable[[Application], Front]"
    """Puts it before another application."""


@contextmanager
def gateway(
    settings: "Settings",
    store: "Store",
    sink: "Sink",
    keys: "Keys",
    accounts: "AccountBook",
    clock: "Clock",
    cluster: "Cluster | None" = None,
) -> Generator[Gateway]:
    """The gateway; at the end, what came through it is on the ledger, or waits in the spool.

    `cluster` are the other nodes of the ledger, if there can be any.
    """
    with spooling(settings, store, sink, cluster) as place:
        start = Position.decode(store.position(place.position))
        drain = Drain(Booker(place.folder, sink, store.exchanged, start, place.position))
        spool = SpoolWriter(place.folder, os.urandom, drain.tell, first=start.segment + 1)
        pool = Pool(accounts, clock)
        drain.start(spool)
        parts = _Parts(settings, keys, accounts, clock, pool, spool, cluster)
        try:
            yield Gateway(pool, drain, partial(Front, partial(_opened, parts)))
        finally:
            drain.stop()
            spool.close(drain.read_to)


class _Parts(NamedTuple):
    """What is there before the loop is in which the gateway runs."""

    settings: "Settings"
    keys: "Keys"
    accounts: "AccountBook"
    clock: "Clock"
    pool: Pool
    spool: SpoolWriter
    cluster: "Cluster | None"


@asynccontextmanager
async def _opened(parts: _Parts) -> AsyncGenerator[Relay]:
    settings, accounts, clock, pool = parts.settings, parts.accounts, parts.clock, parts.pool
    patience = Patience(first_byte=settings.upstream_timeout, between_bytes=settings.upstream_idle_timeout)
    upstream, renewals, checking = BothUpstream(patience), Supervisor(), Supervisor()
    alone = renewing(parts.cluster, accounts.reload)
    refresher = Refresher(accounts, upstream, clock, renewals.spawn, pool.refuse, alone=alone)
    checker = Checker(accounts, refresher, upstream, clock, checking.spawn)
    if settings.gateway_health_checks:
        checking.spawn(checker.patrol())
    pool.tell_refused = checker.refused
    web = WebBackend(upstream, lambda: str(uuid4())) if settings.web_mode else None
    async with counting(parts.cluster) as counts:
        local = Turnstile(time.monotonic)
        ports = Ports(
            keys=parts.keys,
            turnstile=local if counts is None else SharedTurnstile(local, counts),
            pool=pool,
            spool=parts.spool,
            caller=Caller(pool, refresher, upstream, clock, web, counts),
            clock=clock,
            elapsed=time.perf_counter,
            identity=_identities(),
            taking=Taking(largest=settings.largest_body),
        )
        try:
            yield Relay(ports)
        finally:
            await checking.end()
            await renewals.end(_RENEWING_SECONDS)
            await upstream.close()


def _identities() -> Callable[[], str]:
    """Names for calls: a random one of this process, and a number."""
    process, numbers = secrets.token_hex(8), count()
    return lambda: f"{process}{next(numbers):08x}"
