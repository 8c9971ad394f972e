"""Keys, accounts and calls of a real gateway over a while: before it runs, while it does, and when they are gone."""

import json
from collections.abc import Generator
from datetime import UTC, datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.engine import everything
from tests.journeys.office import ADMIN, SECRET, Office, add_account, make_home, office, opened, say
from tests.journeys.visits import Home
from tests.upstream.answers import Counts, message, text_block
from tests.upstream.server import upstream

MODEL = "claude-opus-4-5"
SESSION = "0b5b7e5e-1111-4222-8333-444455556666"
PROJECT = "/home/mira/work/harbor-api"
ASKED = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Office]:
    with office(tmp_path_factory.mktemp("office")) as found:
        yield found


def ask(at: Office, key: str, **more: Any) -> tuple[HTTPResponse, Any]:
    """An answer, decoded."""
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/json",
        "x-claude-code-session-id": SESSION,
    }
    answer, body = at.send("POST", "/v1/messages", json.dumps(ASKED | more).encode(), headers)
    return answer, json.loads(body)


def write_down(home: Home, answer: dict[str, Any], request: str) -> None:
    """Add an answer to a transcript, as Claude Code does."""
    record = {
        "parentUuid": None, "isSidechain": False, "cwd": PROJECT, "sessionId": SESSION, "version": "2.1.197",
        "gitBranch": "main", "type": "assistant", "message": answer, "requestId": request,
        "uuid": f"00000000-0000-4000-8000-{answer['id'][-12:]}",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }  # fmt: skip
    path = home.claude / "projects" / PROJECT.replace("/", "-") / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def test_what_is_made_before_a_server_runs_is_there_when_it_does(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with upstream() as fake:
        key = say(home, "token", "create", "--name", "early")["token"]
        account = add_account(home, fake.url)
        with opened(home, fake) as found:
            assert ask(found, key)[0].status == 200
            (row,) = found.rows(1)
        assert (row["token_name"], row["account_id"], row["account_name"]) == ("early", account["id"], "upstream")
        with opened(home, fake) as again:
            assert ask(again, key)[0].status == 200
            assert row["id"] in [one["id"] for one in again.rows(2)]
    assert fake.seen[0].header("x-api-key") == SECRET


def test_what_is_made_while_a_server_runs_is_there_at_once(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with upstream() as fake, opened(home, fake) as found:
        key = say(home, "token", "create", "--name", "late")["token"]
        answer, body = ask(found, key)
        assert (answer.status, body["error"]["type"]) == (503, "overloaded_error")
        assert "account" in body["error"]["message"]
        account = add_account(home, fake.url, "late upstream")
        assert ask(found, key)[0].status == 200
        refused, served = found.calls_of("late", 2)
    assert (refused["status_code"], refused["failed_by"], refused["account_id"]) == (503, "gateway", None)
    assert (served["status_code"], served["account_id"], served["account_name"]) == (
        200,
        account["id"],
        "late upstream",
    )


def test_a_call_that_is_also_in_a_transcript_is_one_row(shared: Office) -> None:
    key = shared.key("both")
    answer, body = ask(shared, key)
    (before,) = shared.calls_of("both", 1)
    assert (before["source"], before["project"], before["session_id"]) == ("gateway", None, SESSION)
    write_down(shared.home, body, str(answer.getheader("request-id")))
    (row,) = shared.rows(1, project=PROJECT)
    kept = (
        "id",
        "token_name",
        "account_name",
        "status_code",
        "duration_ms",
        "endpoint",
        "total_cost_nano",
        "session_id",
    )
    assert {name: row[name] for name in kept} == {name: before[name] for name in kept}
    assert (row["project"], row["branch"]) == (PROJECT, "main")
    assert [one["id"] for one in shared.rows(1, session=SESSION, token_id=row["token_id"])] == [row["id"]]


def test_the_order_in_which_both_come_does_not_matter(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with upstream() as fake:
        add_account(home, fake.url)
        key = say(home, "token", "create", "--name", "laptop")["token"]
        written = message(1, MODEL, [text_block("Hello there, this is a made answer.")], Counts())
        write_down(home, written, f"req_{1:024}")
        with opened(home, fake) as found:
            (early,) = found.rows(1)
            assert (early["source"], early["token_name"], early["project"]) == ("transcript", None, PROJECT)
            assert ask(found, key)[1]["id"] == written["id"]
            (row,) = found.calls_of("laptop", 1)
            assert [one["id"] for one in found.rows(1)] == [early["id"]] == [row["id"]]
            assert (row["project"], row["total_cost_nano"]) == (PROJECT, str(11 * 5_000 + 7 * 25_000))
            assert (row["status_code"], row["account_name"]) == (200, "upstream")
            assert row["duration_ms"] is not None


def test_a_revoked_key_is_refused_at_once_and_keeps_its_calls(shared: Office) -> None:
    made = shared.administer("POST", "token/generate", {"name": "to be revoked"})
    assert ask(shared, made["token"])[0].status == 200
    shared.administer("POST", "token/revoke", {"id": made["id"]})
    answer, body = ask(shared, made["token"])
    assert (answer.status, body["error"]["type"]) == (401, "authentication_error")
    assert made["token"] not in json.dumps(body)
    assert {row["token_name"] for row in shared.rows(2, token_id=made["id"])} == {"to be revoked"}


def test_a_deleted_key_is_refused_at_once_and_its_calls_keep_its_name(shared: Office) -> None:
    made = shared.administer("POST", "token/generate", {"name": "to be deleted"})
    assert ask(shared, made["token"])[0].status == 200
    shared.rows(1, token_id=made["id"])
    shared.administer("DELETE", f"token/{made['id']}")
    assert ask(shared, made["token"])[0].status == 401
    (row,) = shared.rows(1, token_id=made["id"])
    assert (row["token_name"], row["status_code"]) == ("to be deleted", 200)


def test_the_command_line_revokes_at_once_too(shared: Office) -> None:
    key = say(shared.home, "token", "create", "--name", "by hand")["token"]
    assert ask(shared, key)[0].status == 200
    say(shared.home, "token", "revoke", "by hand")
    assert ask(shared, key)[0].status == 401


def test_a_deleted_accounts_calls_keep_its_name(tmp_path: Path) -> None:
    with office(tmp_path) as found:
        key = found.key("laptop")
        assert ask(found, key)[0].status == 200
        (row,) = found.calls_of("laptop", 1)
        found.administer("DELETE", f"account/{row['account_id']}")
        assert ask(found, key)[0].status == 503
        assert [one["account_name"] for one in found.calls_of("laptop", 2)] == ["upstream", None]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "token/list"),
        ("POST", "token/generate"),
        ("GET", "account/list"),
        ("DELETE", "logs/requests/old?days=1"),
    ],
)
def test_only_administrators_administer(shared: Office, method: str, path: str) -> None:
    key = shared.key(f"no administrator: {method} {path}")
    body = b'{"name": "mine"}' if method == "POST" else None
    for shown in ({}, {"X-Admin-Key": "wrong"}, {"X-Admin-Key": key}, {"x-api-key": key}):
        answer, got = shared.send(method, f"/api/v1/{path}", body, {"Content-Type": "application/json", **shown})
        assert (answer.status, json.loads(got)) == (401, {"error": "Unauthorized"})


