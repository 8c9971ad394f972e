"""Promise: a thousand streams at once, ten events a second each, pass one worker whole, and its memory stays flat."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

from bench.gateway.gateways import ccledger
from bench.gateway.rig import Load, cpu_of_family, rig, rss_of_family
from bench.measure import judge, machine

PACE_MS = 100
GROWTH_LIMIT = 0.02
RAMP_SECONDS = 4.0
SETTLED_SECONDS = 20.0
"""After which every stream has filled the room that it reads ahead in."""


class Sample(NamedTuple):
    """What the gateway used up to a moment."""

    at: float
    rss: int
    cpu: float


class Watcher:
    """Looks at a process every half second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.samples: list[Sample] = []

    def _look(self) -> None:
        while not self._over.wait(0.5):
            self.samples.append(Sample(time.monotonic(), rss_of_family(self._pid), cpu_of_family(self._pid)))

    def __enter__(self) -> Self:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends."""
        self._over.set()
        self._thread.join()


def slope(samples: Sequence[Sample]) -> float:
    """Bytes a second that memory grows by, the line through all samples that fits best."""
    at = [sample.at for sample in samples]
    middle, level = sum(at) / len(at), sum(sample.rss for sample in samples) / len(samples)
    spread = sum((each - middle) ** 2 for each in at)
    return sum((sample.at - middle) * (sample.rss - level) for sample in samples) / spread


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args(arguments)
    load = Load("SSE", f"events={chosen.seconds * 1000 // PACE_MS} pace={PACE_MS}")
    with rig() as upstream, ccledger(upstream) as ours:
        short = Load("SSE", "events=20 pace=20")
        upstream.run(ours.target, short, exact=True, connections=chosen.streams, seconds=1, ramp=0.5)
        with Watcher(ours.pid) as watcher:
            count, ramp = chosen.streams, RAMP_SECONDS
            answers = upstream.run(
                ours.target, load, exact=True, connections=count, count=count, seconds=ramp + 1, ramp=ramp
            )
        calls = ours.ledger.wait_for(answers.answered)
        # While all streams are open: long after the last has begun, before the first ends.
        first = watcher.samples[0].at
        steady = [one for one in watcher.samples if SETTLED_SECONDS < one.at - first < chosen.seconds - 1]
        return 0 if judge_all(chosen.streams, answers.answered, answers.failed, steady, calls) else 1


def judge_all(streams: int, answered: int, failed: int, steady: Sequence[Sample], calls: int) -> bool:
    """Prints the figures and whether the promises hold."""
    seconds = steady[-1].at - steady[0].at
    cpu = (steady[-1].cpu - steady[0].cpu) / seconds
    level = sum(sample.rss for sample in steady) / len(steady)
    growth = slope(steady) * seconds / level
    sys.stdout.write(
        f"{machine()}\n{streams:,} streams at {1000 // PACE_MS} events a second, watched {seconds:.0f} s\n"
    )
    sys.stdout.write(f"answered whole {answered:,}, failed {failed:,}, on the ledger {calls:,}\n")
    sys.stdout.write(
        f"memory {level / 2**20:.1f} MiB, slope {slope(steady) / 1024:+.2f} KiB/s · CPU {cpu:.0%} of a core, "
        f"{cpu / streams / (1000 / PACE_MS) * 1e6:.1f} µs an event\n"
    )
    whole = judge(
        "gateway-streams",
        f"{failed} of {streams:,} broken or changed",
        "0",
        kept=not failed and answered == streams <= calls,
    )
    flat = judge(
        "gateway-streams-memory",
        f"{growth:+.1%} in {seconds:.0f} s at {level / 2**20:.0f} MiB",
        f"{GROWTH_LIMIT:+.0%}",
        kept=growth <= GROWTH_LIMIT,
    )
    return whole and flat


if __name__ == "__main__":
    sys.exit(main())
