"""`ccledger export`: what the ledger holds, whole or not at all, and quiet when nobody reads on."""

from __future__ import annotations

import csv
import json
import os
import pty
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import History, Run, clean_environment, write_lines

LINES: list[dict[str, Any]] = [
    {"timestamp": "2026-11-10T23:30:00.000Z"},
    {"timestamp": "2026-11-11T10:00:00.000Z", "message": {"model": "claude-haiku-4-5"}},
    {"timestamp": "2026-11-12T00:10:00.000Z", "cwd": "=cmd()"},
]


@pytest.fixture
def three(own: History) -> History:
    """A session on each of three days, one in a directory with a dangerous name."""
    for number, line in enumerate(LINES):
        write_lines(own.root, line, folder=f"-home-{number}", session=f"s{number}")
    return own


def read(form: str, text: str) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(StringIO(text, newline="")))
    return json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_every_call_is_written_newest_first(ccledger: Run, three: History, form: str) -> None:
    rows = read(form, ccledger("export", "--format", form, history=three).out)
    assert [row["session_id"] for row in rows] == ["s2", "s1", "s0"]
    assert [str(row["output_tokens"]) for row in rows] == ["20"] * 3
    assert rows[0]["project"] == ("'=cmd()" if form == "csv" else "=cmd()")


@pytest.mark.parametrize(
    ("options", "sessions"),
    [
        (["--since", "2026-11-11"], ["s2", "s1"]),
        (["--until", "20261111"], ["s1", "s0"]),
        (["--since", "2026-11-11", "--until", "2026-11-11"], ["s1"]),
        (["--since", "2026-11-11", "--until", "2026-11-11", "--timezone", "Asia/Shanghai"], ["s1", "s0"]),
        (["--model", "claude-haiku-4-5"], ["s1"]),
        (["--project", "/home/app/shop"], ["s1", "s0"]),
        (["--project", "shop", "--session", "s0"], ["s0"]),
        (["--project", "-home-2"], ["s2"]),
        (["--session", "nobody"], []),
    ],
)
def test_options_choose(ccledger: Run, three: History, options: list[str], sessions: list[str]) -> None:
    rows = read("jsonl", ccledger("export", "-f", "jsonl", *options, history=three).out)
    assert [row["session_id"] for row in rows] == sessions


def test_a_made_up_history_comes_out_as_the_reports_count_it(ccledger: Run, plain: History) -> None:
    rows = read("json", ccledger("export", "--format", "json", history=plain).out)
    totals = ccledger("daily", "--json", history=plain).json["totals"]
    assert sum(row["total_tokens"] for row in rows) == totals["totalTokens"]
    assert sum(int(row["total_cost_nano"] or 0) for row in rows) == int(totals["total_cost_nano"])


def test_a_file_is_put_in_its_place_whole(ccledger: Run, three: History, tmp_path: Path) -> None:
    target = tmp_path / "out" / "calls.csv"
    target.parent.mkdir()
    target.write_text("older")
    said = ccledger("export", "--output", str(target), history=three)
    assert said.out == f"Wrote 3 calls to {target}.\n"
    assert len(read("csv", target.read_text())) == 3
    assert os.listdir(target.parent) == ["calls.csv"]  # noqa: PTH208 - hidden files are what is looked for
    one = ccledger("export", "-o", str(target), "--session", "s1", history=three)
    assert one.out == f"Wrote 1 call to {target}.\n"


def test_a_link_stays_a_link(ccledger: Run, three: History, tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("older")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    ccledger("export", "--output", str(tmp_path / "link.csv"), history=three)
    assert (tmp_path / "link.csv").is_symlink()
    assert len(read("csv", (tmp_path / "real.csv").read_text())) == 3


def test_a_device_is_written_to_and_not_replaced(ccledger: Run, three: History) -> None:
    assert ccledger("export", "--output", "/dev/null", history=three).code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_what_fails_midway_leaves_the_older_file(
    ccledger: Run, three: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "calls.csv"
    target.write_text("older")

    def fail(_: object) -> bytes:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("os.fsync", fail)
    said = ccledger("export", "--output", str(target), history=three)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"ccledger: {target}: No space left on device\n"
    assert target.read_text() == "older"
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--format", "xml"], 2, "csv, json or jsonl"),
        (["--since", "yesterday"], 2, "YYYY-MM-DD"),
        (["--since", "2026-11-12", "--until", "2026-11-11"], 2, "after"),
        (["--timezone", "Mars"], 2, "IANA"),
        (["--limit", "5"], 2, "takes no option"),
        (["--output", "/nonexistent/folder/calls.csv"], 1, "No such file or directory"),
    ],
)
def test_what_makes_no_sense_is_refused(
    ccledger: Run, three: History, options: list[str], code: int, said: str
) -> None:
    ran = ccledger("export", *options, history=three)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_nobody_reading_on_is_no_failure(three: History, tmp_path: Path) -> None:
    write_lines(three.root, *LINES[:1] * 20_000, session="long")
    process = subprocess.Popen(
        [sys.executable, "-m", "ccledger", "export", "--format", "jsonl"],
        env={**clean_environment(tmp_path), **three.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b'{"id":')
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as said:
        assert said.read() == b""
    assert process.wait(30) == 0


DRAW = """
import sys
from ccledger.cli import progress, run
progress.AFTER_SECONDS = 0
run(sys.argv[1:])
"""


def test_a_terminal_sees_how_far_it_is(three: History, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    said = subprocess.run(
        [sys.executable, "-c", DRAW, "export", "--output", str(tmp_path / "calls.csv")],
        env={**clean_environment(tmp_path), **three.environment, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=True,
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert said.stdout.startswith(b"Wrote 3 calls")
    assert "exporting   0%  0 of 3 calls" in shown
    assert shown.endswith("\r\x1b[K")
