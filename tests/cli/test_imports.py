from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from ccledger.ledger.lock import hold
from tests.cli.program import History, Ran, Run, cells, clean_environment, command, expected, write_lines
from tests.corpora.growing import replay
from tests.corpora.made import write_corpus

WAIT_SECONDS = 20.0


def test_an_import_says_what_it_read_and_what_the_ledger_holds(ccledger: Run, plain: History) -> None:
    calls = len(plain.facts)
    ran = ccledger("import", history=plain)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Read ")
    assert ran.out.endswith(f" MB. The ledger holds {calls} calls in 4 sessions.\n")
    assert ccledger("import", history=plain).out == f"Nothing is new. The ledger holds {calls} calls in 4 sessions.\n"


def test_an_import_says_so_as_json(ccledger: Run, plain: History) -> None:
    files = list(plain.root.rglob("*.jsonl"))
    done = {
        "calls": len(plain.facts),
        "sessions": 4,
        "files_read": len(files),
        "bytes_read": sum(file.stat().st_size for file in files),
        "by_server": False,
    }
    assert ccledger("import", "--json", history=plain).json == done
    assert ccledger("import", "-j", history=plain).json == {**done, "files_read": 0, "bytes_read": 0}


def test_migrate_brings_a_ledger_into_being_and_leaves_it_as_it_is(ccledger: Run, plain: History) -> None:
    for _ in range(2):
        assert ccledger("migrate", history=plain).out == f"the ledger in {plain.data} is up to date\n"
    assert ccledger("import", history=plain).out.startswith("Read ")


def test_a_ledger_of_a_newer_version_is_left_alone(ccledger: Run, plain: History) -> None:
    ccledger("import", history=plain)
    connection: Any = apsw.Connection(str(plain.data / "ledger.db"))
    connection.execute("UPDATE setting SET value = '9999' WHERE name = 'oldest_reader'")
    connection.close()
    ran = ccledger("daily", history=plain)
    assert (ran.code, ran.out) == (1, "")
    assert "written by a newer ccledger" in ran.err


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_reports_between_every_step_of_a_growing_history_end_at_the_truth(
    zone: str, ccledger: Run, tmp_path: Path
) -> None:
    write_corpus(tmp_path / "whole", seed=6, sessions=3, traps=["growing_output", "tail_cut", "forks", "bad_utf8"])
    growing = History(tmp_path / "claude", tmp_path / "ledger")
    report: Any = None
    for _ in replay(tmp_path / "whole", tmp_path / "claude", seed=6, steps=6):
        report = ccledger("daily", "--json", history=growing, CCLEDGER_TIMEZONE=zone).json
    assert cells(report) == expected(History(tmp_path / "whole", tmp_path).days(zone))


def test_a_report_waits_for_the_one_that_writes(tmp_path: Path, plain: History) -> None:
    with hold(plain.data):
        waiting = subprocess.Popen(
            command("daily", "--json"),
            env={**clean_environment(tmp_path), **plain.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
    out, err = waiting.communicate(timeout=WAIT_SECONDS)
    assert cells(Ran(waiting.returncode, out, err).json) == expected(plain.days("UTC"))


def test_a_report_that_waited_too_long_shows_what_there_is(
    ccledger: Run, plain: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ccledger("daily", "--json", history=plain).out
    monkeypatch.setattr("ccledger.cli.imports._PATIENCE_SECONDS", 0.0)
    with hold(plain.data):
        ran = ccledger("daily", "--json", history=plain)
    assert (ran.code, ran.out) == (0, whole)
    assert ran.err == "ccledger: another process is writing the ledger; this is what it holds so far\n"


def test_two_reports_at_once_are_both_right(tmp_path: Path, history: Callable[..., History]) -> None:
    made = history(8)
    environment = {**clean_environment(tmp_path), **made.environment}
    both = [
        subprocess.Popen(
            command("daily", "--json"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=WAIT_SECONDS)
        assert cells(Ran(process.returncode, out, err).json) == expected(made.days("UTC"))


def test_the_ledger_is_free_while_a_report_is_being_read(tmp_path: Path, history: Callable[..., History]) -> None:
    made = history(1)
    environment = {**clean_environment(tmp_path), **made.environment}
    with subprocess.Popen(
        command("session", "--json"), env=environment, stdout=subprocess.PIPE, pipesize=4096
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"{"
        assert process.poll() is None, "the report is larger than the pipe, so it is still being written"
        with hold(made.data):
            process.kill()


def commits(ledger: Path) -> int:
    """How many batches are booked; none while there is no such ledger."""
    try:
        connection: Any = apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READONLY)
        return connection.execute("SELECT count(*) FROM batch").get
    except (apsw.CantOpenError, apsw.SQLError, apsw.BusyError):
        return 0


def kill_after_a_commit(process: subprocess.Popen[bytes], ledger: Path) -> None:
    """Let it book one batch more, unless it ends before."""
    before = commits(ledger)
    while process.poll() is None and commits(ledger) == before:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(WAIT_SECONDS)


def write_many(root: Path, session: str, calls: int) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    write_lines(
        root, *({"timestamp": (start + timedelta(seconds=97 * n)).isoformat()} for n in range(calls)), session=session
    )


def test_killing_it_again_and_again_loses_nothing_and_doubles_nothing(
    ccledger: Run, own: History, tmp_path: Path
) -> None:
    for session in ("s1", "s2", "s3"):
        write_many(own.root, session, 9_000)
    environment = {**clean_environment(tmp_path), **own.environment}
    killed = 0
    for _ in range(3):
        with subprocess.Popen(command("import"), env=environment, stdout=subprocess.DEVNULL) as process:
            kill_after_a_commit(process, own.data / "ledger.db")
            killed += process.returncode == -signal.SIGKILL
    assert killed
    assert cells(ccledger("daily", "--json", history=own).json) == expected(own.days("UTC"))


def test_it_ends_when_asked_to_and_keeps_what_it_booked(own: History, tmp_path: Path, ccledger: Run) -> None:
    write_many(own.root, "s1", 20_000)
    environment = {**clean_environment(tmp_path), **own.environment}
    process = subprocess.Popen(command("import"), env=environment, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not commits(own.data / "ledger.db"):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, err) in ((1, "\nstopped; everything that was booked is kept\n"), (0, ""))
    assert cells(ccledger("daily", "--json", history=own).json) == expected(own.days("UTC"))
