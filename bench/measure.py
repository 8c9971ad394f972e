"""Measures what commands cost (CPU, memory, time), two in turn; it never judges one run alone."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PEERS = Path(__file__).with_name("peers") / "node_modules"


@dataclass(frozen=True)
class Command:
    """A command to measure, and what must be done, unmeasured, before each run."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    prepare: Callable[[], None] | None = None
    given: Path = Path(os.devnull)
    """What it reads on its standard input."""


@dataclass(frozen=True)
class Cost:
    """What one run took, the processes it started included; memory is the largest process's peak."""

    user: float
    system: float
    wall: float
    peak_bytes: int
    output: bytes

    @property
    def cpu(self) -> float:
        """Seconds of CPU, user and system."""
        return self.user + self.system


@dataclass(frozen=True)
class Ratio:
    """The smallest, middle and largest ratio of pairs measured one after the other."""

    low: float
    middle: float
    high: float

    def __str__(self) -> str:
        """Write the three figures."""
        return f"{self.low:.3f}–{self.middle:.3f}–{self.high:.3f}"


def unit_of_peak() -> int:
    """Return the bytes in a unit of ru_maxrss: kibibytes, but bytes on macOS."""
    return 1 if sys.platform == "darwin" else 1024


def surroundings() -> dict[str, str]:
    """Return the environment without what keeps Python from remembering its bytecode: no user's program lacks that."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure(command: Command) -> Cost:
    """Run a command once and measure it; a run that fails raises.

    The peak is never below this process's own (on Linux it is carried over the fork): keep this process small.
    """
    if command.prepare:
        command.prepare()
    environment = surroundings() | dict(command.environment)
    started = time.perf_counter()
    with (
        command.given.open("rb") as given,
        subprocess.Popen(command.arguments, env=environment, stdin=given, stdout=subprocess.PIPE) as process,
    ):
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        # Popen would wait for a process that wait4 has already taken away.
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command.arguments, output)
    return Cost(usage.ru_utime, usage.ru_stime, wall, usage.ru_maxrss * unit_of_peak(), output)


def interleave(one: Command, other: Command, runs: int) -> tuple[list[Cost], list[Cost]]:
    """Measure two commands in turn, A B A B …, so that what else the machine does falls on both."""
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for _ in range(runs):
        for command, into in zip((one, other), costs, strict=True):
            into.append(measure(command))
    return costs


def ratio(ones: Sequence[Cost], others: Sequence[Cost], what: Callable[[Cost], float]) -> Ratio:
    """Compare pairs measured one after the other."""
    ratios = sorted(what(one) / what(other) for one, other in zip(ones, others, strict=True))
    return Ratio(ratios[0], statistics.median(ratios), ratios[-1])


def show(name: str, costs: Sequence[Cost]) -> str:
    """Write the medians of a command's runs as one row of a table."""
    user, system, cpu, wall, peak = (
        statistics.median(values)
        for values in zip(*((c.user, c.system, c.cpu, c.wall, c.peak_bytes / 2**20) for c in costs), strict=True)
    )
    return f"{name:<24} {cpu:>8.3f} {user:>8.3f} {system:>8.3f} {wall:>8.3f} {peak:>9.1f}   {len(costs)}"


HEADER = f"{'medians':<24} {'CPU s':>8} {'user':>8} {'system':>8} {'wall':>8} {'peak MiB':>9}   runs"


def machine() -> str:
    """Describe the machine and the versions, so that a figure can be read later."""
    return (
        f"{processor()} · {os.cpu_count()} cores · {platform.system()} {kernel()} · "
        f"Python {platform.python_version()} · ccusage {ccusage_version()}"
    )


def kernel() -> str:
    """The kernel's version without who built it."""
    return ".".join(platform.release().split("-")[0].split(".")[:2])


def processor() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def find_ccusage() -> Path:
    """Find ccusage's own binary below the pinned packages."""
    found = sorted(PEERS.glob("@ccusage/ccusage-*/bin/ccusage*"))
    if not found:
        raise FileNotFoundError(f"no ccusage below {PEERS}: run npm ci in bench/peers")
    found[0].chmod(0o755)
    return found[0]


def ccusage_version() -> str:
    """Ask ccusage for its version."""
    done = subprocess.run((str(find_ccusage()), "--version"), capture_output=True, check=True, text=True)
    return done.stdout.strip().rpartition(" ")[2]


def ccusage(corpus: Path) -> Command:
    """Return ccusage's daily report over a corpus, by its own binary."""
    return Command("ccusage", (str(find_ccusage()), *CCUSAGE_REPORT), {"CLAUDE_CONFIG_DIR": str(corpus)})


CCUSAGE_REPORT = ("claude", "daily", "--json", "--offline", "--timezone", "UTC")


def promise(name: str, figure: Ratio, limit: float) -> bool:
    """Print whether a promise holds, judged by the middle ratio."""
    return judge(name, f"ratio {figure.middle:.3f}", f"{limit:.3g}", kept=figure.middle <= limit)


def judge(name: str, figure: str, limit: str = "", *, kept: bool) -> bool:
    """Print a figure, its limit, and whether the promise holds; the line is what `bench.prove` reads."""
    bound = f" (limit {limit})" if limit else ""
    sys.stdout.write(f"PROMISE {name}: {figure}{bound} {'ok' if kept else 'MISSED'}\n")
    sys.stdout.flush()
    return kept
