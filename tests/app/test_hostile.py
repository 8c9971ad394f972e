"""Clients and upstreams that do what they should not: each call ends clearly, holds nothing, and stops nobody else."""

import gzip
import json
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import brotli  # pyright: ignore[reportMissingTypeStubs]
import pytest
import zstandard

from ccledger.core.call import Call, Failer, Origin
from tests.upstream.answers import Counts, event, events, message, text_block
from tests.upstream.gateway import Running, running, until
from tests.upstream.server import Fake, Headers, Plan, streamed, upstream, whole
from tests.upstream.sockets import Heard, Talk, request

MODEL = "claude-opus-4-5"
MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
JSON = ("content-type", "application/json")
ANSWER = json.dumps(message(5, MODEL, [text_block("Hi there")], Counts())).encode()
EVENTS = events(6, MODEL, [text_block("Hello there, this is it")], Counts())
STREAM = b"".join(EVENTS)
JSON_HEAD: Headers = [("content-type", "application/json")]
EVENTS_HEAD: Headers = [("content-type", "text/event-stream")]


@pytest.fixture(scope="module")
def fake() -> Generator[Fake]:
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Generator[Running]:
    folder = tmp_path_factory.mktemp("gateway")
    with running(folder, None, upstream_timeout=1, upstream_idle_timeout=1) as found:
        yield found


@pytest.fixture
def served(server: Running, fake: Fake) -> Generator[Running]:
    """With a fresh account. Afterwards nothing is held any more, and whoever comes next is served."""
    account = server.add_account(fake.url)
    fake.script.clear()
    fake.seen.clear()
    yield server
    server.wait_until_calm()
    fake.script.clear()
    answer, _ = server.ask(MESSAGES, asked())
    assert answer.status == 200
    server.wait_until_calm()
    server.accounts.delete(account.id)


def asked(**more: Any) -> bytes:
    told = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}], **more}
    return json.dumps(told).encode()


def send(served: Running, data: bytes, method: str = "POST", *, end: bool = False) -> Heard:
    """The answer to some bytes on a connection of their own."""
    with Talk(served.port) as talk:
        talk.say(data)
        if end:
            talk.end_saying()
        return talk.hear(method)


def last_call(served: Running, before: int) -> Call:
    """The one call that was booked since."""
    return served.calls(before + 1)[-1]


def key(served: Running) -> tuple[str, str]:
    return ("x-api-key", served.key)


def post(served: Running, body: bytes, path: str = MESSAGES, *headers: tuple[str, str]) -> bytes:
    return request("POST", path, [key(served), JSON, *headers], body)


# Bodies


