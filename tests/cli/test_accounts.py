"""`ccledger account …`: upstream accounts are added, changed and deleted, with a server running or not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import History, Ran, Run
from tests.cli.test_serve import serving
from tests.upstream.server import Fake, upstream, whole

KEY = "sk-ant-api03-planted-key-wxyz"
CREDENTIALS = {
    "claudeAiOauth": {
        "accessToken": "sk-ant-oat01-planted-bearer-5678",
        "refreshToken": "sk-ant-ort01-planted-refresh",
        "expiresAt": 4_000_000_000_000,
        "scopes": ["user:inference"],
    }
}


@pytest.fixture
def fake() -> Generator[Fake]:
    with upstream() as running:
        yield running


@pytest.fixture
def say(ccledger: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs `account …` with something on standard input."""

    def run(text: str, *arguments: str, history: History | None = None, **environment: str) -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return ccledger("account", *arguments, history=history, **environment)

    return run


Say = Callable[..., Ran]


def add(say: Say, *options: str, text: str = KEY, name: str = "main", history: History | None = None) -> Any:
    ran = say(f"{text}\n", "add", "--name", name, "--secret-stdin", "--json", *options, history=history)
    assert ran.code == 0, ran.err
    return ran.json


def listed(ccledger: Run, history: History | None = None) -> list[dict[str, Any]]:
    return ccledger("account", "list", "--json", history=history).json


def test_an_account_is_added_as_scripts_do_it(say: Say, ccledger: Run, tmp_path: Path) -> None:
    options = ("--name", "main", "--type", "api-key", "--base-url", "http://127.0.0.1:9/x", "--api-key-stdin", "--json")
    ran = say(f"{KEY}\n", "add", *options)
    assert (ran.code, ran.err) == (0, "")
    assert (ran.json["name"], ran.json["hint"], ran.json["base_url"]) == ("main", "wxyz", "http://127.0.0.1:9/x")
    assert listed(ccledger) == [ran.json]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir() if path.is_file())
    assert b"planted" not in everything
    assert "planted" not in ran.out


def test_everything_that_can_be_asked_for_arrives(say: Say) -> None:
    added = add(
        say,
        *("--proxy-url", "http://proxy:3128", "--billing", "subscription"),
        *("--weight", "3", "--priority", "-1", "--concurrency", "4"),
    )
    assert {name: added[name] for name in ("proxy_url", "billing", "weight", "priority", "concurrency")} == {
        "proxy_url": "http://proxy:3128",
        "billing": "subscription",
        "weight": 3,
        "priority": -1,
        "concurrency": 4,
    }


def test_a_bearer_is_taken_as_claude_code_keeps_it(say: Say) -> None:
    added = add(say, "--type", "oauth", text=json.dumps(CREDENTIALS, indent=2))
    assert (added["type"], added["hint"], added["expires_at"]) == ("oauth", "5678", "2096-10-02T07:06:40.000Z")
    assert add(say, "--type", "oauth", text="sk-ant-oat01-planted-1234", name="b")["expires_at"] is None


def test_a_session_key_has_an_organization(say: Say) -> None:
    added = add(say, "--type", "session-key", "--organization", "org-1")
    assert (added["type"], added["organization_id"], added["billing"]) == ("session-key", "org-1", "subscription")


def test_a_proxys_password_comes_by_standard_input(say: Say, ccledger: Run) -> None:
    added = add(say, "--proxy-url-stdin", text=f"{KEY}\nhttp://me:planted@proxy:3128")
    assert added["proxy_url"] == "http://me@proxy:3128"
    refused = say(KEY, "add", "--name", "b", "--secret-stdin", "--proxy-url", "http://me:planted@proxy:3128")
    assert (refused.code, "--proxy-url-stdin" in refused.err, "planted" in refused.err) == (2, True, False)
    moving = ("set", "main", "--proxy-url-stdin", "--json")
    refused = say("http://you:planted@other:1\n", *moving)
    assert (refused.code, "--secret-stdin" in refused.err, "planted" in refused.err) == (2, True, False)
    moved = say(f"{KEY}\nhttp://you:planted@other:1\n", *moving, "--secret-stdin").json
    assert moved["proxy_url"] == "http://you@other:1"
    assert ccledger("account", "set", "main", "--proxy-url", "none", "--json").json["proxy_url"] == ""


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", ("--name", "a", "--secret-stdin"), "standard input has 0 lines where 1 are needed"),
        (f"{KEY}\n{KEY}", ("--name", "a", "--secret-stdin"), "standard input has 2 lines where 1 are needed"),
        (KEY, ("--name", "a", "--secret-stdin", "--proxy-url-stdin"), "1 lines where 2 are needed"),
        (KEY, ("--secret-stdin",), "'account add' takes --name"),
        (KEY, ("--name", "a"), "taken from standard input with --secret-stdin"),
        (KEY, ("--name", "a", "--type", "oauth", "--api-key-stdin"), "has no API key"),
        (KEY, ("--name", "a", "--type", "key", "--secret-stdin"), "takes api-key, oauth or session-key"),
        (KEY, ("--name", "a", "--secret-stdin", "--organization", "o"), "organization_id"),
        (KEY, ("--name", "a", "--secret-stdin", "--base-url", "nowhere"), "http or https"),
        (KEY, ("--name", "a", "--secret-stdin", "--concurrency", "0"), "or none"),
        (KEY, ("--name", "a", "--secret-stdin", "--priority", "high"), "takes a whole number"),
        (KEY, ("--name", "a", "--secret-stdin", "--billing", "free"), "api or subscription"),
        (f"{KEY} x", ("--name", "a", "--secret-stdin"), "holds characters no credential has"),
        ('{"planted": 1}', ("--name", "a", "--type", "oauth", "--secret-stdin"), "no accessToken"),
        ('{"planted', ("--name", "a", "--type", "oauth", "--secret-stdin"), "is none"),
        ('{"accessToken": 5}', ("--name", "a", "--type", "oauth", "--secret-stdin"), "are no texts"),
        ('{"claudeAiOauth": 5}', ("--name", "a", "--type", "oauth", "--secret-stdin"), "no accessToken"),
        ('{"accessToken": "a", "expiresAt": [1]}', ("--name", "a", "--type", "oauth", "--secret-stdin"), "expires_at"),
    ],
)
def test_what_makes_no_sense_is_said_without_repeating_secrets(
    say: Say, ccledger: Run, text: str, options: tuple[str, ...], said: str
) -> None:
    ran = say(text, "add", *options)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "planted" not in ran.err
    assert listed(ccledger) == []


