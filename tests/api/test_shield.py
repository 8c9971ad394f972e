"""Who is let in: only this machine by its own names, only pages of our own; and what every answer carries."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ccledger.core.asgi import Application, Message
from ccledger.ledger.store import Store
from tests.api.apps import Client, make_app, make_door

TCP = ("127.0.0.1", 51888)
UNIX_SOCKET = ("/data/ccledger.sock", None)
Headers = list[tuple[bytes, bytes]]


@pytest.fixture
def app(store: Store) -> Application:
    return make_app(store)


def speak(app: Application, scope: dict[str, Any]) -> list[Message]:
    """What the application sends when nobody says more than the scope."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"} if scope["type"] == "websocket" else {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return sent


def scope(headers: Headers, kind: str = "http", path: str = "/api/v1/version", **more: Any) -> dict[str, Any]:
    method = {"method": "GET"} if kind == "http" else {}
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        **method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": TCP,
        **more,
    }


def status(app: Application, *headers: tuple[bytes, bytes], **more: Any) -> int:
    return speak(app, scope(list(headers), **more))[0]["status"]


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:51888", "LocalHost:1", "127.0.0.1", "127.0.0.1:51888", "[::1]", "[::1]:80"],
)
def test_the_names_of_this_machine_are_answered(app: Application, host: str) -> None:
    assert status(app, (b"host", host.encode())) == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "evil.example:51888",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "0.0.0.0",
        "::1",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost:51888@evil.example",
        "localhost:51888:80",
        "localhost:",
        "localhost:x",
        "localhost/evil.example",
        "localhost,evil.example",
        "localhost evil.example",
        " localhost",
        "ⓛocalhost",
        "localhost\x00",
        "[::1",
        "[::ffff:127.0.0.1]",
        "2130706433",
    ],
)
def test_every_other_host_is_refused(app: Application, host: str) -> None:
    assert status(app, (b"host", host.encode("utf-8"))) == 421


@pytest.mark.parametrize(
    ("own", "host"),
    [
        ("192.0.2.7", b"192.0.2.7:51888"),
        ("::ffff:192.0.2.7", b"192.0.2.7"),
        ("2001:db8::7", b"[2001:db8::7]:51888"),
        ("127.0.0.2", b"127.0.0.2"),
    ],
)
def test_the_address_that_is_asked_is_answered_and_no_other(app: Application, own: str, host: bytes) -> None:
    assert status(app, (b"host", host), server=(own, 51888)) == 200
    assert status(app, (b"host", host)) == 421
    assert status(app, (b"host", b"192.0.2.8"), server=(own, 51888)) == 421


def test_a_connection_without_an_address_answers_to_local_names_only(app: Application) -> None:
    assert status(app, (b"host", b"localhost"), server=None) == 200
    assert status(app, (b"host", b""), server=None) == 421


def test_names_that_were_set_are_answered_on_any_port(store: Store) -> None:
    app = make_app(store, door=make_door(host_names=["ledger.example", "[2001:db8::7]"]))
    for host in (b"ledger.example", b"LEDGER.example:443", b"[2001:db8::7]:1"):
        assert status(app, (b"host", host), path="/api/v1/health") == 200
    for host in (b"x.ledger.example", b"ledger.example.", b"2001:db8::7"):
        assert status(app, (b"host", host), path="/api/v1/health") == 421


def test_a_port_is_digits_that_everybody_reads_as_digits(app: Application) -> None:
    assert status(app, (b"host", b"localhost:\xb2")) == 421


def test_a_request_without_a_host_is_refused(app: Application) -> None:
    assert status(app) == 421


def test_two_hosts_are_refused_even_when_both_are_ours(app: Application) -> None:
    assert status(app, (b"host", b"localhost"), (b"host", b"localhost")) == 421
    assert status(app, (b"host", b"localhost"), (b"host", b"evil.example")) == 421


