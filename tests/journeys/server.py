"""A real `ccledger serve` in a process of its own, asked over HTTP; it never looks inside the program."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

PROGRAM = (sys.executable, "-m", "ccledger")
PATIENCE = 60.0


class Server:
    """A server that answered."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.process = process
        self.address = address
        self.port = urlsplit(address).port or 0

    def ask(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        """The answer to a GET request, and its body as it came."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """What the API answers."""
        answer, body = self.ask(f"/api/v1/{path}")
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
        return json.loads(body)

    def wait_until_read(self, patience: float = PATIENCE) -> None:
        """Wait until the history that was there at the start is booked."""
        deadline = time.monotonic() + patience
        while self.json("import")["state"] != "following":
            if time.monotonic() > deadline:
                raise TimeoutError("the import did not end")
            time.sleep(0.02)

    def stop(self) -> int:
        """Ask the server to end and return its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


@contextmanager
def serving(
    environment: Mapping[str, str], *arguments: str, program: Sequence[str] = PROGRAM, port: int = 0
) -> Generator[Server]:
    """A server with these variables beside the usual ones; ended afterwards if it still runs."""
    command = (*program, "serve", "--no-browser", "--port", str(port), *arguments)
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process, address_of(process))
        finally:
            if process.poll() is None:
                process.terminate()
                end(process)


def end(process: "subprocess.Popen[str]") -> None:
    """Wait for a server that was asked to end, and do not take no for an answer."""
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


def address_of(process: "subprocess.Popen[str]", patience: float = PATIENCE) -> str:
    """The address a starting server announces. Raises when it ends first or says nothing for long."""
    if process.stdout is None:
        raise ValueError("the server's output is not piped")
    deadline = time.monotonic() + patience
    while select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with exit code {process.wait()}")
        if line.startswith("ready "):
            return line.removeprefix("ready ").strip()
    process.kill()
    raise TimeoutError("the server did not say that it is ready")
