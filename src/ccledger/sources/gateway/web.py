"""Asks a claude.ai-style chat backend as if it were the Messages API, for accounts with a session key.

Whoever switches this on has to see for himself that the backend's terms of service allow it. Only text is carried,
and the usage in the answer is an estimate, which whoever meters it has to mark.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ccledger.core.asgi import Pass
from ccledger.sources.gateway.base_url import base_of
from ccledger.sources.gateway.refresh import read_whole
from ccledger.sources.gateway.upstream import Answer, Headers, Request, Upstream, UpstreamFailure, pour_out
from ccledger.wire.refusal import anthropic_error
from ccledger.wire.web_chat import (
    Answering,
    NotCarried,
    completion_body,
    conversation_body,
    first_organization,
    read_prompt,
)

if TYPE_CHECKING:
    from ccledger.core.access import Account

_LARGEST_ANSWER: Final = 1 << 20
_LARGEST_MESSAGE: Final = 1 << 25
_JSON: Final = (b"content-type", b"application/json")
_EVENTS: Final = (b"content-type", b"text/event-stream; charset=utf-8")


class WebBackend:
    """Speaks for accounts of type session-key; one event loop uses it."""

    def __init__(self, upstream: Upstream, new_id: Callable[[], str]) -> None:
        """`new_id` answers a new UUID."""
        self._upstream = upstream
        self._new_id = new_id
        self._organizations: dict[tuple[str, str], str] = {}

    async def send(self, account: "Account", request: Request) -> Answer:
        """The answer to a request that was made for the Messages API, its headers with the account's cookie.

        Raises `UpstreamFailure`.
        """
        path = request.target.partition(b"?")[0]
        if request.method != b"POST" or not path.endswith(b"/v1/messages") or not isinstance(request.body, bytes):
            return _Ready(404, anthropic_error(404, "mode web knows POST /v1/messages and nothing else"))
        try:
            prompt = read_prompt(request.body)
        except NotCarried as refusal:
            return _Ready(400, anthropic_error(400, str(refusal)))
        organization = account.organization_id or self._organizations.get((account.id, account.hint), "")
        if not organization:
            found = await self._ask(request, account, b"GET", "organizations", b"")
            if found.status >= 300:
                return await _refused(found)
            organization = first_organization(await _whole(found))
            if not organization:
                return _Ready(502, anthropic_error(502, "the web backend names no organization; give the account one"))
            self._organizations[account.id, account.hint] = organization
        conversation = self._new_id()
        folder = f"organizations/{quote(organization, safe='')}/chat_conversations"
        opened = await self._ask(request, account, b"POST", folder, conversation_body(conversation))
        if opened.status >= 300:
            return await _refused(opened)
        await _whole(opened)
        answer = await self._ask(
            request, account, b"POST", f"{folder}/{conversation}/completion", completion_body(prompt)
        )
        if answer.status >= 300:
            return await _refused(answer)
        answering = Answering(prompt, f"msg_web_{self._new_id()}")
        return _Streamed(answer, answering) if prompt.is_stream else await _gathered(answer, answering)

    async def _ask(self, request: Request, account: "Account", method: bytes, path: str, body: bytes) -> Answer:
        headers = [entry for entry in request.headers if entry[0] in (b"cookie", b"user-agent")]
        target = f"{base_of(account.base_url).path}/api/{path}".encode("ascii")
        return await self._upstream.send(
            request._replace(method=method, target=target, headers=[*headers, _JSON], body=body)
        )


class _Ready:
    """An answer that is there already. Fulfils `Answer`."""

    def __init__(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        self.status = status
        self.headers: Headers = [_JSON, *(headers or [])]
        self._body = body

    async def read(self) -> bytes:
        body, self._body = self._body, b""
        return body

    async def pour(self, take: Pass) -> None:
        await pour_out(self, take)

    async def close(self) -> None:
        self._body = b""


class _Streamed:
    """An answer that comes in events. Fulfils `Answer`."""

    def __init__(self, answer: Answer, answering: Answering) -> None:
        self.status = 200
        self.headers: Headers = [_EVENTS]
        self._answer = answer
        self._answering = answering
        self._begun = False
        self._ended = False

    async def read(self) -> bytes:
        if not self._begun:
            self._begun = True
            return self._answering.begin()
        while not self._ended:
            piece = await self._answer.read()
            events = self._answering.feed(piece) if piece else b""
            if not piece or self._answering.is_complete or self._answering.failure:
                self._ended = True
                return events + self._answering.end()
            if events:
                return events
        return b""

    async def pour(self, take: Pass) -> None:
        await pour_out(self, take)

    async def close(self) -> None:
        await self._answer.close()


async def _gathered(answer: Answer, answering: Answering) -> Answer:
    try:
        size = 0
        while not answering.is_complete and (piece := await answer.read()):
            size += len(piece)
            if size > _LARGEST_MESSAGE:
                raise UpstreamFailure("protocol", "The web backend's answer does not end.", reached=True)
            answering.feed(piece)
    finally:
        await answer.close()
    if answering.failure or not answering.is_complete:
        raise UpstreamFailure("closed", "The web backend broke its answer off.", reached=True)
    return _Ready(200, answering.whole())


async def _whole(answer: Answer) -> bytes:
    try:
        return await read_whole(answer, _LARGEST_ANSWER)
    finally:
        await answer.close()


async def _refused(answer: Answer) -> Answer:
    """A refusal in the words of Messages; the backend's own may be a page for people."""
    await answer.close()
    status = answer.status if answer.status >= 400 else 502
    kept = [entry for entry in answer.headers if entry[0] == b"retry-after"]
    return _Ready(status, anthropic_error(status, f"the web backend answered with status {answer.status}"), kept)
