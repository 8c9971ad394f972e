"""Renews bearers before they expire, one request an account at a time; it keeps them through `Accounts` only."""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from ccledger.core.access import AccountType, Credential
from ccledger.core.errors import UsageError
from ccledger.sources.gateway.base_url import base_of
from ccledger.sources.gateway.upstream import Request, UpstreamFailure

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ccledger.core.access import Account
    from ccledger.core.ports import Accounts, Clock
    from ccledger.sources.gateway.upstream import Answer, Upstream

_EARLY_MS: Final = 5 * 60_000
_URGENT_MS: Final = 30_000
"""Until so shortly before its end a bearer is used while it is being renewed."""
_PAUSE_MS: Final = 60_000
"""Between two attempts for one account: a failing endpoint is not asked again by every call."""
_PATIENCE_SECONDS: Final = 30
_LARGEST_ANSWER: Final = 1 << 16
_ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")
_LOG = logging.getLogger(__name__)


class TokenEndpoint(NamedTuple):
    """Where bearers are renewed, and as which application."""

    url: str = "https://platform.claude.com/v1/oauth/token"
    client_id: str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
    """Claude Code's, which is public: bearers are what `claude setup-token` and `claude /login` issue."""


class _Granted(Struct):
    """What the endpoint answers (RFC 6749, section 5.1)."""

    access_token: str
    expires_in: float | None = None
    refresh_token: str | None = None


class _Refused(NamedTuple):
    """Why a bearer will not be renewed until somebody does something. Holds no secret."""

    reason: str


_Outcome = Credential | UpstreamFailure | _Refused
_Task = asyncio.Task[_Outcome]