def test_an_account_is_shown_in_words(say: Say, ccledger: Run) -> None:
    assert "There are no accounts. 'ccledger account add --name NAME' adds one." in ccledger("account", "list").out
    ran = say(KEY, "add", "--name", "main", "--secret-stdin")
    assert "ccledger account check" in ran.out
    shown = ccledger("account", "show", "main").out
    for word in ("main (", "api-key, ready", "https://api.anthropic.com", "…wxyz", "weight       1"):
        assert word in shown
    table = ccledger("account", "list").out
    for word in ("main", "api-key", "ready", "unknown", "never", "1 ready"):
        assert word in table


def test_an_account_is_changed(say: Say, ccledger: Run) -> None:
    added = add(say, "--concurrency", "3")
    changed = ccledger("account", "set", "main", "--name", "other", "--concurrency", "none", "--json").json
    assert changed == {**added, "name": "other", "concurrency": None}
    assert say("another-key-9999", "set", added["id"], "--secret-stdin", "--json").json["hint"] == "9999"
    nothing = ccledger("account", "set", "other")
    assert (nothing.code, "nothing was asked for" in nothing.err) == (2, True)
    unknown = ccledger("account", "set", "nobody", "--weight", "2")
    assert (unknown.code, "there is no account 'nobody'" in unknown.err) == (2, True)


def test_an_account_is_switched_off_and_on_and_deleted(say: Say, ccledger: Run) -> None:
    add(say)
    assert ccledger("account", "deactivate", "main").out == "main is deactivated: it is given no more calls.\n"
    assert "main: it is deactivated" in ccledger("account", "list").out
    assert ccledger("account", "activate", "main", "--json").json["is_active"] is True
    assert "Its calls stay" in ccledger("account", "delete", "main").out
    assert listed(ccledger) == []


def test_an_account_is_checked_and_refreshed(say: Say, ccledger: Run, fake: Fake) -> None:
    add(say, "--base-url", fake.url)
    assert ccledger("account", "check", "main").out == "main: the upstream takes the credential\n"
    fake.always = lambda _: whole(b"{}", status=401)
    ran = ccledger("account", "check", "main")
    assert (ran.code, "main is unhealthy: the upstream refuses the credential (status 401)" in ran.err) == (1, True)
    assert listed(ccledger)[0]["state"]["status"] == "unhealthy"
    ran = ccledger("account", "refresh", "main")
    assert (ran.code, "only accounts of type oauth" in ran.err) == (2, True)


def test_without_its_key_a_credential_is_said_to_be_locked_and_nothing_is_lost(
    say: Say, ccledger: Run, tmp_path: Path
) -> None:
    add(say)
    key = tmp_path / "data" / "ccledger.key"
    kept = key.read_bytes()
    key.unlink()
    assert "can't be opened" in listed(ccledger)[0]["state"]["reason"]
    checked = ccledger("account", "check", "main")
    assert "ccledger.key is gone" in checked.out + checked.err
    refused = say(KEY, "add", "--name", "b", "--secret-stdin")
    assert (refused.code, "ccledger.key is gone" in refused.err) == (1, True)
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    assert listed(ccledger)[0]["state"]["status"] == "ready"
    key.chmod(0o644)
    refused = say(KEY, "add", "--name", "b", "--secret-stdin")
    assert (refused.code, "chmod 600" in refused.err) == (1, True)


def test_a_running_server_does_the_same_at_once(
    say: Say, ccledger: Run, own: History, tmp_path: Path, fake: Fake
) -> None:
    with serving(own, tmp_path):
        added = add(say, "--base-url", fake.url, history=own)
        assert listed(ccledger, own) == [{name: added[name] for name in listed(ccledger, own)[0]}]
        assert ccledger("account", "set", "main", "--weight", "2", "--json", history=own).json["weight"] == 2
        assert ccledger("account", "check", "main", history=own).code == 0
        assert listed(ccledger, own)[0]["health_status"] == "healthy"
        refused = ccledger("account", "refresh", "main", history=own)
        assert (refused.code, "only accounts of type oauth" in refused.err) == (2, True)
        wrong = ccledger("account", "set", "main", "--base-url", "nowhere", history=own)
        assert (wrong.code, "http or https" in wrong.err) == (2, True)
        assert ccledger("account", "deactivate", "main", history=own).code == 0
    assert listed(ccledger, own)[0]["is_active"] is False
    assert ccledger("account", "delete", "main", history=own).code == 0
