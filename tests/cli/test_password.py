"""A password is hashed, printed or put into the file, and kept nowhere."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

import pytest

from ccledger.access.passwords import matches
from tests.cli.program import Run

PASSWORD = "correct horse 密码"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nsomething else\n"))


def hashed_in(path: Path) -> str:
    value: str = tomllib.loads(path.read_text("utf-8"))["admin_password_hash"]
    return value


@pytest.mark.usefixtures("typed")
def test_the_line_that_is_printed_sets_the_password(ccledger: Run) -> None:
    ran = ccledger("password", "--stdin")
    assert ran.code == 0
    name, _, value = ran.out.strip().partition("=")
    assert name == "CCLEDGER_ADMIN_PASSWORD_HASH"
    assert matches(PASSWORD, value.strip("'"))
    assert PASSWORD not in ran.out + ran.err


@pytest.mark.usefixtures("typed")
def test_a_new_file_belongs_to_the_user_alone(ccledger: Run, tmp_path: Path) -> None:
    path = tmp_path / "new" / "ccledger.toml"
    ran = ccledger("password", "--stdin", "--write", CCLEDGER_CONFIG=str(path))
    assert (ran.code, ran.out) == (0, "")
    assert str(path) in ran.err
    assert matches(PASSWORD, hashed_in(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(
    "before",
    [
        "port = 1\n# a remark\n",
        'port = 1\nadmin_password_hash = "old" # a remark\n[logging]\nworkers = 4\n',
        'admin_password_hash="old"',
        "[logging]\nworkers = 4",
        '# admin_password_hash = "no"\nport = 2\n',
        'claude_dirs = ["""\nadmin_password_hash = 1\n"""]\n',
    ],
)
def test_everything_else_in_the_file_stays(before: str, ccledger: Run, tmp_path: Path) -> None:
    path = tmp_path / "ccledger.toml"
    path.write_text(before)
    path.chmod(0o644)
    assert ccledger("password", "--stdin", "--write", CCLEDGER_CONFIG=str(path)).code == 0
    after = tomllib.loads(path.read_text())
    assert matches(PASSWORD, after.pop("admin_password_hash"))
    expected = tomllib.loads(before)
    expected.pop("admin_password_hash", None)
    assert after == expected
    assert path.read_text().count("#") == before.count("#") or "old" in before
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("before", [b"port =", b'"admin_password_hash" = "quoted"\n', b"\xff"])
def test_a_file_that_cannot_be_changed_safely_stays_as_it_is(before: bytes, ccledger: Run, tmp_path: Path) -> None:
    path = tmp_path / "ccledger.toml"
    path.write_bytes(before)
    ran = ccledger("password", "--stdin", "--write", CCLEDGER_CONFIG=str(path))
    assert ran.code == 2
    assert path.read_bytes() == before
    assert list(tmp_path.glob("ccledger.toml*")) == [path]


@pytest.mark.usefixtures("typed")
def test_a_link_to_the_file_stays_one(ccledger: Run, tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "ccledger.toml"
    target.write_text("port = 1\n")
    link.symlink_to(target)
    assert ccledger("password", "--stdin", "--write", CCLEDGER_CONFIG=str(link)).code == 0
    assert link.is_symlink()
    assert matches(PASSWORD, hashed_in(target))


@pytest.mark.usefixtures("typed")
def test_what_comes_before_the_file_is_said(ccledger: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "c.toml")
    ran = ccledger("password", "--stdin", "--write", CCLEDGER_CONFIG=path, CCLEDGER_ADMIN_PASSWORD_HASH="ab" * 32)
    assert "comes before the file" in ran.err


@pytest.mark.parametrize(("given", "said"), [("short\n", "8 to 1,024 characters"), ("", "8 to"), ("x" * 1025, "8 to")])
def test_a_password_that_is_none_is_refused(
    given: str, said: str, ccledger: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    ran = ccledger("password", "--stdin")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert given.strip() not in ran.err or not given


@pytest.mark.usefixtures("typed")
def test_without_a_terminal_it_asks_nobody(ccledger: Run) -> None:
    ran = ccledger("password")
    assert ran.code == 2
    assert "--stdin" in ran.err


class Terminal(io.StringIO):
    """Something that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("second", "code"), [(PASSWORD, 0), ("another one", 2)])
def test_at_a_terminal_it_asks_twice(second: str, code: int, ccledger: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PASSWORD, second])

    def ask(_: str) -> str:
        return next(answers)

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", ask)
    ran = ccledger("password")
    assert ran.code == code
    assert ("two passwords" in ran.err) is bool(code)
