"""Promise: a status line takes 80 ms of CPU at most: 1 GB booked, calls not booked yet, an import holding the lock."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.ccledger import Options, data_directory, environment, read_options
from bench.measure import HEADER, Command, Cost, judge, machine, measure, show

LIMIT_MS = 80
LINES = 40
"""Of the session that shows the line, and of what is not booked of it: half an hour of work."""


def compile_package(program: Path) -> None:
    """Compile the package's modules, as every installer does: an editable install leaves that to the first run."""
    python = str(program.with_name("python"))
    where = (python, "-c", "import ccledger, pathlib; print(pathlib.Path(ccledger.__file__).parent)")
    package = subprocess.run(where, capture_output=True, check=True, text=True).stdout.strip()
    subprocess.run((python, "-m", "compileall", "-q", package), check=True)


def write_calls(transcript: Path, names: str) -> None:
    """Add calls of the last minutes to a session's transcript."""
    transcript.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    with transcript.open("a") as file:
        for number in range(LINES):
            usage = {"input_tokens": 10, "output_tokens": 500, "cache_read_input_tokens": 40_000}
            message = {"id": f"msg_{names}{number}", "model": "claude-opus-5", "usage": usage}
            at = (now - timedelta(seconds=LINES - number)).isoformat().replace("+00:00", "Z")
            line = {"type": "assistant", "sessionId": transcript.stem, "cwd": "/home/u/app", "timestamp": at}
            file.write(json.dumps({**line, "requestId": f"req_{names}{number}", "message": message}) + "\n")


def write_input(path: Path, transcript: Path) -> Path:
    """Write what Claude Code hands to the command."""
    resets_at = int(datetime.now(UTC).timestamp()) // 3600 * 3600 + 7200
    told = {
        "session_id": transcript.stem,
        "transcript_path": str(transcript),
        "model": {"id": "claude-opus-5", "display_name": "Opus 5"},
        "cost": {"total_cost_usd": 1.25},
        "context_window": {"used_percentage": 21},
        "rate_limits": {"five_hour": {"used_percentage": 42, "resets_at": resets_at}},
    }
    path.write_text(json.dumps(told))
    return path


def link_tree(source: Path, target: Path) -> None:
    """Show the same transcripts under other names, so that they are read again and nothing in them is new."""
    shutil.copytree(source, target, copy_function=os.link)


def run_while(busy: subprocess.Popen[bytes], command: Command) -> list[Cost]:
    """Measure a command again and again until another process ends."""
    costs: list[Cost] = []
    while busy.poll() is None:
        cost = measure(command)
        if busy.poll() is None:
            costs.append(cost)
    return costs


def middle_ms(costs: Sequence[Cost]) -> float:
    """Return the median CPU time in milliseconds."""
    return statistics.median(cost.cpu for cost in costs) * 1000


def is_complete(cost: Cost) -> bool:
    """Tell whether a line says all that it should."""
    line = cost.output.decode()
    return all(part in line for part in ("Opus 5", "5h 42%", "today", "block", "ctx 21%")) and line.count("\n") == 1


def phases(options: Options, data: Path, place: Path) -> list[tuple[str, list[Cost]]]:
    """Measure with everything booked, with calls that are not, and while an import holds the lock."""
    transcript = place / "own" / "projects" / "-home-u-app" / "11111111-2222-4333-8444-555555555555.jsonl"
    own = environment(options.corpus, data) | {"CLAUDE_CONFIG_DIR": f"{options.corpus},{place / 'own'}"}
    started = os.environ | own
    write_calls(transcript, "booked")
    subprocess.run((str(options.ccledger), "import"), env=started, check=True, stdout=subprocess.DEVNULL)
    line = Command(
        "statusline", (str(options.ccledger), "statusline"), own, given=write_input(place / "in", transcript)
    )
    repeat: Callable[[], list[Cost]] = lambda: [measure(line) for _ in range(max(options.runs, 10))]  # noqa: E731
    found = [("all booked", repeat())]
    write_calls(transcript, "later")
    found.append((f"{LINES} calls not booked", repeat()))
    link_tree(options.corpus / "projects", place / "again" / "projects")
    again = started | {"CLAUDE_CONFIG_DIR": f"{options.corpus},{place / 'again'}"}
    importing = (str(options.ccledger), "import")
    with subprocess.Popen(importing, env=again, stdout=subprocess.DEVNULL) as busy:
        found.append(("during an import", run_while(busy, line)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    options = read_options(arguments, __doc__ or "")
    compile_package(options.ccledger)
    with data_directory() as data, data_directory() as place:
        found = phases(options, data, place)
    rows = [show(name, costs) for name, costs in found if costs]
    sys.stdout.write("\n".join((machine(), str(options.corpus), HEADER, *rows, "")))
    worst = max(middle_ms(costs) for _, costs in found if costs)
    whole = all(costs and all(map(is_complete, costs)) for _, costs in found)
    judge("statusline-line", "every line complete" if whole else "some lines lack a part", "complete", kept=whole)
    kept = judge("statusline-cpu", f"{worst:.0f} ms", f"{LIMIT_MS} ms", kept=worst <= LIMIT_MS)
    return 0 if kept and whole else 1


if __name__ == "__main__":
    sys.exit(main())
