"""How tests run the program: in this process, where most do, or as a child of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from tests.corpora import reference
from tests.corpora.made import roots_of
from tests.corpora.reference import Fact, Tally

FOREIGN = ("CCLEDGER_", "CLAUDE_", "XDG_", "DATABASE_PATH", "FILE_WATCH_ENABLED", "LOG_LEVEL", "TZ", "PYTHONUNBUFFERED")
LOOKS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")


LINE: dict[str, Any] = {
    "type": "assistant",
    "sessionId": "s1",
    "requestId": "req_1",
    "cwd": "/home/app/shop",
    "timestamp": "2026-11-10T10:00:00.000Z",
    "message": {
        "id": "msg_1",
        "model": "claude-opus-5",
        "usage": {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 300},
    },
}


def write_lines(root: Path, *changes: dict[str, Any], folder: str = "-home-app-shop", session: str = "s1") -> None:
    """Write lines that differ from `LINE` as told, each a call of its own."""
    path = root / "projects" / folder / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for number, change in enumerate(changes):
            message = {**LINE["message"], "id": f"msg_{session}{number}", **change.get("message", {})}
            line = {**LINE, "sessionId": session, **change, "message": message}
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


@dataclass(frozen=True)
class Ran:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class History:
    """A made-up history and a place for its ledger."""

    root: Path
    data: Path

    @property
    def roots(self) -> tuple[Path, ...]:
        return roots_of(self.root)

    @property
    def environment(self) -> dict[str, str]:
        roots = self.roots or (self.root,)
        return {"CLAUDE_CONFIG_DIR": ",".join(map(str, roots)), "CCLEDGER_DATA_DIR": str(self.data)}

    @cached_property
    def facts(self) -> list[Fact]:
        """What the reference reads in it."""
        return list(reference.calls(self.roots).values())

    def days(self, zone: str) -> dict[str, dict[str, Tally]]:
        """What the reference says of its days."""
        return reference.tally_days(self.facts, timezone=zone)


class Run(Protocol):
    """Runs a command in this process."""

    def __call__(self, *arguments: str, history: History | None = None, **environment: str) -> Ran: ...


def clean_environment(home: Path) -> dict[str, str]:
    """The environment without anything that is about this program or this terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) and name not in LOOKS}
    return {**kept, "HOME": str(home), "TZ": "UTC"}


def command(*arguments: str) -> list[str]:
    """The program as a child process."""
    return [sys.executable, "-m", "ccledger", *arguments]


def run_apart(environment: Mapping[str, str], *arguments: str) -> Ran:
    """Run the program as a child process."""
    done = subprocess.run(command(*arguments), env=environment, capture_output=True, text=True, timeout=60, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def cells(report: Any, key: str = "date", name: str = "daily") -> dict[str, dict[str, tuple[int | None, ...]]]:
    """A report's figures by period and model: input, output, cache writes, cache reads, cost, 1 where a price lacks."""
    return {
        row[key]: {
            model["modelName"]: (
                model["inputTokens"],
                model["outputTokens"],
                model["cacheCreationTokens"],
                model["cacheReadTokens"],
                None if model["cost_nano"] is None else int(model["cost_nano"]),
                int(model.get("missingPricing", False)),
            )
            for model in row["modelBreakdowns"]
        }
        for row in report[name]
    }


def expected(days: Mapping[str, Mapping[str, Tally]]) -> dict[str, dict[str, tuple[int | None, ...]]]:
    """The reference's figures in the same shape."""
    return {
        day: {
            model: (
                tally.input,
                tally.output,
                tally.cache_write_5m + tally.cache_write_1h,
                tally.cache_read,
                tally.cost_nano,
                int(tally.unpriced_calls > 0),
            )
            for model, tally in models.items()
        }
        for day, models in days.items()
    }
