"""Answers HEAD as GET does, without the body; it leaves every other method alone."""

from ccledger.core.asgi import Application, Message, Receive, Scope, Send


class Head:
    """Wraps the application, whose routes then only have to know GET."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)
