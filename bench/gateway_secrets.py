"""Promise: no secret that the gateway is told is found again in a log, a file, an answer, an export, a process list."""

# apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Any
from urllib.parse import quote

import apsw

from bench.measure import judge
from bench.storm import MODEL, Gateway, free_port, gateway
from tests.upstream.answers import Counts, events, message, text_block
from tests.upstream.server import Fake, Plan, Seen, streamed, upstream
from tests.upstream.sockets import Talk, request

HOW = ("", "whole", "stream", "400", "404", "429", "500", "503", "529", "403", "401")
"""How the upstream answers; those that end an account's use come last."""
_LATER = 4_000_000_000_000
_LISTS = (
    ("token", "list", "--json"),
    ("token", "list"),
    ("account", "list", "--json"),
    ("account", "list"),
    ("doctor", "--json"),
    ("doctor",),
    ("daily", "--json"),
    ("session", "--json"),
    ("export", "--format", "json"),
    ("export", "--format", "csv"),
)
_PAGES = (
    "/api/v1/token/list",
    "/api/v1/account/list",
    "/api/v1/logs/requests?limit=1000",
    "/api/v1/logs/requests/export?format=csv",
    "/api/v1/logs/requests/export?format=json",
    "/api/v1/logs/requests/export?format=jsonl",
    "/api/v1/export/csv",
    "/api/v1/settings",
    "/api/v1/health",
    "/api/v1/me",
    "/api/v1/stats/overview",
    "/api/v1/stats/history",
    "/api/v1/stats/query",
    "/api/v1/openapi.json",
    "/",
    "/settings",
)


@dataclass
class Planted:
    """Secrets by what they are, and everything in which none of them may be."""

    secrets: dict[str, str]
    said: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    def note(self, what: str, data: bytes | str) -> None:
        """Takes something down that is to be looked through."""
        self.said.append((what, data.encode() if isinstance(data, str) else data))

    def hits(self) -> list[str]:
        """Which secret was found where."""
        return [
            f"{name} in {what}"
            for name, secret in self.secrets.items()
            for form in forms(secret)
            for what, data in self.said
            if form in data
        ]


def forms(secret: str) -> set[bytes]:
    """The ways in which a secret may be written."""
    plain = secret.encode()
    return {plain, plain.lower(), base64.b64encode(plain).rstrip(b"="), quote(secret, safe="").encode(), plain[:-4]}


def invented() -> dict[str, str]:
    """Secrets of every kind but keys, which are issued."""
    return {
        # These look like no key that is known, so that no pattern hides them.
        "API key": f"gw-live-{token_hex(20)}",
        "API key behind a proxy": token_hex(24),
        "second API key": token_hex(24),
        "third API key": token_urlsafe(32),
        "bearer": f"sk-ant-oat01-{token_urlsafe(40)}",
        "refresh token": f"sk-ant-ort01-{token_urlsafe(40)}",
        "session key": f"sk-ant-sid01-{token_urlsafe(40)}",
        "proxy password": token_hex(12),
        "admin key": token_urlsafe(24),
        "admin password": token_urlsafe(18),
        "JWT secret": token_urlsafe(40),
        "master key": token_urlsafe(32),
    }


def echo(seen: Seen) -> Plan | None:
    """An upstream that says what it was told, in every place that somebody might write down."""
    told = next((text for name, text in seen.headers if name.lower() in ("x-api-key", "authorization", "cookie")), "")
    secret = told.removeprefix("Bearer ").removeprefix("sessionKey=")
    how = seen.header("x-how") or ""
    if how == "401" and told.startswith("Bearer "):
        return None  # it would be renewed at an address of Anthropic's, which is not to be asked from here
    head = [("content-type", "application/json"), ("request-id", secret), ("x-echo", told)]
    if how.isdigit():
        text = f"invalid credential {secret} ({told}) in {seen.body.decode('utf-8', 'replace')[:300]}"
        body = json.dumps({"type": "error", "error": {"type": secret, "message": text}}).encode()
        return Plan(int(how), head, [body], len(body))
    if how == "whole":
        told_message = message(1, secret, [text_block(secret)], Counts()) | {"id": secret}
        return Plan(200, head, [json.dumps(told_message).encode()], None)
    if how == "stream":
        pieces = [piece.replace(MODEL.encode(), secret.encode()) for piece in _stream()]
        failing = {"type": "error", "error": {"type": secret, "message": f"no more for {secret}"}}
        return streamed([*pieces[:4], f"event: error\ndata: {json.dumps(failing)}\n\n".encode()])
    return None


