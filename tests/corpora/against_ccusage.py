"""Runs the pinned ccusage beside the reference and names the reason of every difference; it never adjusts either."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from .ccusage_rules import WHY, Line, Tokens, keep, read_lines
from .made import roots_of
from .reference import Fact, Key, Model, as_list, as_object, as_text, calls, card_of, cost_of, find_model, read_book

Cell = tuple[str, str]
"""A day and a model."""

PEERS = Path(__file__).parents[2] / "bench" / "peers" / "node_modules" / "@ccusage"
ROUNDING = 1e-6
"""Of the cost: ccusage adds up floating-point numbers."""

WHY_COST = {
    "web_search_fee": "charges nothing for web searches",
    "data_residency": "does not charge the tenth more for answers kept in one country",
    "regional_prefix": "does not charge the tenth more for a Bedrock region it does not list",
    "batch": "does not halve the price of a batch",
    "fast": "prices fast mode by its own factors, also for models and batches that never had it",
    "own_cost_field": "takes the old costUSD of the line",
    "long_prompt": "charges the dearer price for the excess of each count only",
    "model_name": "finds other prices, or none, under this name",
    "unpriced_here": "has a price for a model or a time that the price list has none for",
    "unpriced_there": "has no price for this model",
}


@dataclass(frozen=True)
class Spent:
    """What one side says of a cell."""

    tokens: Tokens = (0, 0, 0, 0)
    cost: float | None = None


@dataclass(frozen=True)
class Difference:
    """One cell in which both disagree, and why."""

    day: str
    model: str
    ours: Spent
    theirs: Spent
    reasons: tuple[str, ...]
    explained: bool

    def __str__(self) -> str:
        """Tell the difference in a line."""
        why = ", ".join(self.reasons) or "no known reason"
        mark = "" if self.explained else "UNEXPLAINED "
        return f"{mark}{self.day} {self.model}: ours {self.ours}, ccusage {self.theirs}: {why}"


def find_ccusage(peers: Path = PEERS) -> Path:
    """Find ccusage's own binary below the pinned packages."""
    found = sorted([*peers.glob("ccusage-*/bin/ccusage"), *peers.glob("ccusage-*/bin/ccusage.exe")])
    if not found:
        raise FileNotFoundError(f"no ccusage below {peers}: run npm ci in bench/peers")
    found[0].chmod(0o755)
    return found[0]


def run_ccusage(roots: Sequence[Path], *, timezone: str) -> dict[Cell, Spent]:
    """Run ccusage and return what it says of every cell."""
    command = (str(find_ccusage()), "claude", "daily", "--json", "--offline", "--timezone", timezone)
    environment = os.environ | {"CLAUDE_CONFIG_DIR": ",".join(map(str, roots)), "NO_COLOR": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    return dict(
        read_breakdown(as_text(as_object(day)["date"]), as_object(one))
        for day in as_list(as_object(json.loads(done.stdout)).get("daily"))
        for one in as_list(as_object(day)["modelBreakdowns"])
    )


def read_breakdown(day: str, one: Mapping[str, object]) -> tuple[Cell, Spent]:
    """Read one row of ccusage's report."""
    names = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
    tokens = tuple(value for name in names if isinstance(value := one[name], int))
    cost = one["cost"]
    if len(tokens) != len(names) or not isinstance(cost, int | float):
        raise ValueError(one)
    return (day, as_text(one["modelName"])), Spent(
        (tokens[0], tokens[1], tokens[2], tokens[3]), None if one.get("missingPricing") else float(cost)
    )


def add(one: Tokens, other: Tokens) -> Tokens:
    """Add counts."""
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3])


def tokens_of(fact: Fact) -> Tokens:
    """Return a call's counts in ccusage's terms."""
    usage = fact.usage
    return (usage.input, usage.output, usage.cache_write_5m + usage.cache_write_1h, usage.cache_read)


def subject_of(key: Key) -> str:
    """Return the id of the answer a call belongs to."""
    return key[3] if key[0] == "advisor" else key[1]


class Sums:
    """Counts by cell and answer."""

    def __init__(self) -> None:
        self.cells: dict[Cell, dict[str, Tokens]] = defaultdict(dict)

    def count(self, cell: Cell, subject: str, tokens: Tokens) -> None:
        """Add one answer's counts."""
        known = self.cells[cell].get(subject, (0, 0, 0, 0))
        self.cells[cell][subject] = add(known, tokens)

    def total(self, cell: Cell) -> Tokens:
        """Return a cell's counts."""
        total: Tokens = (0, 0, 0, 0)
        for tokens in self.cells.get(cell, {}).values():
            total = add(total, tokens)
        return total

    def differing(self, cell: Cell, other: Sums) -> list[str]:
        """List the answers whose counts differ in a cell."""
        mine, theirs = self.cells.get(cell, {}), other.cells.get(cell, {})
        return sorted(one for one in mine.keys() | theirs.keys() if mine.get(one) != theirs.get(one))


