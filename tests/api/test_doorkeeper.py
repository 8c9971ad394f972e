"""Who is taken for an administrator, from where, by what, and who tries in vain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ccledger.api.doorkeeper import Door
from ccledger.ledger.store import Store
from tests.api.apps import ADMIN_KEY, NOW, Client, asking, make_app, make_door
from tests.api.serving import serving

ME = "/api/v1/me"
COUNTS = "/api/v1/stats/current"
ELSEWHERE = {"host": "ledger.example"}
KEY = {"x-admin-key": ADMIN_KEY}
UNAUTHORIZED = {"error": "Unauthorized"}
OPEN_PAGES = ["/", "/usage", "/signin", "/api/v1/health", "/api/version", "/api/me"]


def opened_to_the_network(now: int = NOW) -> Door:
    return make_door(now=lambda: now, is_loopback=False, host_names=["ledger.example"])


def how(client: Client, headers: Mapping[str, str] | None = None, path: str = ME) -> str | None:
    told: dict[str, Any] = client.get(path, headers=headers).json()
    assert told["signed_in"] is (told["how"] is not None)
    found: str | None = told["how"]
    return found


@pytest.fixture
def door() -> Door:
    return make_door()


@pytest.fixture
def client(store: Store, door: Door) -> Any:
    with asking(make_app(store, door=door)) as ready:
        yield ready


def test_on_this_machine_counts_need_no_sign_in(client: Client) -> None:
    assert client.get(COUNTS).status_code == 200
    assert client.get(ME).json() == {
        "signed_in": False,
        "how": None,
        "password_set": False,
        "open_on_loopback": True,
    }


def test_an_administrator_is_known_by_key_token_or_cookie(client: Client, door: Door) -> None:
    assert how(client) is None
    assert how(client, KEY) == "key"
    assert how(client, {"authorization": f"Bearer {door.signin.issue_token().text}"}) == "token"
    assert how(client, {"authorization": f"bearer  {door.signin.issue_token().text} "}) == "token"
    assert how(client, {"cookie": f"ccledger_session={door.signin.begin_session()}"}) == "cookie"
    others = "; ".join(["a=b", "ccledger_session=of-another-server", f"ccledger_session={door.signin.begin_session()}"])
    assert how(client, {"cookie": others}) == "cookie"


def test_a_wrong_key_is_refused_also_where_none_is_needed(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    for wrong in ("wrong", "", ADMIN_KEY[:-1], f"{ADMIN_KEY} x"):
        answer = client.get(COUNTS, headers={"x-admin-key": wrong})
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert "sign-in refused: wrong X-Admin-Key from testclient" in caplog.text
    assert ADMIN_KEY[:-1] not in caplog.text


@pytest.mark.parametrize("name", ["admin_key", "key", "token", "x-admin-key", "X-Admin-Key", "access_token", "jwt"])
def test_nothing_in_an_address_signs_in(name: str, client: Client, door: Door) -> None:
    for secret in (ADMIN_KEY, door.signin.issue_token().text, door.signin.begin_session()):
        assert client.get(ME, params={name: secret}).json()["signed_in"] is False
        assert client.get("/", params={name: secret}).headers.get("set-cookie") is None


def test_a_key_in_the_authorization_is_none_and_no_key_is_in_a_cookie(client: Client) -> None:
    assert how(client, {"authorization": f"Bearer {ADMIN_KEY}"}) is None
    assert how(client, {"authorization": ADMIN_KEY}) is None
    assert how(client, {"authorization": "Basic YWRtaW46YWRtaW4="}) is None
    assert how(client, {"cookie": f"ccledger_session={ADMIN_KEY}"}) is None


def test_a_changed_or_expired_cookie_is_none(store: Store) -> None:
    moment = NOW
    door = make_door(now=lambda: moment)
    with asking(make_app(store, door=door)) as client:
        text = door.signin.begin_session()
        assert how(client, {"cookie": f"ccledger_session={text}"}) == "cookie"
        assert how(client, {"cookie": f"ccledger_session={text[:-2]}AA"}) is None
        assert how(client, {"cookie": f"ccledger_session=B{text[1:]}"}) is None
        assert how(client, {"cookie": f'ccledger_session="{text}"'}) is None
        moment = NOW + 7 * 86_400_000
        assert how(client, {"cookie": f"ccledger_session={text}"}) is None


def test_who_comes_back_stays_signed_in(store: Store) -> None:
    moment = NOW
    door = make_door(now=lambda: moment)
    with asking(make_app(store, door=door)) as client:
        cookie = {"cookie": f"ccledger_session={door.signin.begin_session()}"}
        assert "set-cookie" not in client.get(COUNTS, headers=cookie).headers
        moment = NOW + 86_400_000
        renewed = client.get(COUNTS, headers=cookie).headers["set-cookie"]
        assert renewed.endswith("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict")
        moment = NOW + 8 * 86_400_000 - 1
        assert how(client, cookie) is None
        assert how(client, {"cookie": renewed.partition(";")[0]}) == "cookie"


def test_the_browser_is_let_in_with_a_code_that_does_not_stay_in_its_address(client: Client, door: Door) -> None:
    code = door.signin.invite()
    for path in ("/", "/signin"):
        good = door.signin.invite()
        answer = client.get(path, params={"code": good}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert answer.headers["cache-control"] == "no-store"
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "ccledger_session"
        assert rest.partition(";")[2] == " Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"
        assert good not in str(answer.headers)
        client.cookies.clear()
        assert how(client, {"cookie": answer.headers["set-cookie"].partition(";")[0]}) == "cookie"
    assert client.get("/", params={"code": code}, follow_redirects=False).headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/signin"])
def test_a_code_is_no_use_twice_and_does_not_stay_either(path: str, client: Client, door: Door) -> None:
    code = door.signin.invite()
    assert client.get(path, params={"code": code}, follow_redirects=False).headers["location"] == "/"
    client.cookies.clear()
    for useless in (code, "", "guess"):
        answer = client.get(f"{path}?code={useless}", follow_redirects=False)
        assert answer.status_code in (200, 303)
        assert "set-cookie" not in answer.headers
        assert answer.headers.get("location", "/signin") == "/signin"


def test_only_a_visit_uses_a_code_up(client: Client, door: Door) -> None:
    code = door.signin.invite()
    client.head("/", params={"code": code})
    assert client.get("/usage", params={"code": code}, follow_redirects=False).status_code == 200
    assert client.get(ME, params={"code": code}).json()["signed_in"] is False
    answer = client.get(f"/?code={code}&code={code}", follow_redirects=False)
    assert "set-cookie" not in answer.headers
    assert client.get("/", params={"code": code}, follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("headers", "base"),
    [({"x-forwarded-proto": "https"}, "http://127.0.0.1"), ({}, "https://127.0.0.1")],
)
def test_over_tls_the_cookie_goes_nowhere_else(headers: dict[str, str], base: str, client: Client, door: Door) -> None:
    address = f"{base}/?code={door.signin.invite()}"
    answer = client.get(address, headers=headers, follow_redirects=False)
    assert answer.headers["set-cookie"].endswith("; SameSite=Strict; Secure")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "198.51.100.1"},
        {"forwarded": "for=198.51.100.1"},
        {"x-real-ip": "198.51.100.1"},
        {"via": "1.1 proxy"},
        {"x-forwarded-host": "ledger.example"},
        {"x-forwarded-proto": "https"},
        {"cf-connecting-ip": "198.51.100.1"},
        {"cf-ray": "1"},
        {"tailscale-user-login": "ann@example.com"},
        {"true-client-ip": "198.51.100.1"},
        {"x-client-ip": "198.51.100.1"},
        {"x-original-forwarded-for": "198.51.100.1"},
        ELSEWHERE,
    ],
)
def test_what_a_proxy_hands_on_needs_sign_in(headers: dict[str, str], store: Store) -> None:
    with asking(make_app(store, door=make_door(host_names=["ledger.example"]))) as client:
        assert client.get(COUNTS, headers=headers).status_code == 401
        assert client.get(ME, headers=headers).json()["open_on_loopback"] is False
        assert client.get(COUNTS, headers={**headers, **KEY}).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:51888", "ledger.example"])
def test_open_to_the_network_everything_needs_sign_in(host: str, store: Store) -> None:
    with asking(make_app(store, door=opened_to_the_network())) as client:
        told: Any = client.get("/api/v1/openapi.json", headers={"host": host, **KEY}).json()
        paths = [path for path, methods in told["paths"].items() if "get" in methods and "{" not in path]
        assert {"/api/v1/stats/current", "/api/v1/stats/history", "/api/v1/settings"} <= set(paths)
        public = {f"/api/v1/{name}" for name in ("health", "version", "me")}
        for path in [*paths, "/api/v1/openapi.json"]:
            expected = 200 if path in public else 401
            assert client.get(path, headers={"host": host}).status_code == expected, path
        answer = client.get(COUNTS, headers={"host": host})
        assert (answer.json(), answer.headers["www-authenticate"]) == (UNAUTHORIZED, "Bearer")
        assert client.get(COUNTS, headers={"host": host, **KEY}).status_code == 200


@pytest.mark.parametrize("path", OPEN_PAGES)
def test_open_to_the_network_one_can_still_see_that_it_is_there(path: str, store: Store) -> None:
    with asking(make_app(store, door=opened_to_the_network())) as client:
        assert client.get(path, headers=ELSEWHERE).status_code == 200


@pytest.mark.parametrize(
    "path", ["//api/v1/stats/current", "/api//v1/stats/current", "/api/v1/stats/current/", "/API/v1/stats/current"]
)
def test_no_way_of_writing_an_address_leads_around_sign_in(path: str, store: Store) -> None:
    with asking(make_app(store, door=opened_to_the_network())) as client:
        answer = client.get(f"http://127.0.0.1{path}")
        assert answer.status_code in (401, 404) or "total_cost" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "ledger.example.evil.example"])
def test_a_name_that_is_not_ours_is_refused_also_with_a_key(host: str, store: Store) -> None:
    for door in (make_door(), opened_to_the_network()):
        with asking(make_app(store, door=door)) as client:
            assert client.get(ME, headers={"host": host, **KEY}).status_code == 421


def test_a_page_of_somebody_else_is_refused_also_with_a_cookie(client: Client, door: Door) -> None:
    cookie = {"cookie": f"ccledger_session={door.signin.begin_session()}"}
    foreign = {"origin": "http://evil.example"}
    assert client.post("/api/v1/signout", headers={**cookie, **foreign}).status_code == 403
    assert client.post("/login", json={"password": "x"}, headers=foreign).status_code == 403
    assert client.get(ME, headers={**cookie, **foreign}).status_code == 403
    assert how(client, cookie) == "cookie"


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded; charset=utf-8", "Multipart/Form-Data; boundary=x"]
)
def test_a_change_that_any_page_could_have_sent_is_refused(kind: str | None, client: Client, door: Door) -> None:
    headers = {"cookie": f"ccledger_session={door.signin.begin_session()}"}
    if kind is not None:
        headers["content-type"] = kind
    refused = client.post("/api/v1/signout", headers=headers)
    assert refused.status_code == 403
    assert "Origin" in refused.json()["error"]
    assert how(client, headers) == "cookie"
    for evidence in ({"origin": "http://127.0.0.1"}, {"sec-fetch-site": "same-origin"}):
        assert client.post("/api/v1/signout", headers={**headers, **evidence}).status_code == 200
    assert how(client, headers) is None


def test_a_program_that_keeps_its_cookie_sends_json(client: Client, door: Door) -> None:
    headers = {"cookie": f"ccledger_session={door.signin.begin_session()}"}
    assert client.post("/api/v1/signout", json={}, headers=headers).status_code == 200
    assert how(client, headers) is None


def test_who_guesses_has_to_wait_and_others_do_not(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    codes = [client.get(ME, headers={"x-admin-key": f"guess-{number}"}).status_code for number in range(12)]
    assert codes == [401] * 10 + [429] * 2
    late = client.get(ME, headers={"x-admin-key": "guess-13"})
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    assert "wait a minute" in late.json()["error"]
    assert client.get(ME, headers=KEY).status_code == 200
    assert client.get(COUNTS).status_code == 200
    assert "guess" not in caplog.text


def test_a_live_connection_needs_sign_in_like_everything_else(store: Store) -> None:
    door = opened_to_the_network()

    async def talk() -> list[Any]:
        found: list[Any] = []
        async with serving(make_app(store, door=door)) as host:
            shown: list[dict[str, str]] = [
                {},
                {"X-Admin-Key": "wrong"},
                {"Cookie": "ccledger_session=wrong"},
                {"Authorization": f"Bearer {door.signin.issue_token().text}"},
                {"Cookie": f"ccledger_session={door.signin.begin_session()}", "Origin": f"http://{host}"},
                {"Cookie": f"ccledger_session={door.signin.begin_session()}", "Origin": "http://evil.example"},
            ]
            for headers in shown:
                try:
                    async with connect(f"ws://{host}/ws", additional_headers=headers) as socket:
                        found.append("initial_data" in str(await asyncio.wait_for(socket.recv(), 20)))
                except InvalidStatus as refused:
                    found.append((refused.response.status_code, refused.response.body))
        return found

    unauthorized = (401, b'{"error":"Unauthorized"}')
    found = asyncio.run(talk())
    assert found[:5] == [unauthorized, unauthorized, unauthorized, True, True]
    assert found[5][0] == 403


def test_on_a_real_server_the_address_that_is_asked_is_a_name_of_ours(store: Store) -> None:
    async def ask() -> bytes:
        async with serving(make_app(store, door=opened_to_the_network())) as host:
            name, port = urlsplit(f"//{host}").hostname, urlsplit(f"//{host}").port
            reader, writer = await asyncio.open_connection(name, port)
            writer.write(f"GET {COUNTS} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(ask()).startswith(b"HTTP/1.1 401 ")