BODIES = {
    "no JSON": b'{"model":',
    "no UTF-8": b'{"model":"\xff\xfe"}',
    "NUL": b"\0" * 100,
    "UTF-16": asked().decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + asked(),
    "an array": b"[]",
    "empty": b"",
    "nested": b'{"model":"x","metadata":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "nested messages": b'{"model":"x","messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a number for a model": b'{"model":7}',
    "no model": b"{}",
    "compressed": gzip.compress(asked()),
}


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_request_is_refused(served: Running, fake: Fake, name: str, path: str) -> None:
    before = served.store.summary().calls
    heard = send(served, post(served, BODIES[name], path))
    assert heard.status == 400
    assert heard.json["error"]["type"] == "invalid_request_error"
    assert ("type" in heard.json) == (path == MESSAGES)
    assert fake.seen == []
    exchange = last_call(served, before).fact.exchange
    assert exchange is not None
    assert (exchange.failed_by, exchange.attempts) == (Failer.CLIENT, 0)


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_a_body_of_another_type_is_refused(served: Running, path: str) -> None:
    heard = send(served, request("POST", path, [key(served), ("content-type", "text/plain")], asked()))
    assert heard.status == 415


@pytest.mark.parametrize("name", ["surrogates", "a text for messages"])
def test_nonsense_in_a_chat_is_refused_in_its_form(served: Running, name: str) -> None:
    bodies = {
        "surrogates": b'{"model":"x","messages":[{"role":"user","content":"\\ud800"}]}',
        "a text for messages": b'{"model":"x","messages":"Hi"}',
    }
    heard = send(served, post(served, bodies[name], CHAT))
    assert (heard.status, heard.json["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused_without_being_kept(
    tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch, chunked: bool
) -> None:
    with running(tmp_path, fake, largest_body=100_000) as served, Talk(served.port) as talk:
        length = ("transfer-encoding", "chunked") if chunked else ("content-length", "5000000")
        talk.say(request("POST", MESSAGES, [key(served), JSON, length]))
        for _ in range(50):
            talk.say(b"%x\r\n%s\r\n" % (100_000, b"x" * 100_000) if chunked else b"x" * 100_000)
        talk.say(b"0\r\n\r\n" if chunked else b"")
        heard = talk.hear()
        assert (heard.status, heard.json["error"]["type"]) == (413, "request_too_large")
        talk.say(post(served, asked()))
        assert talk.hear().status == 200  # the rest of the body was passed over, and no more


def test_a_client_that_leaves_in_its_body_is_noted(served: Running, fake: Fake) -> None:
    before = served.store.summary().calls
    with Talk(served.port) as talk:
        talk.say(post(served, asked())[:-5])
    assert last_call(served, before).fact.timing.status_code == 499
    assert fake.seen == []


# Framing: whatever two servers could read in two ways


def framed(served: Running, *lines: str, body: bytes = b"{}", end: str = "\r\n") -> bytes:
    head = [f"POST {MESSAGES} HTTP/1.1", "host: localhost", f"x-api-key: {served.key}", *lines, "", ""]
    return end.join(head).encode("latin-1") + body


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("content-length: 2", "content-length: 3"), id="two lengths"),
        pytest.param(("content-length: 2", "content-length: 2"), id="one length twice"),
        pytest.param(("content-length: 2", "transfer-encoding: chunked"), id="length and chunks"),
        pytest.param(("transfer-encoding: chunked", "content-length: 2"), id="chunks and length"),
        pytest.param(("transfer-encoding: xchunked",), id="unknown coding"),
        pytest.param(("transfer-encoding: chunked, gzip",), id="chunked not last"),
        pytest.param(("x-a: b", " c: d", "content-length: 2"), id="folded header"),
        pytest.param(("x-a: b\rc: d", "content-length: 2"), id="bare carriage return"),
        pytest.param(("x-a: b\nc: d", "content-length: 2"), id="bare line feed"),
        pytest.param(("content-length : 2",), id="space before the colon"),
        pytest.param(("content-length: -2",), id="negative length"),
        pytest.param(("content-length: +2",), id="signed length"),
        pytest.param(("content-length: 0x2",), id="hexadecimal length"),
        pytest.param(("content-length: 99999999999999999999999",), id="endless length"),
        pytest.param(("x-a: a\x01b", "content-length: 2"), id="control character"),
        pytest.param(tuple(f"x-{number}: y" for number in range(5000)), id="5000 headers"),
        pytest.param((f"x-a: {'y' * 3_000_000}",), id="a header of 3 MB"),
    ],
)
def test_a_request_with_two_meanings_is_refused(served: Running, fake: Fake, lines: tuple[str, ...]) -> None:
    with Talk(served.port) as talk:
        talk.say(framed(served, *lines))
        heard = talk.hear()
        assert (heard.status, heard.headers["connection"]) == (400, "close")
        assert list(heard.json) == ["error"]
        assert talk.hear_all() == b""
    assert fake.seen == []


