"""Puts an upstream and a load beside gateways, each side on a core of its own; it knows no gateway."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.import_served import cpu_of

HERE = Path(__file__).parent
GATEWAY_CORE, OTHER_CORE = 0, 1
PATIENCE = 60.0
MODEL = "claude-sonnet-5"
_SYSTEM = "You are a careful assistant that answers in few words and never makes anything up. " * 12


@dataclass(frozen=True)
class Load:
    """One kind of call."""

    name: str
    asks: str
    """What the upstream reads in the request: see upstream.c."""

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream."""
        return bool(self.asks)

    @property
    def body(self) -> bytes:
        """A request as an application makes it, of about 1.7 KB."""
        asked: dict[str, Any] = {
            "model": MODEL,
            "max_tokens": 1024,
            "system": [{"type": "text", "text": _SYSTEM, "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": f"How much is this? {self.asks}" + " Please tell me." * 20}],
            "metadata": {"user_id": "someone-who-works-here"},
        }
        return json.dumps(asked | {"stream": True} if self.streams else asked, separators=(",", ":")).encode()


WHOLE = Load("JSON", "")
BURST = Load("SSE burst", "events=60")
PACED = Load("SSE paced", "events=60 pace=5")
LOADS = (WHOLE, BURST, PACED)


@dataclass(frozen=True)
class Target:
    """Where calls go: a port, a path, and what a caller must send there."""

    port: int
    path: str = "/v1/messages"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def request(self, load: Load) -> bytes:
        """A whole HTTP request."""
        told = {
            "host": f"127.0.0.1:{self.port}",
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
            "user-agent": "bench/1",
            "accept": "text/event-stream" if load.streams else "application/json",
            **self.headers,
            "content-length": str(len(load.body)),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + load.body


@dataclass(frozen=True)
class Answers:
    """What a load saw."""

    answered: int
    failed: int
    seconds: float
    failure: str
    first_byte_ms: tuple[float, float]
    """The median and the 99th percentile."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


class Rig:
    """A running upstream, and a load for whatever stands before it."""

    def __init__(self, port: int, programs: Path) -> None:
        self.port = port
        self._programs = programs

    @property
    def direct(self) -> Target:
        """The upstream itself."""
        return Target(self.port)

    def expected(self, load: Load) -> bytes:
        """What the upstream answers, at whatever pace, with a `#` for each byte of the id."""
        body = fetch(self.direct, Load(load.name, load.asks.partition(" pace")[0]))
        start = body.index(b"msg_") + len(b"msg_")
        return body[:start] + b"#" * 22 + body[start + 22 :]

    def answered(self) -> int:
        """How many answers the upstream has given to the end."""
        return int(_get(self.port, "/answered"))

    def run(self, target: Target, load: Load, *, exact: bool, **how: float) -> Answers:
        """Asks for some time; `exact`: each answer must be the upstream's, byte by byte."""
        request, expected = self._programs / "request", self._programs / "expected"
        request.write_bytes(target.request(load))
        command = [str(self._programs / "load"), "--port", str(target.port), "--request", str(request)]
        if exact:
            expected.write_bytes(self.expected(load))
            command += ["--expect", str(expected)]
        command += [word for name, value in how.items() for word in (f"--{name}", str(value))]
        done = subprocess.run(on_core(OTHER_CORE, command), capture_output=True, check=True, text=True)
        said = json.loads(done.stdout)
        first, late = (value / 1000 for value in said["first_byte_us"])
        return Answers(
            said["answered"], said["failed"] + said["unfinished"], said["seconds"], said["failure"], (first, late)
        )


@contextmanager
def rig() -> Generator[Rig]:
    """Compiles what is needed and runs an upstream."""
    with tempfile.TemporaryDirectory(prefix="ccledger-rig-") as folder:
        programs = Path(folder)
        for name in ("upstream", "load"):
            compiled(name, programs)
        command = on_core(OTHER_CORE, (str(programs / "upstream"), "0"))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                yield Rig(int(line), programs)
            finally:
                process.terminate()


def compiled(name: str, into: Path) -> None:
    """Compiles one of the programs here."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("the load is a small program in C: a compiler has to be on PATH as cc")
    source = HERE / f"{name}.c"
    subprocess.run((compiler, "-O2", "-Wall", "-Wextra", "-o", str(into / name), str(source)), check=True)


def on_core(core: int, command: Sequence[str]) -> tuple[str, ...]:
    """The same command, kept on one core; on a machine that has but one, as it is."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        raise SystemExit("gateways are measured on a core of their own: two cores and taskset are needed (Linux)")
    return ("taskset", "-c", str(core), *command)


def fetch(target: Target, load: Load) -> bytes:
    """One answer's body."""
    connection = HTTPConnection("127.0.0.1", target.port, timeout=PATIENCE)
    try:
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01", **target.headers}
        connection.request("POST", target.path, load.body, headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{target.path} on port {target.port}: {answer.status} {body[:500]!r}")
    return body


def _get(port: int, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


# What processes use


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


@contextmanager
def paused(pids: Sequence[int]) -> Generator[None]:
    """Holds processes and their descendants up for a while: also one that does nothing wakes now and then."""
    held = [each for pid in pids for each in family(pid)]
    for each in held:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in held:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def cpu_of_family(pid: int) -> float:
    """Seconds of CPU, user and system, that a process and its descendants have used."""
    return sum(cpu_of(each) for each in family(pid))


def rss_of_family(pid: int) -> int:
    """Bytes that they hold in memory, what they share counted for each."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


def settle(pid: int, patience: float = 30.0) -> None:
    """Waits until a process has done what was left to do: until it uses less than a fiftieth of a core."""
    deadline = time.monotonic() + patience
    before = cpu_of_family(pid)
    while time.monotonic() < deadline:
        time.sleep(0.3)
        now = cpu_of_family(pid)
        if now - before < 0.3 / 50:
            return
        before = now
