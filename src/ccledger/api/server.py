"""Runs an ASGI application on a TCP port and on the data directory's Unix socket until it is told to end."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from litestar.types import ASGIApp

from ccledger.core.errors import LedgerError

_DRAIN_SECONDS = 5
_BACKLOG = 256
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(app: ASGIApp, host: str, port: int, socket_path: Path, announce: Callable[[str], None], log_level: str) -> None:
    """Serves until SIGINT or SIGTERM, then lets open requests finish. `announce` hears the address when it answers.

    Raises `LedgerError` when the port is taken.
    """
    logging.basicConfig(level=log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    tcp = _listen(host, port)
    local = _listen_locally(socket_path)
    address = tcp.getsockname()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        ws="websockets-sansio",
        ws_max_size=1 << 20,
        lifespan="on",
    )
    server = _Server(config, lambda: announce(f"http://{_bracket(address[0])}:{address[1]}"))
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(server.serve([tcp, local]))
    finally:
        socket_path.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """A server that says when it is ready, and that a signal ends in order, with exit code 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise LedgerError(
            f"port {port} on {host} can't be used ({error.strerror}); "
            f"stop what listens there, or choose another with --port"
        ) from None
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def _listen_locally(path: Path) -> socket.socket:
    """The socket of the command line; whoever holds the data directory's lock may replace a dead one."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise LedgerError(f"the socket {path} can't be made ({error}); choose a shorter CCLEDGER_DATA_DIR") from None
    path.chmod(0o600)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
