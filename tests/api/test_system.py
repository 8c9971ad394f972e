"""Health, version, import; and the command line's own door."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from ccledger.api.system import ImportRoot, describe_import
from ccledger.ledger.store import Store
from ccledger.sources.transcripts.follow import ImportStatus
from ccledger.sources.transcripts.scan import Progress
from tests.api.apps import FOLLOWING, Client, asking, make_app
from tests.api.test_shield import TCP, UNIX_SOCKET, scope


@pytest.mark.parametrize("prefix", ["/api/v1", "/api"])
def test_both_prefixes_answer_the_same(client: Client, prefix: str) -> None:
    assert client.get(f"{prefix}/health").json() == {"status": "ok", "version": "0.1.0"}
    assert client.get(f"{prefix}/version").json() == {"version": "0.1.0"}
    assert client.get(f"{prefix}/import").json() == msgspec.to_builtins(FOLLOWING)
    assert client.get(f"{prefix}/openapi.json").json() == client.get("/api/v1/openapi.json").json()


def test_health_is_at_the_top_too(client: Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "version": "0.1.0"}


def test_numbers_are_never_taken_from_a_cache(client: Client) -> None:
    for path in ("/api/v1/health", "/api/v1/stats/current", "/api/stats/overview"):
        assert client.get(path).headers["cache-control"] == "no-store"


def test_a_failing_import_degrades_health(store: Store) -> None:
    broken = msgspec.structs.replace(FOLLOWING, state="failed", error="the disk is full")
    with asking(make_app(store, state=lambda: broken)) as client:
        assert client.get("/api/v1/health").json()["status"] == "degraded"
        assert client.get("/api/v1/import").json()["error"] == "the disk is full"


def test_the_import_is_told_as_the_contract_says() -> None:
    status = ImportStatus("importing", Progress(1, 2, 30, 40, 5), 1_795_168_800_000, None, None, {"/home/u/.claude": 2})
    root = ImportRoot("/home/u/.claude", found=True, files=2, billing="api")
    assert msgspec.to_builtins(describe_import(status, [root])) == {
        "state": "importing",
        "files_done": 1,
        "files_total": 2,
        "bytes_done": 30,
        "bytes_total": 40,
        "calls": 5,
        "started_at": "2026-11-20T10:00:00.000Z",
        "finished_at": None,
        "error": None,
        "roots": [{"path": "/home/u/.claude", "found": True, "files": 2, "billing": "api"}],
    }


def never(_: float) -> bool:
    return False


def post(store: Store, sync: Any, server: tuple[str, int | None]) -> tuple[int, Any]:
    app = make_app(store, sync=sync)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asked = scope([(b"host", b"localhost")], path="/api/control/import", method="POST", server=server)

    async def run() -> None:
        await app(asked, receive, send)

    asyncio.run(run())
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_the_command_line_may_have_everything_booked(store: Store) -> None:
    asked: list[float] = []

    def sync(timeout: float) -> bool:
        asked.append(timeout)
        return True

    assert post(store, sync, UNIX_SOCKET) == (200, msgspec.to_builtins(FOLLOWING))
    assert asked == [600.0]


def test_an_import_that_does_not_finish_is_no_success(store: Store) -> None:
    status, answer = post(store, never, UNIX_SOCKET)
    assert status == 503
    assert "ask again" in answer["error"]


def test_the_network_does_not_reach_the_command_lines_door(store: Store) -> None:
    asked: list[float] = []

    def sync(timeout: float) -> bool:
        asked.append(timeout)
        return True

    assert post(store, sync, TCP)[0] == 404
    assert asked == []
