"""The gateway as the program builds it, on a port of its own, in front of a fake upstream; its ledger lies open."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import uvicorn

from ccledger import app
from ccledger.access.accounts import AccountBook, NewAccount
from ccledger.access.tokens import NewToken, Tokens
from ccledger.api.server import configure
from ccledger.app.gateway import Gateway, gateway
from ccledger.core.access import AccessToken, Account
from ccledger.core.call import Call
from ccledger.ledger.spool import BODY_START, SpoolWriter
from ccledger.ledger.store import Store
from ccledger.ledger.writer import Writer
from ccledger.settings import Settings, read_settings
from tests.upstream.server import Fake

PATIENCE = 20.0
SECRET = "sk-ant-api03-planted-credential-7777"


class Running:
    """A gateway that answers."""

    def __init__(self, port: int, store: Store, tokens: Tokens, accounts: AccountBook, built: Gateway) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.store = store
        self.tokens = tokens
        self.accounts = accounts
        self.built = built
        self.server: uvicorn.Server | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.idle_tasks = 0
        issued = tokens.issue(NewToken(name="first"))
        self.token: AccessToken = issued.token
        self.key = issued.key

    def add_account(self, url: str, name: str = "upstream", **more: Any) -> Account:
        """An account at an upstream."""
        return self.accounts.add(NewAccount(name=name, type="api-key", secret=SECRET, base_url=url, **more))

    def issue(self, name: str, **asked: Any) -> str:
        """Another key."""
        return self.tokens.issue(NewToken(name=name, **asked)).key

    def ask(
        self, path: str, body: bytes | None = None, method: str | None = None, **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        """An answer and its whole body."""
        told = {"x-api-key": self.key} | {name.replace("_", "-"): text for name, text in headers.items()}
        if body is not None:
            told = {"content-type": "application/json"} | told
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, told)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    @property
    def held(self) -> tuple[int, int, int, int]:
        """What is held for calls now: accounts lent, room promised in the spool, connections of clients, tasks."""
        assert self.server is not None
        assert self.loop is not None
        lent = sum(state.in_flight for state in self.built.pool.states().values())
        promised: int = self._spool._promised  # pyright: ignore[reportPrivateUsage]
        return lent, promised, len(self.server.server_state.connections), len(asyncio.all_tasks(self.loop))

    @property
    def _spool(self) -> SpoolWriter:
        return self.built.drain._writer  # pyright: ignore[reportPrivateUsage]

    def wait_until_calm(self) -> None:
        """Waits until all is booked, and nothing is held any more but the tasks that an idle server has."""
        until(lambda: self.held[:3] == (0, 0, 0) and self.held[3] <= self.idle_tasks)
        until(lambda: self._spool.end.offset == BODY_START or self.built.drain.read_to >= self._spool.end)

    def calls(self, count: int) -> Sequence[Call]:
        """What is on the ledger, oldest first, once it holds so many calls."""
        until(lambda: self.store.summary().calls >= count)
        found = self.store.calls(0, 1 << 42)
        assert len(found) == count
        return found


def until(true: Callable[[], bool]) -> None:
    """Waits for what another thread brings about."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stands where the API would."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"not the gateway's"})


@contextmanager
def running(folder: Path, fake: Fake | None = None, **settings: Any) -> Generator[Running]:
    """A gateway; with a fake, an account of that."""
    told: Settings = read_settings({}, folder, {"data_dir": str(folder / "data")})._replace(timezone="UTC", **settings)
    surroundings = app.Surroundings({}, folder)
    with (
        app.holding(told, surroundings) as (store, cluster),
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
    ):
        tokens, accounts = app.tokens_of(store, told), app.accounts_of(store, app.vault_of(store, told))
        with gateway(told, store, Writer(store, app.clock), tokens.keys, accounts, app.clock, cluster) as built:
            found = Running(listener.getsockname()[1], store, tokens, accounts, built)
            if fake is not None:
                found.add_account(fake.url)
            found.server = uvicorn.Server(configure(built.front(_nothing)))
            with _served(found.server, listener) as found.loop:
                found.idle_tasks = len(asyncio.all_tasks(found.loop))
                yield found


@contextmanager
def _served(server: uvicorn.Server, listener: socket.socket) -> Generator[asyncio.AbstractEventLoop]:
    failures: list[BaseException] = []
    loops: list[asyncio.AbstractEventLoop] = []

    def serve() -> None:
        try:
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                loops.append(runner.get_loop())
                runner.run(server.serve([listener]))
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=serve, name="gateway")
    thread.start()
    until(lambda: server.started or bool(failures))
    try:
        yield loops[0]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not failures
        logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
