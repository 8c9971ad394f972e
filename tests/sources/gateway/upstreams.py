"""Finds every upstream client by its file's name, and runs a test in it on every loop; a new client adds its file."""

import asyncio
import gc
import importlib
import pkgutil
import ssl
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

import uvloop

import ccledger.sources.gateway
from ccledger.sources.gateway.upstream import Answer, Limits, Origin, Patience, Request, Upstream

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
PATIENT = Patience(20, 20, 20)
"""For everything that is not about waiting: the machine may be busy."""


class Setup(NamedTuple):
    """A client, and the loop it runs on."""

    client: str
    loop: str

    @asynccontextmanager
    async def using(
        self, patience: Patience = PATIENT, limits: Limits | None = None, tls: ssl.SSLContext | None = None
    ) -> AsyncGenerator[Upstream]:
        """The client, closed afterwards."""
        module = importlib.import_module(f"ccledger.sources.gateway.upstream_{self.client}")
        client = cast("Upstream", getattr(module, f"{self.client.capitalize()}Upstream")(patience, limits, tls))
        try:
            yield client
        finally:
            await client.close()

    def run(self, test: Callable[[], Awaitable[None]]) -> None:
        """Runs a test, and fails it for tasks and sockets that it leaves behind."""

        async def whole() -> None:
            complaints: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await test()
            me = asyncio.current_task()
            for _ in range(100):
                if len(asyncio.all_tasks()) == 1:
                    break
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {me}
            assert complaints == []

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with asyncio.Runner(loop_factory=LOOPS[self.loop]) as runner:
                runner.run(whole())
            gc.collect()


def clients() -> list[str]:
    """The clients there are."""
    names = [module.name for module in pkgutil.iter_modules(ccledger.sources.gateway.__path__)]
    return [name.removeprefix("upstream_") for name in names if name.startswith("upstream_")]


def setups() -> list[Setup]:
    """Every client on every loop."""
    return [Setup(client, loop) for client in clients() for loop in LOOPS]


def get(port: int, target: bytes = b"/", method: bytes = b"GET", host: str = "127.0.0.1", proxy: str = "") -> Request:
    """A request without a body."""
    return Request(method, Origin("http", host, port), target, [(b"accept", b"*/*")], b"", proxy)


def post(port: int, body: object = b'{"model":"m"}', scheme: str = "http", host: str = "127.0.0.1") -> Request:
    """A request with a body."""
    headers = [(b"content-type", b"application/json")]
    return Request(b"POST", Origin(scheme, host, port), b"/v1/messages", headers, cast("bytes", body))


async def whole(answer: Answer) -> bytes:
    """All of an answer's body."""
    pieces: list[bytes] = []
    while piece := await answer.read():
        pieces.append(piece)
    await answer.close()
    return b"".join(pieces)
