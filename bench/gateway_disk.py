"""Promise: on a full disk new calls are refused before they are forwarded, and those under way end and are booked."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random

from bench.measure import judge
from bench.storm import Gateway, Sightings, balance, body, clients, gateway, paced, wait_for
from tests.upstream.server import Fake, upstream

LEFT_OVER = (0, 4096, 20_000, 100_000, 1_000_000, 3_000_000)
"""Bytes that a full disk still has: some let SQLite begin what it can't end."""


@contextmanager
def small_disk(megabytes: int) -> Generator[Path | None]:
    """A disk of its own for a data directory; None where this user may not mount one."""
    with tempfile.TemporaryDirectory(prefix="disk-") as folder:
        mount = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", folder)
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(("umount", "--lazy", folder), check=True)


def fill(disk: Path, left: int) -> None:
    """Takes all space of a disk but some bytes, while others write there, too."""
    with (disk / "ballast").open("ab") as ballast:
        while True:
            room = os.statvfs(disk)
            more = room.f_bavail * room.f_frsize - left
            if more <= 0:
                return
            with suppress(OSError):
                os.posix_fallocate(ballast.fileno(), 0, os.fstat(ballast.fileno()).st_size + more)
                return


def drop(disk: Path) -> None:
    """Gives the space back."""
    (disk / "ballast").unlink()


@dataclass
class Round:
    """One time that the disk was full."""

    left: int
    refused: int
    forwarded: int
    """Calls that the upstream saw although they could not have been recorded."""
    finished: int
    """Calls under way that were seen to finish."""
    said_so: bool
    """Whether refusals had the form of either kind of client, and said when to come back."""
    recovered: bool


def one_round(held: Gateway, fake: Fake, disk: Path, left: int, key: str, seen: Sightings, seconds: float) -> Round:
    """Fill the disk while calls run, look, and make room again."""
    finished, refused, told = len(seen.finished), seen.statuses[503], seen.retry_after
    fill(disk, left)
    refusing = wait_for(lambda: seen.statuses[503] > refused, 10)
    time.sleep(1)  # what was admitted before ends
    before = len(fake.seen)
    time.sleep(seconds)
    forwarded = len(fake.seen) - before
    said_so = refusing and _says_so(held.port, key, "/v1/messages") and _says_so(held.port, key, "/v1/chat/completions")
    refusals = seen.statuses[503] - refused
    said_so = said_so and seen.retry_after - told >= refusals - 1
    drop(disk)
    good = seen.statuses[200]
    recovered = wait_for(lambda: seen.statuses[200] > good + 10, 20)
    return Round(left, refusals, forwarded, len(seen.finished) - finished, said_so, recovered)


def _says_so(port: int, key: str, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"x-api-key": key, "content-type": "application/json"}
        connection.request("POST", path, body(stream=False), headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    form = b'"type":"error"' if path == "/v1/messages" else b'"error":{"message"'
    return answer.status == 503 and int(answer.getheader("retry-after") or 0) > 0 and form in text.replace(b" ", b"")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill a disk a few times, compare, and return 1 when something was forwarded or lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long the disk is full each time")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--megabytes", type=int, default=48)
    chosen = parser.parse_args(arguments)
    with small_disk(chosen.megabytes) as disk:
        if disk is None:
            sys.stdout.write("a disk of its own can't be mounted by this user: run this as root on Linux\n")
            return 2
        return _prove(disk, chosen)


def _prove(disk: Path, chosen: argparse.Namespace) -> int:
    rng, rounds = Random(4), list[Round]()
    with upstream() as fake, gateway(disk / "data") as held:
        paced(fake, 0.02)
        key = held.key()
        held.account(fake.url)
        held.start()
        with clients(held.port, key, chosen.clients) as seen:
            for number in range(chosen.rounds):
                time.sleep(0.3 + rng.random())
                left = LEFT_OVER[number % len(LEFT_OVER)]
                rounds.append(one_round(held, fake, disk, left, key, seen, chosen.seconds))
        code = held.stop()
        aside = (disk / "data" / "spool" / "unbooked.jsonl").exists()
        found = balance(held, seen.finished, (fake.counts.input_tokens, fake.counts.output_tokens))
    for each in rounds:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"{dict(seen.statuses)}\n{found}\nexit code {code}, calls laid aside: {aside}\n")
    forwarded = sum(each.forwarded for each in rounds)
    refused = sum(each.refused for each in rounds)
    recovered = sum(each.recovered for each in rounds)
    kept = found.kept and not aside and code == 0 and all(each.said_so and each.recovered for each in rounds)
    figure = (
        f"{len(rounds)} times full: {refused} calls refused, {forwarded} of them forwarded, "
        f"{found.finished} finished, {len(found.missing)} lost, {recovered} times recovered"
    )
    limit = f"0 forwarded, 0 lost, {len(rounds)}"
    return 0 if judge("gateway-disk", figure, limit, kept=kept and forwarded == 0 and refused > 0) else 1


if __name__ == "__main__":
    sys.exit(main())
