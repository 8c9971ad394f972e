"""Promise: the official SDKs work through the gateway, and the bytes that clients get are those that were sent."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.measure import judge, machine

ROOT = Path(__file__).parents[1]
JOURNEYS = {
    "clients-anthropic": ("test_gateway_anthropic.py", "the anthropic SDK, blocking and awaited"),
    "clients-openai": ("test_gateway_openai.py", "the openai SDK, blocking and awaited"),
    "clients-bytes": ("test_gateway_bytes.py", "what comes out beside what was put in"),
    "clients-ledger": ("test_gateway_story.py", "keys, accounts, and calls that are also in a transcript"),
}
COUNTED = re.compile(r"(\d+) (passed|failed|error|skipped)")


def walk(file: str) -> tuple[int, int]:
    """Run the tests of a journey against real servers; return how many passed, and how many did anything else."""
    command = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", f"tests/journeys/{file}")
    run = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, check=False, text=True)
    last = run.stdout.splitlines()[-1] if run.stdout else ""
    counts = {kind: int(count) for count, kind in COUNTED.findall(last)}
    if run.returncode:
        sys.stdout.write(run.stdout)
    passed = counts.pop("passed", 0)
    return passed, sum(counts.values()) or run.returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk all journeys, print, and return 1 when one does not end well."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    sys.stdout.write(f"{machine()}\n")
    sys.stdout.write(
        f"anthropic {version('anthropic')} · openai {version('openai')} · Python {sys.version.split()[0]}\n"
    )
    kept: list[bool] = []
    for name, (file, what) in JOURNEYS.items():
        passed, others = walk(file)
        sys.stdout.write(f"{file}: {what}\n")
        figure = f"{passed} passed" + (f", {others} did not" if others else "")
        kept.append(judge(name, figure, "all", kept=passed > 0 and not others))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
