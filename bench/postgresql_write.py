"""Promise: nodes that book the same roll-up rows at once in PostgreSQL are fast, never deadlock, and lose nothing."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from random import Random
from typing import Any

from bench.ccledger import data_directory
from bench.measure import judge, machine
from bench.write import BATCH, ZONE, make_fact
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


def batches_of(node: int, rows: int, seed: int) -> list[list[Fact]]:
    """Make what one node books: the same times, models and tokens as all others, but calls of its own."""
    rng = Random(seed * NODES + node)
    facts = [make_fact(rng, number * NODES + node) for number in range(rows)]
    fresh = [facts[start : start + BATCH] for start in range(0, rows, BATCH)]
    batches: list[list[Fact]] = []
    for number, batch in enumerate(fresh, 1):
        batches.append(batch)
        if number % (REPLAYED - 1) == 0:
            batches.append(rng.choice(fresh[:number]))
    return batches


def write(url: str, node: int, rows: int, ready: Barrier, said: Any) -> None:
    """Book in a process of its own, beginning and ending with all others."""
    prices = price_book().cost
    batches = batches_of(node, rows, 1)
    store = open_store(url, lambda: prices, ZONE)
    vars(store)["node"] = node
    try:
        store.append([make_fact(Random(node), rows * NODES + node)], {}, now=1)
        ready.wait()
        cpu, began = time.process_time(), time.monotonic()
        longest = 0.0
        for batch in batches:
            start = time.monotonic()
            store.append(batch, {"position": b"x"} if node < 0 else {}, now=batch[-1].timing.started_at)
            longest = max(longest, time.monotonic() - start)
        said.put((began, time.monotonic(), time.process_time() - cpu, longest))
    finally:
        store.close()


def measure(url: str, rows: int, nodes: int) -> tuple[float, float, float]:
    """Return rows a second of all nodes together, their CPU a row in microseconds, and the longest wait."""
    context = multiprocessing.get_context("spawn")
    ready, said = context.Barrier(nodes), context.Queue()
    writers = [context.Process(target=write, args=(url, node, rows, ready, said)) for node in range(nodes)]
    for writer in writers:
        writer.start()
    told = [said.get(timeout=120) for _ in writers]
    for writer in writers:
        writer.join()
    wall = max(end for _, end, _, _ in told) - min(begin for begin, _, _, _ in told)
    return nodes * rows / wall, sum(cpu for _, _, cpu, _ in told) / (nodes * rows) * 1e6, max(t[3] for t in told)


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
    with data_directory(), fresh_server() as url:
        rate, cpu, longest = measure(url, chosen.rows, chosen.nodes)
        exact = is_exact(url, chosen.nodes * (chosen.rows + 1))
        ((deadlocks,),) = fetch(url, DEADLOCKS)
        ((version,),) = fetch(url, "SHOW server_version")
    sys.stdout.write(f"{machine()}\nPostgreSQL {version}, durable commits, batches of {BATCH}, {chosen.nodes} nodes\n")
    sys.stdout.write(f"{rate:,.0f} new rows/s, a fifth of all batches replayed, client CPU {cpu:.0f} µs a row\n")
    sys.stdout.write(
        f"longest wait {longest * 1000:.0f} ms, {deadlocks} deadlocks, roll-ups {'exact' if exact else 'WRONG'}\n"
    )
    figure = f"{rate:,.0f} rows/s, {deadlocks} deadlocks, roll-ups {'exact' if exact else 'wrong'}"
    kept = rate >= LIMIT and not deadlocks and exact
    return 0 if judge("postgresql-write", figure, f"≥ {LIMIT:,}, 0, exact", kept=kept) else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
