"""Promise: a call that has ended is in the list of calls soon, at half the load that the gateway can carry."""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Sequence

from bench.gateway.gateways import Ours, ccledger
from bench.gateway.rig import WHOLE, Rig, fetch, rig
from bench.measure import judge, machine

LIMIT_MS = 200.0
LOOK_AGAIN_SECONDS = 0.005
BETWEEN_SECONDS = 0.1
CONNECTIONS = 32
PATIENCE = 30.0


def probe(ours: Ours, key: str, token: str) -> float:
    """Makes a call and returns the milliseconds from its end until the list shows it."""
    target = ours.target.__class__(ours.target.port, headers={"x-api-key": key})
    before = newest(ours, token)
    fetch(target, WHOLE)
    ended = time.perf_counter()
    while newest(ours, token) == before:
        if time.perf_counter() - ended > PATIENCE:
            raise TimeoutError("the call did not appear")
        time.sleep(LOOK_AGAIN_SECONDS)
    return (time.perf_counter() - ended) * 1000


def newest(ours: Ours, token: str) -> str | None:
    """The id of a key's latest call."""
    logs = ours.ledger.json(f"logs/requests?token_id={token}&limit=1")["logs"]
    return logs[0]["id"] if logs else None


def saturation(upstream: Rig, ours: Ours, seconds: float) -> float:
    """Answers a second when as many are asked for as it gives."""
    return upstream.run(ours.target, WHOLE, exact=True, connections=CONNECTIONS, seconds=seconds).rate


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long saturation is looked for")
    chosen = parser.parse_args(arguments)
    with rig() as upstream, ccledger(upstream) as ours:
        saturation(upstream, ours, 1)
        most = saturation(upstream, ours, chosen.seconds)
        issued = ours.issue("probe")
        found: list[float] = []
        over = threading.Event()
        rates: list[float] = []

        def keep_busy() -> None:
            while not over.is_set():
                half = {"connections": CONNECTIONS, "seconds": 5.0, "rate": int(most / 2)}
                rates.append(upstream.run(ours.target, WHOLE, exact=True, **half).rate)

        thread = threading.Thread(target=keep_busy)
        thread.start()
        try:
            time.sleep(1)
            for _ in range(chosen.probes):
                found.append(probe(ours, issued["token"], issued["id"]))
                time.sleep(BETWEEN_SECONDS)
        finally:
            over.set()
            thread.join()
    sys.stdout.write(f"{machine()}\nJSON calls: at most {most:,.0f} a second; ")
    sys.stdout.write(f"meanwhile {statistics.mean(rates):,.0f} a second\n")
    cuts = statistics.quantiles(found, n=100)
    sys.stdout.write(f"from the end of a call until GET /api/v1/logs/requests shows it, {len(found)} calls, ms: ")
    sys.stdout.write(f"p50 {cuts[49]:.0f}, p90 {cuts[89]:.0f}, p99 {cuts[98]:.0f}, slowest {max(found):.0f}\n")
    figure, limit = f"p99 {cuts[98]:.0f} ms", f"{LIMIT_MS:.0f} ms"
    return 0 if judge("gateway-visible", figure, limit, kept=cuts[98] <= LIMIT_MS) else 1


if __name__ == "__main__":
    sys.exit(main())
