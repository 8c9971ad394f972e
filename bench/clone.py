"""Promise: a fresh clone with nothing prepared tests itself within twelve minutes and serves; no cache is used."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.measure import judge, machine
from tests.journeys.server import Server, address_of

ROOT = Path(__file__).parents[1]
TEST_LIMIT_S = 720
SERVE_LIMIT_S = 600
KEPT = ("CERT", "SSL", "CA_", "PROXY", "PIP_FIND_LINKS")
"""Parts of names of variables without which a machine behind a proxy reaches no package index."""


def bare_environment(home: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a new user has: a path, an empty home, and how to reach a package index."""
    kept = {name: text for name, text in variables.items() if any(part in name.upper() for part in KEPT)}
    return {"PATH": variables["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **kept}


def clone(top: Path, name: str) -> Path:
    """Clone the repository as committed."""
    command = ("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(top / name))
    subprocess.run(command, check=True)
    return top / name


def test(checkout: Path, environment: Mapping[str, str], log: Path) -> tuple[float, int]:
    """Run `make test`; return its seconds and its exit code."""
    began = time.perf_counter()
    with log.open("wb") as said:
        done = subprocess.run(
            ("make", "test"),
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=False,
        )
    return time.perf_counter() - began, done.returncode


def telling_lines(said: str) -> list[str]:
    """Pick what a run of all tests ends with, and what failed."""
    lines = [line.strip("= ") for line in said.splitlines() if re.search(r"\d+ passed|FAILED", line)]
    return list(dict.fromkeys(lines))


@contextmanager
def make_serve(checkout: Path, environment: Mapping[str, str]) -> Generator[Server]:
    """Run `make serve` until it answers; ended afterwards as Ctrl-C would."""
    command = ("make", "--silent", "serve", "ARGS=--no-browser --port 0")
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Server(process, address_of(process, SERVE_LIMIT_S))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def serve(checkout: Path, environment: Mapping[str, str]) -> tuple[float, int]:
    """Measure `make serve` until its page is there; return the seconds and the page's status."""
    began = time.perf_counter()
    with make_serve(checkout, environment) as server:
        status = server.ask("/")[0].status
        return time.perf_counter() - began, status


def main(arguments: Sequence[str] | None = None) -> int:
    """Clone, serve, test, print, and return 1 when something fails or takes too long."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="clone-") as folder:
        top = Path(folder)
        sys.stdout.write(f"{machine()}\n")
        homes = [top / "home-serve", top / "home-test"]
        for home in homes:
            home.mkdir()
        served = clone(top, "serve")
        cold, again = (serve(served, bare_environment(homes[0], os.environ)) for _ in range(2))
        sys.stdout.write(f"make serve, first page: {cold[0]:.1f} s in a fresh clone, {again[0]:.1f} s again\n")
        tested, log = clone(top, "test"), top / "test.log"
        first, second = (test(tested, bare_environment(homes[1], os.environ), log) for _ in range(2))
        sys.stdout.write(f"make test: {first[0]:.0f} s in a fresh clone, {second[0]:.0f} s again\n")
        sys.stdout.write("".join(f"{line}\n" for line in telling_lines(log.read_text("utf-8", "replace"))))
    serves = cold[1] == again[1] == 200
    passed = first[1] == second[1] == 0
    kept = (
        judge("clone-serve", f"page {'there' if serves else 'missing'} after {cold[0]:.1f} s", "there", kept=serves),
        judge(
            "clone-test",
            f"{'passed' if passed else 'failed'} in {first[0]:.0f} s",
            f"{TEST_LIMIT_S} s",
            kept=passed and first[0] <= TEST_LIMIT_S,
        ),
    )
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