def _stream() -> list[bytes]:
    return events(1, MODEL, [text_block("Hello there")], Counts())


@dataclass
class Visitor:
    """Somebody who asks a gateway and takes down what it says."""

    port: int
    planted: Planted

    def ask(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        method: str = "",
        passed: bool = False,
    ) -> bytes:
        """The answer; what an upstream said is passed on as it is, and not looked through."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers))
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if not passed:
            self.planted.note(
                f"the answer to {method} {path.partition('?')[0][:30]}", str(answer.getheaders()).encode() + data
            )
        return data


def body_of(**more: object) -> bytes:
    """A request's body."""
    return json.dumps(
        {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **more}
    ).encode()


def call_in_every_way(visitor: Visitor, key: str, account: str) -> None:
    """Calls by one account that end well, badly, and with secrets in every place."""
    admin = visitor.planted.secrets["admin key"]
    json_head = {"x-api-key": key, "content-type": "application/json"}
    only(visitor, admin, account)
    visitor.ask("/v1/models", {"authorization": f"Bearer {key}", "x-how": "404"}, passed=True)
    visitor.ask("/v1/messages/count_tokens", json_head, body_of(), passed=True)
    visitor.ask("/v1/files", {**json_head, "x-how": "400"}, b"{}", passed=True)
    put_into_odd_places(visitor, key)
    for how in HOW:
        only(visitor, admin, "")  # who is switched off and on begins anew
        only(visitor, admin, account)
        for path in ("/v1/messages", "/v1/chat/completions"):
            visitor.ask(path, {**json_head, "x-how": how}, body_of(stream=how == "stream"), passed=True)


def _call_blindly(visitor: Visitor, key: str) -> None:
    """Calls while nobody can administer anything."""
    for how in HOW:
        told = {"x-api-key": key, "content-type": "application/json", "x-how": how}
        visitor.ask("/v1/messages", told, body_of(stream=how == "stream", metadata={"user_id": key}), passed=True)


def put_into_odd_places(visitor: Visitor, key: str) -> None:
    """A client that puts its key where none belongs."""
    head = {"x-api-key": key, "content-type": "application/json"}
    odd = ("x-claude-code-session-id", "x-claude-code-agent-id", "user-agent", "referer", "cookie", "anthropic-beta")
    for name in odd:
        visitor.ask("/v1/messages", {**head, name: key}, body_of(), passed=True)
    visitor.ask("/v1/messages", {**head, "x-proxy-mode": key}, body_of())
    visitor.ask(f"/v1/messages?key={key}&api_key={key}", head, body_of(), passed=True)
    visitor.ask(f"/v1/files/{key}", head, passed=True)
    visitor.ask(f"/v1/{key}/{key}", head, passed=True)
    visitor.ask("/v1/messages", head, body_of(model=key), passed=True)
    visitor.ask("/v1/messages", head, body_of(metadata={"user_id": key}), passed=True)
    visitor.ask("/v1/messages", head, body_of(metadata={"user_id": f"user_{key}_account__session_{key}"}), passed=True)
    visitor.ask("/v1/messages", head, f'{{"model": {key}'.encode())
    visitor.ask("/v1/chat/completions", head, body_of(messages=key, tools=key))
    with Talk(visitor.port) as talk:
        talk.say(f"POST /v1/messages HTTP/1.1\r\nx-api-key: {key}\r\nbad header {key}\r\n\r\n".encode())
        visitor.planted.note("the answer to a bad request", talk.hear_all())


