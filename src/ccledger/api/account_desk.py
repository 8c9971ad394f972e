"""Where accounts are asked about and changed, be it over HTTP or by a command; it does none of it itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from ccledger.access.accounts import AccountBook
from ccledger.core.access import Account, Credential
from ccledger.core.errors import StoreError
from ccledger.sources.gateway.health import Checked
from ccledger.sources.gateway.seat import State


class AccountDesk(NamedTuple):
    """Where the API asks about accounts and hands in changes of them."""

    book: AccountBook
    states: Callable[[], Mapping[str, State]]
    check: Callable[[Account], Awaitable[Checked]]
    refresh: Callable[[Account], Awaitable[Credential]]
    """Raises `UsageError` or `UpstreamFailure`."""

    async def checked(self, account: Account) -> Checked:
        """What a check finds; where the credential can't be opened, what has to be done so that it can be."""
        try:
            await asyncio.to_thread(self.book.open, account.id)
        except StoreError as error:
            return Checked("unhealthy", str(error), is_verdict=False)
        return await self.check(account)
