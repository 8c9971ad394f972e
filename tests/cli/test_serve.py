from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from ccledger.app import SOCKET_NAME
from ccledger.cli.serve import announcer
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


@pytest.mark.parametrize(("browser", "watched", "codes"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_a_browser_is_opened_signed_in_where_somebody_watches(
    browser: bool,
    watched: bool,
    codes: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened: Queue[tuple[Path, str]] = Queue()
    made: list[str] = []

    def code() -> str:
        made.append("the-code")
        return made[-1]

    def opening(folder: Path, address: str) -> None:
        opened.put((folder, address))

    old = tmp_path / "ccledger.open.html"
    old.write_text("of the last time")
    monkeypatch.setattr("ccledger.cli.serve.open_browser", opening)
    monkeypatch.setattr("sys.stdout.isatty", lambda: watched)
    announcer(tmp_path, browser=browser)("http://127.0.0.1:1", code)
    assert capsys.readouterr().out == "ready http://127.0.0.1:1\n"
    assert [opened.get(timeout=20) for _ in range(codes)] == [(tmp_path, "http://127.0.0.1:1/?code=the-code")] * codes
    assert (len(made), old.exists()) == (codes, False)


class Guarded(History):
    """A history whose server listens on every address."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "CCLEDGER_ADMIN_KEY": "planted-key-0123456789", "CCLEDGER_HOST": "0.0.0.0"}


def test_a_server_for_the_network_wants_its_key(own: History, tmp_path: Path, ccledger: Run) -> None:
    guarded = Guarded(own.root, own.data)
    with serving(guarded, tmp_path) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert fetch(f"{address}/api/health")["status"] == "ok"
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(f"{address}/api/v1/stats/current")
        assert refused.value.code == 401
        refused.value.close()
        asked = urllib.request.Request(f"{address}/api/v1/settings", headers={"X-Admin-Key": "planted-key-0123456789"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            told = answer.read().decode()
        assert "set, not shown" in told
        assert "planted-key-0123456789" not in told
        assert "planted-key-0123456789" not in Path(f"/proc/{process.pid}/cmdline").read_text()
        assert ccledger("import", "--json", history=guarded).json["by_server"] is True


def test_who_has_signed_out_stays_so_when_the_server_starts_anew(own: History, tmp_path: Path) -> None:
    guarded = Guarded(own.root, own.data)
    with serving(guarded, tmp_path) as (_, address):
        kept, ended = (signed_in(guarded, address) for _ in range(2))
        asked = urllib.request.Request(
            f"{address}/api/signout", b"{}", {"cookie": ended, "content-type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.status == 200
    with serving(guarded, tmp_path) as (_, address):
        assert [how(address, cookie) for cookie in (kept, ended)] == ["cookie", None]
    files = [path.read_bytes() for path in own.data.rglob("*") if path.is_file()]
    assert not any(kept.partition("=")[2].encode() in content for content in files)


def signed_in(made: History, address: str) -> str:
    """A browser's cookie."""
    local = HTTPConnection("localhost")
    local.sock = unix(made.data / SOCKET_NAME)
    local.request("POST", "/api/control/invite")
    code = json.load(local.getresponse())["code"]
    local.close()
    asked = urllib.request.Request(
        f"{address}/api/signin", json.dumps({"code": code}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        cookie: str = answer.headers["set-cookie"].partition(";")[0]
        return cookie


def unix(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(path))
    return connection


def how(address: str, cookie: str) -> Any:
    asked = urllib.request.Request(f"{address}/api/me", headers={"cookie": cookie})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return json.load(answer)["how"]


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
