"""Gets an answer from one of the accounts, by another one where the first can't give it; it reads no body."""

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.core.access import AccountType
from ccledger.core.call import Failer
from ccledger.core.counting import CallLimits, CountsAway, Lack, subject_of_account
from ccledger.sources.gateway.base_url import base_of
from ccledger.sources.gateway.credentials import authorise
from ccledger.sources.gateway.pool import Unavailable
from ccledger.sources.gateway.refused import Refused, unanswered, unserved
from ccledger.sources.gateway.retry import MOST_ATTEMPTS, is_retryable
from ccledger.sources.gateway.upstream import Answer, Headers, Request, UpstreamFailure
from ccledger.wire.limit_headers import read_limits

if TYPE_CHECKING:
    from ccledger.core.access import Credential
    from ccledger.core.ports import Clock, Counts
    from ccledger.sources.gateway.pool import Lease, Pool
    from ccledger.sources.gateway.refresh import Refresher
    from ccledger.sources.gateway.upstream import Upstream
    from ccledger.sources.gateway.visit import Visit
    from ccledger.sources.gateway.web import WebBackend

_IDENTITY: Final = (b"accept-encoding", b"identity")
"""Usage is read from the answer as it passes, so that it should not be compressed."""
_WEB_IS_OFF: Final = "mode web is switched off here; use mode api, or ask whoever runs this gateway to set web_mode"


_JUDGING: Final = frozenset(("messages", "chat", "count_tokens", "models"))
"""What every credential may ask: elsewhere, one that is good may well be refused."""
_MAYBE_DONE: Final = frozenset((502, 504, 522, 524))
"""What stands between says so of an upstream that may have done the work all the same."""
_SAFE: Final = (b"GET", b"HEAD")
_OBJECTS: Final = ("messages/batches", "files")
"""What is made here lives with the account it was made by."""
_OF_A_MODEL: Final = "seven_day_"
"""How the names of windows begin that hold for one family of models."""


_FULL: Final = Unavailable(
    "every account has as many calls open as it may have, on all nodes together; ask again in a second", 1, "busy"
)
_UNCOUNTED: Final = Unavailable(
    "every account that is free has a limit of open calls, and the database that counts them can't be reached; "
    "ask again in 5 seconds",
    5,
    "broken",
)


class Question(NamedTuple):
    """What to ask an upstream."""

    method: bytes
    path: str
    """The path as the API has it, percent-encoded."""
    query: bytes
    headers: Headers
    """In their order, without credentials."""
    body: bytes | AsyncIterator[bytes]


