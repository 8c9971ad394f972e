"""Stands before everything else on the port and takes what is the gateway's; the rest it hands on untouched."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

from ccledger.core.asgi import Application, Message, Receive, Scope, Send
from ccledger.sources.gateway.relay import Relay
from ccledger.sources.gateway.routes import Kind, find_route

_HELLO: Final = b'{"message":"hello"}'
_SUCCESS: Final = b'{"success":true}'


class Front:
    """An ASGI application around another one."""

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[Relay]], rest: Application) -> None:
        """`opened` lends the relay from the moment on at which a loop runs, until it ends."""
        self._opened = opened
        self._relay: Relay | None = None
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or has it answered."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        route = find_route(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if route is None or self._relay is None:
            await self._rest(scope, receive, send)
        elif route.kind is Kind.HELLO:
            await _answer(send, _HELLO if scope["method"] == "GET" else b"", len(_HELLO))
        elif route.kind is Kind.EVENTS:
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
            await _answer(send, _SUCCESS, len(_SUCCESS))
        else:
            await self._relay.carry(scope, receive, send, route)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begins and ends with the server, which does not wait once it was told that all has ended."""
        async with AsyncExitStack() as stack:
            self._relay = await stack.enter_async_context(self._opened())

            async def send_at_the_end(message: Message) -> None:
                if message["type"].startswith("lifespan.shutdown"):
                    await stack.aclose()
                await send(message)

            await self._rest(scope, receive, send_at_the_end)


async def _answer(send: Send, body: bytes, length: int) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