def test_lines_that_end_in_line_feeds_only_are_refused(served: Running, fake: Fake) -> None:
    assert send(served, framed(served, "content-length: 2", end="\n")).status == 400
    assert fake.seen == []


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nabc\r\n", b"5\r\nabcdefgh\r\n", b"ffffffffffffffffff\r\nabc", b"-1\r\n\r\n", b"2\n{}\n0\n\n"]
)
def test_chunks_that_are_none_are_refused(served: Running, fake: Fake, chunks: bytes) -> None:
    with Talk(served.port) as talk:
        talk.say(framed(served, "transfer-encoding: chunked", body=chunks))
        assert talk.hear().status == 400
        assert talk.hear_all() == b""
    assert fake.seen == []


def test_chunks_with_extensions_and_trailers_are_taken(served: Running, fake: Fake) -> None:
    body = asked()
    chunks = b"%x;a=b\r\n%s\r\n1;c\r\n%s\r\n0\r\nx-api-key: other\r\n\r\n" % (len(body) - 1, body[:-1], body[-1:])
    assert send(served, framed(served, "transfer-encoding: chunked", body=chunks)).status == 200
    assert fake.seen[0].body == body


def test_requests_that_come_at_once_are_answered_one_after_the_other(served: Running) -> None:
    with Talk(served.port) as talk:
        talk.say(post(served, asked()) * 2 + post(served, asked(stream=True)) + request("GET", "/api/hello"))
        heard = [talk.hear() for _ in range(4)]
    assert [(one.status, one.is_whole) for one in heard] == [(200, True)] * 4
    assert b"message_stop" in heard[2].body


def test_a_client_of_http_1_0_is_served_and_let_go(served: Running) -> None:
    with Talk(served.port) as talk:
        talk.say(request("POST", MESSAGES, [key(served), JSON], asked(), version="1.0"))
        assert talk.hear().status == 200
        assert talk.hear_all() == b""


# Methods, targets and headers


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("TRACE", MESSAGES, 405),
        ("PROPFIND", "/v1/files", 405),
        ("CONNECT", MESSAGES, 400),
        ("CONNECT", "localhost:80", 400),
        ("GET", "/v1/../../etc/passwd", 400),
        ("GET", "/v1/%2e%2e/%2e%2e/etc/passwd", 400),
        ("GET", "/v1/..%2f..%2fetc/passwd", 400),
        ("GET", "/v1/files/.", 400),
        ("GET", "/v1/..\\..\\x", 400),
        ("GET", "/v1/%00", 400),
        ("GET", "/v1/a%0d%0ahost:%20b", 400),
        ("GET", "/v1/caf\xe9", 400),
        ("GET", "/v1/files?a=\xff\xfe", 400),
    ],
)
def test_what_would_lead_elsewhere_is_not_passed_on(
    served: Running, fake: Fake, method: str, target: str, status: int
) -> None:
    assert send(served, request(method, target, [key(served)])).status == status
    assert fake.seen == []


@pytest.mark.parametrize(
    "target",
    ["/v1//messages", "/v1/messages/", "/v1/v1/messages", "/v1/%6dessages",
     "http://elsewhere.example/v1/messages"],
)  # fmt: skip
def test_no_other_spelling_passes_by_the_meter(served: Running, fake: Fake, target: str) -> None:
    before = served.store.summary().calls
    assert send(served, post(served, asked(), target)).status == 200
    assert fake.seen[0].target == MESSAGES
    call = last_call(served, before)
    assert call.fact.reading is not None
    assert tuple(call.fact.reading.usage)[:2] == (11, 7)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_methods_without_a_body_pass(served: Running, fake: Fake, method: str) -> None:
    fake.script.append(Plan(200, [("x-a", "b")], [], 0))
    heard = send(served, request(method, "/v1/models", [key(served)]), method)
    assert (heard.status, heard.headers["x-a"]) == (200, "b")


