"""The demo in a process of its own: apart from everything, and gone afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.cli.program import History, Run, clean_environment, command


@pytest.fixture
def home() -> Generator[Path]:
    """A short path: the server makes a socket in it."""
    with TemporaryDirectory(prefix="home-") as name:
        yield Path(name)


@contextmanager
def demo(home: Path, *arguments: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """The demo, answering, and its address."""
    (home / "tmp").mkdir()
    real = {"CLAUDE_CONFIG_DIR": f"{home}/real", "CCLEDGER_DATA_DIR": f"{home}/ledger", "DATABASE_PATH": f"{home}/db"}
    environment = {**clean_environment(home), **real, "TMPDIR": str(home / "tmp")}
    with subprocess.Popen(
        command("demo", "--port", "0", "--no-browser", *arguments),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready, address = process.stdout.readline().split()
            assert ready == "ready"
            yield process, address
        finally:
            process.terminate()
            process.wait(20)


def ask(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"{address}{path}", timeout=20) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_touches_nothing_of_yours_and_leaves_nothing_behind(number: signal.Signals, home: Path) -> None:
    with demo(home) as (process, address):
        (place,) = (home / "tmp").iterdir()
        assert [root["path"] for root in ask(address, "/api/v1/import")["roots"]] == [str(place / "claude")]
        process.send_signal(number)
        assert process.wait(20) == 0
    assert sorted(path.name for path in home.iterdir()) == ["tmp"]
    assert list((home / "tmp").iterdir()) == []


def test_its_running_session_grows_and_is_seen(home: Path) -> None:
    with demo(home) as (_, address):
        while ask(address, "/api/v1/import")["state"] != "following":
            pass
        overview = ask(address, "/api/v1/stats/overview")
        assert overview["sessions"][0]["state"] == "active"
        assert overview["unpriced"] == []
        assert ask(address, "/api/v1/stats/current")["estimated"]["days"] > 10
        first = overview["ledger"]["calls"]
        while ask(address, "/api/v1/stats/overview")["ledger"]["calls"] == first:
            pass


def test_it_can_be_kept_and_read_again(home: Path, ccledger: Run) -> None:
    place = home / "kept"
    with demo(home, "--keep", str(place), "--seed", "7") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert f"CLAUDE_CONFIG_DIR={place}/claude CCLEDGER_DATA_DIR={place}/data" in process.stderr.read()
    kept = History(place / "claude", place / "data")
    assert ccledger("doctor", "--json", history=kept).json["skipped"] == []
    ran = ccledger("demo", "--keep", str(place))
    assert (ran.code, ran.out) == (2, "")
    assert "is not empty; name a new directory" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--seed", "x"), "--seed takes a whole number, not 'x'"),
        (("--keep", "/dev/null"), "name a new directory"),
        (("--port", "99999"), "--port takes 0 to 65535"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments: tuple[str, ...], said: str, ccledger: Run) -> None:
    ran = ccledger("demo", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
