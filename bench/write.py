"""Promise: the ledger books so many calls a second on one core, with keys and roll-ups; no source is part of this."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random

from bench.ccledger import data_directory
from bench.measure import judge, machine
from ccledger.app import price_book
from ccledger.core.call import Exchange, Fact, Party, Place, Reading, Source, Timing, Usage
from ccledger.ledger.store import Store, open_store

LIMIT, BACKLOG_GOAL = 12_000, 25_000
BATCH, BACKLOG_BATCH = 100, 1_000
ZONE = "Asia/Shanghai"
CALLS_PER_SECOND = 50
BEGIN = 1_795_000_000_000
MODELS = ("claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5-20251001", "claude-opus-4-8", "claude-fable-5-1")
TOKENS, ACCOUNTS, USERS, PROJECTS, SESSIONS = 500, 20, 50, 40, 2_000


@dataclass(frozen=True)
class Pace:
    """How fast some batches were booked."""

    rows: int
    cpu: float
    wall: float

    def __str__(self) -> str:
        """Tell both rates."""
        return f"{self.per_core:>10,.0f} rows/s by CPU {self.rows / self.wall:>10,.0f} rows/s by wall"

    @property
    def per_core(self) -> float:
        """Rows a second of CPU."""
        return self.rows / self.cpu


def make_fact(rng: Random, number: int) -> Fact:
    """Make what a busy gateway would hand over: every dimension drawn at random."""
    name = blake2b(number.to_bytes(8, "big"), digest_size=15).hexdigest()
    at = BEGIN + number * 1000 // CALLS_PER_SECOND
    session = rng.randrange(SESSIONS)
    project = session % PROJECTS
    write = rng.randrange(6_000)
    usage = Usage(rng.randrange(1, 900), rng.randrange(30, 4_000), 0, write, rng.randrange(120_000), 0)
    duration = rng.randrange(900, 60_000)
    return Fact(
        (f"msg:msg_01{name[:22]}", f"req:req_011{name[8:29]}"),
        Timing(Source.GATEWAY, at, 0, 200, duration, rng.randrange(200, 900)),
        Reading(rng.choice(MODELS), usage),
        Place(Source.GATEWAY, f"session-{session}", f"/home/app/project-{project}", f"-home-app-project-{project}"),
        at,
        Party(
            Source.GATEWAY,
            f"token-{rng.randrange(TOKENS)}",
            f"account-{rng.randrange(ACCOUNTS)}",
            f"user-{rng.randrange(USERS)}",
            "api",
        ),
        1 << Source.GATEWAY,
        Exchange(stream=True),
    )


def book(store: Store, facts: Sequence[Fact], size: int) -> Pace:
    """Book facts in batches of a size; making them is not measured."""
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, len(facts), size):
        batch = facts[start : start + size]
        store.append(batch, {}, now=batch[-1].timing.started_at)
    return Pace(len(facts), time.process_time() - cpu, time.perf_counter() - wall)


def measure_writes(rows: int, warm: int, size: int) -> Pace:
    """Measure one size of batches on a ledger that already holds some calls."""
    rng = Random(size)
    facts = [make_fact(rng, number) for number in range(warm + rows)]
    prices = price_book().cost
    with data_directory() as data:
        path = Path(data, "ledger.db")
        store = open_store(f"sqlite:///{path}", lambda: prices, ZONE)
        try:
            book(store, facts[:warm], 1_000)
            pace = book(store, facts[warm:], size)
            if store.summary().calls != len(facts):
                raise RuntimeError("calls are missing")
        finally:
            store.close()
    return pace


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--warm", type=int, default=20_000)
    chosen = parser.parse_args(arguments)
    pace, backlog = (measure_writes(chosen.rows, chosen.warm, size) for size in (BATCH, BACKLOG_BATCH))
    sys.stdout.write(f"{machine()}\nSQLite, durable commits, two keys a call, all roll-ups, {chosen.rows:,} rows\n")
    sys.stdout.write(f"batches of {BATCH:>5,} {pace}\nbatches of {BACKLOG_BATCH:>5,} {backlog}\n")
    sys.stdout.write(f"goal for a backlog: {BACKLOG_GOAL:,} rows/s by CPU\n")
    rate = f"{pace.per_core:,.0f} rows/s per core"
    return 0 if judge("write-path", rate, f"≥ {LIMIT:,}", kept=pace.per_core >= LIMIT) else 1


if __name__ == "__main__":
    sys.exit(main())
