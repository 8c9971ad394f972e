"""`ccledger statusline`: whatever it is given and whatever is in its way, one line and nothing else."""

# apsw leaves the types of bindings and values open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from ccledger import app
from ccledger.core.limits import Limit
from ccledger.ledger.limits import keep_limits, kept_limits
from ccledger.ledger.lock import hold
from tests.cli.program import LINE, History, Ran, Run, clean_environment, command, write_lines

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp()) * 1000
RESET = NOW_MS + 2 * 3_600_000
GARBAGE = [b"", b"{", b"null", b"\xff\xfe\0", b"[" * 50_000, b'{"model":7,"cost":[],"rate_limits":"x"}', b"9" * 70_000]

Show = Callable[..., Ran]


def told(history: History, **more: Any) -> dict[str, Any]:
    return {
        "session_id": "s1",
        "transcript_path": str(history.root / "projects" / "-home-app-shop" / "s1.jsonl"),
        "model": {"id": "claude-opus-5", "display_name": "Opus 5"},
        "context_window": {"used_percentage": 8},
        **more,
    }


def write_at(history: History, *minutes_ago: int, session: str = "s1", **message: Any) -> None:
    moments = [(NOW - timedelta(minutes=minutes)).isoformat() for minutes in minutes_ago]
    write_lines(history.root, *({"timestamp": at, "message": message} for at in moments), session=session)


def add_call(history: History, name: str, minutes_ago: int, output: int = 1_000_000) -> None:
    """A line that nobody has booked: $25 a million."""
    path = history.root / "projects" / "-home-app-shop" / "s1.jsonl"
    message = {**LINE["message"], "id": name, "usage": {"output_tokens": output}}
    at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    with path.open("a") as file:
        file.write(json.dumps({**LINE, "timestamp": at, "requestId": f"r{name}", "message": message}) + "\n")


