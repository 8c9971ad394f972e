"""Runs an ASGI application on a TCP port and on the data directory's Unix socket until it is told to end."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn

from ccledger.api.protocol import Protocol
from ccledger.core.asgi import Application
from ccledger.core.errors import LedgerError

_DRAIN_SECONDS: Final = 5
_BACKLOG: Final = 256
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_LARGEST_MESSAGE: Final = 1 << 16
_REACHED_BY: Final[dict[str, str]] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - this is about telling them apart
"""The address to ask for of a server that listens on all of them."""


@contextmanager
def listening(host: str, port: int, local: Path) -> Generator[list[socket.socket]]:
    """The sockets of a server: one for everybody on this machine, one at `local` for the user alone.

    Raises `LedgerError` when one can't be had.
    """
    with _listen(host, port) as tcp:
        try:
            with _listen_locally(local) as own:
                yield [tcp, own]
        finally:
            local.unlink(missing_ok=True)


def run(
    app: Application,
    sockets: Sequence[socket.socket],
    announce: Callable[[str], None],
    ending: Callable[[], None],
    log_level: str,
) -> None:
    """Serves until SIGINT or SIGTERM, then lets open requests finish, for a few seconds.

    `announce` hears the address when it answers; `ending` ends what requests may be waiting for.
    """
    logging.basicConfig(level=log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Below that it tells the addresses and heads of WebSocket handshakes, with the keys and cookies in them.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.getLogger().level))
    config = configure(app)
    server = _Server(config, lambda: announce(address_of(sockets[0])), ending)
    # What was built so far stays until the end. Looking through it again and again takes longer than most answers.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(list(sockets)))


def configure(app: Application) -> uvicorn.Config:
    """How uvicorn serves us: no header of a proxy is believed, and no client makes it keep large messages."""
    return uvicorn.Config(
        app,
        http=Protocol.of_server(),
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


class _Server(uvicorn.Server):
    """A server that says when it is ready, and that a signal ends in order, with exit code 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A thread of its own: those of the default pool may all be waiting for what `ending` ends.
        with ThreadPoolExecutor(1) as own:
            await asyncio.get_running_loop().run_in_executor(own, self._ending)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise LedgerError(
            f"port {port} on {host} can't be used ({error.strerror}); "
            "stop what listens there, or choose another with --port or CCLEDGER_PORT"
        ) from None
    return listener


def _listen_locally(path: Path) -> socket.socket:
    """The socket of the command line; whoever holds the data directory's lock may replace a dead one."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise LedgerError(
            f"the socket {path} can't be made ({error}); choose another CCLEDGER_DATA_DIR, with a short path"
        ) from None
    return listener


def address_of(listener: socket.socket) -> str:
    """Where a server answers that listens there, as a browser on this machine takes it."""
    bound, port = listener.getsockname()[:2]
    host = _REACHED_BY.get(bound, str(bound))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
