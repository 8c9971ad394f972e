"""Accounts over HTTP: the original's paths and shapes, its defects mended."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ccledger.api.account_desk import AccountDesk
from ccledger.core.call import Party, Source
from ccledger.ledger.store import Store
from tests.api.apps import ADMIN_KEY, NOW, Client, asking, make_app, make_desk
from tests.stats.facts import fact, ledger
from tests.upstream.server import Fake, upstream, whole

PATH = "/api/v1/account"
SECRET = "sk-ant-planted-key-wxyz"
READY: dict[str, Any] = {"status": "ready", "in_flight": 0, "cooldown_until": None, "reason": "", "windows": []}
FRESH: dict[str, Any] = {
    "id": "acc_0",
    "name": "main",
    "type": "api-key",
    "base_url": "https://api.anthropic.com",
    "proxy_url": "",
    "hint": "wxyz",
    "organization_id": "",
    "billing": "api",
    "weight": 1,
    "priority": 0,
    "concurrency": None,
    "is_active": True,
    "created_at": "2026-11-20T10:00:00.000Z",
    "expires_at": None,
    "last_used_at": None,
    "last_check_at": None,
    "health_status": "unknown",
    "error_count": 0,
    "success_count": 0,
    "state": READY,
}


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def fake() -> Generator[Fake]:
    with upstream() as running:
        yield running


@pytest.fixture
def desk(store: Store, fake: Fake) -> AccountDesk:
    return make_desk(store, fake.url)


@pytest.fixture
def admin(store: Store, desk: AccountDesk) -> Generator[Client]:
    """Asks as an administrator does."""
    with asking(make_app(store, accounts=desk)) as client:
        client.headers["x-admin-key"] = ADMIN_KEY
        yield client


def add(admin: Client, path: Any = "apikey", **asked: Any) -> dict[str, Any]:
    secret = {"apikey": {"api_key": SECRET}, "oauth": {"access_token": SECRET}, "sessionkey": {"session_key": SECRET}}
    answer = admin.post(f"{PATH}/{path}", json={"name": "main", **secret[path], **asked})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "apikey"),
        ("POST", "oauth"),
        ("POST", "sessionkey"),
        ("GET", "list"),
        ("GET", "acc_0"),
        ("PUT", "acc_0"),
        ("DELETE", "acc_0"),
        ("POST", "acc_0/deactivate"),
        ("POST", "acc_0/activate"),
        ("POST", "acc_0/refresh"),
        ("POST", "acc_0/check"),
    ],
)
def test_nobody_else_is_let_in(method: str, path: str, admin: Client, store: Store) -> None:
    add(admin)
    before = store.accounts()
    with asking(make_app(store)) as client:
        for base in ("/api/account", PATH):
            answer = client.request(method, f"{base}/{path}", json={"name": "a", "api_key": "b"})
            assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
    assert store.accounts() == before


def test_an_account_is_added_and_its_key_never_shown(admin: Client) -> None:
    added = add(admin)
    assert added == {**FRESH, "account_id": "acc_0", "message": "account added"}
    told = [admin.get(f"{PATH}/list"), admin.get(f"{PATH}/acc_0"), admin.get("/api/account/list")]
    assert [answer.json() for answer in told] == [[FRESH], FRESH, [FRESH]]
    assert not any("planted" in answer.text for answer in told)


def test_each_type_has_its_fields(admin: Client, desk: AccountDesk) -> None:
    bearer = add(admin, "oauth", name="b", refresh_token="planted-refresh", expires_at="2026-11-20T11:00:00+00:00")
    later = add(admin, "oauth", name="c", expires_at=NOW + 7_200_000, billing="api")
    web = add(admin, "sessionkey", name="w", organization_id="org-1", base_url="http://127.0.0.1:1/")
    assert (bearer["type"], bearer["expires_at"], bearer["billing"]) == (
        "oauth",
        "2026-11-20T11:00:00.000Z",
        "subscription",
    )
    assert (later["expires_at"], later["billing"]) == ("2026-11-20T12:00:00.000Z", "api")
    assert (web["type"], web["organization_id"], web["base_url"]) == ("session-key", "org-1", "http://127.0.0.1:1")
    credential = desk.book.credential(bearer["id"])
    assert credential is not None
    assert credential.refresh_token == "planted-refresh"


def test_everything_that_can_be_asked_for_is_answered(admin: Client) -> None:
    asked = {
        "base_url": "https://relay.example.com/anthropic",
        "billing": "subscription",
        "weight": 3,
        "priority": -2,
        "concurrency": 5,
    }
    added = add(admin, **asked, proxy_url="http://me:planted@proxy:3128")
    assert {name: added[name] for name in asked} == asked
    assert added["proxy_url"] == "http://me@proxy:3128"


@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("apikey", {"name": "a"}, "api_key"),
        ("apikey", {"api_key": SECRET}, "name"),
        ("apikey", {"name": "", "api_key": SECRET}, "one line of 1 to 100"),
        ("apikey", {"name": "a", "api_key": f"{SECRET} {SECRET}"}, "the credential is empty, or holds"),
        ("apikey", {"name": "a", "api_key": 5}, "str"),
        ("apikey", {"name": "a", "api_key": SECRET, "wieght": 2}, "wieght"),
        ("apikey", {"name": "a", "api_key": SECRET, "weight": 0}, "weight is a whole number from 1"),
        ("apikey", {"name": "a", "api_key": SECRET, "base_url": f"https://me:{SECRET}@host"}, "without user"),
        ("oauth", {"name": "a", "session_key": SECRET}, "takes access_token.*POST /api/account/sessionkey"),
        ("oauth", {"name": "a"}, "takes access_token"),
        ("oauth", {"name": "a", "access_token": SECRET, "expires_at": "soon"}, "expires_at is a time such as"),
        ("oauth", {"name": "a", "access_token": SECRET, "expires_at": "2026-11-20T11:00:00"}, "expires_at is a time"),
        ("oauth", {"name": "a", "access_token": SECRET, "expires_at": 0}, "expires_at is a time such as"),
        ("oauth", {"name": "a", "access_token": SECRET, "expires_at": 1 << 60}, "expires_at is a time such as"),
    ],
)
def test_what_makes_no_sense_is_400_and_repeats_no_secret(
    admin: Client, store: Store, path: str, asked: dict[str, Any], said: str
) -> None:
    import re

    answer = admin.post(f"{PATH}/{path}", json=asked)
    assert answer.status_code == 400
    assert re.search(said, answer.json()["error"])
    assert "planted" not in answer.text
    assert store.accounts() == []


def test_what_is_not_json_is_400(admin: Client) -> None:
    assert admin.post(f"{PATH}/apikey", content=b"{").status_code == 400


def test_an_account_is_changed(admin: Client, desk: AccountDesk) -> None:
    add(admin, concurrency=2)
    answer = admin.put(f"{PATH}/acc_0", json={"name": "other", "concurrency": None, "is_active": False})
    inactive = {**READY, "status": "inactive", "reason": "it is deactivated"}
    assert answer.json() == {
        **FRESH,
        "name": "other",
        "is_active": False,
        "state": inactive,
        "message": "account updated",
    }
    answer = admin.put(f"{PATH}/acc_0", json={"api_key": "sk-ant-planted-new-1234"})
    assert answer.json()["hint"] == "1234"
    credential = desk.book.credential("acc_0")
    assert credential is not None
    assert credential.secret == "sk-ant-planted-new-1234"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"access_token": SECRET}, "an account of type api-key has api_key"),
        ({"refresh_token": SECRET}, "only accounts of type oauth"),
        ({"weight": "many"}, "int"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_change_that_makes_no_sense_is_400(admin: Client, asked: dict[str, Any], said: str) -> None:
    add(admin)
    answer = admin.put(f"{PATH}/acc_0", json=asked)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert admin.get(f"{PATH}/acc_0").json() == FRESH


def test_an_account_is_deactivated_and_activated(admin: Client) -> None:
    add(admin)
    assert admin.post(f"{PATH}/acc_0/deactivate").json() == {"message": "account deactivated"}
    assert admin.get(f"{PATH}/acc_0").json()["state"]["status"] == "inactive"
    assert admin.post(f"{PATH}/acc_0/activate").json() == {"message": "account activated"}
    assert admin.get(f"{PATH}/acc_0").json() == FRESH


def test_an_account_is_deleted(admin: Client) -> None:
    add(admin)
    assert admin.delete(f"{PATH}/acc_0").json() == {"message": "account deleted"}
    assert admin.get(f"{PATH}/list").json() == []
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/check"), ("POST", "/refresh")):
        answer = admin.request(method, f"{PATH}/acc_0{path}", json={})
        assert answer.status_code == 404
        assert answer.json()["error"] == "account not found; GET /api/account/list lists those there are"


@pytest.mark.parametrize(("status", "found"), [(200, "healthy"), (401, "unhealthy"), (404, "unknown")])
def test_an_account_is_checked(admin: Client, fake: Fake, status: int, found: str) -> None:
    add(admin, base_url=fake.url)
    fake.always = lambda _: whole(b"{}", status=status)
    answer = admin.post(f"{PATH}/acc_0/check")
    assert (answer.status_code, answer.json()["status"]) == (200, found)
    told = admin.get(f"{PATH}/acc_0").json()
    assert (told["health_status"], told["last_check_at"]) == (found, "2026-11-20T10:00:00.000Z")
    assert told["state"]["status"] == ("unhealthy" if found == "unhealthy" else "ready")
    assert fake.seen[0].header("x-api-key") == SECRET


def test_a_bearer_is_refreshed(admin: Client, fake: Fake) -> None:
    add(admin, "oauth", refresh_token="planted-refresh")
    fake.always = lambda _: whole(json.dumps({"access_token": "planted-new-7777", "expires_in": 3600}).encode())
    answer = admin.post(f"{PATH}/acc_0/refresh")
    assert answer.json() == {"message": "account refreshed", "expires_at": "2026-11-20T11:00:00.000Z"}
    told = admin.get(f"{PATH}/acc_0").json()
    assert (told["hint"], told["expires_at"]) == ("7777", "2026-11-20T11:00:00.000Z")


def test_what_can_not_be_refreshed_is_said(admin: Client, fake: Fake) -> None:
    add(admin)
    answer = admin.post(f"{PATH}/acc_0/refresh")
    assert (answer.status_code, "only accounts of type oauth" in answer.json()["error"]) == (400, True)
    add(admin, "oauth", name="b", refresh_token="planted-refresh")
    fake.always = lambda _: whole(b"busy", status=500)
    answer = admin.post(f"{PATH}/acc_1/refresh")
    assert (answer.status_code, "answered with status 500" in answer.json()["error"]) == (503, True)
    fake.always = lambda _: whole(b'{"error": "invalid_grant"}', status=400)
    answer = admin.post(f"{PATH}/acc_1/refresh")
    assert (answer.status_code, "(invalid_grant); sign in to it again" in answer.json()["error"]) == (400, True)
    assert admin.get(f"{PATH}/acc_1").json()["state"]["status"] == "unhealthy"


def test_when_it_was_used_last_is_on_the_ledger(admin: Client, store: Store) -> None:
    add(admin)
    store.append([replace(fact("1", NOW - 60_000), party=Party(Source.GATEWAY, account="acc_0"))], {}, now=NOW)
    assert admin.get(f"{PATH}/acc_0").json()["last_used_at"] == "2026-11-20T09:59:00.000Z"
