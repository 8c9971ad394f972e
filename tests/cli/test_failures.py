from __future__ import annotations

import errno
from pathlib import Path

import apsw
import pytest

from ccledger.cli.failures import explain, tell
from ccledger.core.errors import LedgerBusy, StoreError, UsageError
from tests.cli.program import History, Run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("no such thing"), 2, "ccledger: no such thing\n"),
        (StoreError("no ledger"), 1, "ccledger: no ledger\n"),
        (LedgerBusy("busy"), 1, "ccledger: busy\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/a/b"), 1, "ccledger: /a/b: Permission denied\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "ccledger: No space left on device\n"),
        (KeyboardInterrupt(), 1, "\nstopped; everything that was booked is kept\n"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(error) == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    "kind", [apsw.CorruptError, apsw.NotADBError, apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.BusyError]
)
def test_what_the_storage_engine_says_comes_with_a_cure(kind: type[apsw.Error]) -> None:
    said = explain(kind("it says so"))
    assert said.startswith("the ledger can't be used (it says so); ")
    assert "mistake" not in said


def test_a_mistake_of_ours_is_called_one() -> None:
    assert "TypeError: oh; this is a mistake of ccledger" in explain(TypeError("oh"))


def test_where_it_failed_is_shown_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CCLEDGER_LOG_LEVEL", "debug")
    assert call_with_mistake() == 1
    assert "in call_with_mistake" in capsys.readouterr().err


def call_with_mistake() -> int:
    try:
        return len(None)  # pyright: ignore[reportArgumentType] - the mistake
    except TypeError as error:
        return tell(error)


@pytest.mark.parametrize("command", ["daily", "session", "import", "migrate", "doctor"])
@pytest.mark.parametrize("damage", ["no database", "damaged pages", "empty"])
def test_a_broken_ledger_is_told_in_a_line(damage: str, command: str, ccledger: Run, plain: History) -> None:
    ccledger("import", history=plain)
    ledger = plain.data / "ledger.db"
    for rest in plain.data.glob("ledger.db-*"):
        rest.unlink()
    whole = ledger.read_bytes()
    damaged = {
        "no database": b"this is a text and never was a ledger " * 9,
        "damaged pages": whole[:8192] + b"\xa5" * (len(whole) - 8192),
        "empty": b"",
    }
    ledger.write_bytes(damaged[damage])
    ran = ccledger(command, history=plain)
    if damage == "empty":
        assert (ran.code, ran.err) == (0, "")
    elif command == "doctor":
        assert ran.code == 0
        assert "Nothing can be said of the ledger" in ran.out
    else:
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.count("\n") == 1
        assert "move it away" in ran.err


@pytest.mark.parametrize("place", ["/proc/ccledger", "/dev/null/ccledger", "a file"])
def test_a_data_directory_that_cannot_be_one_is_told_in_a_line(
    place: str, ccledger: Run, plain: History, tmp_path: Path
) -> None:
    (tmp_path / "a file").touch()
    ran = ccledger("daily", history=plain, CCLEDGER_DATA_DIR=str(tmp_path / place))
    assert (ran.code, ran.out) == (1, "")
    assert "set CCLEDGER_DATA_DIR to a directory of yours" in ran.err


def test_a_ledger_elsewhere_needs_its_directory(ccledger: Run, plain: History, tmp_path: Path) -> None:
    ran = ccledger("daily", history=plain, CCLEDGER_DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/ledger.db")
    assert (ran.code, ran.err) == (1, f"ccledger: {tmp_path}/nowhere/ledger.db: No such file or directory\n")


@pytest.mark.parametrize("url", ["mysql://x", "nonsense", "postgresqll:///a"])
def test_an_unknown_engine_names_those_there_are(url: str, ccledger: Run, plain: History) -> None:
    ran = ccledger("daily", history=plain, CCLEDGER_DATABASE_URL=url)
    assert (ran.code, ran.out) == (2, "")
    assert "CCLEDGER_DATABASE_URL takes" in ran.err
    assert "sqlite" in ran.err
