"""How the benchmarks start ccledger: its command, its own data directory, its report; it never looks inside either."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.corpus import Plan, bench_directory
from bench.measure import Command

PROGRAM = Path(".venv/bin/ccledger")
REPORT = ("daily", "--json", "--offline", "--timezone", "UTC")


@dataclass(frozen=True)
class Options:
    """What every import benchmark can be told."""

    ccledger: Path
    corpus: Path
    runs: int


def read_options(arguments: Sequence[str] | None, what: str) -> Options:
    """Read the command line of an import benchmark."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--ccledger", type=Path, default=PROGRAM)
    parser.add_argument("--corpus", type=Path, help="a Claude configuration directory; default: the made-up 1 GB")
    parser.add_argument("--megabytes", type=int, default=Plan.megabytes)
    parser.add_argument("--files", type=int, default=Plan.files)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args(arguments)
    corpus = chosen.corpus or made_corpus(chosen.megabytes, chosen.files)
    return Options(chosen.ccledger.absolute(), corpus, chosen.runs)


def made_corpus(megabytes: int, files: int) -> Path:
    """Return the made-up corpus, written by a process of its own.

    A command's peak memory counts from its fork, so the measuring process must stay small.
    """
    plan = ("--megabytes", str(megabytes), "--files", str(files))
    command = (sys.executable, "-m", "bench.corpus", *plan)
    here = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=here, capture_output=True, check=True, text=True)
    return Path(done.stdout.splitlines()[0])


@contextmanager
def data_directory() -> Generator[Path]:
    """Lend a fresh data directory on the disk that holds the corpus."""
    bench_directory().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="data-", dir=bench_directory()) as path:
        yield Path(path)


def environment(corpus: Path, data: Path) -> dict[str, str]:
    """Return what ccledger needs to know: where to read and where to keep its book."""
    return {"CLAUDE_CONFIG_DIR": str(corpus), "CCLEDGER_DATA_DIR": str(data)}


def report(options: Options, data: Path, *, fresh: bool) -> Command:
    """Return ccledger's daily report, on an empty data directory each time or on the same one."""

    def empty() -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)

    arguments = (str(options.ccledger), *REPORT)
    return Command("ccledger", arguments, environment(options.corpus, data), empty if fresh else None)


def totals_of(output: bytes) -> dict[str, int]:
    """Find the four token totals of a report, whichever of the two vocabularies it uses."""
    totals = json.loads(output)["totals"]
    writes = ("cache_creation_tokens", "cacheCreationTokens")
    pairs = {
        "input": ("input_tokens", "inputTokens"),
        "output": ("output_tokens", "outputTokens"),
        "cache writes": writes,
        "cache reads": ("cache_read_tokens", "cacheReadTokens"),
    }
    return {name: next(int(totals[key]) for key in keys if key in totals) for name, keys in pairs.items()}


def same_totals(ours: bytes, theirs: bytes) -> bool:
    """Print both totals and tell whether they are equal."""
    mine, other = totals_of(ours), totals_of(theirs)
    sys.stdout.write(f"totals ccledger {mine}\ntotals ccusage  {other}\n")
    return mine == other
