"""Measures every promise, one after the other, and writes down what was found; it changes no figure it is given."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.peers_of_node import install

ROOT = Path(__file__).parents[1]
EVIDENCE = ROOT / "docs" / "evidence.md"
PROMISE = re.compile(r"PROMISE (?P<name>[\w-]+): (?P<figure>.*?)(?: \(limit (?P<limit>.*)\))? (?P<verdict>ok|MISSED)")
TABLE = "| promise | figure | limit | verdict |\n|---|---|---|---|\n"
ROW = re.compile(r"^\| [\w-]+ \| .* \| (?:kept|\*\*missed\*\*) \|$", re.MULTILINE)
INTRODUCTION = """\
# Evidence

What `make prove` measured: each promise of this release, its figure and its limit. This page is written by that program
and never by hand; the numbers in the README come from here. Ratios are those of pairs measured one after the other on
the same machine, so that they can be repeated elsewhere; seconds and rates are this machine's.
"""


@dataclass(frozen=True)
class Target:
    """A promise, or a few that are measured together."""

    name: str
    module: str
    what: str
    quick: tuple[str, ...] | None = ()
    """What makes it short; None leaves it out."""


TARGETS = (
    Target("corpora", "corpora", "every token and nano-dollar is right", ("--seeds", "2", "--sessions", "30")),
    Target("import-cold", "import_cold", "a first import beside ccusage, 1 GB", ("--runs", "2")),
    Target("import-unchanged", "import_unchanged", "a second run beside ccusage", ("--runs", "3")),
    Target("import-served", "import_served", "a second run with a server running", ("--runs", "3")),
    Target("kill", "kill", "imports killed at random moments", ("--megabytes", "100", "--files", "300")),
    Target("write", "write", "the write path", ("--rows", "20000", "--warm", "10000")),
    Target("postgresql-write", "postgresql_write", "four nodes that write to one PostgreSQL", ("--rows", "5000")),
    Target("query", "queries", "questions to ten million calls", ("--calls", "300000", "--times", "30")),
    Target(
        "query-postgresql",
        "queries_postgresql",
        "the same questions to ten million calls in PostgreSQL",
        ("--calls", "300000", "--times", "30"),
    ),
    Target("statusline", "statusline", "the status line with 1 GB of history, and during an import", ("--runs", "10")),
    Target("move", "move", "a ledger moved to PostgreSQL and back, 1 million calls", ("--calls", "50000")),
    Target("wheel", "wheel", "the package on a bare machine"),
    Target("page", "page", "the page in Chromium", ("--samples", "5")),
    Target("page-large", "page_large", "the page over ten million calls", ("--calls", "300000", "--times", "3")),
    Target(
        "gateway-cpu",
        "gateway_cpu",
        "what a call costs beside nginx, LiteLLM and Portkey",
        ("--rounds", "1", "--seconds", "1.5"),
    ),
    Target("gateway-latency", "gateway_latency", "what the gateway adds to the first byte", ("--rounds", "200")),
    Target("gateway-streams", "gateway_streams", "a thousand streams at once", ("--seconds", "30")),
    Target("gateway-visible", "gateway_visible", "when a call is seen", ("--probes", "50", "--seconds", "2")),
    Target(
        "gateway-kill",
        "gateway_kill",
        "a gateway killed under load, and without its database",
        ("--kills", "5", "--outage", "5"),
    ),
    Target("gateway-disk", "gateway_disk", "a gateway whose disk is full", ("--rounds", "3")),
    Target("gateway-clients", "gateway_clients", "the official SDKs through the gateway, and the bytes they get"),
    Target("gateway-claude-code", "gateway_claude_code", "the real Claude Code through the gateway, with a tool"),
    Target("gateway-secrets", "gateway_secrets", "secrets that a gateway is told"),
    Target("gateway-hostile", "gateway_hostile", "a gateway among clients and upstreams that mean harm"),
    Target(
        "nodes",
        "nodes",
        "three nodes on one PostgreSQL, killed in turn",
        ("--seconds", "10", "--patience", "0"),
    ),
    Target("engines", "engines", "every journey and the conformance suite on both engines", None),
    Target("clone", "clone", "a fresh clone", None),
)


@dataclass(frozen=True)
class Verdict:
    """One line of the result."""

    name: str
    figure: str
    limit: str
    kept: bool


@dataclass(frozen=True)
class Result:
    """What a target said, and how it ended."""

    target: Target
    output: str
    code: int
    seconds: float
    load: float

    @property
    def verdicts(self) -> list[Verdict]:
        """The promises judged; a target that broke off before it judged any missed itself."""
        found = [
            Verdict(match["name"], match["figure"], match["limit"] or "", match["verdict"] == "ok")
            for match in PROMISE.finditer(self.output)
        ]
        broken = self.code not in (0, 1) or not found or (self.code == 1 and all(one.kept for one in found))
        return [*found, Verdict(self.target.name, "the measurement broke off", "", kept=False)] if broken else found

    @property
    def kept(self) -> bool:
        """Whether everything it promises holds."""
        return all(one.kept for one in self.verdicts)


def choose(names: Sequence[str]) -> list[Target]:
    """Return the targets whose names begin with one of the given words; all without any."""
    if unknown := [name for name in names if not any(each.name.startswith(name) for each in TARGETS)]:
        raise SystemExit(f"no promise is called {', '.join(unknown)}; there are {', '.join(e.name for e in TARGETS)}")
    return [each for each in TARGETS if not names or any(each.name.startswith(name) for name in names)]


def run(target: Target, extra: Sequence[str]) -> Result:
    """Run one target in a process of its own, showing what it says as it says it."""
    command = (sys.executable, "-u", "-m", f"bench.{target.module}", *extra)
    load = os.getloadavg()[0]
    began = time.monotonic()
    said: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            sys.stdout.write(f"  {line}")
            sys.stdout.flush()
            said.append(line)
    return Result(target, "".join(said), process.returncode, time.monotonic() - began, load)


def prove(targets: Sequence[Target], *, quick: bool) -> Iterator[Result]:
    """Run targets one after the other, whatever became of the ones before."""
    for number, target in enumerate(targets, start=1):
        if quick and target.quick is None:
            sys.stdout.write(f"[{number}/{len(targets)}] {target.name}: left out by --quick\n")
            continue
        sys.stdout.write(f"[{number}/{len(targets)}] {target.name}: {target.what}\n")
        sys.stdout.flush()
        yield run(target, (target.quick or ()) if quick else ())


def prepare_peers() -> None:
    """Install ccusage as pinned, when it is not here yet."""
    peers = ROOT / "bench" / "peers"
    if list((peers / "node_modules" / "@ccusage").glob("ccusage-*")):
        return
    install("--omit=dev")


# The page


def versions() -> str:
    """Name what the figures depend on beside the machine."""
    command = (sys.executable, "-c", "import apsw; print(apsw.sqlite_lib_version())")
    sqlite = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    browser = subprocess.run(
        (sys.executable, "-c", "from tests.browser import version; print(version())"),
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    ).stdout.strip()
    machine = subprocess.run(
        (sys.executable, "-c", "from bench.measure import machine; print(machine())"),
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    return f"{machine} · SQLite {sqlite} · {browser or 'no Chromium'}"


def section(result: Result, date: str, machine: str) -> str:
    """Write what one target found."""
    rows = "".join(
        f"| {one.name} | {one.figure} | {one.limit} | {'kept' if one.kept else '**missed**'} |\n"
        for one in result.verdicts
    )
    said = "\n".join(line for line in result.output.splitlines() if not line.startswith("PROMISE "))
    said = re.sub(r"(?m)^/\S*/(corpus-\S+)$", r"\1", said)
    what = result.target.what[:1].upper() + result.target.what[1:]
    return (
        f"## {result.target.name}\n\n{what}. Measured {date} on {machine}; "
        f"load before: {result.load:.1f}; took {result.seconds:.0f} s.\n\n{TABLE}{rows}\n```text\n{said}\n```\n"
    )


def merge(page: str, sections: dict[str, str]) -> str:
    """Put new sections in the place of old ones of the same name, in the order of the targets."""
    old = {text.partition("\n")[0]: f"## {text.strip()}\n" for text in page.split("\n## ")[1:]}
    known = old | sections
    sections = {each.name: known[each.name] for each in TARGETS if each.name in known}
    rows = ROW.findall("".join(sections.values()))
    return "\n".join((INTRODUCTION, TABLE + "\n".join(rows) + "\n", *sections.values()))


def summary(results: Sequence[Result]) -> str:
    """Write the table that ends a run."""
    lines = [one for result in results for one in result.verdicts]
    width = max((len(one.name) for one in lines), default=0)
    return "".join(
        f"{'ok' if one.kept else 'MISSED':<8}{one.name:<{width}}  {one.figure}"
        f"{f'  (limit {one.limit})' if one.limit else ''}\n"
        for one in lines
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, sum up, write, and return 1 when a promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="promises, or how their names begin; all when none is named")
    parser.add_argument(
        "--quick", action="store_true", help="fewer repetitions, no fresh clone; nothing is written down"
    )
    parser.add_argument("--no-evidence", action="store_true", help="leave docs/evidence.md as it is")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="the day to write down")
    chosen = parser.parse_args(arguments)
    targets = choose(chosen.names)
    prepare_peers()
    results: list[Result] = []
    for result in prove(targets, quick=chosen.quick):
        results.append(result)
        if not (chosen.quick or chosen.no_evidence):
            page = EVIDENCE.read_text("utf-8") if EVIDENCE.exists() else ""
            new = {result.target.name: section(result, chosen.date, versions())}
            EVIDENCE.write_text(merge(page, new), "utf-8")
    sys.stdout.write(f"\n{summary(results)}")
    return 0 if all(result.kept for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
