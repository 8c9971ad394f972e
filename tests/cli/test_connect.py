"""`ccledger connect`: Claude Code's settings point at the gateway and back, everything else stays as written."""

from __future__ import annotations

import io
import json
import shlex
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.cli.program import History, Run
from tests.cli.test_serve import serving
from tests.cli.test_tokens import create, listed

Pipe = Callable[[str], None]
HERE = "http://127.0.0.1:51888"


@pytest.fixture
def settings(own: History) -> Path:
    return own.root / "settings.json"


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Puts a text on standard input."""

    def put(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return put


def env(settings: Path) -> dict[str, str]:
    return json.loads(settings.read_text())["env"]


def test_it_prints_what_a_shell_takes_and_issues_a_key(ccledger: Run) -> None:
    ran = ccledger("connect", USER="ann")
    assert ran.code == 0
    shell = subprocess.run(
        ["sh", "-c", f"{ran.out}env"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    told: dict[str, str] = {}
    for line in shell.stdout.splitlines():
        name, _, value = line.partition("=")
        told[name] = value
    assert told["ANTHROPIC_BASE_URL"] == HERE
    assert told["OPENAI_BASE_URL"] == f"{HERE}/v1"
    assert told["ANTHROPIC_AUTH_TOKEN"] == told["OPENAI_API_KEY"]
    (token,) = listed(ccledger)
    assert token["name"].startswith("ann@")
    assert f"{told['OPENAI_API_KEY'][:8]}…" == token["hint"]
    assert f"'ccledger token revoke {token['id']}' ends it" in ran.err


def test_json_says_the_same(ccledger: Run) -> None:
    told = ccledger("connect", "--json").json
    assert told["id"] == listed(ccledger)[0]["id"]
    assert set(told["env"]) == {"ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "OPENAI_BASE_URL", "OPENAI_API_KEY"}


def test_a_key_that_is_piped_in_is_used_and_none_issued(ccledger: Run, pipe: Pipe) -> None:
    key = "ccl-$a'b"
    pipe(f"{key}\n")
    ran = ccledger("connect", "--token-stdin", "--address", "https://gateway.example/claude/")
    assert f"export OPENAI_API_KEY={shlex.quote(key)}" in ran.out.splitlines()
    assert "export OPENAI_BASE_URL=https://gateway.example/claude/v1" in ran.out.splitlines()
    assert listed(ccledger) == []


@pytest.mark.parametrize("text", ["", "\n", "a b\n", "é\n", "x" * 5000, "a\tb"])
def test_what_is_no_key_is_refused(text: str, ccledger: Run, pipe: Pipe) -> None:
    pipe(text)
    ran = ccledger("connect", "--token-stdin")
    assert (ran.code, ran.out) == (2, "")
    assert "--token-stdin takes the key in one line" in ran.err


@pytest.mark.parametrize(
    "address", ["", "gateway", "ftp://x", "http://", "http://u:secret@x", "http://x?a", "http://x:0", "http://x:y"]
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str, ccledger: Run) -> None:
    ran = ccledger("connect", "--address", address)
    assert (ran.code, ran.out) == (2, "")
    assert "--address takes an address such as" in ran.err
    assert "secret" not in ran.err


def test_the_address_is_that_of_the_settings(ccledger: Run) -> None:
    out = ccledger("connect", CCLEDGER_HOST="::1", CCLEDGER_PORT="7").out
    assert out.startswith("export ANTHROPIC_BASE_URL='http://[::1]:7'\n")
    for host, reached in (("0.0.0.0", "127.0.0.1"), ("::", "'http://[::1]:7'")):
        out = ccledger("connect", CCLEDGER_HOST=host, CCLEDGER_PORT="7", CCLEDGER_ADMIN_KEY="k" * 16).out
        assert reached in out.splitlines()[0]
    ran = ccledger("connect", CCLEDGER_PORT="0")
    assert (ran.code, "say --address" in ran.err) == (2, True)


def test_the_address_is_that_of_the_running_server(own: History, tmp_path: Path, ccledger: Run) -> None:
    with serving(own, tmp_path) as (_, address):
        assert ccledger("connect", "--json", history=own).json["env"]["ANTHROPIC_BASE_URL"] == address
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{address}/api/control/address")


TEXTS = [
    "",
    "{}",
    '{"env":{"A":"é"},"b":1}',
    '{\n\t"model": "opus",\n\t"env": {\n\t\t"A": "1"\n\t}\n}\n',
    '{\n  "env": {\n    "ANTHROPIC_BASE_URL": "https://other",\n    "ANTHROPIC_AUTH_TOKEN": "sk-other"\n  }\n}',
]


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_written_and_undone_and_nothing_else_changes(
    text: str, own: History, settings: Path, ccledger: Run
) -> None:
    if text:
        settings.write_text(text)
        settings.chmod(0o644)
    told = json.loads(text or "{}")
    ran = ccledger("connect", "--write", history=own)
    assert (ran.code, HERE in ran.out) == (0, True)
    now = json.loads(settings.read_text())
    assert {**now, "env": None} == {**told, "env": None}
    key = env(settings)["ANTHROPIC_AUTH_TOKEN"]
    assert env(settings) == {**told.get("env", {}), "ANTHROPIC_BASE_URL": HERE, "ANTHROPIC_AUTH_TOKEN": key}
    assert key.startswith("ccl-")
    assert key not in ran.out + ran.err
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert ccledger("connect", "--undo", history=own).code == 0
    assert settings.read_text() == text or json.loads(settings.read_text()) == told == {}
    assert [path.name for path in settings.parent.iterdir() if path.is_file()] == ["settings.json"]
    assert "nothing was changed" in ccledger("connect", "--undo", history=own).out


def test_twice_is_once_and_another_address_keeps_the_key(own: History, settings: Path, ccledger: Run) -> None:
    settings.write_text('{"env": {"A": "1"}}')
    ccledger("connect", "--write", history=own)
    first = settings.read_text()
    assert "already" in ccledger("connect", "--write", history=own).out
    assert settings.read_text() == first
    key = env(settings)["ANTHROPIC_AUTH_TOKEN"]
    ccledger("connect", "--write", "--address", "http://127.0.0.1:7", history=own)
    assert env(settings) == {"A": "1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:7", "ANTHROPIC_AUTH_TOKEN": key}
    assert len(listed(ccledger, own)) == 1
    ccledger("connect", "--undo", history=own)
    assert settings.read_text() == '{"env": {"A": "1"}}'


@pytest.mark.parametrize("how", ["revoke", "delete", "spoil"])
def test_a_key_that_lets_nobody_in_is_replaced(
    how: str, own: History, settings: Path, tmp_path: Path, ccledger: Run
) -> None:
    def connected() -> str:
        assert ccledger("connect", "--write", history=own).code == 0
        return env(settings)["ANTHROPIC_AUTH_TOKEN"]

    def end() -> None:
        if how == "spoil":
            settings.write_text(settings.read_text().replace("ccl-", "ccl-\\n "))
        else:
            assert ccledger("token", how, listed(ccledger, own)[0]["id"], history=own).code == 0

    first = connected()
    end()
    second = connected()
    assert second not in (first, first.replace("ccl-", "ccl-\n "))
    with serving(own, tmp_path):
        third = connected()
        assert third == second, "one that is good stays"
        end()
        assert connected() != second
        assert "already" in ccledger("connect", "--write", history=own).out


def test_a_signed_key_that_is_piped_in_can_be_undone_too(
    own: History, settings: Path, ccledger: Run, pipe: Pipe
) -> None:
    pipe("eyJ.a.b\n")
    told = ccledger("connect", "--write", "--token-stdin", "--json", history=own).json
    assert told == {"path": str(settings), "address": HERE}
    assert env(settings)["ANTHROPIC_AUTH_TOKEN"] == "eyJ.a.b"
    ccledger("connect", "--undo", history=own)
    assert json.loads(settings.read_text()) == {}


def test_what_was_added_meanwhile_stays(own: History, settings: Path, ccledger: Run) -> None:
    ccledger("connect", "--write", history=own)
    told = json.loads(settings.read_text())
    settings.write_text(json.dumps({"env": {**told["env"], "NEW": "1"}, "x": 1}))
    ccledger("connect", "--undo", history=own)
    assert json.loads(settings.read_text()) == {"env": {"NEW": "1"}, "x": 1}


def test_the_status_line_and_the_gateway_come_and_go_apart(own: History, settings: Path, ccledger: Run) -> None:
    settings.write_text('{"a": 1}')
    ccledger("statusline", "--install", history=own)
    ccledger("connect", "--write", history=own)
    ccledger("statusline", "--uninstall", history=own)
    assert set(json.loads(settings.read_text())) == {"a", "env"}
    ccledger("connect", "--undo", history=own)
    assert settings.read_text() == '{"a": 1}'


@pytest.mark.parametrize("text", ["{", "[]", '{"env": []}', '{"env": null}'])
def test_what_is_no_settings_is_left_alone_and_no_key_is_issued(
    text: str, own: History, settings: Path, ccledger: Run
) -> None:
    settings.write_text(text)
    for option in ("--write", "--undo"):
        ran = ccledger("connect", option, history=own)
        assert (ran.code, settings.read_text()) == (1, text)
        assert ran.err.startswith(f"ccledger: {settings}")
    assert listed(ccledger, own) == []


def test_opposite_wishes_are_refused(ccledger: Run) -> None:
    assert ccledger("connect", "--write", "--undo").code == 2


def test_a_key_from_token_create_is_taken_over(own: History, settings: Path, ccledger: Run, pipe: Pipe) -> None:
    key = create(ccledger, history=own)["token"]
    pipe(f"{key}\n")
    ccledger("connect", "--write", "--token-stdin", history=own)
    assert env(settings)["ANTHROPIC_AUTH_TOKEN"] == key
    assert [token["name"] for token in listed(ccledger, own)] == ["laptop"]