@pytest.mark.parametrize(
    "header",
    [
        ("x-api-key", "ccl-\xe9\xff"),
        ("x-api-key", ""),
        ("x-api-key", "ccl-" + "x" * 50_000),
        ("authorization", "Bearer a.b.c"),
        ("authorization", "Bearer"),
        ("authorization", "Basic dXNlcjpwYXNz"),
        ("authorization", "\xff" * 100),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_told(served: Running, fake: Fake, header: tuple[str, str]) -> None:
    heard = send(served, request("POST", MESSAGES, [header, JSON], asked()))
    assert (heard.status, heard.json["error"]["type"]) == (401, "authentication_error")
    assert fake.seen == []


def test_a_header_that_cant_be_sent_on_is_the_clients_fault(served: Running, fake: Fake) -> None:
    before = served.store.summary().calls
    for _ in range(6):  # more than an account may fail in a row
        assert send(served, post(served, asked(), MESSAGES, ("x-a", "caf\xe9"))).status == 400
    (state,) = (one for one in served.built.pool.states().values() if one.status != "inactive")
    assert (state.status, state.error_count) == ("ready", 0)
    assert fake.seen == []
    for call in served.calls(before + 6)[-6:]:
        assert call.fact.exchange is not None
        assert call.fact.exchange.failed_by == Failer.CLIENT


def test_an_unknown_mode_is_refused_and_not_kept(served: Running) -> None:
    before = served.store.summary().calls
    assert send(served, post(served, asked(), MESSAGES, ("x-proxy-mode", "turbo"))).status == 400
    party = last_call(served, before).fact.party
    assert party is None or party.mode is None


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_changes_nothing(served: Running, upgrade: str) -> None:
    offer = (("connection", "Upgrade"), ("upgrade", upgrade))
    assert send(served, post(served, asked(), MESSAGES, *offer)).status == 200


# Clients that are slow, or never listen


def test_a_client_that_never_listens_stops_nobody_and_is_forgotten(served: Running, fake: Fake) -> None:
    text = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "x" * 10_000})
    fake.script.append(streamed([*EVENTS[:3], *([text] * 3000), *EVENTS[3:]]))
    before = served.store.summary().calls
    with Talk(served.port, receive_buffer=4096) as talk:
        talk.say(post(served, asked(stream=True)))
        talk.hear_until(b"message_start")
        assert served.ask(MESSAGES, asked())[0].status == 200
    assert sorted(call.fact.timing.status_code or 0 for call in served.calls(before + 2)[-2:]) == [200, 499]


def test_a_slow_head_stops_nobody(served: Running) -> None:
    with Talk(served.port) as talk:
        data = post(served, asked())
        for start in range(0, len(data), 7):
            talk.say(data[start : start + 7])
            if start % 70 == 0:
                assert served.ask("/api/hello")[0].status == 200
        assert talk.hear().status == 200


# Upstreams that lie


def ask_upstream(
    served: Running, fake: Fake, plan: Plan, path: str = MESSAGES, *, stream: bool = False
) -> tuple[Heard, Call]:
    """What a client hears of an answer, and what is booked."""
    before = served.store.summary().calls
    fake.script.append(plan)
    heard = send(served, post(served, asked(stream=stream), path))
    return heard, last_call(served, before)


