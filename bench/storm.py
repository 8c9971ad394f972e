"""A gateway under attack: the real program with a key and an account, a made upstream, clients that never rest."""

# apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import apsw

from ccledger.app import price_book
from ccledger.ledger.store import open_store
from tests.journeys.server import address_of
from tests.upstream.answers import events, message, text_block
from tests.upstream.server import Fake, Plan, Seen, streamed, whole

PATIENCE = 60.0
MODEL = "claude-opus-4-5"
CREDENTIAL = "sk-ant-api03-storm-credential-0001"
STOP = b"event: message_stop\n"
_PROGRAM = (sys.executable, "-m", "ccledger")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Gateway:
    """A data directory, and the server on it that can be killed and started again."""

    home: Path
    data: Path
    more: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the user's own settings or files."""
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("CCLEDGER_", "CLAUDE_", "XDG_"))
        }
        own = {"HOME": str(self.home), "CLAUDE_CONFIG_DIR": str(self.home / "claude"), "TZ": "UTC"}
        return {**kept, **own, "CCLEDGER_DATA_DIR": str(self.data), **self.more}

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    def run(self, *arguments: str, given: str = "") -> str:
        """Runs a command to its end and returns what it printed."""
        command = (*_PROGRAM, *arguments)
        done = subprocess.run(command, env=self.environment, input=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def key(self, name: str = "storm", *more: str) -> str:
        """A new key, made from the command line."""
        return str(json.loads(self.run("token", "create", "--name", name, "--json", *more))["token"])

    def account(self, url: str, name: str = "upstream", credential: str = CREDENTIAL) -> None:
        """A new account, made from the command line."""
        base = ("account", "add", "--name", name, "--type", "api-key", "--base-url", url)
        self.run(*base, "--api-key-stdin", "--json", given=credential + "\n")

    def start(self) -> None:
        """Starts the server, and returns when it answers."""
        command = (*_PROGRAM, "serve", "--no-browser", "--port", str(self.port))
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        address_of(self.process)

    def kill(self) -> None:
        """Ends the server as nothing can be prepared for."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        self.process = None

    def stop(self) -> int:
        """Ends the server in order, when it has booked what it knows; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)
        code, self.process = self.process.returncode, None
        return code

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.data / "ledger.db"

    @contextmanager
    def reading(self) -> Generator[apsw.Connection]:
        """The ledger, to be read."""
        connection = apsw.Connection(str(self.ledger), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(10_000)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def gateway(data: Path | None = None, **more: str) -> Generator[Gateway]:
    """A gateway that is not started; its directory goes away with it."""
    home = Path(tempfile.mkdtemp(prefix="storm-"))
    (home / "claude").mkdir()
    found = Gateway(home, data or home / "data", more)
    try:
        yield found
    finally:
        if found.process is not None:
            found.kill()
        shutil.rmtree(home, ignore_errors=True)


# The upstream


def paced(fake: Fake, seconds: float) -> None:
    """Lets a fake answer each call under an id of its own, streams with pauses between their events."""
    numbers = iter(range(1, sys.maxsize))

    def answer(seen: Seen) -> Plan | None:
        if not seen.target.startswith("/v1/messages"):
            return None
        number, asked = next(numbers), seen.json
        blocks = [text_block(f"This is answer {number}, made for a storm.")]
        if not asked.get("stream"):
            return whole(json.dumps(message(number, asked["model"], blocks, fake.counts)).encode(), number)
        pieces: list[bytes | float] = []
        for event in events(number, asked["model"], blocks, fake.counts):
            pieces += (event, seconds)
        return streamed(pieces, number)

    fake.always = answer


# The clients


@dataclass
class Sightings:
    """What clients saw."""

    finished: list[str] = field(default_factory=list[str])
    """Ids of messages whose end was seen."""
    statuses: Counter[int | str] = field(default_factory=Counter[int | str])
    retry_after: int = 0
    """How many refusals said when to come back."""
    refusals: list[bytes] = field(default_factory=list[bytes])


def body(*, stream: bool, **more: Any) -> bytes:
    """A request's body."""
    asked = {"model": MODEL, "max_tokens": 64, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
    return json.dumps({**asked, **more}).encode()


async def call(port: int, key: str, seen: Sightings, *, stream: bool) -> None:
    """One call on a connection of its own; notes its id as soon as its end was seen."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        seen.statuses["no connection"] += 1
        await asyncio.sleep(0.02)
        return
    try:
        writer.write(_request(key, body(stream=stream)))
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        seen.statuses[status] += 1
        if status != 200:
            await _note_refusal(reader, head, seen)
        elif stream:
            await _follow(reader, seen)
        else:
            answer = json.loads(await reader.readexactly(_length(head)))
            seen.finished.append(answer["id"])
    except (ConnectionError, asyncio.IncompleteReadError):
        seen.statuses["broken off"] += 1
    finally:
        writer.transport.abort()


def _request(key: str, given: bytes) -> bytes:
    head = f"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\nconnection: close\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(given)}\r\n\r\n".encode() + given


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


async def _note_refusal(reader: asyncio.StreamReader, head: bytes, seen: Sightings) -> None:
    seen.retry_after += b"retry-after:" in head.lower()
    seen.refusals = [*seen.refusals[-9:], await reader.readexactly(_length(head))]


async def _follow(reader: asyncio.StreamReader, seen: Sightings) -> None:
    data = b""
    while not (STOP in data and data.partition(STOP)[2].partition(b"}")[1]):
        piece = await reader.read(65536)
        if not piece:
            raise ConnectionResetError
        data += piece
    seen.finished.append(data.partition(b'"id":"')[2].partition(b'"')[0].decode())


@contextmanager
def clients(
    port: int, key: str, count: int, streams: Callable[[int], bool] = lambda number: number % 2 == 0
) -> Generator[Sightings]:
    """So many clients, those that `streams` says streaming, that call as fast as they are answered, in a thread."""
    seen, ending = Sightings(), Event()

    async def one(number: int) -> None:
        while not ending.is_set():
            await call(port, key, seen, stream=streams(number))

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(count)))

    thread = Thread(target=lambda: asyncio.run(all_of_them()), name="clients")
    thread.start()
    try:
        yield seen
    finally:
        ending.set()
        thread.join(PATIENCE)
        if thread.is_alive():
            raise TimeoutError("clients wait for answers that do not come")


# The ledger


@dataclass(frozen=True)
class Balance:
    """What a ledger says of the calls that clients saw finish."""

    finished: int
    missing: list[str]
    doubled: list[str]
    wrong: list[str]
    """Not booked as a call that succeeded, with the counts that it told."""
    rows: int
    unnamed: int
    """Rows of calls that no answer named: refused, or broken off before."""
    sums_differ: list[str]
    """Tables whose sums are not those of the rows."""
    intact: bool

    @property
    def kept(self) -> bool:
        """Whether each call is there exactly once."""
        return self.intact and not (self.missing or self.doubled or self.wrong or self.sums_differ)

    def __str__(self) -> str:
        """Write it in one line."""
        faults = {"missing": self.missing, "doubled": self.doubled, "wrong": self.wrong, "sums": self.sums_differ}
        told = ", ".join(f"{len(some)} {name} {some[:3] if some else ''}".strip() for name, some in faults.items())
        return f"{self.finished} seen finished, {told}; {self.rows} rows, {self.unnamed} without a message"


def balance(held: Gateway, finished: Sequence[str], counts: tuple[int, int]) -> Balance:
    """Compare what clients saw with the ledger of a gateway that is stopped."""
    with held.reading() as connection:
        keys: dict[str, int] = dict(connection.execute("SELECT key, call_id FROM call_key WHERE key LIKE 'msg:%'"))
        select = "SELECT id, input_tokens, output_tokens, outcome, status_code FROM request_logs"
        rows = {row[0]: row[1:] for row in connection.execute(select)}
        aliases = dict(connection.execute("SELECT id, call_id FROM call_alias"))
        intact = [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]
    twice = [name for name, times in Counter(finished).items() if times > 1]
    named = Counter(keys.values())
    found = {name: keys.get(f"msg:{name}") for name in finished}
    return Balance(
        finished=len(finished),
        missing=[name for name, number in found.items() if number is None or number not in rows],
        doubled=[*twice, *(str(number) for number, times in named.items() if times > 1), *map(str, aliases)],
        wrong=[name for name, number in found.items() if number in rows and rows[number] != (*counts, 0, 200)],
        rows=len(rows),
        unnamed=len(rows) - len(set(keys.values())),
        sums_differ=sums_that_differ(held),
        intact=intact,
    )


_SUMS = ("usage_rollup", "usage_day", "usage_month")


def sums_that_differ(held: Gateway) -> list[str]:
    """Tables of sums that are others once they are made anew from the rows."""
    before = _sums(held)
    store = open_store(f"sqlite:///{held.ledger}", lambda: price_book().overlaid(()).cost, "UTC")
    try:
        store.rebuild(store.zone())
    finally:
        store.close()
    after = _sums(held)
    return [name for name in _SUMS if before[name] != after[name]]


def _sums(held: Gateway) -> dict[str, list[Any]]:
    with held.reading() as connection:
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in _SUMS}


def wait_for(true: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Waits until something is so; whether it came to be."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
