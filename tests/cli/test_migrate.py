"""Statistics that Claude Code keeps itself, from the command line: reports, `migrate FILE` and `doctor`."""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import apsw
import pytest

from ccledger.ledger.schema import steps
from tests.cli.program import History, Run, clean_environment, run_apart, write_lines

STEPS = len(steps("sqlite"))
FOUR = {"inputTokens": 100, "outputTokens": 300, "cacheReadInputTokens": 9000, "cacheCreationInputTokens": 600}


def statistics(path: Path, days: dict[str, int], version: int = 5, as_of: str = "2026-11-12") -> Path:
    """Write Claude Code's own statistics."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"date": day, "tokensByModel": {"claude-opus-4-8": tokens}} for day, tokens in days.items()]
    tree: dict[str, Any] = {"version": version, "lastComputedDate": as_of, "dailyModelTokens": entries}
    if version >= 5:
        tree["dailyModelTokensVersion"] = version
    path.write_text(json.dumps({**tree, "modelUsage": {"claude-opus-4-8": FOUR}}))
    return path


@pytest.fixture
def known(own: History) -> History:
    """One call on November 10, and statistics of that day and two before it."""
    write_lines(own.root, {})
    statistics(own.root / "stats-cache.json", {"2026-11-08": 10_000, "2026-11-09": 20_000, "2026-11-10": 10**9})
    return own


def test_a_report_shows_the_days_before_the_transcripts_as_estimated(ccledger: Run, known: History) -> None:
    report = ccledger("daily", "--json", history=known).json
    first, second, last = report["daily"]
    assert [row["date"] for row in report["daily"]] == ["2026-11-08", "2026-11-09", "2026-11-10"]
    assert (first["totalTokens"], first["cacheReadTokens"], first["estimated"]) == (10_000, 9000, True)
    assert (second["as_of"], second["complete"], second["modelBreakdowns"][0]["estimated"]) == (
        "2026-11-12",
        False,
        True,
    )
    assert int(first["total_cost_low_nano"]) < int(first["total_cost_nano"])
    assert last["totalTokens"] == 330
    assert "estimated" not in last
    assert last["complete"] is True
    totals = report["totals"]
    assert (totals["totalTokens"], totals["estimated"], totals["estimatedDays"], totals["complete"]) == (
        30_330,
        True,
        2,
        False,
    )


def test_a_table_marks_them_and_says_what_they_are(ccledger: Run, known: History) -> None:
    lines = ccledger("daily", history=known).out.splitlines()
    marked = {line[:10] for line in lines if "~ $" in line}
    assert marked == {"2026-11-08", "2026-11-09", "Total     "}
    assert "estimated from Claude Code's own statistics as of 2026-11-12" in " ".join(lines)
    assert "cache writes for five minutes instead of an hour" in " ".join(lines)


def test_statistics_without_the_cache_say_that_it_was_more(ccledger: Run, own: History) -> None:
    statistics(own.root / "stats-cache.json", {"2026-11-08": 400}, version=2)
    assert "tokens and cost were more" in ccledger("monthly", history=own).out


def test_sessions_and_projects_have_none(ccledger: Run, known: History) -> None:
    assert ccledger("session", "--json", history=known).json["totals"]["totalTokens"] == 330
    assert ccledger("daily", "-i", "--json", history=known).json["totals"]["totalTokens"] == 330
    assert ccledger("daily", "--json", "--project", "shop", history=known).json["totals"]["totalTokens"] == 330


def test_migrate_takes_over_a_file_and_says_what_of_it_is_shown(ccledger: Run, own: History, tmp_path: Path) -> None:
    write_lines(own.root, {})
    days = {"2026-11-07": 5, "2026-11-08": 6, "2026-11-10": 7, "soon": 8}
    path = statistics(tmp_path / "old" / "copy.json", days)
    for _ in range(2):
        ran = ccledger("migrate", str(path), history=own)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines() == [
            f"Read {path} (version 5): 3 days, 18 tokens.",
            "Taken   2 days (2026-11-07 to 2026-11-08): shown as estimated, because no transcript tells of them.",
            "Left    1 day (2026-11-10): transcripts tell of them.",
            "Left    1 of its entries: no sense in them.",
        ]
    assert ccledger("daily", "--json", history=own).json["totals"]["totalTokens"] == 341


def test_a_copy_of_what_is_read_anyway_is_not_added(ccledger: Run, known: History, tmp_path: Path) -> None:
    before = ccledger("daily", "--json", history=known).json
    own = known.root / "stats-cache.json"
    copy = tmp_path / "copy.json"
    copy.write_bytes(own.read_bytes())
    assert "the file of a Claude directory tells of them" in ccledger("migrate", str(copy), history=known).out
    assert ccledger("migrate", str(own), history=known).out.count("Taken") == 1
    assert ccledger("daily", "--json", history=known).json == before


def test_the_specifications_form_is_taken_over_too(ccledger: Run, own: History, tmp_path: Path) -> None:
    path = tmp_path / "simple.json"
    path.write_text(json.dumps({"claude-opus-4-8": {"input_tokens": 5, "output_tokens": 7, "cache_read_tokens": 9}}))
    os.utime(path, (1_795_000_000, 1_795_000_000))
    assert "(counts by model): 1 day, 21 tokens." in ccledger("migrate", str(path), history=own).out
    (row,) = ccledger("daily", "--json", history=own).json["daily"]
    assert (row["date"], row["inputTokens"], row["outputTokens"], row["cacheReadTokens"]) == ("2026-11-18", 5, 7, 9)


@pytest.mark.parametrize(("name", "text"), [("nothing.json", None), ("list.json", "[]"), ("broken.json", '{"version"')])
def test_a_file_that_is_something_else_is_left_alone(
    name: str, text: str | None, ccledger: Run, own: History, tmp_path: Path
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    ran = ccledger("migrate", str(path), history=own)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"ccledger: {path} is not readable: ")
    assert "Traceback" not in ran.err


def test_doctor_tells_of_the_file(ccledger: Run, known: History) -> None:
    path = str(known.root / "stats-cache.json")
    assert f"{path}: not read yet" in ccledger("doctor", history=known).out
    assert ccledger("doctor", "--json", history=known).json["statistics"] == [{"path": path, "read": False}]
    ccledger("import", history=known)
    assert f"{path}: version 5, as of 2026-11-12; 2 days shown as estimated, 1 not needed" in (
        ccledger("doctor", history=known).out
    )
    assert ccledger("doctor", "--json", history=known).json["statistics"] == [
        {
            "path": path,
            "read": True,
            "version": 5,
            "as_of": "2026-11-12",
            "days_shown": 2,
            "days_not_needed": 1,
            "left_out": 0,
            "problem": None,
        }
    ]
    Path(path).write_text("{")
    ccledger("import", history=known)
    said = ccledger("doctor", history=known).out
    assert f"{path}: not readable, it is not JSON" in said
    assert "'/usage' in Claude Code writes them anew" in said
    assert ccledger("daily", "--json", history=known).json["totals"]["estimatedDays"] == 2


def test_doctor_reads_a_ledger_from_before_there_were_such_days(ccledger: Run, own: History) -> None:
    write_lines(own.root, {})
    ccledger("import", history=own)
    connection: Any = apsw.Connection(str(own.data / "ledger.db"))
    connection.execute("DROP TABLE cached_day; DROP TABLE cached_file")
    connection.close()
    found = ccledger("doctor", "--json", history=own).json
    assert (found["ledger"]["calls"], found["statistics"]) == (1, [])


@pytest.fixture
def older(ccledger: Run, own: History) -> History:
    """A ledger of a schema that one step is missing in, and that holds a call."""
    write_lines(own.root, {})
    ccledger("import", history=own)
    connection = apsw.Connection(str(own.data / "ledger.db"))
    connection.execute(f"DROP TABLE accounts; PRAGMA user_version = {STEPS - 1}")
    connection.close()
    return own


def copies(history: History) -> list[Path]:
    return list(history.data.glob("ledger.db.before-*"))


def test_what_would_change_is_told_and_not_done(ccledger: Run, older: History) -> None:
    for _ in range(2):
        first, step, copy = ccledger("migrate", "--dry-run", history=older).out.splitlines()
        assert first == f"The ledger in {older.data} has schema {STEPS - 1}; these steps would be taken:"
        assert step == f"  {STEPS:04} accounts"
        assert copy.startswith("A copy of 0.")
    assert copies(older) == []
    assert "No copy would be made" in ccledger("migrate", "--dry-run", "--no-backup", history=older).out


def test_a_copy_is_made_before_unless_nobody_wants_one(ccledger: Run, older: History) -> None:
    ran = run_apart({**clean_environment(older.data), **older.environment}, "daily")
    (copy,) = copies(older)
    assert f"a copy from before is kept as {copy}" in ran.err
    assert ccledger("migrate", "--dry-run", history=older).out == (
        f"The ledger in {older.data} has schema {STEPS}, which is this version's; nothing would change.\n"
    )


@pytest.mark.parametrize("way", [{"arguments": ("migrate", "--no-backup")}, {"CCLEDGER_BACKUP_BEFORE_MIGRATING": "0"}])
def test_no_copy_is_made_where_none_is_wanted(ccledger: Run, older: History, way: dict[str, Any]) -> None:
    assert ccledger(*way.pop("arguments", ("migrate",)), history=older, **way).code == 0
    assert copies(older) == []


def test_the_steps_that_were_taken_are_told(ccledger: Run, older: History) -> None:
    said = ccledger("migrate", history=older).out.splitlines()
    assert said == [f"  {STEPS:04} accounts: done", f"the ledger in {older.data} is up to date"]


def test_a_ledger_that_is_not_there_yet_is_said_to_be_made(ccledger: Run, own: History) -> None:
    assert "There is no ledger" in ccledger("migrate", "--dry-run", history=own).out
    assert not own.data.exists()
