"""Promise: every journey and the whole conformance suite hold on each engine."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from bench.gateway_clients import COUNTED, ROOT
from bench.measure import judge, machine

SUITES = {
    "engines-journeys": ("tests/journeys", "every journey with its ledger in PostgreSQL"),
    "engines-conformance": ("tests/conformance", "what every engine has to do"),
    "engines-plans": ("tests/ledger/postgresql/test_plans.py", "the plan of every named question to PostgreSQL"),
    "engines-plans-sqlite": ("tests/ledger/test_sqlite_questions.py", "the plan of every named question to SQLite"),
}


def passes(suite: str) -> tuple[int, int]:
    """Run some tests with journeys in PostgreSQL; return how many passed, and how many failed or broke off."""
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", suite)
    environment = os.environ | {"CCLEDGER_TEST_ENGINE": "postgresql", "CCLEDGER_TEST_DRESSES": "all"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, text=True)
    last = run.stdout.splitlines()[-1] if run.stdout else ""
    counts = {kind: int(count) for count, kind in COUNTED.findall(last)}
    if run.returncode:
        sys.stdout.write(run.stdout)
    passed, skipped = counts.pop("passed", 0), counts.pop("skipped", 0)
    if skipped:
        sys.stdout.write(f"{suite}: {skipped} skipped for want of a tool\n")
    return passed, sum(counts.values()) or run.returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every suite, print, and return 1 when one does not end well."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    sys.stdout.write(f"{machine()}\n")
    kept: list[bool] = []
    for name, (suite, what) in SUITES.items():
        passed, failed = passes(suite)
        sys.stdout.write(f"{suite}: {what}\n")
        figure = f"{passed} passed" + (f", {failed} did not" if failed else "")
        kept.append(judge(name, figure, "all", kept=passed > 0 and not failed))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
