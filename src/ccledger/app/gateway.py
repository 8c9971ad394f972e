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

from ccledger.app.supervisor import Supervisor
from ccledger.ledger.drain import POSITION, Drain
from ccledger.ledger.spool import Position, SpoolWriter
from ccledger.sources.gateway.admit import Turnstile
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
    from pathlib import Path

    from ccledger.core.asgi import Application
    from ccledger.core.ports import Accounts, Clock, Keys, Sink
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings

SPOOL_FOLDER = "spool"
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
    settings: "Settings", store: "Store", sink: "Sink", keys: "Keys", accounts: "Accounts", clock: "Clock"
) -> Generator[Gateway]:
    """The gateway; at the end, what came through it is on the ledger, or waits in the spool."""
    folder: Path = settings.data_dir / SPOOL_FOLDER
    start = Position.decode(store.position(POSITION))
    drain = Drain(folder, sink, store.exchanged, start)
    spool = SpoolWriter(folder, os.urandom, drain.tell, first=start.segment + 1)
    pool = Pool(accounts, clock)
    drain.start(spool)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Relay]:
        patience = Patience(first_byte=settings.upstream_timeout, between_bytes=settings.upstream_idle_timeout)
        upstream, renewing, checking = BothUpstream(patience), Supervisor(), Supervisor()
        refresher = Refresher(accounts, upstream, clock, renewing.spawn, pool.refuse)
        checker = Checker(accounts, refresher, upstream, clock, checking.spawn)
        if settings.gateway_health_checks:
            checking.spawn(checker.patrol())
        pool.tell_refused = checker.refused
        web = WebBackend(upstream, lambda: str(uuid4())) if settings.web_mode else None
        caller = Caller(pool, refresher, upstream, clock, web)
        ports = Ports(
            keys=keys,
            turnstile=Turnstile(time.monotonic),
            pool=pool,
            spool=spool,
            caller=caller,
            clock=clock,
            elapsed=time.perf_counter,
            identity=_identities(),
            taking=Taking(largest=settings.largest_body),
        )
        try:
            yield Relay(ports)
        finally:
            await checking.end()
            await renewing.end(_RENEWING_SECONDS)
            await upstream.close()

    try:
        yield Gateway(pool, drain, partial(Front, opened))
    finally:
        drain.stop()
        spool.close(drain.read_to)


def _identities() -> Callable[[], str]:
    """Names for calls: a random one of this process, and a number."""
    process, numbers = secrets.token_hex(8), count()
    return lambda: f"{process}{next(numbers):08x}"
