"""Refusals and failures: one shape, the right status, nothing of the inside."""

import logging
from typing import Any

import pytest

from ccledger.core.errors import StoreError
from ccledger.ledger.store import Store
from tests.api.apps import Client, asking, make_app

SECRET = "sk-ant-secret at /home/u/.claude/private"


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/v1/nothing", 404, "openapi.json"),
        ("GET", "/api/nothing", 404, "openapi.json"),
        ("GET", "/api", 404, "openapi.json"),
        ("GET", "/api/v2/health", 404, "openapi.json"),
        ("GET", "/missing.js", 404, "openapi.json"),
        ("POST", "/api/v1/health", 405, "this address takes GET, HEAD, OPTIONS"),
        ("DELETE", "/api/v1/stats/current", 405, "GET, HEAD, OPTIONS"),
        ("PUT", "/", 405, "GET, HEAD, OPTIONS"),
        ("PATCH", "/ws", 405, "GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/control/import", 405, "POST"),
        ("GET", "/ws", 426, "WebSocket"),
        ("GET", "/api/v1/stats/overview?hours=25", 400, "hours is 24 or 168, not 25"),
        ("GET", "/api/v1/stats/overview?hours=-24", 400, "hours is 24 or 168"),
        ("GET", "/api/v1/stats/overview?hours=day", 400, "hours: "),
        ("GET", "/api/v1/stats/overview?hours=", 400, "hours: "),
        ("GET", "/api/v1/stats/overview?hours=24.5", 400, "hours: "),
        ("GET", "/api/v1/stats/overview?hours=9999999999999999999999", 400, "hours"),
        ("GET", "/api/v1/stats/overview?timezone=Mars/Olympus", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=Mars/Olympus", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=../../etc/passwd", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=/etc/localtime", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=Europe", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=tzdata.zi", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=%00", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=%ff%fe", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=%ed%a0%80", 400, "IANA"),
        ("GET", "/api/v1/stats/current?timezone=" + "x" * 4000, 400, "IANA"),
    ],
)
def test_a_refusal_says_what_to_do(client: Client, method: str, path: str, status: int, words: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


def test_a_refused_method_is_told_which_ones_there_are(client: Client) -> None:
    assert client.post("/api/v1/health").headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.get("/api/v1/control/import").headers["allow"] == "OPTIONS, POST"


def test_a_wrong_answer_to_head_has_no_body(client: Client) -> None:
    answer = client.head("/api/v1/nothing")
    assert (answer.status_code, answer.content) == (404, b"")


def fail(error: Exception) -> Any:
    def raise_it(*_: object) -> Any:
        raise error

    return raise_it


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError(SECRET), 500), (OSError(13, SECRET), 500), (KeyError(SECRET), 500), (StoreError(SECRET), 503)],
)
@pytest.mark.parametrize("path", ["/api/v1/stats/overview", "/api/stats/overview?hours=168"])
def test_what_is_our_fault_goes_to_the_log_and_nowhere_else(
    store: Store, path: str, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), asking(make_app(store, billing=fail(error))) as client:
        answer = client.get(path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert "log" in answer.json()["error"]
    assert "secret" not in answer.text
    assert "/home" not in answer.text
    [entry] = [entry for entry in caplog.records if entry.name == "ccledger.api.errors"]
    assert entry.exc_info is not None
    assert entry.exc_info[1] is error


def test_a_refusal_is_not_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "ccledger"):
        client.get("/api/v1/stats/overview?hours=1")
        client.get("/api/v1/nothing")
    assert [entry for entry in caplog.records if entry.name.startswith("ccledger")] == []


def test_a_ledger_that_is_gone_is_no_traceback(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with asking(make_app(store, state=fail(StoreError(SECRET)))) as client:
        answer = client.get("/api/v1/health")
    assert answer.status_code == 503
    assert SECRET not in answer.text
    assert SECRET in caplog.text