def test_a_key_says_what_it_may(shared: Office) -> None:
    key = shared.key("curious", requests_per_minute=30)
    ask(shared, key)
    shared.calls_of("curious", 1)
    answer, body = shared.send("GET", "/api/v1/token/info", None, {"x-api-key": key})
    told = json.loads(body)
    assert (answer.status, told["name"], told["requests_per_minute"]) == (200, "curious", 30)
    assert (told["total_requests"], told["total_tokens_used"]) == (1, 18)
    assert key not in body.decode()


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    with office(tmp_path) as found:
        key = found.key("laptop")
        ask(found, key)
        ask(found, "ccl-planted-stranger-0123456789")
        found.calls_of("laptop", 1)
        found.server.stop()
    kept = everything(tmp_path / "data")
    assert b"laptop" in kept
    kept += b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    for secret in (key, SECRET, ADMIN, "ccl-planted-stranger-0123456789"):
        assert secret.encode() not in kept


def test_what_connect_prints_is_all_that_sdks_need(shared: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = say(shared.home, "connect", "--address", shared.url)
    for name, value in printed["env"].items():
        monkeypatch.setenv(name, value)
    with anthropic.Anthropic() as claude, openai.OpenAI() as gpt:
        messages: Any = ASKED["messages"]
        assert claude.messages.create(model=MODEL, max_tokens=64, messages=messages).stop_reason == "end_turn"
        assert gpt.chat.completions.create(model=MODEL, messages=messages).choices[0].finish_reason == "stop"
    assert [row["endpoint"] for row in shared.rows(2, token_id=printed["id"])] == ["messages", "chat"]