def raw(head: str, body: bytes = b"{}") -> Plan:
    return Plan(raw=f"HTTP/1.1 {head}\r\n\r\n".encode("latin-1") + body)


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(200, JSON_HEAD, [ANSWER], len(ANSWER) + 10, cut=True), id="shorter than it says"),
        pytest.param(Plan(raw=b"\x00\x01nonsense\r\n\r\n"), id="no HTTP"),
        pytest.param(Plan(raw=b"HTTP/1.1 200 OK\r\nconten"), id="half a head"),
        pytest.param(raw("200 OK\r\n" + "\r\n".join(f"x-{n}: y" for n in range(5000))), id="5000 headers"),
        pytest.param(raw(f"200 OK\r\nx: {'y' * 300_000}"), id="a header of 300 kB"),
        pytest.param(Plan(raw=b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200_000), id="headers without end"),
        pytest.param(Plan(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 5000), id="interim answers without end"),
        pytest.param(raw("101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade", b""), id="another protocol"),
        pytest.param(raw("600 Odd\r\ncontent-length: 2"), id="status 600"),
        pytest.param(raw("999 Odd\r\ncontent-length: 2"), id="status 999"),
        pytest.param(raw("42 Odd\r\ncontent-length: 2"), id="status 42"),
        pytest.param(raw("200 OK\r\nx(y: z\r\ncontent-length: 2"), id="a name HTTP does not allow"),
        pytest.param(raw("200 OK\r\nx: a\x01\r\ncontent-length: 2"), id="a control character"),
        pytest.param(raw("200 OK\r\nx: a\rb: c\r\ncontent-length: 2"), id="a bare carriage return"),
        pytest.param(raw("200 OK\r\ncontent-length: 2\r\ncontent-length: 3"), id="two lengths"),
        pytest.param(raw("200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked"), id="length and chunks"),
        pytest.param(raw("200 OK\r\ntransfer-encoding: chunked", b"zz\r\n"), id="chunks that are none"),
    ],
)
def test_an_answer_that_is_none_is_told_as_a_bad_gateway(served: Running, fake: Fake, plan: Plan, path: str) -> None:
    heard, call = ask_upstream(served, fake, plan, path)
    assert (heard.status, heard.is_whole) == (502, True)
    assert ("type" in heard.json) == (path == MESSAGES)
    assert call.fact.timing.status_code == 502
    assert call.fact.exchange is not None
    assert call.fact.exchange.failed_by == Failer.UPSTREAM


def test_an_upstream_that_only_hangs_up_is_asked_once_more_where_the_connection_was_old(
    served: Running, fake: Fake
) -> None:
    before = served.store.summary().calls
    fake.script.extend([Plan(raw=b""), Plan(raw=b"")])
    assert send(served, post(served, asked())).status == 502
    assert last_call(served, before).fact.timing.status_code == 502
    assert len(fake.seen) <= 2


@pytest.mark.parametrize("plan", [Plan(200, JSON_HEAD, [30.0], 5), Plan(200, JSON_HEAD, [ANSWER[:9], 30.0], 99)])
def test_an_answer_that_does_not_come_is_a_time_out(served: Running, fake: Fake, plan: Plan) -> None:
    heard, call = ask_upstream(served, fake, plan)
    assert (heard.status, heard.json["error"]["type"]) == (504, "timeout_error")
    assert call.fact.timing.status_code == 504
    assert call.fact.reading is not None
    assert call.fact.reading.origin == Origin.ESTIMATED


def test_what_was_promised_too_much_is_no_part_of_the_next_answer(served: Running, fake: Fake) -> None:
    fake.script.append(Plan(200, JSON_HEAD, [ANSWER, ANSWER], len(ANSWER)))
    first, second = (send(served, post(served, asked())) for _ in range(2))
    assert (first.status, first.body) in ((200, ANSWER), (502, first.body))
    assert second.status == 200
    assert second.json["id"] != json.loads(ANSWER)["id"]


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize(
    ("plan", "status"),
    [
        pytest.param(Plan(200, EVENTS_HEAD, EVENTS[:4], cut=True), 502, id="cut"),
        pytest.param(Plan(200, EVENTS_HEAD, EVENTS[:4], sum(map(len, EVENTS)), cut=True), 502, id="shorter"),
        pytest.param(Plan(200, EVENTS_HEAD, [*EVENTS[:4], 30.0]), 504, id="silent"),
        pytest.param(
            raw("200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked", b"3\r\n: x\r\nzz\r\n"),
            502,
            id="chunks that are none",
        ),
    ],
)
def test_a_stream_that_breaks_off_is_no_whole_one(
    served: Running, fake: Fake, plan: Plan, status: int, path: str
) -> None:
    heard, call = ask_upstream(served, fake, plan, path, stream=True)
    assert (heard.status, heard.is_whole) in ((200, False), (502, True))
    assert b"[DONE]" not in heard.body
    assert call.fact.timing.status_code == status
    assert call.fact.exchange is not None
    assert call.fact.exchange.failed_by == Failer.UPSTREAM
    assert call.fact.reading is not None
    assert call.fact.reading.origin == Origin.ESTIMATED or heard.status == 502


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(EVENTS[:4], id="ended early"),
        pytest.param([], id="empty"),
        pytest.param([b"hello\n\nworld: x\n\ndata: {no json\n\n"], id="no events"),
        pytest.param([b"\xff\xfe\0" * 100], id="no text"),
    ],
)
def test_a_stream_that_ends_properly_without_a_message_ends_so_and_is_a_failure(
    served: Running, fake: Fake, pieces: list[bytes], path: str
) -> None:
    heard, call = ask_upstream(served, fake, Plan(200, EVENTS_HEAD, pieces), path, stream=True)
    assert (heard.status, heard.is_whole) == (200, True)
    if path == MESSAGES:
        assert heard.body == b"".join(pieces)
    else:
        assert b"[DONE]" not in heard.body
        assert b'"error"' in heard.body
    assert call.fact.timing.status_code == 502
    assert call.fact.exchange is not None
    assert call.fact.exchange.failed_by == Failer.UPSTREAM
    assert call.fact.reading is not None
    assert call.fact.reading.origin == Origin.ESTIMATED


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,  # pyright: ignore[reportUnknownMemberType]
    "zstd": zstandard.compress,
    "deflate": zlib.compress,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("coding", COMPRESSIONS)
