"""Promise: the real Claude Code works through the gateway, a tool included, and its calls are on the ledger once."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.measure import judge, machine
from bench.peers_of_node import install
from tests.journeys.claude_code import COSTS, LAST_WORDS, PROOF, Walk, find_claude_code, version, walk


def command() -> tuple[str, ...]:
    """Claude Code's command; it is installed where it is missing."""
    if find_claude_code() is None:
        install("--include=dev")
    found = find_claude_code()
    if found is None:
        raise SystemExit("Claude Code could not be installed: is there a package of it for this machine?")
    return found


def judge_all(found: Walk) -> bool:
    """Print each promise, and tell whether all are kept."""
    nano, told = sum(COSTS), found.said.get("total_cost_usd", 0)
    costs = [[row["total_cost_nano"] for row in rows] for rows in (found.before, found.after)]
    exact = costs == [[str(cost) for cost in COSTS]] * 2 and round(told * 10**9) == nano
    ended = found.exit_code == 0 and found.said.get("result") == LAST_WORDS
    used = found.proof == f"{PROOF}\n" and PROOF in found.heard
    sessions = {row["session_id"] for row in found.before} == {found.said.get("session_id")}
    once = found.calls == 2 and [row["id"] for row in found.before] == [row["id"] for row in found.after]
    placed = {row["project"] for row in found.after} == {found.folder}
    sums = [sum(int(cost or 0) for cost in each) for each in costs]
    return all(
        (
            judge("claude-code-ends", f"exit code {found.exit_code}", "0, with the model's last words", kept=ended),
            judge("claude-code-tool", "it ran, and the model was told" if used else "it did not run", "ran", kept=used),
            judge("claude-code-calls", f"{len(found.before)} calls of its session", "2", kept=sessions),
            judge(
                "claude-code-cost",
                f"{sums[0]} and with the transcript {sums[1]} nano-dollars; itself it says {told} dollars",
                f"{nano}",
                kept=exact,
            ),
            judge("claude-code-once", f"{found.calls} calls with the transcript read", "2, with a project",
                  kept=once and placed),
        )
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it once, print, and return 1 when anything is not as promised."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    program = command()
    sys.stdout.write(f"{machine()}\nClaude Code {version(program)}\n")
    with tempfile.TemporaryDirectory(prefix="claude-code-") as folder:
        found = walk(Path(folder), program)
    sys.stdout.write("".join(f"{line}\n" for line in found.seen))
    return 0 if judge_all(found) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.TimeoutExpired as error:
        sys.exit(f"Claude Code did not end within {error.timeout:.0f} seconds")
