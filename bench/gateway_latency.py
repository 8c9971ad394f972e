"""Promise: the gateway adds at most a millisecond to the time to the first byte; nothing else runs meanwhile."""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from random import Random

from bench.gateway.gateways import Running, Unavailable, ccledger, litellm, nginx, portkey
from bench.gateway.rig import BURST, OTHER_CORE, PATIENCE, WHOLE, Load, Rig, Target, rig
from bench.measure import judge, machine

Opener = Callable[[Rig], AbstractContextManager[Running]]
OPENERS: tuple[Opener, ...] = (ccledger, nginx, litellm, portkey)
LIMIT_MS = 1.0
LOADS = (("json", WHOLE), ("sse", BURST))


class Caller:
    """One connection, over which one call follows the other."""

    def __init__(self, target: Target, load: Load) -> None:
        self._request = target.request(load)
        self._ends = b"0\r\n\r\n" if load.streams else b"}}"
        self._socket = socket.create_connection(("127.0.0.1", target.port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> float:
        """Milliseconds until the first byte; the rest is waited for."""
        began = time.perf_counter()
        self._socket.sendall(self._request)
        seen = self._socket.recv(1 << 16)
        first = time.perf_counter() - began
        if not seen.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the answer was {seen[:200]!r}")
        while not seen.endswith(self._ends):
            piece = self._socket.recv(1 << 16)
            if not piece:
                raise RuntimeError("the connection ended early")
            seen += piece
        return first * 1000

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()


def measure(targets: dict[str, Target], load: Load, rounds: int, rng: Random) -> dict[str, list[float]]:
    """Asks all in turn, in a new order each round, so that what else the machine does falls on all alike."""
    callers = {name: Caller(target, load) for name, target in targets.items()}
    found: defaultdict[str, list[float]] = defaultdict(list)
    warm = rounds // 10 + 1
    for each in range(rounds + warm):
        for name in rng.sample(sorted(callers), len(callers)):
            took = callers[name].ask()
            if each >= warm:
                found[name].append(took)
    for caller in callers.values():
        caller.close()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1500)
    parser.add_argument("--only", nargs="*", help="the peers to measure; all without it")
    chosen = parser.parse_args(arguments)
    os.sched_setaffinity(0, {OTHER_CORE})
    sys.stdout.write(f"{machine()}\n")
    sys.stdout.write("first byte of an answer, one call at a time, ms: p50, p90, p99; added to the upstream's p50\n")
    added: dict[str, float] = {}
    with rig() as upstream:
        for opener in OPENERS:
            if opener is ccledger or chosen.only is None or opener.__name__ in chosen.only:
                added |= measure_alone(opener, upstream, chosen.rounds)
    kept = [
        judge(f"gateway-latency-{name}", f"{ms:.2f} ms", f"{LIMIT_MS:.0f} ms", kept=ms <= LIMIT_MS)
        for name, ms in added.items()
    ]
    return 0 if all(kept) else 1


def measure_alone(opener: Opener, upstream: Rig, rounds: int) -> dict[str, float]:
    """Measures one gateway while no other runs, for some are never idle; what it adds, if it is ours."""
    added: dict[str, float] = {}
    try:
        with opener(upstream) as gateway:
            sys.stdout.write(f"{gateway.name} {gateway.version}\n")
            targets = {"upstream": upstream.direct, gateway.name: gateway.target}
            for name, load in LOADS:
                found = show(load, measure(targets, load, rounds, Random(1)))
                if opener is ccledger:
                    added[name] = found
    except Unavailable as reason:
        sys.stdout.write(f"left out: {reason}\n")
    return added


def show(load: Load, found: dict[str, list[float]]) -> float:
    """Prints what one kind of call took and returns what the gateway adds in the middle."""
    direct = statistics.median(found["upstream"])
    added = 0.0
    for name, times in found.items():
        cuts = statistics.quantiles(times, n=100)
        line = f"{load.name:<10} {name:<10} {cuts[49]:>8.2f} {cuts[89]:>8.2f} {cuts[98]:>8.2f}"
        if name != "upstream":
            added = cuts[49] - direct
            line += f"  {added:+.2f}"
        sys.stdout.write(f"{line}\n")
    return added


if __name__ == "__main__":
    sys.exit(main())