class Refresher:
    """Gives out credentials that hold. One event loop uses it."""

    def __init__(
        self,
        accounts: "Accounts",
        upstream: "Upstream",
        clock: "Clock",
        spawn: Callable[[Coroutine[Any, Any, _Outcome]], _Task],
        refuse: Callable[[str, str], None],
        endpoint: TokenEndpoint | None = None,
        alone: "Callable[[str], AbstractAsyncContextManager[None]]" = nullcontext,
    ) -> None:
        """`spawn` runs a task that outlives the call it was begun for: a bearer that was issued must not be lost with
        the client. `refuse` hears the id of an account that can't be renewed, and why. While `alone` lasts for an
        account, nobody else renews its bearer, and what others did before is known; it may raise `UpstreamFailure`.
        """
        self._accounts = accounts
        self._alone = alone
        self._upstream = upstream
        self._clock = clock
        self._spawn = spawn
        self._refuse = refuse
        self._endpoint = endpoint or TokenEndpoint()
        self._running: dict[str, _Task] = {}
        self._tried_at: dict[str, int] = {}

    async def usable(self, account: "Account") -> Credential | None:
        """An account's credential, renewed if it is about to expire; None when it can't be used.

        Raises `UpstreamFailure` when it has expired and can't be renewed right now.
        """
        credential = self._credential(account)
        if credential is None or not _is_renewable(account, credential) or credential.expires_at is None:
            return credential
        left = credential.expires_at - self._clock()
        if left > _EARLY_MS:
            return credential
        if left > _URGENT_MS:
            if not self._was_tried(account):
                self._begin(account, credential)
            return credential
        outcome = await self._finish_soon(account, credential)
        if isinstance(outcome, Credential):
            return outcome
        if left > 0:
            return credential
        if isinstance(outcome, UpstreamFailure):
            raise outcome
        return None

    async def renewed(self, account: "Account", used: Credential) -> Credential | None:
        """Another credential in place of one that was just refused; None when there is none to be had."""
        current = self._credential(account)
        if current is None or not _is_renewable(account, current):
            return None
        if current.secret != used.secret:
            return current
        if account.id not in self._running and self._was_tried(account):
            return None  # it is new, and refused all the same
        outcome = await self._finish(account, current)
        return outcome if isinstance(outcome, Credential) else None

    def _credential(self, account: "Account") -> Credential | None:
        """What an account has, unless it has become another one meanwhile: a new secret is not for an old address."""
        for now in self._accounts.all():
            if now is account or (now.id == account.id and _whom(now) == _whom(account)):
                return self._accounts.credential(account.id)
        return None

    async def refresh(self, account: "Account") -> Credential:
        """Renews an account's bearer now, because somebody asks for it.

        Raises `UsageError` when it is none that can be renewed or is refused, `UpstreamFailure` when that fails.
        """
        credential = self._accounts.credential(account.id)
        if credential is None or not _is_renewable(account, credential):
            raise UsageError("only accounts of type oauth that have a refresh token can be refreshed")
        outcome = await self._finish(account, credential)
        if isinstance(outcome, UpstreamFailure):
            raise outcome
        if isinstance(outcome, _Refused):
            raise UsageError(outcome.reason)
        return outcome

    async def _finish_soon(self, account: "Account", credential: Credential) -> _Outcome:
        if account.id not in self._running and self._was_tried(account):
            return UpstreamFailure("connect", "The account's bearer could not be renewed a moment ago.", reached=False)
        return await self._finish(account, credential)

    def _was_tried(self, account: "Account") -> bool:
        return self._clock() - self._tried_at.get(account.id, -_PAUSE_MS) < _PAUSE_MS

    async def _finish(self, account: "Account", credential: Credential) -> _Outcome:
        return await asyncio.shield(self._begin(account, credential))

    def _begin(self, account: "Account", credential: Credential) -> _Task:
        """The one attempt that is under way for an account."""
        running = self._running.get(account.id)
        if running is not None:
            return running
        self._tried_at[account.id] = self._clock()
        task = self._running[account.id] = self._spawn(self._renew(account, credential))
        task.add_done_callback(lambda _: self._running.pop(account.id, None))
        return task

    async def _renew(self, account: "Account", credential: Credential) -> _Outcome:
        """Never raises: nobody may be waiting any more."""
        try:
            async with self._alone(account.id):
                current = self._accounts.credential(account.id)
                if current is not None and current.secret != credential.secret:
                    return current  # somebody else has renewed it while this waited
                return await self._renew_alone(account, credential)
        except UpstreamFailure as failure:
            self._tried_at.pop(account.id, None)  # nobody was asked
            return failure

    async def _renew_alone(self, account: "Account", credential: Credential) -> _Outcome:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                outcome = await self._ask(credential)
        except UpstreamFailure as failure:
            outcome = failure
        except TimeoutError:
            outcome = UpstreamFailure("timeout", "The token endpoint did not answer.", reached=True)
        current = self._accounts.credential(account.id)
        if current is None or current.secret != credential.secret:
            return current or outcome  # somebody changed or deleted it meanwhile
        if isinstance(outcome, _Refused):
            self._refuse(account.id, outcome.reason)
        if isinstance(outcome, Credential):
            await self._keep(account, outcome)
        return outcome

    async def _keep(self, account: "Account", credential: Credential) -> None:
        try:
            await asyncio.to_thread(self._accounts.renew, account.id, credential)
        except Exception as error:  # noqa: BLE001 - whatever a storage may raise: the bearer in memory goes on serving
            _LOG.error("the renewed credential of account %s could not be written down (%s)", account.id, error)

    async def _ask(self, credential: Credential) -> Credential | UpstreamFailure | _Refused:
        base = base_of(self._endpoint.url)
        body = {
            "grant_type": "refresh_token",
            "refresh_token": credential.refresh_token,
            "client_id": self._endpoint.client_id,
        }
        headers = [(b"content-type", b"application/json"), (b"accept", b"application/json")]
        target = base.path.encode("ascii") or b"/"
        request = Request(b"POST", base.origin, target, headers, msgspec.json.encode(body), credential.proxy_url)
        answer = await self._upstream.send(request)
        try:
            return self._read(answer.status, await read_whole(answer, _LARGEST_ANSWER), credential)
        finally:
            await answer.close()

    def _read(self, status: int, body: bytes, used: Credential) -> Credential | UpstreamFailure | _Refused:
        if status in (400, 401, 403):
            return _Refused(f"its refresh token was refused ({_error_code(body, status)}); sign in to it again")
        if status != 200:
            return UpstreamFailure("protocol", f"The token endpoint answered with status {status}.", reached=True)
        try:
            granted = msgspec.json.decode(body, type=_Granted)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return UpstreamFailure("protocol", "The token endpoint answered with something else.", reached=True)
        lasts = granted.expires_in
        expires_at = None if lasts is None else self._clock() + int(lasts * 1000)
        return Credential(granted.access_token, granted.refresh_token or used.refresh_token, expires_at, used.proxy_url)


async def read_whole(answer: "Answer", most: int) -> bytes:
    """The whole body of a small answer. Raises `UpstreamFailure` when it is larger than `most` bytes, or cut short."""
    body = b""
    while piece := await answer.read():
        body += piece
        if len(body) > most:
            raise UpstreamFailure("protocol", "The answer is larger than it should be.", reached=True)
    return body


def _whom(account: "Account") -> tuple[str, str, str]:
    """Who hears an account's secret, and as what."""
    return account.type, account.base_url, account.proxy_url


def _is_renewable(account: "Account", credential: Credential) -> bool:
    return account.type == AccountType.OAUTH and credential.refresh_token is not None


def _error_code(body: bytes, status: int) -> str:
    """The error's name, if it is plainly one: whatever else the body says might hold a secret."""
    try:
        told: Any = msgspec.json.decode(body)
        code = told["error"] if isinstance(told["error"], str) else told["error"]["type"]
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, KeyError):
        code = ""
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else f"status {status}"