class Comparison:
    """Everything needed to compare both sides over some roots."""

    def __init__(self, roots: Sequence[Path], *, timezone: str) -> None:
        self.zone = ZoneInfo(timezone)
        self.book = read_book()
        self.calls = calls(roots)
        self.lines = list(read_lines(roots))
        self.ours, self.expected = Sums(), Sums()
        self.costs: dict[Cell, list[int | None]] = defaultdict(list)
        self.line_reasons = reasons_by_subject(self.lines)
        self.theirs = run_ccusage(roots, timezone=timezone)
        self.count_ours()
        self.count_expected()

    def day(self, at: datetime) -> str:
        """Return the day of a moment."""
        return at.astimezone(self.zone).date().isoformat()

    def count_ours(self) -> None:
        """Sum the reference's calls."""
        for key, fact in self.calls.items():
            cell = (self.day(fact.at), fact.shown_model)
            self.ours.count(cell, subject_of(key), tokens_of(fact))
            self.costs[cell].append(cost_of(fact, self.book))

    def count_expected(self) -> None:
        """Sum what ccusage's rules give."""
        subjects = {id(entry): line.subject for line in self.lines for entry in line.entries}
        for entry in keep(entry for line in self.lines for entry in line.entries):
            self.expected.count((self.day(entry.at), entry.model), subjects[id(entry)], entry.tokens)

    def spent(self, cell: Cell) -> Spent:
        """Return what the reference says of a cell."""
        known = [cost for cost in self.costs.get(cell, []) if cost is not None]
        return Spent(self.ours.total(cell), sum(known) / 1e9 if known else None)

    def token_reasons(self, cell: Cell) -> set[str]:
        """Name why the counts of a cell differ."""
        reasons: set[str] = set()
        for subject in self.ours.differing(cell, self.expected):
            reasons |= self.line_reasons.get(subject, set())
            reasons |= {"day_of_kept_line"} if self.moved(cell, subject) else set()
        return reasons

    def moved(self, cell: Cell, subject: str) -> bool:
        """Tell whether an answer stands in one cell here and in another there."""
        days = {self.day(line.at) for line in self.lines if line.subject == subject and line.at}
        mine = subject in self.ours.cells.get(cell, {})
        return len(days) > 1 and mine != (subject in self.expected.cells.get(cell, {}))

    def cost_reasons(self, cell: Cell) -> set[str]:
        """Name why the cost of a cell may differ."""
        found = {
            reason
            for key, fact in self.calls.items()
            if (self.day(fact.at), fact.shown_model) == cell
            for reason in self.reasons_of_call(fact, self.line_reasons.get(subject_of(key), set()))
        }
        theirs = self.theirs.get(cell)
        return found | ({"unpriced_there"} if theirs is not None and theirs.cost is None else set())

    def reasons_of_call(self, fact: Fact, known: set[str]) -> Iterable[str]:
        """Name what in a call ccusage prices otherwise."""
        model, regional = find_model(fact.model, self.book)
        tests = {
            "web_search_fee": fact.usage.web_searches > 0,
            "data_residency": fact.us_only,
            "regional_prefix": regional,
            "batch": fact.batch,
            "fast": fact.fast,
            "own_cost_field": "own_cost_field" in known,
            "long_prompt": model is not None and has_long_price(fact, model),
            "model_name": model is None or model.name != fact.model,
            "unpriced_here": cost_of(fact, self.book) is None,
        }
        return [name for name, holds in tests.items() if holds]

    def differences(self) -> list[Difference]:
        """List the cells in which both sides disagree."""
        found = (self.compare(cell) for cell in sorted(self.ours.cells.keys() | self.theirs.keys()))
        return [one for one in found if one is not None]

    def compare(self, cell: Cell) -> Difference | None:
        """Compare one cell."""
        ours, theirs = self.spent(cell), self.theirs.get(cell, Spent())
        same_tokens, same_cost = ours.tokens == theirs.tokens, is_near(ours.cost, theirs.cost)
        if same_tokens and same_cost:
            return None
        reasons = set[str]() if same_tokens else self.token_reasons(cell)
        reasons |= set[str]() if same_cost else self.cost_reasons(cell)
        explained = bool(reasons) and self.expected.total(cell) == theirs.tokens
        return Difference(*cell, ours, theirs, tuple(sorted(reasons)), explained)


def has_long_price(fact: Fact, model: Model) -> bool:
    """Tell whether a call pays the dearer price of a long prompt."""
    return any(one.long_card is not None and one.long_card == card_of(fact, model) for one in model.periods)


def is_near(ours: float | None, theirs: float | None) -> bool:
    """Tell whether two costs are equal but for floating-point rounding; ccusage shows an unknown cost as 0."""
    mine, other = ours or 0.0, theirs or 0.0
    return abs(mine - other) <= ROUNDING * max(abs(mine), abs(other))


def reasons_by_subject(lines: Iterable[Line]) -> dict[str, set[str]]:
    """Collect by answer where ccusage departs from the rules, copies included."""
    by_subject: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_subject[line.subject].append(line)
    return {
        subject: {reason for line in group for reason in line.reasons} | set(reasons_of_copies(group))
        for subject, group in by_subject.items()
    }


def reasons_of_copies(group: Sequence[Line]) -> Iterable[str]:
    """Name why ccusage keeps more than one copy of an answer."""
    entries = [line.entries[0] for line in group if line.entries]
    if not entries or len(keep(entries)) == 1:
        return
    if any(entry.message_id is None for entry in entries):
        yield "no_message_id"
    if any(entry.request_id is None for entry in entries):
        yield "no_request_id"
    if len({entry.request_id for entry in entries} - {None}) > 1:
        yield "two_request_ids"
    if any(entry.sidechain for entry in entries) and len({entry.session_id for entry in entries}) > 1:
        yield "other_session"


def explain(root: Path, *, timezone: str = "UTC") -> list[Difference]:
    """Compare the reference with ccusage over a made corpus or a configuration directory."""
    return Comparison(roots_of(root), timezone=timezone).differences()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every difference and its reasons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--timezone", default="UTC")
    chosen = parser.parse_args(arguments)
    differences = explain(chosen.root, timezone=chosen.timezone)
    for one in differences:
        sys.stdout.write(f"{one}\n")
    for reason in sorted({reason for one in differences for reason in one.reasons}):
        sys.stdout.write(f"  {reason}: ccusage {(WHY | WHY_COST)[reason]}\n")
    unexplained = sum(not one.explained for one in differences)
    sys.stdout.write(f"{len(differences)} differences, {unexplained} unexplained\n")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
