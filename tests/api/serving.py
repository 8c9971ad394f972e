"""A real server: uvicorn in this process around an application, or the whole program in one of its own."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvicorn

from ccledger.api.server import configure
from ccledger.core.asgi import Application

PATIENCE = 30.0


def skip_before_midnight(now: datetime) -> None:
    """Skips tests whose calls are of these days, where the days would be others before they end."""
    if (now + timedelta(minutes=10)).date() != now.date():
        pytest.skip("the day ends in the meantime")


async def until(true: Callable[[], bool]) -> None:
    """Waits for what another task or thread brings about."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(app: Application) -> AsyncGenerator[str]:
    """The application behind uvicorn as we configure it, in this loop; answers its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(configure(app))
        running = asyncio.get_running_loop().create_task(server.serve([listener]))
        await until(lambda: server.started)
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            server.should_exit = True
            await running


class Program:
    """A running `ccledger serve`."""

    def __init__(self, process: subprocess.Popen[str], address: str, data_dir: Path) -> None:
        self.process = process
        self.address = address
        self.data_dir = data_dir

    @property
    def host(self) -> str:
        """Host and port."""
        return self.address.removeprefix("http://")

    def end(self) -> tuple[int, str, str]:
        """Ends it as a service manager does; answers its exit code, what else it printed, and its log."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            out, log = self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()
        return self.process.returncode, out, log


def environment(home: Path, **more: str) -> dict[str, str]:
    """A home directory of its own, and nothing of the developer's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CCLEDGER_", "CLAUDE_", "XDG_"))}
    return {
        **kept,
        "HOME": str(home),
        "TZ": "UTC",
        "CLAUDE_CONFIG_DIR": str(home / "claude"),
        "CCLEDGER_DATA_DIR": str(home / "data"),
        **more,
    }


def start(home: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Starts `ccledger` with arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "ccledger", *arguments],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(home: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Runs `ccledger` with arguments to its end."""
    process = start(home, *arguments, **more)
    try:
        out, log = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, log


@contextmanager
def program(home: Path, **more: str) -> Generator[Program]:
    """A running `ccledger serve`, ready to answer."""
    process = start(home, "serve", "--no-browser", "--port", "0", **more)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("ready "):
            process.kill()
            raise AssertionError(f"it printed {line!r}\n{process.communicate()[1]}")
        yield Program(process, line.removeprefix("ready ").strip(), home / "data")
    finally:
        process.kill()
        process.communicate()
