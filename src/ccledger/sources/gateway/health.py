"""Checks accounts without using a token of them: it asks for the list of models, and never for an answer of one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from ccledger.core.access import AccountType
from ccledger.sources.gateway.base_url import base_of
from ccledger.sources.gateway.credentials import authorise
from ccledger.sources.gateway.upstream import Request, UpstreamFailure

if TYPE_CHECKING:
    from ccledger.core.access import Account, Credential
    from ccledger.core.ports import Accounts, Clock
    from ccledger.sources.gateway.refresh import Refresher
    from ccledger.sources.gateway.upstream import Upstream

_PATIENCE_SECONDS: Final = 30
_PAUSE_MS: Final = 60_000
"""Between two checks of an account that nobody asked for."""
_EVERY_SECONDS: Final = 300
_API_HEADERS: Final = ((b"anthropic-version", b"2023-06-01"), (b"accept", b"application/json"))
_FREE_CALLS: Final = {
    AccountType.API_KEY: b"/v1/models?limit=1",
    AccountType.OAUTH: b"/v1/models?limit=1",
    AccountType.SESSION_KEY: b"/api/organizations",
}
_EXPIRED: Final = "the account's credential has expired, and it can't be renewed"
_CLOSED: Final = "the account's credential can't be opened here; give the server the master key it was sealed with"
_LOG = logging.getLogger(__name__)


class Checked(NamedTuple):
    """What a check found."""

    status: Literal["healthy", "unhealthy", "unknown"]
    """`unknown`: the upstream answers, but has no call that would show whether it takes the credential."""
    message: str
    is_verdict: bool
    """False when the check itself failed, which says nothing of the credential."""


class Checker:
    """Checks accounts. One event loop uses it."""

    def __init__(
        self,
        accounts: "Accounts",
        refresher: "Refresher",
        upstream: "Upstream",
        clock: "Clock",
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._accounts = accounts
        self._refresher = refresher
        self._upstream = upstream
        self._clock = clock
        self._spawn = spawn
        self._sleep = sleep
        self._checked_at: dict[str, int] = {}

    async def check(self, account: "Account") -> Checked:
        """Finds out whether the upstream takes an account's credential, and keeps what was found."""
        found = await self._look(account)
        if found.is_verdict:
            await asyncio.to_thread(self._accounts.tell_health, account.id, found.status)
        return found

    def refused(self, account: str) -> None:
        """A call was refused (`Pool.tell_refused`): keeps that, and looks soon whether it was the call or the account.

        A credential that is good must not stay unused because one call asked for what it may not have.
        """
        self._spawn(self._look_again(account))

    async def patrol(self) -> None:
        """Checks every active account from time to time, for ever."""
        while True:
            await self._sleep(_EVERY_SECONDS)
            for account in self._accounts.all():
                if account.is_active and (found := await self._look(account)).is_verdict:
                    await self._note(account.id, found.status)

    async def _look_again(self, name: str) -> None:
        await self._note(name, "unhealthy")
        now = self._clock()
        due = max(now, self._checked_at.get(name, now - _PAUSE_MS) + _PAUSE_MS)
        self._checked_at[name] = due
        await self._sleep((due - now) / 1000)
        account = next((one for one in self._accounts.all() if one.id == name), None)
        if account is not None and account.health == "unhealthy" and (await self._look(account)).status == "healthy":
            await self._note(name, "healthy")

    async def _note(self, account: str, health: str) -> None:
        """Keeps what was found. Never raises: nobody waits for it."""
        try:
            await asyncio.to_thread(self._accounts.tell_health, account, health)
        except Exception as error:  # noqa: BLE001 - whatever a storage may raise; the next check tells again
            _LOG.error("the health of account %s could not be written down (%s)", account, error)

    async def _look(self, account: "Account") -> Checked:
        try:
            credential = await self._refresher.usable(account)
            if credential is None:
                is_there = self._accounts.credential(account.id) is not None
                return Checked("unhealthy", _EXPIRED if is_there else _CLOSED, is_verdict=is_there)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return _judge(await self._status(account, credential))
        except TimeoutError:
            return Checked("unhealthy", "the upstream did not answer in time", is_verdict=False)
        except UpstreamFailure as failure:
            return Checked("unhealthy", failure.text, is_verdict=False)

    async def _status(self, account: "Account", credential: "Credential") -> int:
        base = base_of(account.base_url)
        target = base.path.encode("ascii") + _FREE_CALLS[AccountType(account.type)]
        headers = authorise([*_API_HEADERS], account, credential)
        answer = await self._upstream.send(Request(b"GET", base.origin, target, headers, b"", credential.proxy_url))
        await answer.close()
        return answer.status


def _judge(status: int) -> Checked:
    if status in (401, 403):
        return Checked("unhealthy", f"the upstream refuses the credential (status {status})", is_verdict=True)
    if status < 400 or status == 429:
        return Checked("healthy", "the upstream takes the credential", is_verdict=True)
    if status < 500:
        text = f"the upstream answers, but can't be asked about the credential for nothing (status {status})"
        return Checked("unknown", text, is_verdict=True)
    return Checked("unhealthy", f"the upstream does not work (status {status})", is_verdict=False)