def be_refused(visitor: Visitor, keys: Sequence[str], admin: str, password: str) -> None:
    """Refusals of every kind."""
    for key in keys:
        for path in ("/v1/messages", "/v1/chat/completions", "/v1/models", f"/v1/messages?key={key}"):
            given = None if path == "/v1/models" else body_of()
            visitor.ask(path, {"x-api-key": key, "authorization": f"Bearer {key}"}, given)
        visitor.ask("/api/v1/token/info", {"x-api-key": key})
        visitor.ask("/api/v1/token/list", {"X-Admin-Key": key})
    visitor.ask(f"/api/v1/token/list?admin_key={admin}", {})
    visitor.ask(
        "/api/v1/signin", {"content-type": "application/json"}, json.dumps({"password": password + "x"}).encode()
    )
    visitor.ask("/api/v1/signin", {"content-type": "application/json"}, json.dumps({"pass": password}).encode())


def administer(visitor: Visitor, planted: Planted, admin: str, password: str) -> None:
    """Everything that an administrator can look at, and the live page."""
    head = {"X-Admin-Key": admin}
    for page in _PAGES:
        visitor.ask(page, head)
    signed = visitor.ask(
        "/api/v1/signin", {"content-type": "application/json"}, json.dumps({"password": password}).encode(), passed=True
    )
    planted.secrets["session"] = str(json.loads(signed)["token"])
    session = planted.secrets["session"]
    visitor.ask("/api/v1/token/list", {"Authorization": f"Bearer {session}"})
    for entry in json.loads(visitor.ask("/api/v1/account/list", head)):
        visitor.ask(f"/api/v1/account/{entry['id']}", head)
    upgrade = (("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"))
    told = (("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("x-admin-key", admin), ("cookie", f"session={session}"))
    with Talk(visitor.port) as talk:
        talk.say(request("GET", f"/ws?key={admin}", [*upgrade, *told]))
        planted.note("the live page's data", talk.hear_until(b"totals"))


def each_file(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a directory, byte by byte."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def look_through(held: Gateway, planted: Planted, when: str) -> int:
    """Takes down every file, the log and a clean copy of the ledger; returns their bytes."""
    copy = held.home / f"copy-{len(planted.said)}.db"
    connection = apsw.Connection(str(held.ledger))
    connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()
    found = [
        *each_file(held.data),
        ("a clean copy of the ledger", copy.read_bytes()),
        ("the log", held.log.read_bytes()),
    ]
    for name, data in found:
        planted.note(f"{name} {when}", data)
    return sum(len(data) for _, data in found)


def set_up(held: Gateway, fake: Fake, planted: Planted) -> list[str]:
    """Accounts and keys of every kind, made from the command line; returns keys: good, revoked, expired, signed."""
    secrets, base = planted.secrets, ("--base-url", fake.url)
    add = ("account", "add", "--json", "--name")
    oauth = {"accessToken": secrets["bearer"], "refreshToken": secrets["refresh token"], "expiresAt": _LATER}
    proxy = f"http://user:{secrets['proxy password']}@127.0.0.1:{free_port()}"
    for given, arguments in (
        (secrets["API key"], ("one", "--type", "api-key", *base, "--api-key-stdin")),
        (json.dumps(oauth), ("two", "--type", "oauth", *base, "--secret-stdin")),
        (secrets["session key"], ("three", "--type", "session-key", *base, "--secret-stdin", "--organization", "o")),
        (secrets["second API key"], ("five", *base, "--api-key-stdin")),
        (secrets["third API key"], ("six", *base, "--api-key-stdin")),
        (f"{secrets['API key behind a proxy']}\n{proxy}", ("four", *base, "--api-key-stdin", "--proxy-url-stdin")),
    ):
        planted.note("what 'account add' prints", held.run(*add, *arguments, given=given + "\n"))
    keys = [held.key("good", "--mode", "both"), held.key("revoked"), held.key("expired", "--expires", "1s")]
    keys.append(held.key("signed", "--jwt"))
    planted.secrets |= {
        f"{name} key": key for name, key in zip(("good", "revoked", "expired", "signed"), keys, strict=True)
    }
    listed: Any = json.loads(held.run("token", "list", "--json"))
    revoked = next(str(entry["id"]) for entry in listed["tokens"] if entry["name"] == "revoked")
    held.run("token", "revoke", revoked)
    return keys


def only(visitor: Visitor, admin: str, name: str) -> None:
    """Lets one account alone be asked."""
    head = {"X-Admin-Key": admin, "content-type": "application/json"}
    for entry in json.loads(visitor.ask("/api/v1/account/list", head)):
        what = "activate" if entry["name"] == name else "deactivate"
        visitor.ask(f"/api/v1/account/{entry['id']}/{what}", head, b"")


def processes(held: Gateway) -> bytes:
    """What others on this machine see of the server."""
    assert held.process is not None
    return Path(f"/proc/{held.process.pid}/cmdline").read_bytes()


def exercise(held: Gateway, fake: Fake, planted: Planted) -> int:
    """Does everything with all secrets; returns the bytes that were looked through in files."""
    secrets = planted.secrets
    keys = set_up(held, fake, planted)
    fake.always = echo
    held.start()
    visitor = Visitor(held.port, planted)
    admin, password = secrets["admin key"], secrets["admin password"]
    for account in ("one", "two", "three", "four"):
        call_in_every_way(visitor, keys[0], account)
    call_in_every_way(visitor, keys[3], "five")
    be_refused(visitor, [*keys[1:3], f"ccl-{token_urlsafe(32)}"], admin, password)
    administer(visitor, planted, admin, password)
    for arguments in _LISTS:
        planted.note(f"what '{' '.join(arguments)}' prints", held.run(*arguments))
    planted.note("the process list", processes(held))
    looked = look_through(held, planted, "while it runs")
    only(visitor, admin, "six")
    # The database is taken away, so that calls wait in the spool, and then the server is killed.
    connection = apsw.Connection(str(held.ledger))
    connection.execute("BEGIN IMMEDIATE")
    _call_blindly(visitor, keys[0])
    looked += sum(len(data) for _, data in each_file(held.data / "spool"))
    for name, data in each_file(held.data / "spool"):
        planted.note(f"{name} in the spool", data)
    held.kill()
    connection.execute("ROLLBACK")
    connection.close()
    looked += look_through(held, planted, "after a kill")
    held.start()
    time.sleep(1)
    held.stop()
    return looked + look_through(held, planted, "at the end")


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant, exercise, look, and return 1 when a secret is found."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    planted = Planted(invented())
    with upstream() as fake, gateway() as held:
        hashed = held.run("password", "--stdin", given=planted.secrets["admin password"] + "\n")
        held.more = {
            "CCLEDGER_LOG_LEVEL": "DEBUG",
            "CCLEDGER_ADMIN_KEY": planted.secrets["admin key"],
            "CCLEDGER_ADMIN_PASSWORD_HASH": hashed.partition("=")[2].strip().strip("'"),
            "CCLEDGER_JWT_SECRET": planted.secrets["JWT secret"],
            "CCLEDGER_MASTER_KEY": planted.secrets["master key"],
            "CCLEDGER_WEB_MODE": "true",
        }
        looked = exercise(held, fake, planted)
        with held.reading() as connection:
            calls = int(next(connection.execute("SELECT count(*) FROM request_logs"))[0])
    hits = sorted(set(planted.hits()))
    sys.stdout.write(f"{len(fake.seen)} calls reached the upstream, {calls} are on the ledger\n")
    sys.stdout.write(f"{len(planted.said)} answers, outputs and files looked through, {looked / 1e6:.1f} MB of files\n")
    sys.stdout.write("".join(f"found: {hit}\n" for hit in hits))
    figure = (
        f"{len(planted.secrets)} planted secrets, found {len(hits)} times in {len(planted.said)} places, {calls} calls"
    )
    return 0 if judge("gateway-secrets", figure, "0", kept=not hits and calls > 0) else 1


if __name__ == "__main__":
    sys.exit(main())
