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


def storm(options: Options, undisturbed: Cost, rng: Random, most: int) -> tuple[int, bytes]:
    """Kill one import after another over one ledger until one gets through; return the kills and the final report."""
    hit = 0
    with data_directory() as data:
        # Later imports have less left to do, so most kills come early.
        while hit < most and run_and_kill(options, data, undisturbed.wall * rng.random() ** 2):
            hit += 1
        return hit, measure(report(options, data, fresh=False)).output


def same_report(one: bytes, other: bytes) -> bool:
    """Tell whether two reports say the same, however they are laid out."""
    return json.loads(one) == json.loads(other)


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, let one through, compare, and return 1 when anything differs."""
    options = read_options(arguments, __doc__ or "")
    rng, hits = Random(20), list[int]()
    with data_directory() as calm:
        undisturbed = measure(report(options, calm, fresh=False))
    kept = True
    while sum(hits) < KILLS and len(hits) < KILLS * 10:
        hit, output = storm(options, undisturbed, rng, KILLS - sum(hits))
        hits.append(hit)
        kept = kept and same_report(undisturbed.output, output)
    sys.stdout.write(f"{machine()}\n{options.corpus}\nkills of a running import, ledger by ledger: {hits}\n")
    figure = f"{sum(hits)} running imports killed, reports {'equal' if kept else 'differ'}"
    kept = judge("import-kill", figure, f"{KILLS}, equal", kept=kept and sum(hits) == KILLS)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
