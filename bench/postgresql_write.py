"""Promise: nodes that book the same roll-up rows at once in PostgreSQL are fast, never deadlock, and lose nothing."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from random import Random
from typing import Any

from bench.ccledger import data_directory
from bench.measure import judge, machine
from bench.write import BACKLOG_BATCH, BATCH, ZONE, make_fact
from ccledger.app import price_book
from ccledger.core.call import Fact
from ccledger.ledger.store import open_store
from tests.postgres import fetch, fresh_server

LIMIT = 10_000
NODES = 4
REPLAYED = 5
"""Of so many batches one is a batch that was booked before."""
CHECKS = {
    "calls": """
        SELECT (SELECT count(*) FROM request_logs),
               (SELECT sum(calls) FROM usage_rollup WHERE grain = {grain} AND dimension = {dimension})
    """,
    "cost": """
        SELECT (SELECT sum(input_cost + output_cost + cache_creation_cost + cache_read_cost) FROM request_logs),
               (SELECT sum(input_cost + output_cost + cache_creation_cost + cache_read_cost)
                FROM usage_rollup WHERE grain = {grain} AND dimension = {dimension})
    """,
}
DEADLOCKS = "SELECT sum(deadlocks) FROM pg_stat_database"


def batches_of(node: int, rows: int, size: int) -> list[list[Fact]]:
    """Make what one node books: the same times, models and tokens as all others, but calls of its own."""
    rng = Random(size * NODES + node)
    facts = [make_fact(rng, number * NODES + node) for number in range(rows)]
    fresh = [facts[start : start + size] for start in range(0, rows, size)]
    batches: list[list[Fact]] = []
    for number, batch in enumerate(fresh, 1):
        batches.append(batch)
        if number % (REPLAYED - 1) == 0:
            batches.append(rng.choice(fresh[:number]))
    return batches


def write(url: str, node: int, rows: int, size: int, ready: Barrier, said: Any) -> None:
    """Book in a process of its own, beginning and ending with all others."""
    prices = price_book().cost
    batches = batches_of(node, rows, size)
    store = open_store(url, lambda: prices, ZONE)
    vars(store)["node"] = node
    try:
        store.append([make_fact(Random(node), rows * NODES + node)], {}, now=1)
        ready.wait()
        cpu, began = time.process_time(), time.monotonic()
        longest = 0.0
        for batch in batches:
            start = time.monotonic()
            store.append(batch, {}, now=batch[-1].timing.started_at)
            longest = max(longest, time.monotonic() - start)
        said.put((began, time.monotonic(), time.process_time() - cpu, longest))
    finally:
        store.close()


@dataclass(frozen=True)
class Found:
    """What nodes did together."""

    rate: float
    """New rows a second of all nodes together."""
    cpu: float
    """Of the nodes, in microseconds a new row."""
    longest: float
    """How long one batch took, in seconds."""
    deadlocks: int
    exact: bool

    def __str__(self) -> str:
        """Tell everything."""
        sums = "exact" if self.exact else "WRONG"
        waited = f"longest wait {self.longest * 1000:.0f} ms"
        return f"{self.rate:,.0f} rows/s, {self.deadlocks} deadlocks, roll-ups {sums} ({self.cpu:.0f} µs/row, {waited})"


def measure(rows: int, nodes: int, size: int) -> Found:
    """Let nodes book in a server of their own."""
    context = multiprocessing.get_context("spawn")
    with fresh_server() as url:
        ready, said = context.Barrier(nodes), context.Queue()
        writers = [context.Process(target=write, args=(url, node, rows, size, ready, said)) for node in range(nodes)]
        for writer in writers:
            writer.start()
        told = [said.get(timeout=600) for _ in writers]
        for writer in writers:
            writer.join()
        ((deadlocks,),) = fetch(url, DEADLOCKS)
        exact = is_exact(url, nodes * (rows + 1))
    begins, ends, cpu, waits = zip(*told, strict=True)
    return Found(
        nodes * rows / (max(ends) - min(begins)), sum(cpu) / (nodes * rows) * 1e6, max(waits), int(deadlocks), exact
    )


def is_exact(url: str, calls: int) -> bool:
    """Tell whether all roll-ups say what the calls say, and none is missing or there twice."""
    for grain in (0, 1):
        for query in CHECKS.values():
            ((counted, summed),) = fetch(url, query.format(grain=grain, dimension=0))
            if counted != summed:
                return False
    ((counted,),) = fetch(url, "SELECT count(*) FROM request_logs")
    return counted == calls


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="of each node")
    parser.add_argument("--nodes", type=int, default=NODES)
    chosen = parser.parse_args(arguments)
    with data_directory():
        single, backlog = (measure(chosen.rows, chosen.nodes, size) for size in (BATCH, BACKLOG_BATCH))
    sys.stdout.write(f"{machine()}\nPostgreSQL, durable commits, {chosen.nodes} nodes that touch the same rows of the ")
    sys.stdout.write(f"roll-ups, {chosen.rows:,} rows each, a batch of {REPLAYED} replayed\n")
    sys.stdout.write(f"batches of {BATCH:>5,}: {single}\nbatches of {BACKLOG_BATCH:>5,}: {backlog}\n")
    sound = backlog.exact and single.exact and not backlog.deadlocks + single.deadlocks
    figure = f"{backlog.rate:,.0f} rows/s, {'no deadlock, sums exact' if sound else 'deadlocks or wrong sums'}"
    kept = backlog.rate >= LIMIT and sound
    return 0 if judge("postgresql-write", figure, f"≥ {LIMIT:,}, none, exact", kept=kept) else 1


if __name__ == "__main__":
    sys.exit(main())
