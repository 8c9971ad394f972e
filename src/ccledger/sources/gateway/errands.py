"""Checks an account or renews its bearer because somebody asks for it, by connections that end with the errand."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ccledger.core.access import Account, Credential
from ccledger.sources.gateway.health import Checked, Checker
from ccledger.sources.gateway.refresh import Refresher, TokenEndpoint
from ccledger.sources.gateway.upstream_both import BothUpstream

if TYPE_CHECKING:
    from ccledger.core.ports import Accounts, Clock

_Answer = TypeVar("_Answer")


class Errands:
    """May be used from any event loop, also from several."""

    def __init__(
        self,
        accounts: "Accounts",
        clock: "Clock",
        refuse: Callable[[str, str], None],
        endpoint: TokenEndpoint | None = None,
    ) -> None:
        """`refuse` as for a `Refresher`."""
        self._accounts = accounts
        self._clock = clock
        self._refuse = refuse
        self._endpoint = endpoint

    async def check(self, account: Account) -> Checked:
        """See `Checker.check`."""
        async with self._parts() as (_, checker):
            return await checker.check(account)

    async def refresh(self, account: Account) -> Credential:
        """See `Refresher.refresh`."""
        async with self._parts() as (refresher, _):
            return await refresher.refresh(account)

    @asynccontextmanager
    async def _parts(self) -> AsyncGenerator[tuple[Refresher, Checker]]:
        upstream, tasks = BothUpstream(), set[asyncio.Task[object]]()

        def spawn(work: Coroutine[Any, Any, _Answer]) -> asyncio.Task[_Answer]:
            task = asyncio.get_running_loop().create_task(work)
            tasks.add(task)
            return task

        refresher = Refresher(self._accounts, upstream, self._clock, spawn, self._refuse, self._endpoint)
        try:
            yield refresher, Checker(self._accounts, refresher, upstream, self._clock, spawn)
        finally:
            # A bearer that is being issued must not be lost because its asker went away.
            await asyncio.gather(*tasks, return_exceptions=True)
            await upstream.close()
