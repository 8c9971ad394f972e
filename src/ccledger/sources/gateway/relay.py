"""Carries a call to an upstream and its answer back, byte for byte, and has it written down before it ends."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.core.access import Mode
from ccledger.core.asgi import CONNECTION, Connection, Receive, Scope, Send
from ccledger.core.call import Failer
from ccledger.sources.gateway.admit import Pass, refusal_of
from ccledger.sources.gateway.answering import Answering, Way
from ccledger.sources.gateway.bodies import ClientLeft, Taking
from ccledger.sources.gateway.forms import Anthropic, Form, OpenAI, OpenAIModel, OpenAIModels
from ccledger.sources.gateway.heads import Asking, read_asking
from ccledger.sources.gateway.questions import (
    for_models,
    models_in,
    read_chat,
    read_messages,
    read_other,
    read_whole,
)
from ccledger.sources.gateway.refused import Refused
from ccledger.sources.gateway.routes import Kind, Route
from ccledger.sources.gateway.visit import LEFT, Ending, Visit
from ccledger.wire.asked import estimate_tokens

if TYPE_CHECKING:
    from ccledger.core.access import AccessToken
    from ccledger.core.ports import Clock, Keys, Spool
    from ccledger.sources.gateway.admit import Gate
    from ccledger.sources.gateway.caller import Caller, Question
    from ccledger.sources.gateway.pool import Pool

_GONE: Final = Ending(LEFT, Failer.CLIENT, "the client went away before the answer was complete")
_STOPPED: Final = Ending(503, Failer.GATEWAY, "the gateway was stopped before the answer was complete")
_ENDS: Final = "the gateway is being stopped; ask again in a few seconds"
_UNKNOWN: Final = "this key is not known here; 'ccledger token create' issues one"
_NO_KEY: Final = "a key is missing; send one issued here as 'x-api-key' or 'Authorization: Bearer'"
_WRONG_MODE: Final = "x-proxy-mode takes api, web or both"
_FAILED: Final = "the gateway failed; its log says how"
_NO_ROOM: Final = "the gateway's disk is full and no call could be recorded; free some space there, then try again"
_ELSEWHERE: Final = "*"
"""The endpoint of what strangers ask for."""
_MOMENT_MS: Final = 20
"""What was true of a token holds for so long."""
_STRANGERS_A_SECOND: Final = 10
"""How many calls without a key of ours are written down: the book is not to be filled by whoever knocks."""


class Ports(NamedTuple):
    """What the gateway is put together from."""

    keys: "Keys"
    turnstile: "Gate"
    pool: "Pool"
    spool: "Spool"
    caller: "Caller"
    clock: "Clock"
    elapsed: Callable[[], float]
    """Seconds since some moment, always going forward."""
    identity: Callable[[], str]
    """A new id for a call."""
    taking: Taking = Taking()


class Relay:
    """Deals with one request after the other; one loop uses it."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._strangers = (0, 0)
        """How many calls without a key were written down in a second, and in which."""

    async def carry(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        """Answers one request, whatever becomes of it."""
        ports = self._ports
        visit = Visit(ports.spool, ports.identity(), route.endpoint, ports.clock())
        form = _form_of(scope, route, visit)
        connection: Connection | None = scope.get(CONNECTION)
        answering = Answering(visit, Way.of(scope, send), form, ports.elapsed, connection)
        watch = _Watch(connection)
        try:
            await self._carry(scope, receive, visit, answering, route, form)
        except Refused as refused:
            if visit.token is None and route.kind is Kind.PASS:
                visit.endpoint = _ELSEWHERE  # whoever knocks must not fill the book with names
            if visit.token is not None or self._may_note_stranger(visit):
                answering.end(Ending(refused.status, refused.failed_by, refused.text))
            visit.leave()
            await answering.refuse(refused, visit.own)
        except ClientLeft:
            answering.end(_GONE)
        except asyncio.CancelledError:
            answering.end(_GONE if watch.is_lost else _STOPPED)
            visit.leave()
            if not watch.is_lost:
                # The server ends. Nothing here waits any more: what is sent now is sent at once.
                await answering.refuse(Refused(_STOPPED.status, _ENDS, Failer.GATEWAY, 5), visit.own)
        except Exception:
            answering.end(Ending(500, Failer.GATEWAY, _FAILED))
            visit.leave()
            await answering.refuse(Refused(500, _FAILED), visit.own)
            raise
        finally:
            watch.end()
            visit.leave()

    async def _carry(
        self, scope: Scope, receive: Receive, visit: Visit, answering: Answering, route: Route, form: Form
    ) -> None:
        asking = read_asking(scope["headers"])
        visit.know_secret(asking.secret)
        token = self._token(asking)
        visit.token, visit.session, visit.agent = token, asking.session, asking.agent
        mode = visit.mode = self._mode(token, asking)
        client = scope.get("client")
        self._check(token, None, client, mode)
        question = await self._read(scope, receive, visit, route, form, asking)
        token = visit.token = self._still(token, asking, client, visit)
        for model in self._models(token, question):
            self._check(token, model, client, mode)
        visit.session = asking.session or (visit.asked.session or None if visit.asked else None)
        expected = 0 if visit.asked is None else estimate_tokens(visit.asked.text_bytes)
        entered = await self._ports.turnstile.enter(token, expected)
        if not isinstance(entered, Pass):
            raise Refused(entered.status, entered.sentence, Failer.GATEWAY, entered.retry_after)
        visit.entered = entered
        self._still(token, asking, client, visit)
        await self._pass(visit, answering, question)

    async def _pass(self, visit: Visit, answering: Answering, question: "Question") -> None:
        if not visit.admit():
            raise Refused(503, _NO_ROOM, Failer.GATEWAY, 5)
        answer, lease = await self._ports.caller.ask(visit, question)
        try:
            await answering.pass_on(answer, lease)
        finally:
            lease.release()
            with suppress(Exception):
                await answer.close()

    async def _read(
        self, scope: Scope, receive: Receive, visit: Visit, route: Route, form: Form, asking: Asking
    ) -> "Question":
        taking = self._ports.taking
        if isinstance(form, OpenAIModels | OpenAIModel):
            return for_models(await read_other(scope, receive, route, asking, taking))
        if isinstance(form, OpenAI):
            question, visit.asked = await read_chat(receive, route, asking, taking, form)
            return question
        if route.kind is Kind.MESSAGES or route.endpoint == "count_tokens":
            question, visit.asked = await read_messages(scope, receive, route, asking, taking)
            return question
        assert visit.token is not None
        if visit.token.models and scope["method"] == "POST" and not route.endpoint.startswith("files"):
            return await read_whole(scope, receive, asking, taking)
        return await read_other(scope, receive, route, asking, taking)

    def _models(self, token: "AccessToken", question: "Question") -> set[str]:
        """The models that a call may use, where the token may not use all."""
        if not token.models or question.method != b"POST" or not isinstance(question.body, bytes):
            return set()
        return models_in(question.body)

    def _token(self, asking: Asking) -> "AccessToken":
        token = self._ports.keys.find(asking.secret) if asking.secret else None
        if token is None:
            raise Refused(401, _UNKNOWN if asking.secret else _NO_KEY, Failer.CLIENT)
        return token

    def _still(
        self, token: "AccessToken", asking: Asking, client: "tuple[str, int] | None", visit: Visit
    ) -> "AccessToken":
        """The token as it is now: it may have been revoked or changed while the body came, or the call waited."""
        if self._ports.clock() - visit.started_at < _MOMENT_MS:
            return token
        token = self._token(asking)
        self._check(token, None, client, visit.mode or "")
        return token

    def _mode(self, token: "AccessToken", asking: Asking) -> str:
        """Which kind of account serves a call: the token says so, or lets the caller choose."""
        wanted = asking.mode
        if wanted and wanted not in tuple(Mode):
            raise Refused(400, _WRONG_MODE, Failer.CLIENT)
        if token.mode != Mode.BOTH:
            return wanted or token.mode
        pool = self._ports.pool
        if wanted in (Mode.API, Mode.WEB):
            return wanted
        return Mode.WEB if pool.serves(Mode.WEB) and not pool.serves(Mode.API) else Mode.API

    def _check(self, token: "AccessToken", model: str | None, client: "tuple[str, int] | None", mode: str) -> None:
        """Raises `Refused` when a token does not allow a call."""
        refusal = refusal_of(token, self._ports.clock(), model, client[0] if client else "", mode)
        if refusal is not None:
            raise Refused(refusal.status, refusal.sentence, Failer.CLIENT, refusal.retry_after)

    def _may_note_stranger(self, visit: Visit) -> bool:
        count, second = self._strangers
        now = visit.started_at // 1000
        self._strangers = (count + 1 if second == now else 1, now)
        return self._strangers[0] <= _STRANGERS_A_SECOND


class _Watch:
    """Ends a call when its client goes away."""

    def __init__(self, connection: Connection | None) -> None:
        self.is_lost = False
        self._connection = connection
        self._task = asyncio.current_task()
        if connection is not None:
            connection.on_lost = self._lose

    def _lose(self) -> None:
        self.is_lost = True
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Looks no more."""
        if self._connection is not None and self._connection.on_lost == self._lose:
            self._connection.on_lost = None


def _form_of(scope: Scope, route: Route, visit: Visit) -> Form:
    if route.kind is Kind.CHAT:
        return OpenAI(visit.started_at // 1000)
    if route.kind is Kind.MODELS and not any(name == b"anthropic-version" for name, _ in scope["headers"]):
        created = visit.started_at // 1000
        return OpenAIModels(created) if route.endpoint == "models" else OpenAIModel(created)
    return _ANTHROPIC


_ANTHROPIC: Final = Anthropic()