class Caller:
    """Asks accounts. One thread uses it."""

    def __init__(
        self,
        pool: "Pool",
        refresher: "Refresher",
        upstream: "Upstream",
        clock: "Clock",
        web: "WebBackend | None" = None,
        counts: "Counts | None" = None,
    ) -> None:
        """`web` is for accounts with a session key; without it, calls by them are refused.

        `counts` counts the calls by accounts that may not have any number open, where others use them, too.
        """
        self._pool = pool
        self._refresher = refresher
        self._upstream = upstream
        self._clock = clock
        self._web = web
        self._counts = counts

    async def ask(self, visit: "Visit", question: Question) -> "tuple[Answer, Lease]":
        """An upstream's answer, of which nothing is read yet, and the lease to be released when it is.

        Raises `Refused` when no account can be asked, or none that was asked answered.
        """
        tried: set[str] = set()
        lease = await self._choose(visit, tried)
        while True:
            if isinstance(lease, Unavailable):
                raise unserved(lease)
            visit.account = lease.account
            tried.add(lease.account.id)
            try:
                answer = await self._answer(visit, lease, question)
            except UpstreamFailure as failure:
                if failure.kind == "protocol" and not failure.reached:
                    # What this client sent can't be said to any upstream, and says nothing about this one.
                    lease.release()
                    raise Refused(400, failure.text, Failer.CLIENT) from None
                lease.failed(failure.kind)
                lease.release()
                following = await self._next(visit, question, tried, repeatable=not failure.reached)
                if following is None:
                    raise unanswered(failure) from None
                lease = following
                continue
            except BaseException:
                lease.release()
                raise
            if not is_retryable(answer.status):
                return answer, lease
            repeatable = answer.status not in _MAYBE_DONE or question.method in _SAFE
            try:
                following = await self._next(visit, question, tried, repeatable=repeatable)
            except BaseException:
                lease.release()
                await answer.close()
                raise
            if following is None:
                return answer, lease
            lease.release()
            lease = following
            try:
                await answer.close()
            except BaseException:
                lease.release()
                raise

    async def _choose(self, visit: "Visit", tried: set[str]) -> "Lease | Unavailable":
        """An account for a call that has room for it, counted with what others have open by the same account."""
        full: set[str] = set()
        why: Unavailable | None = None
        while True:
            lease = self._pool.choose(visit.mode or "", _home(visit), tried | full)
            if isinstance(lease, Unavailable):
                return why or lease
            if self._counts is None or lease.account.concurrency is None:
                return lease
            why = await self._count(self._counts, lease)
            if why is None:
                return lease
            full.add(lease.account.id)

    async def _count(self, counts: "Counts", lease: "Lease") -> Unavailable | None:
        """Counts a call by an account; why it can't be made, and then the lease is given back."""
        account = lease.account
        try:
            ticket = await counts.take(subject_of_account(account), CallLimits(concurrency=account.concurrency), 0)
        except CountsAway:
            lease.release()
            return _UNCOUNTED
        except BaseException:
            lease.release()
            raise
        if isinstance(ticket, Lack):
            lease.release()
            return _FULL
        lease.ended = partial(counts.leave, ticket, 0)
        return None

    async def _next(self, visit: "Visit", question: Question, tried: set[str], *, repeatable: bool) -> "Lease | None":
        """Another account for the same question, where it may be asked again."""
        if not repeatable or visit.attempts >= MOST_ATTEMPTS or not isinstance(question.body, bytes):
            return None
        lease = await self._choose(visit, tried)
        return None if isinstance(lease, Unavailable) else lease

    async def _answer(self, visit: "Visit", lease: "Lease", question: Question) -> Answer:
        credential = await self._refresher.usable(lease.account)
        if credential is None:
            lease.refused("its credential can't be used")
            raise UpstreamFailure("connect", "The account's credential can't be used.", reached=False)
        answer = await self._send(visit, lease, credential, question)
        if answer.status == 401 and isinstance(question.body, bytes):
            answer = await self._again(visit, answer, lease, credential, question)
        now = self._clock()
        limits = read_limits(answer.headers, now)
        rests_until = limits.rests_until(now)
        wait = None if rests_until is None else (rests_until - now) / 1000
        lease.answered(_told_of_account(answer.status, visit.endpoint, limits.claim), wait, limits.windows)
        return answer

    async def _again(
        self, visit: "Visit", answer: Answer, lease: "Lease", used: "Credential", question: Question
    ) -> Answer:
        """The answer to another credential, where the account has one by now; else the one that there is."""
        try:
            renewed = await self._refresher.renewed(lease.account, used)
        except BaseException:
            await answer.close()
            raise
        if renewed is None:
            return answer
        await answer.close()
        return await self._send(visit, lease, renewed, question)

    async def _send(self, visit: "Visit", lease: "Lease", credential: "Credential", question: Question) -> Answer:
        visit.know(credential)
        request = self._request(lease, credential, question)
        if lease.account.type == AccountType.SESSION_KEY and self._web is None:
            raise Refused(403, _WEB_IS_OFF)
        visit.attempts += 1
        visit.is_unseen = True
        try:
            if self._web is not None and lease.account.type == AccountType.SESSION_KEY:
                answer = await self._web.send(lease.account, request)
            else:
                answer = await self._upstream.send(request)
        except UpstreamFailure as failure:
            visit.is_unseen = failure.reached
            raise
        visit.is_unseen = False
        return answer

    def _request(self, lease: "Lease", credential: "Credential", question: Question) -> Request:
        base = base_of(lease.account.base_url)
        target = f"{base.path}{question.path}".encode("ascii")
        if question.query:
            target += b"?" + question.query
        headers = authorise([*question.headers, _IDENTITY], lease.account, credential)
        return Request(question.method, base.origin, target, headers, question.body, credential.proxy_url)


def _home(visit: "Visit") -> str | None:
    """What keeps calls with the account that knows what they are about."""
    for kind in _OBJECTS:
        if visit.endpoint.startswith(kind):
            return kind
    return visit.session


def _told_of_account(status: int, endpoint: str, claim: str) -> int:
    """What a status says of the account that was asked; 403: nothing, but another one may be able to do this."""
    is_about_call = status == 401 and endpoint not in _JUDGING
    is_about_model = status == 429 and claim.startswith(_OF_A_MODEL)
    return 403 if is_about_call or is_about_model else status
