"""Promise: an import killed 20 times at random ends with the report of one left alone; nothing is repaired."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from bench.ccledger import REPORT, Options, data_directory, environment, read_options, report
from bench.measure import Cost, judge, machine, measure

KILLS = 20


def run_and_kill(options: Options, data: Path, seconds: float) -> bool:
    """Start an import, kill it outright after some time, and tell whether it was still at work."""
    merged = os.environ | environment(options.corpus, data)
    command = (str(options.ccledger), *REPORT)
    with subprocess.Popen(command, env=merged, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        time.sleep(seconds)
        working = process.poll() is None
        if working:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return working


def kill_often(options: Options, data: Path, undisturbed: Cost, rng: Random) -> int:
    """Kill one import after another over the same data directory; return how many were hit at work."""
    # Later imports have less left to do, so most kills come early.
    return sum(run_and_kill(options, data, undisturbed.wall * rng.random() ** 2) for _ in range(KILLS))


def same_report(one: bytes, other: bytes) -> bool:
    """Tell whether two reports say the same, however they are laid out."""
    return json.loads(one) == json.loads(other)


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, import once more, compare, and return 1 when anything differs."""
    options = read_options(arguments, __doc__ or "")
    with data_directory() as calm, data_directory() as stormy:
        undisturbed = measure(report(options, calm, fresh=False))
        hit = kill_often(options, stormy, undisturbed, Random(20))
        final = measure(report(options, stormy, fresh=False))
        kept = same_report(undisturbed.output, final.output)
    sys.stdout.write(f"{machine()}\n{options.corpus}\n{hit} of {KILLS} kills hit a running import\n")
    judge("import-kill", f"{KILLS} kills, {hit} at work, reports {'equal' if kept else 'differ'}", "equal", kept=kept)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
