"""Claude Code's settings: our key comes and goes, everything else stays as it was written."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from ccledger.cli import status_install
from tests.cli.program import History, Run

OTHER = {"type": "command", "command": "~/bin/other-line.sh", "padding": 0}


@pytest.fixture
def settings(own: History) -> Path:
    return own.root / "settings.json"


def install(ccledger: Run, own: History, *options: str) -> Any:
    ran = ccledger("statusline", "--install", *options, history=own)
    assert (ran.code, ran.err) == (0, "")
    return ran


def test_it_makes_the_settings_where_there_are_none(own: History, settings: Path, ccledger: Run) -> None:
    said = install(ccledger, own).out
    assert json.loads(settings.read_text()) == {
        "statusLine": {"type": "command", "command": f"{sys.executable} -m ccledger statusline"}
    }
    assert '+  "statusLine":' in said
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert ccledger("statusline", "--uninstall", history=own).code == 0
    assert json.loads(settings.read_text()) == {}
    assert [path.name for path in settings.parent.iterdir() if path.is_file()] == ["settings.json"]


@pytest.mark.parametrize(
    "text",
    [
        '{\n\t"model": "opus",\n\t"env": {"A":"é","B":[1,2,   3]}\n}\n',
        '{"a":1}',
        '{ "a" : 1 , "b" : "}" }\n\n',
        "{}",
        "{\n}\n",
        '{\r\n    "a": {\r\n        "b": null\r\n    }\r\n}\r\n',
        '{\n  "statusLineX": {"statusLine": 1},\n  "z": "\\u00e9\\ud83d\\ude42"\n}',
    ],
)
def test_everything_else_keeps_its_form(text: str, own: History, settings: Path, ccledger: Run) -> None:
    settings.write_bytes(text.encode())
    settings.chmod(0o640)
    install(ccledger, own)
    inside = settings.read_bytes().decode()
    assert {**json.loads(text), "statusLine": json.loads(inside)["statusLine"]} == json.loads(inside)
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640
    assert settings.with_name("settings.json.before-ccledger").read_bytes() == text.encode()
    ccledger("statusline", "--uninstall", history=own)
    left = settings.read_bytes().decode()
    assert left == text or json.loads(text) == {} == json.loads(left)


def test_twice_is_once_and_options_are_renewed(own: History, settings: Path, ccledger: Run) -> None:
    settings.write_text('{"a": 1}')
    install(ccledger, own)
    first = settings.read_text()
    assert "already" in install(ccledger, own).out
    assert settings.read_text() == first
    install(ccledger, own, "--show", "model,limits", "--timezone", "Asia/Shanghai", "--data-dir", "/a b")
    command = json.loads(settings.read_text())["statusLine"]["command"]
    assert command.endswith("statusline --data-dir '/a b' --timezone Asia/Shanghai --show model,limits")
    ccledger("statusline", "--uninstall", history=own)
    assert settings.read_text() == '{"a": 1}'


def test_another_status_line_stays_unless_forced_and_then_comes_back(
    own: History, settings: Path, ccledger: Run
) -> None:
    text = json.dumps({"a": 1, "statusLine": OTHER, "b": 2}, indent=4)
    settings.write_text(text)
    ran = ccledger("statusline", "--install", history=own)
    assert (ran.code, settings.read_text()) == (1, text)
    assert "--force" in ran.err
    install(ccledger, own, "--force")
    assert list(json.loads(settings.read_text())) == ["a", "statusLine", "b"]
    install(ccledger, own, "--show", "model")
    changed = json.loads(settings.read_text())
    settings.write_text(json.dumps({**changed, "new": True}))
    ccledger("statusline", "--uninstall", history=own)
    assert json.loads(settings.read_text()) == {"a": 1, "statusLine": OTHER, "b": 2, "new": True}
    assert not settings.with_name("settings.json.before-ccledger").exists()


@pytest.mark.parametrize("text", ["{", "[]", "null", "7", "\ufeff{}", '{"a": 1} // note', "{" * 9999])
def test_what_is_no_settings_is_left_alone(text: str, own: History, settings: Path, ccledger: Run) -> None:
    settings.write_text(text)
    for option in ("--install", "--uninstall"):
        ran = ccledger("statusline", option, history=own)
        assert (ran.code, settings.read_text()) == (1, text)
        assert ran.err.startswith(f"ccledger: {settings}")
    settings.write_bytes(b"\xff")
    assert ccledger("statusline", "--install", history=own).code == 1


def test_nothing_of_ours_is_nothing_to_take_out(own: History, settings: Path, ccledger: Run) -> None:
    assert ccledger("statusline", "--uninstall", history=own).code == 0
    settings.write_text(json.dumps({"statusLine": OTHER}))
    assert "nothing was changed" in ccledger("statusline", "--uninstall", history=own).out
    assert json.loads(settings.read_text()) == {"statusLine": OTHER}
    assert ccledger("statusline", "--uninstall", "--install", history=own).code == 2


def test_a_link_stays_a_link(own: History, settings: Path, ccledger: Run, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    settings.symlink_to(real)
    install(ccledger, own)
    assert settings.is_symlink()
    assert "statusLine" in json.loads(real.read_text())


def test_a_lost_copy_is_told(own: History, settings: Path, ccledger: Run) -> None:
    settings.write_text('{"a": 1}')
    install(ccledger, own)
    settings.with_name("settings.json.before-ccledger").write_text("{")
    ran = ccledger("statusline", "--uninstall", history=own)
    assert (ran.code, settings.read_text()) == (0, '{"a": 1}')
    assert "can't be read" in ran.err


def test_a_change_in_between_is_not_overwritten(
    own: History, settings: Path, ccledger: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text("{}")

    def late(copy: Path, text: str, mode: int) -> None:
        settings.write_text('{"new": 1}')

    monkeypatch.setattr(status_install, "keep_copy", late)
    ran = ccledger("statusline", "--install", history=own)
    assert (ran.code, settings.read_text()) == (1, '{"new": 1}')
    assert [path.name for path in settings.parent.iterdir() if path.is_file()] == ["settings.json"]


def test_the_directory_is_the_one_claude_code_uses(ccledger: Run, tmp_path: Path, own: History) -> None:
    ran = ccledger("statusline", "--install", CLAUDE_CONFIG_DIR="")
    assert ran.code == 0
    assert "statusLine" in json.loads((tmp_path / ".claude" / "settings.json").read_text())
    ccledger("statusline", "--install", "--claude-dir", str(tmp_path / "else"))
    assert (tmp_path / "else" / "settings.json").exists()