@pytest.fixture
def show(ccledger: Run, own: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Show:
    """Runs the command in this process on a day that stands still, with something on its standard input."""
    monkeypatch.setattr(app, "clock", lambda: NOW_MS)

    def call(given: object, *options: str, **environment: str) -> Ran:
        raw = given if isinstance(given, bytes) else json.dumps(given).encode()
        (tmp_path / "stdin").write_bytes(raw)
        with (tmp_path / "stdin").open() as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", stream)
            ran = ccledger("statusline", *options, history=own, **{"NO_COLOR": "1", **environment})
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.endswith("\n")
        assert ran.out.count("\n") == 1
        return ran

    return call


@pytest.fixture
def booked(own: History, ccledger: Run) -> History:
    """Two calls of this session two hours ago, one of another, one of yesterday: 20 tokens of output each."""
    write_at(own, 120, 60, 24 * 60)
    write_at(own, 90, session="s2")
    ccledger("import", history=own)
    return own


def test_it_says_what_claude_code_and_the_ledger_know(booked: History, show: Show) -> None:
    given = told(
        booked,
        cost={"total_cost_usd": 1.5},
        rate_limits={"five_hour": {"used_percentage": 42, "resets_at": RESET // 1000}},
    )
    assert show(given).out == (
        "Opus 5 · 5h 42% to 14:00 · ≈$1.50 session · <$0.01 today · <$0.01 block, 2h 00m left · <$0.01/h · ctx 8%\n"
    )


def test_without_limits_the_block_is_estimated_and_the_session_the_ledgers(booked: History, show: Show) -> None:
    add_call(booked, "msg_big", 30)
    assert show(told(booked)).out == (
        "Opus 5 · $25.00 session · $25.00 today · $25.00 block, 3h 00m left · $16.67/h · ctx 8%\n"
    )


def test_calls_that_are_not_booked_cost_what_booking_them_will(booked: History, show: Show, ccledger: Run) -> None:
    prices = ("--input", "5", "--output", "50", "--from", "2026-11-01", "--yes")
    ccledger("price", "set", "claude-opus-5", *prices, history=booked)
    add_call(booked, "msg_big", 30)
    line = "Opus 5 · $50.00 session · $50.00 today · $50.00 block"
    assert show(told(booked)).out.startswith(line)
    ccledger("import", history=booked)
    assert show(told(booked)).out.startswith(line)


def test_calls_at_the_end_of_the_transcript_count_once(booked: History, show: Show, ccledger: Run) -> None:
    add_call(booked, "msg_1", 10)
    add_call(booked, "msg_1", 10)
    add_call(booked, "msg_yesterday", 13 * 60)
    line = "Opus 5 · $50.00 session · $25.00 today"
    assert show(told(booked)).out.startswith(line)
    ccledger("import", history=booked)
    assert show(told(booked)).out.startswith(line)
    add_call(booked, "msg_1", 10)
    assert show(told(booked)).out.startswith(line)


def test_what_somebody_is_about_to_book_is_left_to_him(booked: History, show: Show) -> None:
    add_call(booked, "msg_1", 10)
    with hold(booked.data):
        assert "<$0.01 today" in show(told(booked)).out
    assert "$25.00 today" in show(told(booked)).out


def test_the_day_is_that_of_the_zone(booked: History, show: Show) -> None:
    add_call(booked, "msg_1", 13 * 60)
    assert "<$0.01 today" in show(told(booked)).out
    assert "$25.00 today" in show(told(booked), "--timezone", "Asia/Kathmandu").out
    assert "$25.00 today" in show(told(booked), CCLEDGER_TIMEZONE="Asia/Kathmandu").out


def test_parts_are_chosen_and_nonsense_is_passed_over(booked: History, show: Show) -> None:
    assert show(told(booked), "--show", "context,model").out == "ctx 8% · Opus 5\n"
    assert show(told(booked), "--show", "nonsense,model").out == "Opus 5\n"
    assert show(told(booked), "--show", "nonsense").out == show(told(booked)).out
    assert "Opus 5" in show(told(booked), "--timezone", "Mars").out


def test_colours_are_used_though_nobody_is_a_terminal(booked: History, show: Show) -> None:
    given = told(booked, context_window={"used_percentage": 95})
    assert "\x1b[31mctx 95%\x1b[0m" in show(given, NO_COLOR="").out
    assert "\x1b" not in show(given, NO_COLOR="", TERM="dumb").out
    assert "\x1b" not in show(given).out


def test_it_fits_a_narrow_terminal(booked: History, show: Show) -> None:
    assert len(show(told(booked), COLUMNS="30").out.strip()) <= 30


def test_limits_are_kept_by_directory(booked: History, show: Show) -> None:
    limits = {"five_hour": {"used_percentage": 42, "resets_at": RESET // 1000}, "seven_day": {"used_percentage": 7}}
    show(told(booked, rate_limits=limits))
    show(told(booked, rate_limits=limits))
    assert [(reading.read_at, reading.directory, reading.limit) for reading in kept_limits(booked.data)] == [
        (NOW_MS, str(booked.root), Limit("five_hour", 42.0, RESET)),
        (NOW_MS, str(booked.root), Limit("seven_day", 7.0, None)),
    ]


def test_limits_that_were_told_a_short_while_ago_are_shown(booked: History, show: Show) -> None:
    keep_limits(booked.data, str(booked.root), [Limit("five_hour", 33, RESET)], NOW_MS - 60_000)
    keep_limits(booked.data, "/somewhere/else", [Limit("seven_day", 99, None)], NOW_MS - 60_000)
    assert show(told(booked), "--show", "limits,model").out == "5h 33% to 14:00 · Opus 5\n"
    keep_limits(booked.data, str(booked.root), [Limit("spend_limit", 5, None)], NOW_MS - 3_600_000)
    assert show(told(booked), "--show", "limits,model").out == "5h 33% to 14:00 · Opus 5\n"


@pytest.mark.parametrize("raw", GARBAGE)
def test_garbage_is_a_line_too(raw: bytes, booked: History, show: Show) -> None:
    assert show(raw).out.startswith("<$0.01 today")


@pytest.mark.parametrize("raw", GARBAGE)
def test_nothing_at_all_is_a_line_too(raw: bytes, show: Show) -> None:
    assert show(raw).out == "ccledger: nothing recorded yet\n"


def test_without_a_ledger_it_says_what_it_was_told(own: History, show: Show) -> None:
    assert show(told(own, cost={"total_cost_usd": 2})).out == "Opus 5 · $2.00 session · ctx 8%\n"


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_ledger_is_no_reason_to_fail(content: bytes, own: History, show: Show) -> None:
    own.data.mkdir(mode=0o700)
    (own.data / "ledger.db").write_bytes(content)
    assert show(told(own)).out == "Opus 5 · ctx 8%\n"


@pytest.mark.parametrize("path", ["/nowhere/at/all.jsonl", "/etc/passwd", "relative.jsonl", "/projects/x.jsonl", "\0"])
def test_a_transcript_that_is_none_is_passed_over(path: str, booked: History, show: Show) -> None:
    assert "today" in show(told(booked, transcript_path=path)).out


def test_settings_that_make_no_sense_are_no_reason_to_fail(booked: History, show: Show) -> None:
    assert show(told(booked), CCLEDGER_PORT="nonsense").out == "Opus 5 · ctx 8%\n"


def run_apart(history: History, tmp_path: Path, given: object, shell: str = "", **more: Any) -> Ran:
    """Run the program as Claude Code does."""
    environment = {**clean_environment(tmp_path), **history.environment, "NO_COLOR": "1"}
    words = ["sh", "-c", f"exec {subprocess.list2cmdline(command('statusline'))} {shell}"]
    done = subprocess.run(
        words, input=json.dumps(given).encode(), env=environment, capture_output=True, timeout=60, check=False, **more
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_held_ledger_is_read_all_the_same(booked: History, tmp_path: Path) -> None:
    writer = apsw.Connection(str(booked.data / "ledger.db"))
    with hold(booked.data):
        writer.execute("BEGIN IMMEDIATE; UPDATE setting SET value = value")
        assert "today" in run_apart(booked, tmp_path, told(booked)).out
        writer.execute("ROLLBACK")
    writer.close()


def test_a_ledger_that_nobody_may_read_now_is_not_waited_for(booked: History, tmp_path: Path) -> None:
    writer = apsw.Connection(str(booked.data / "ledger.db"))
    writer.pragma("journal_mode", "delete")
    writer.execute("BEGIN EXCLUSIVE; UPDATE setting SET value = value")
    began = time.monotonic()
    assert run_apart(booked, tmp_path, told(booked)) == Ran(0, "Opus 5 · ctx 8%\n", "")
    assert time.monotonic() - began < 9  # a reader's usual patience is ten seconds
    writer.execute("ROLLBACK")
    writer.close()


@pytest.mark.parametrize(
    "shell", [">&-", ">&- 2>&-", "</dev/null >&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>&-"]
)
def test_streams_that_are_closed_or_full_do_no_harm(shell: str, booked: History, tmp_path: Path) -> None:
    if "/dev/full" in shell and not Path("/dev/full").exists():
        pytest.skip("only Linux has a device that is always full")
    assert run_apart(booked, tmp_path, told(booked), shell) == Ran(0, "", "")


def test_no_standard_input_is_a_line_too(booked: History, tmp_path: Path) -> None:
    ran = run_apart(booked, tmp_path, told(booked), "<&-")
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)


def test_a_reader_that_is_gone_does_no_harm(booked: History, tmp_path: Path) -> None:
    environment = {**clean_environment(tmp_path), **booked.environment}
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            command("statusline"), env=environment, input=b"{}", stdout=pipe, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_silent_standard_input_is_not_waited_for(booked: History, tmp_path: Path) -> None:
    environment = {**clean_environment(tmp_path), **booked.environment, "NO_COLOR": "1"}
    with subprocess.Popen(
        command("statusline"), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(b"\n")
        assert process.wait(20) == 0


def test_a_disk_that_is_full_or_closed_is_no_reason_to_fail(booked: History, show: Show) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    limits = {"five_hour": {"used_percentage": 42, "resets_at": RESET // 1000}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ccledger.ledger.limits._append", refuse)
        assert "5h 42%" in show(told(booked, rate_limits=limits)).out
    assert kept_limits(booked.data) == []


def test_it_imports_none_of_what_it_does_not_need(booked: History, tmp_path: Path) -> None:
    script = (
        "import sys; from ccledger.cli import run; run(['statusline']); print(*sorted(sys.modules), file=sys.stderr)"
    )
    environment = {**clean_environment(tmp_path), **booked.environment}
    given = json.dumps(told(booked, cost={"total_cost_usd": 1})).encode()
    done = subprocess.run([sys.executable, "-c", script], env=environment, input=given, capture_output=True, check=True)
    loaded = set(done.stderr.decode().split())
    assert "apsw" in loaded
    heavy = {"msgspec", "litestar", "asyncio", "tomllib", "decimal", "socket", "ccledger.wire.transcript", "subprocess"}
    assert not loaded & heavy
