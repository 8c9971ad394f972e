"""Promise: every token and nano-dollar of made-up corpora with all traps is right, by day and model, in each zone."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.ccledger import PROGRAM, data_directory
from bench.measure import judge, machine
from tests.corpora.against_ccusage import explain
from tests.corpora.made import TRAPS, roots_of, write_corpus
from tests.corpora.reference import Tally, daily

ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin")
"""Whole hours, three quarters of an hour, half an hour with a summer time, and a change of clocks in the corpus."""

Numbers = tuple[int, int, int, int, str | None]
"""Input, output, cache writes, cache reads, and the cost in nano-USD."""

Cells = dict[tuple[str, str], Numbers]
"""By day and model."""


@dataclass
class Tallies:
    """What was compared and what differed."""

    cells: int = 0
    wrong: int = 0
    beside_ccusage: int = 0
    explained: int = 0
    unexplained: int = 0


def read_report(output: bytes) -> Cells:
    """Read `ccledger daily --json`."""
    return dict(cell for day in json.loads(output)["daily"] for cell in cells_of_day(day["date"], day))


def cells_of_day(date: str, day: Mapping[str, list[dict[str, str]]]) -> Iterator[tuple[tuple[str, str], Numbers]]:
    """Read one day's models."""
    for one in day["modelBreakdowns"]:
        kinds = (int(one[f"{kind}Tokens"]) for kind in ("input", "output", "cacheCreation", "cacheRead"))
        yield (date, one["modelName"]), (*take_four(kinds), one["cost_nano"])


def take_four(numbers: Iterator[int]) -> tuple[int, int, int, int]:
    """Turn an iterator of four into a tuple of four."""
    one, two, three, four = numbers
    return one, two, three, four


def expect(days: Mapping[str, Mapping[str, Tally]]) -> Cells:
    """Put the reference's sums into the same form."""
    return {(day, model): numbers_of(tally) for day, models in days.items() for model, tally in models.items()}


def numbers_of(tally: Tally) -> Numbers:
    """Put one sum into the report's form."""
    cost = None if tally.cost_nano is None else str(tally.cost_nano)
    return tally.input, tally.output, tally.cache_write_5m + tally.cache_write_1h, tally.cache_read, cost


def report(program: Path, roots: Sequence[Path], data: Path, zone: str, own_zone: str) -> Cells:
    """Ask a ledger kept in one zone for the days of another."""
    environment = {
        "CLAUDE_CONFIG_DIR": ",".join(map(str, roots)),
        "CCLEDGER_DATA_DIR": str(data),
        "CCLEDGER_TIMEZONE": own_zone,
    }
    command = (str(program), "daily", "--json", "--timezone", zone)
    return read_report(subprocess.run(command, env=os.environ | environment, capture_output=True, check=True).stdout)


def compare_corpus(program: Path, root: Path, into: Tallies) -> None:
    """Compare one corpus in every zone, from a ledger kept in UTC and from one kept in that zone."""
    roots = roots_of(root)
    for zone in ZONES:
        expected = expect(daily(roots, timezone=zone))
        for own_zone in dict.fromkeys(("UTC", zone)):
            with data_directory() as data:
                compare(report(program, roots, data, zone, own_zone), expected, f"{zone} kept in {own_zone}", into)
        differences = explain(root, timezone=zone)
        into.beside_ccusage += len(expected)
        into.explained += sum(one.explained for one in differences)
        unexplained = [one for one in differences if not one.explained]
        into.unexplained += len(unexplained)
        sys.stdout.write("".join(f"  {one}\n" for one in unexplained))


def compare(found: Cells, expected: Cells, what: str, into: Tallies) -> None:
    """Count and print the cells that differ."""
    wrong = [cell for cell in sorted(found.keys() | expected.keys()) if found.get(cell) != expected.get(cell)]
    into.cells += len(found.keys() | expected.keys())
    into.wrong += len(wrong)
    for cell in wrong[:5]:
        sys.stdout.write(f"  {what}, {cell}: {found.get(cell)} instead of {expected.get(cell)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and return 1 when a cell is wrong or a difference to ccusage has no known reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ccledger", type=Path, default=PROGRAM)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--sessions", type=int, default=60)
    chosen = parser.parse_args(arguments)
    counted = Tallies()
    for seed in range(1, chosen.seeds + 1):
        with tempfile.TemporaryDirectory(prefix="corpus-") as root:
            write_corpus(Path(root), seed=seed, sessions=chosen.sessions)
            compare_corpus(chosen.ccledger.absolute(), Path(root), counted)
    sys.stdout.write(f"{machine()}\n{chosen.seeds} corpora of {chosen.sessions} sessions and {len(TRAPS)} traps\n")
    sys.stdout.write(f"zones: {', '.join(ZONES)}; each from a ledger kept in UTC and from one kept in that zone\n")
    sys.stdout.write(f"{counted.cells} cells of day and model compared with the reference, {counted.wrong} differ\n")
    agreed = counted.beside_ccusage - counted.explained - counted.unexplained
    sys.stdout.write(f"ccusage: {agreed} of {counted.beside_ccusage} cells equal, {counted.explained} explained\n")
    right = judge("corpora-exact", f"{counted.wrong} of {counted.cells} cells differ", "0", kept=not counted.wrong)
    known = judge("corpora-ccusage", f"{counted.unexplained} unexplained", "0", kept=not counted.unexplained)
    return 0 if right and known else 1


if __name__ == "__main__":
    sys.exit(main())
