"""Promise: a gateway killed 50 times under load, and a minute without its database, lose no call and double none."""

# apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from random import Random

import apsw

from bench.measure import judge
from bench.storm import Gateway, Sightings, balance, clients, gateway, paced
from tests.upstream.server import upstream


def kill_again_and_again(held: Gateway, kills: int, rng: Random, seen: Sightings) -> list[int]:
    """Kill the server at random moments; return how many calls were seen to finish in each life."""
    lives: list[int] = []
    for _ in range(kills):
        held.start()
        before = len(seen.finished)
        time.sleep(0.1 + 0.9 * rng.random())
        held.kill()
        lives.append(len(seen.finished) - before)
    return lives


def take_the_database_away(held: Gateway, seconds: float, seen: Sightings) -> int:
    """Hold the ledger so that nobody else can write it; return how many calls finished meanwhile."""
    connection = apsw.Connection(str(held.ledger))
    connection.set_busy_timeout(60_000)
    connection.execute("BEGIN IMMEDIATE")
    before = len(seen.finished)
    try:
        time.sleep(seconds)
        return len(seen.finished) - before
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, take the database away, compare, and return 1 when a call is missing or there twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--outage", type=float, default=60.0, help="seconds without the database")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=20)
    chosen = parser.parse_args(arguments)
    with upstream() as fake, gateway() as held:
        paced(fake, 0.005)
        key = held.key()
        held.account(fake.url)
        with clients(held.port, key, chosen.clients) as seen:
            lives = kill_again_and_again(held, chosen.kills, Random(chosen.seed), seen)
            killed = len(seen.finished)
            held.start()
            began = time.monotonic()
            meanwhile = take_the_database_away(held, chosen.outage, seen)
            outage = time.monotonic() - began
            time.sleep(1)
        code = held.stop()
        left = sorted(path.name for path in (held.data / "spool").iterdir())
        found = balance(held, seen.finished, (fake.counts.input_tokens, fake.counts.output_tokens))
    sys.stdout.write(f"{chosen.clients} clients, half of them streaming: {dict(seen.statuses)}\n")
    sys.stdout.write(f"calls that finished in each life: {lives}\n")
    sys.stdout.write(f"{meanwhile} calls finished in {outage:.0f} s without the database\n{found}\n")
    sys.stdout.write(f"stopped with exit code {code}, left in the spool: {left}\n")
    kept = found.kept and code == 0 and not left
    figure = f"{len(lives)} kills, {killed} calls: {len(found.missing)} lost, {len(found.doubled)} doubled"
    one = judge("gateway-kill", figure, "0, 0", kept=kept and sum(map(bool, lives)) > len(lives) // 2)
    figure = f"{outage:.0f} s without the database, {meanwhile} calls: {len(found.missing)} lost"
    return 0 if judge("gateway-outage", figure, "0", kept=kept and meanwhile > 0) and one else 1


if __name__ == "__main__":
    sys.exit(main())