@pytest.mark.parametrize("origin", ["http://localhost:51888", "https://localhost:51888", "HTTP://LOCALHOST:51888"])
def test_a_page_of_our_own_is_answered(app: Application, origin: str) -> None:
    assert status(app, (b"host", b"localhost:51888"), (b"origin", origin.encode())) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost",
        "http://localhost:51889",
        "http://127.0.0.1:51888",
        "http://localhost:51888.evil.example",
        "http://evil.example@localhost:51888",
        "http://localhost:51888/",
        "http://localhost:51888, http://evil.example",
        "ftp://localhost:51888",
        "file://",
        "chrome-extension://localhost:51888",
        "http://[localhost:51888",
        "localhost:51888",
    ],
)
def test_every_other_origin_is_refused(app: Application, origin: str) -> None:
    assert status(app, (b"host", b"localhost:51888"), (b"origin", origin.encode())) == 403


def test_one_foreign_origin_among_two_is_enough(app: Application) -> None:
    own, foreign = (b"origin", b"http://localhost"), (b"origin", b"http://evil.example")
    assert status(app, (b"host", b"localhost"), own, foreign) == 403
    assert status(app, (b"host", b"localhost"), foreign, own) == 403


def test_the_unix_socket_needs_neither_host_nor_origin(app: Application) -> None:
    assert status(app, server=UNIX_SOCKET) == 200
    assert status(app, (b"host", b"whatever"), (b"origin", b"null"), server=UNIX_SOCKET) == 200


def test_an_address_that_is_too_long_is_refused(app: Application) -> None:
    host = (b"host", b"localhost")
    assert status(app, host, query_string=b"timezone=" + b"x" * 9000) == 414
    assert status(app, host, raw_path=b"/" + b"x" * 9000, path="/" + "x" * 9000) == 414
    assert status(app, host, query_string=b"x=" + b"x" * 8000) == 200


EXTENDED: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}


@pytest.mark.parametrize(
    ("headers", "path", "expected"),
    [
        ([(b"host", b"evil.example")], "/ws", 421),
        ([(b"host", b"localhost"), (b"origin", b"http://evil.example")], "/ws", 403),
        ([(b"host", b"localhost"), (b"origin", b"null")], "/ws", 403),
        ([(b"host", b"localhost")], "/api/v1/stats/current", 404),
        ([(b"host", b"localhost")], "/nowhere/at/all", 404),
    ],
)
def test_a_refused_handshake_says_why(app: Application, headers: Headers, path: str, expected: int) -> None:
    start, body = speak(app, scope(headers, "websocket", path, **EXTENDED))
    assert (start["type"], start["status"]) == ("websocket.http.response.start", expected)
    assert body["type"] == "websocket.http.response.body"
    assert body["body"].startswith(b'{"error":"')
    assert dict(start["headers"])[b"content-security-policy"]


def test_a_server_that_cannot_answer_a_handshake_closes_it(app: Application) -> None:
    [closed] = speak(app, scope([(b"host", b"evil.example")], "websocket", "/ws"))
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


Ask = Callable[[Client], Any]
ANSWERS: dict[str, Ask] = {
    "api": lambda client: client.get("/api/v1/health"),
    "page": lambda client: client.get("/"),
    "not found": lambda client: client.get("/api/v1/nothing"),
    "bad request": lambda client: client.get("/api/v1/stats/overview?hours=1"),
    "method": lambda client: client.post("/api/v1/health"),
    "options": lambda client: client.options("/api/v1/health"),
    "head": lambda client: client.head("/api/v1/health"),
    "foreign host": lambda client: client.get("/", headers={"host": "evil.example"}),
    "foreign origin": lambda client: client.get("/", headers={"origin": "null"}),
}


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_carries_the_security_headers_once(client: Client, ask: Ask) -> None:
    headers = ask(client).headers
    for name in (
        "content-security-policy",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
    ):
        assert len(headers.get_list(name)) == 1, name
    assert "access-control-allow-origin" not in headers


def test_no_script_runs_but_our_own_files(client: Client) -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in client.get("/").headers["content-security-policy"].split(";") if part
    )
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert policy["img-src"] == "'self' data:"


def test_the_page_that_says_what_is_missing_keeps_to_the_policy(client: Client) -> None:
    text = client.get("/").text
    assert "make web" in text
    assert "<script" not in text
    assert "style=" not in text
