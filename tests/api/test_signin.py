"""Signing in and out over HTTP, in the specification's words and in ours."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator
from hashlib import sha256
from typing import Any

import pytest

from ccledger.access.signin import Secrets, SignIn
from ccledger.api.doorkeeper import Door
from ccledger.ledger.store import Store
from tests.api.apps import NOW, Client, asking, make_app, make_door

PASSWORD = "correct horse 密码"
SECRETS = Secrets("the-key", sha256(PASSWORD.encode()).hexdigest())
LOGINS = ["/login", "/api/login", "/api/v1/login"]


@pytest.fixture
def door() -> Door:
    return make_door(SECRETS)


@pytest.fixture
def client(store: Store, door: Door) -> Generator[Client]:
    with asking(make_app(store, door=door)) as ready:
        yield ready


def me(client: Client, **headers: str) -> Any:
    return client.get("/api/v1/me", headers=headers).json()


@pytest.mark.parametrize("path", LOGINS)
def test_the_specifications_login(path: str, client: Client) -> None:
    wrong = client.post(path, json={"password": "wrong"})
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Invalid password"})
    assert "set-cookie" not in wrong.headers
    right = client.post(path, json={"password": PASSWORD})
    assert (right.status_code, right.json()) == (200, {"status": "ok"})
    assert right.headers["cache-control"] == "no-store"
    assert "; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict" in right.headers["set-cookie"]
    assert me(client)["how"] == "cookie"


@pytest.mark.parametrize("path", ["/api/signin", "/api/v1/signin"])
def test_a_program_is_given_a_token(path: str, client: Client) -> None:
    told = client.post(path, json={"password": PASSWORD})
    assert told.status_code == 200
    assert told.json() == {"status": "ok", "token": told.json()["token"], "expires_at": "2026-11-21T10:00:00.000Z"}
    assert told.headers["set-cookie"].startswith("ccledger_session=")
    client.cookies.clear()
    assert me(client)["how"] is None
    assert me(client, authorization=f"Bearer {told.json()['token']}")["how"] == "token"


def test_a_code_signs_in_once(client: Client, door: Door) -> None:
    code = door.signin.invite()
    assert client.post("/api/signin", json={"code": code}).json()["status"] == "ok"
    again = client.post("/api/signin", json={"code": code})
    assert again.status_code == 401
    assert "ccledger open" in again.json()["error"]
    assert code not in again.text


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'"x"', b"\xff", b'{"password":1}', b'{"password":"a","code":"b"}', b"password=x"],
)
def test_what_makes_no_sense_is_told_what_does(body: bytes, client: Client) -> None:
    answer = client.post("/login", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith('sign in with {"password":"…"}')
    answer = client.post("/api/signin", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_a_body_without_bottom_is_refused_and_not_worth_a_line(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    body = b"[" * 16_000
    answer = client.post("/login", content=body)
    assert (answer.status_code, answer.json()["error"][:12]) == (400, "sign in with")
    headers = {"content-type": "application/json", "x-admin-key": SECRETS.admin_key}
    for path in ("signin", "token/generate", "account/apikey"):
        answer = client.post(f"/api/{path}", content=body, headers=headers)
        assert (answer.status_code, "nested too deeply" in answer.json()["error"]) == (400, True)
    assert caplog.text == ""


def test_a_body_without_end_is_refused(client: Client) -> None:
    assert client.post("/login", json={"password": "x" * 20_000}).status_code == 413
    assert client.post("/api/signin", json={"password": "x" * 20_000}).status_code == 413


def test_without_a_password_it_is_said_how_to_sign_in(store: Store) -> None:
    with asking(make_app(store, door=make_door(Secrets()))) as client:
        for path in (*LOGINS, "/api/signin"):
            answer = client.post(path, json={"password": ""})
            assert answer.status_code == 401
            assert "ccledger open" in answer.json()["error"]
        assert me(client)["password_set"] is False
        assert me(client)["how"] is None


def test_guessing_is_slow_and_a_success_is_forgiving(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    def guess(password: str) -> int:
        return client.post("/login", json={"password": password}).status_code

    assert [guess("planted-guess") for _ in range(9)] == [401] * 9
    assert guess(PASSWORD) == 200
    assert [guess("planted-guess") for _ in range(11)] == [401] * 10 + [429]
    late = client.post("/api/signin", json={"password": PASSWORD})
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    assert "planted-guess" not in caplog.text
    assert "sign-in refused: wrong password from testclient" in caplog.text


def test_signing_out_ends_what_is_shown_for_everybody_who_has_it(client: Client) -> None:
    token = client.post("/api/signin", json={"password": PASSWORD}).json()["token"]
    session = client.cookies["ccledger_session"]
    out = client.post("/api/signout", headers={"origin": "http://127.0.0.1", "authorization": f"Bearer {token}"})
    assert (out.status_code, out.json()) == (200, {"status": "ok"})
    assert out.headers["set-cookie"].startswith("ccledger_session=; Path=/; Max-Age=0;")
    client.cookies.clear()
    assert me(client, authorization=f"Bearer {token}")["how"] is None
    assert me(client, cookie=f"ccledger_session={session}")["how"] is None
    assert client.post("/api/signout").status_code == 200


class Disk(dict[str, int]):
    """Takes nothing in the event loop, which must not wait."""

    def __setitem__(self, name: str, until: int) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        super().__setitem__(name, until)


def test_nobody_waits_for_the_disk_that_signing_out_writes_to(store: Store, door: Door) -> None:
    ended = Disk()
    signin = SignIn(SECRETS, lambda purpose: sha256(purpose.encode()).digest(), lambda: NOW, os.urandom, ended)
    with asking(make_app(store, door=door._replace(signin=signin))) as client:
        client.cookies.set("ccledger_session", signin.begin_session())
        token = signin.issue_token().text
        answer = client.post("/api/signout", json={}, headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, len(ended)) == (200, 2)


def test_the_login_page_is_the_dashboards(client: Client) -> None:
    answer = client.get("/login", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin")


def test_nobody_is_invited_over_the_network(client: Client) -> None:
    for headers in ({}, {"x-admin-key": "the-key"}):
        assert client.post("/api/control/invite", headers=headers).status_code == 404
