"""Promise: three nodes on one PostgreSQL, killed in turn and without it for a while, lose no call, double none, and
keep limits together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.cluster import Database, balance, cluster, database, metered, revoked_everywhere_ms
from bench.measure import judge
from bench.storm import Gateway, Sightings, clients, wait_for
from tests.upstream.server import upstream

_OPEN, _A_MINUTE = 4, 600
_AT_ONCE_MS = 1000


def kill_in_turn(nodes: Sequence[Gateway], held: Database, seconds: float, every: float) -> tuple[int, float]:
    """Kill one node after the other, and the database once; return how many kills, and how long it was away."""
    ends = time.monotonic() + seconds
    kills, away = 0, 0.0
    while time.monotonic() < ends:
        began = time.monotonic()
        node = nodes[kills % len(nodes)]
        node.kill()
        node.start()
        kills += 1
        if not away and time.monotonic() > ends - seconds / 2:
            away = held.restart()
        time.sleep(max(0.0, began + every - time.monotonic()))
    return kills, away


def leave_one_behind(nodes: Sequence[Gateway], spools: Path, patience: float) -> float | None:
    """Kill a node for good; return after how many seconds the others have taken over its spool, if they did."""
    before = set(spools.iterdir())
    home = (nodes[-1].data / "ccledger.node").read_text().strip()
    nodes[-1].kill()
    began = time.monotonic()
    assert spools / home in before
    return time.monotonic() - began if wait_for(lambda: not (spools / home).exists(), patience) else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, take the database away, compare, and return 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two kills")
    parser.add_argument("--clients", type=int, default=8, help="on each node, without limits; half as many with")
    parser.add_argument("--patience", type=float, default=90.0, help="seconds for a dead node's spool; 0: no such node")
    chosen = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="ccledger-spools-") as folder,
        upstream() as fake,
        database() as held,
        cluster(held, 3, Path(folder)) as nodes,
    ):
        meter = metered(fake, 0.005)
        free = nodes[0].key("free")
        narrow = nodes[0].key("narrow", "--concurrency", str(_OPEN), "--rpm", str(_A_MINUTE))
        nodes[0].account(fake.url)
        for node in nodes:
            node.start()
        limited, unlimited = _run(nodes, held, chosen, free, narrow)
        finished = [name for seen in (*limited, *unlimited) for name in seen.finished]
        told = revoked_everywhere_ms(nodes)
        taken = leave_one_behind(nodes, Path(folder), chosen.patience) if chosen.patience else 0.0
        codes = [node.stop() for node in nodes if node.process is not None]
        found = balance(held, finished, (fake.counts.input_tokens, fake.counts.output_tokens))
    _describe(limited, unlimited)
    sys.stdout.write(f"{found}\nstopped with exit codes {codes}\n")
    if chosen.patience:
        sys.stdout.write(f"a dead node's spool was taken over after {taken and round(taken)} s\n")
    beyond = max(0, meter.most_open - _OPEN), max(0, meter.most_in_a_minute() - _A_MINUTE)
    sys.stdout.write(f"with limits: at most {meter.most_open} open (of {_OPEN}), ")
    sys.stdout.write(f"{meter.most_in_a_minute()} in a minute (of {_A_MINUTE})\n")
    figure = f"{found.finished} calls on 3 nodes: {len(found.missing)} lost, {len(found.doubled)} doubled"
    kept = [
        judge("nodes-kill", figure, "0, 0", kept=found.kept and not any(codes) and taken is not None),
        judge("nodes-limits", f"exceeded by {max(beyond)} calls", "1", kept=max(beyond) <= 1 and meter.most_open > 1),
        judge("nodes-revoked", f"{told:.0f} ms to the last node", f"{_AT_ONCE_MS} ms", kept=told < _AT_ONCE_MS),
    ]
    return 0 if all(kept) else 1


def _run(
    nodes: Sequence[Gateway], held: Database, chosen: argparse.Namespace, free: str, narrow: str
) -> tuple[list[Sightings], list[Sightings]]:
    """Keep all nodes busy while they are killed; return what clients with limits saw, and those without."""
    with ExitStack() as stack:
        limited = [
            stack.enter_context(clients(node.port, narrow, max(1, chosen.clients // 2), lambda _: True))
            for node in nodes
        ]
        unlimited = [stack.enter_context(clients(node.port, free, chosen.clients, lambda _: False)) for node in nodes]
        kills, away = kill_in_turn(nodes, held, chosen.seconds, chosen.every)
        time.sleep(1)
    sys.stdout.write(f"{kills} kills in {chosen.seconds:.0f} s, the database was away for {away:.1f} s\n")
    return limited, unlimited


def _describe(limited: Sequence[Sightings], unlimited: Sequence[Sightings]) -> None:
    for name, seen in (("with limits", limited), ("without", unlimited)):
        counts = [dict(one.statuses) for one in seen]
        sys.stdout.write(f"{name}: {sum(len(one.finished) for one in seen)} finished; {counts}\n")


if __name__ == "__main__":
    sys.exit(main())