def test_what_is_compressed_unasked_passes_as_it_is_and_is_metered(
    served: Running, fake: Fake, coding: str, stream: bool
) -> None:
    body = COMPRESSIONS[coding](STREAM if stream else ANSWER)
    kind = EVENTS_HEAD if stream else JSON_HEAD
    plan = Plan(200, [*kind, ("content-encoding", coding)], [body[:20], body[20:]], None if stream else len(body))
    heard, call = ask_upstream(served, fake, plan, stream=stream)
    assert (heard.status, heard.body, heard.headers["content-encoding"]) == (200, body, coding)
    assert call.fact.reading is not None
    assert tuple(call.fact.reading.usage)[:2] == (11, 7)
    assert call.fact.reading.origin == Origin.MEASURED


@pytest.mark.parametrize("coding", ["gzip", "snappy"])
def test_what_nobody_can_inflate_passes_and_is_estimated(served: Running, fake: Fake, coding: str) -> None:
    heard, call = ask_upstream(
        served, fake, Plan(200, [*JSON_HEAD, ("content-encoding", coding)], [ANSWER], len(ANSWER))
    )
    assert heard.body == ANSWER
    assert call.fact.reading is not None
    assert call.fact.reading.origin == Origin.ESTIMATED


def test_a_compressed_answer_that_never_ends_is_not_inflated_as_a_whole(served: Running, fake: Fake) -> None:
    body = gzip.compress(b" " * 100_000_000, 1)
    heard, _ = ask_upstream(served, fake, Plan(200, [*JSON_HEAD, ("content-encoding", "gzip")], [body], len(body)))
    assert heard.body == body


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_passes_and_is_not_followed(served: Running, fake: Fake, status: int) -> None:
    location = ("location", f"{fake.url}/elsewhere")
    heard, call = ask_upstream(served, fake, Plan(status, [location], [], 0))
    assert (heard.status, heard.headers["location"]) == (status, location[1])
    assert len(fake.seen) == 1
    assert call.fact.reading is not None
    assert call.fact.reading.usage.total_tokens == 0


def test_interim_answers_are_passed_over(served: Running, fake: Fake) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
    heard, _ = ask_upstream(served, fake, Plan(raw=interim + final))
    assert (heard.status, heard.body) == (200, ANSWER)


@pytest.mark.parametrize(("body", "status"), [(b"", 204), (b"", 200), (b"<html>", 200), (b"[" * 100_000, 200)])
def test_an_odd_answer_passes_as_it_is(served: Running, fake: Fake, body: bytes, status: int) -> None:
    heard, call = ask_upstream(served, fake, Plan(status, JSON_HEAD, [body] if body else [], len(body)))
    assert (heard.status, heard.body) == (status, body)
    assert call.fact.reading is not None
    assert call.fact.reading.origin == Origin.ESTIMATED


