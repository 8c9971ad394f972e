from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ccledger.ledger.lock import hold
from ccledger.ledger.store import Store, open_reader
from tests.cli.program import History, Run, cells, clean_environment, command, expected, write_lines


@contextmanager
def serving(made: History, home: Path, *arguments: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """The server, answering, and its address."""
    environment = {**clean_environment(home), **made.environment}
    with subprocess.Popen(
        command("serve", "--port", "0", "--no-browser", *arguments), env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready, address = process.stdout.readline().split()
            assert ready == "ready"
            yield process, address
        finally:
            process.terminate()
            process.wait(20)


def fetch(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return json.load(answer)


def test_reports_are_right_while_a_server_runs_and_after_it_ended(own: History, tmp_path: Path, ccledger: Run) -> None:
    write_lines(own.root, {})
    with serving(own, tmp_path) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert fetch(f"{address}/api/health")["status"] == "ok"
        for session in ("s2", "s3"):
            write_lines(own.root, {}, {}, session=session)
            grown = History(own.root, own.data)
            assert cells(ccledger("daily", "--json", history=own).json) == expected(grown.days("UTC"))
        assert ccledger("doctor", "--json", history=own).json["server"] is True
        assert ccledger("import", "--json", history=own).json["by_server"] is True
        assert "The running server has booked what is new." in ccledger("import", history=own).out
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert ccledger("doctor", "--json", history=own).json["server"] is False
    assert ccledger("daily", "--json", history=own).json["totals"]["outputTokens"] == 100


def test_a_running_server_takes_claude_codes_own_statistics(own: History, tmp_path: Path, ccledger: Run) -> None:
    with serving(own, tmp_path) as (_, address):
        assert fetch(f"{address}/api/v1/stats/current")["estimated"] is None
        days = [{"date": "2026-10-01", "tokensByModel": {"claude-opus-5": 70}}]
        (own.root / "stats-cache.json").write_text(json.dumps({"version": 3, "dailyModelTokens": days}))
        (row,) = ccledger("daily", "--json", history=own).json["daily"]
        assert (row["totalTokens"], row["estimated"]) == (70, True)
        assert fetch(f"{address}/api/v1/stats/current")["estimated"]["total_tokens"] == 70


def test_ctrl_c_ends_it_in_order(own: History, tmp_path: Path) -> None:
    with serving(own, tmp_path, "--host", "localhost") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_server_whose_directory_is_in_use_says_so(ccledger: Run, plain: History) -> None:
    with hold(plain.data):
        ran = ccledger("serve", "--port", "0", "--no-browser", history=plain)
    assert (ran.code, ran.out) == (1, "")
    assert "another ccledger is writing" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "99999"), "--port takes 0 to 65535, not '99999'"),
        (("--port", "http"), "--port takes 0 to 65535, not 'http'"),
        (("--host", "0.0.0.0"), "--host: 0.0.0.0 would open the ledger to the network, which needs sign-in"),
    ],
)
def test_an_address_that_makes_no_sense_is_wrong_usage(arguments: tuple[str, ...], said: str, ccledger: Run) -> None:
    ran = ccledger("serve", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_server_lets_go_of_old_calls_once_they_are_booked(own: History, tmp_path: Path) -> None:
    write_lines(own.root, {"timestamp": "2020-11-10T10:00:00.000Z"}, {"timestamp": "2020-11-11T10:00:00.000Z"})
    keeping = Keeping(own.root, own.data)
    with serving(keeping, tmp_path) as (_, address):
        with reading(own) as store:
            for _ in range(400):
                if store.summary().calls == 2 and not store.calls(0, 1 << 42):
                    break
                time.sleep(0.05)
            assert store.calls(0, 1 << 42) == []
        totals = fetch(f"{address}/api/v1/stats/current")["totals"]
        assert (totals["calls"], totals["output_tokens"]) == (2, 40)


class Keeping(History):
    """A history whose calls are kept for thirty days."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "CCLEDGER_RETENTION_DAYS": "30"}


@contextmanager
def reading(made: History) -> Generator[Store]:
    store = open_reader(f"sqlite:///{made.data / 'ledger.db'}")
    yield store
    store.close()
