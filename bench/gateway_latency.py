"""Promise: the gateway adds at most a millisecond to the time to the first byte; nothing else runs meanwhile."""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random

from bench.gateway.gateways import Running, Unavailable, ccledger, litellm, nginx, portkey
from bench.gateway.rig import BURST, OTHER_CORE, PATIENCE, WHOLE, Load, Rig, Target, rig
from bench.measure import judge, machine

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
    kept: list[bool] = []
    os.sched_setaffinity(0, {OTHER_CORE})
    with ExitStack() as stack:
        upstream = stack.enter_context(rig())
        gateways = open_all(stack, upstream, chosen.only)
        sys.stdout.write(f"{machine()}\n{' · '.join(f'{each.name} {each.version}' for each in gateways)}\n")
        sys.stdout.write(
            "first byte of an answer, one call at a time, ms: p50, p90, p99; added to the upstream's p50\n"
        )
        targets = {"upstream": upstream.direct} | {each.name: each.target for each in gateways}
        for name, load in LOADS:
            found = measure(targets, load, chosen.rounds, Random(1))
            added = show(load, found)
            kept.append(
                judge(f"gateway-latency-{name}", f"{added:.2f} ms", f"{LIMIT_MS:.0f} ms", kept=added <= LIMIT_MS)
            )
    return 0 if all(kept) else 1


def open_all(stack: ExitStack, upstream: Rig, only: Sequence[str] | None) -> list[Running]:
    """Starts ours and the peers that can be had here."""
    found: list[Running] = [stack.enter_context(ccledger(upstream))]
    for opener in (nginx, litellm, portkey):
        if only is not None and opener.__name__ not in only:
            continue
        try:
            found.append(stack.enter_context(opener(upstream)))
        except Unavailable as reason:
            sys.stdout.write(f"left out: {reason}\n")
    return found


def show(load: Load, found: dict[str, list[float]]) -> float:
    """Prints what one kind of call took and returns what ccledger adds in the middle."""
    direct = statistics.median(found["upstream"])
    for name, times in found.items():
        cuts = statistics.quantiles(times, n=100)
        added = f"{cuts[49] - direct:+.2f}" if name != "upstream" else ""
        sys.stdout.write(f"{load.name:<10} {name:<10} {cuts[49]:>8.2f} {cuts[89]:>8.2f} {cuts[98]:>8.2f}  {added}\n")
    return statistics.median(found["ccledger"]) - direct


if __name__ == "__main__":
    sys.exit(main())