@pytest.mark.parametrize("body", [b"", b"nope", b"[]", b"{}", b"[" * 100_000])
def test_an_answer_that_cant_be_converted_is_a_bad_gateway(served: Running, fake: Fake, body: bytes) -> None:
    heard, call = ask_upstream(served, fake, Plan(200, JSON_HEAD, [body] if body else [], len(body)), CHAT)
    assert (heard.status, list(heard.json)) == (502, ["error"])
    assert call.fact.timing.status_code == 502
    assert call.fact.exchange is not None
    assert call.fact.exchange.failed_by == Failer.UPSTREAM


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_an_error_in_a_stream_is_booked_as_the_upstreams(served: Running, fake: Fake, path: str) -> None:
    failing = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    heard, call = ask_upstream(served, fake, streamed([*EVENTS[:5], failing]), path, stream=True)
    assert b"Overloaded" in heard.body
    assert call.fact.timing.status_code == 529
    assert call.fact.exchange is not None
    assert (call.fact.exchange.failed_by, call.fact.exchange.error) == (Failer.UPSTREAM, "Overloaded")


def test_answers_of_one_id_are_calls_of_their_own(served: Running, fake: Fake) -> None:
    before = served.store.summary().calls
    fake.script.extend(whole(ANSWER) for _ in range(5))
    assert all(send(served, post(served, asked())).body == ANSWER for _ in range(5))
    assert len(served.calls(before + 5)) == before + 5


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize("begun", [False, True])
def test_a_call_that_the_end_of_the_server_cuts_short_is_told_so(
    served: Running, fake: Fake, path: str, begun: bool
) -> None:
    before = served.store.summary().calls
    fake.script.append(Plan(200, EVENTS_HEAD, [*EVENTS[:4], 30.0]) if begun else Plan(200, JSON_HEAD, [30.0], 5))
    assert served.server is not None
    assert served.loop is not None
    with Talk(served.port) as talk:
        talk.say(post(served, asked(stream=begun), path))
        if begun:
            talk.hear_until(b"\r\n\r\n")
        until(lambda: len(fake.seen) == 1)
        for task in list(served.server.server_state.tasks):
            served.loop.call_soon_threadsafe(task.cancel)
        if begun:
            assert b"0\r\n\r\n" not in talk.hear_all()
        else:
            heard = talk.hear()
            assert (heard.status, heard.headers["retry-after"]) == (503, "5")
            assert ("type" in heard.json) == (path == MESSAGES)
    call = last_call(served, before)
    assert call.fact.timing.status_code == 503
    assert call.fact.exchange is not None
    assert call.fact.exchange.failed_by == Failer.GATEWAY


def test_those_who_leave_the_queue_of_a_key_make_room_for_others(served: Running, fake: Fake) -> None:
    secret = served.issue("one at a time", concurrency=1)
    data = request("POST", MESSAGES, [("x-api-key", secret), JSON], asked())
    fake.script.append(Plan(200, JSON_HEAD, [ANSWER[:9], 0.3, ANSWER[9:]], len(ANSWER)))
    with Talk(served.port) as first:
        first.say(data)
        until(lambda: len(fake.seen) == 1)
        for _ in range(30):  # more than may wait at once
            with Talk(served.port) as leaving:
                leaving.say(data)
        assert first.hear().status == 200
    assert send(served, data).status == 200


def test_an_upstream_is_left_when_its_client_leaves(served: Running, fake: Fake) -> None:
    fake.script.append(Plan(200, EVENTS_HEAD, [*EVENTS[:3], *([b": still here\n\n", 0.01] * 10_000)]))
    idle = fake.open
    with Talk(served.port) as talk:
        talk.say(post(served, asked(stream=True)))
        talk.hear_until(b"still here")
    until(lambda: fake.open <= idle)
