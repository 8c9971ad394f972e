"""A real gateway before a fake upstream: keys and accounts come by the command line; calls are looked at over HTTP."""

import json
import os
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from tests.journeys.server import PATIENCE, PROGRAM, Server, serving
from tests.journeys.visits import Home
from tests.upstream.server import Fake, upstream

ADMIN = "administrator-of-the-journeys"
SECRET = "sk-ant-api03-planted-credential-7777"


class Office:
    """A server that answers, its home, and the upstream of its account."""

    def __init__(self, home: Home, fake: Fake, server: Server) -> None:
        self.home = home
        self.fake = fake
        self.server = server

    @property
    def url(self) -> str:
        """Where clients find the gateway."""
        return f"http://127.0.0.1:{self.server.port}"

    def key(self, name: str, **asked: Any) -> str:
        """A new key, issued as the dashboard does it."""
        return str(self.administer("POST", "token/generate", {"name": name, **asked})["token"])

    def administer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the API answers an administrator."""
        told = {"X-Admin-Key": ADMIN, "Content-Type": "application/json"}
        answer, got = self.send(method, f"/api/v1/{path}", None if body is None else json.dumps(body).encode(), told)
        assert answer.status < 300, got
        return json.loads(got)

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[HTTPResponse, bytes]:
        """A request and its whole answer, as they are on the wire."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def rows(self, count: int, **filters: str) -> list[dict[str, Any]]:
        """The calls that fit, oldest first, as soon as there are so many; more is a mistake."""
        asked = "&".join(f"{name}={value}" for name, value in {"sort": "time", **filters}.items())
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.administer("GET", f"logs/requests?{asked}")["logs"]
            if len(found) >= count or time.monotonic() > deadline:
                assert len(found) == count, found
                return found
            time.sleep(0.01)

    def calls_of(self, name: str, count: int) -> list[dict[str, Any]]:
        """The calls made with the key of a name."""
        tokens = self.administer("GET", "token/list")["tokens"]
        return self.rows(count, token_id=next(each["id"] for each in tokens if each["name"] == name))


def say(home: Home, *words: str, given: str = "") -> Any:
    """What a command of the program prints as JSON."""
    command = (*PROGRAM, *words, "--json")
    run = subprocess.run(
        command, env=os.environ | home.environment, input=given, capture_output=True, check=False, text=True
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def add_account(home: Home, url: str, name: str = "upstream") -> Any:
    """An account at an upstream, by the command line."""
    return say(home, "account", "add", "--name", name, "--api-key-stdin", "--base-url", url, given=f"{SECRET}\n")


def make_home(folder: Path) -> Home:
    """An empty home."""
    (folder / "claude" / "projects").mkdir(parents=True)
    return Home(folder)


@contextmanager
def opened(home: Home, fake: Fake, **settings: str) -> Generator[Office]:
    """A gateway, with whatever keys and accounts its home has."""
    with serving(home.environment | {"CCLEDGER_ADMIN_KEY": ADMIN} | settings) as server:
        yield Office(home, fake, server)


@contextmanager
def office(folder: Path) -> Generator[Office]:
    """A gateway with an account that was added before it began."""
    home = make_home(folder)
    with upstream() as fake:
        add_account(home, fake.url)
        with opened(home, fake) as found:
            yield found
