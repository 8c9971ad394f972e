"""What comes out of a real gateway, beside what the upstream put in: the same bytes, and the right count of them."""

import gzip
import json
import zlib
from collections.abc import Callable, Generator, Sequence
from typing import Any

import brotli as untyped_brotli  # pyright: ignore[reportMissingTypeStubs] - it has no types
import pytest
import zstandard

from tests.journeys.office import Office, office
from tests.upstream.answers import PING, Counts, error, event, events, message, text_block, thinking_block, tool_block
from tests.upstream.server import Headers, Plan, Seen, usual_headers

MODEL = "claude-opus-4-5"
COUNTS = Counts(1_000, 200, 30, 40, 5_000, web_searches=2)
COST = 1_000 * 5_000 + 200 * 25_000 + 30 * 6_250 + 40 * 10_000 + 5_000 * 500 + 2 * 10_000_000
"""In nano-dollars."""
BLOCKS = [
    thinking_block("Wie spät? 時間は… \x7f"),
    text_block('Grüße, "世界" 🌍\n\u2028 data: {"type":"message_stop"} event: error'),
    tool_block("weather", {"city": "Zürich", "more": ["\\", "\n\n", "𝄞"]}),
]
brotli: Any = untyped_brotli
ENCODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Office]:
    with office(tmp_path_factory.mktemp("office")) as found:
        yield found


def ask(at: Office, name: str, plan: Plan, *, stream: bool) -> tuple[int, Headers, bytes]:
    """What a client with a key of its own gets on the wire when the upstream answers like that."""
    at.fake.script.append(plan)
    asked = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    headers = {"x-api-key": at.key(name), "content-type": "application/json", "accept-encoding": "gzip"}
    answer, body = at.send("POST", "/v1/messages", json.dumps(asked).encode(), headers)
    return answer.status, answer.getheaders(), body


def names(headers: Headers) -> set[tuple[str, str]]:
    """What an upstream sends beside an answer, however the names are written."""
    return {(name.lower(), value) for name, value in headers}


def stream(number: int) -> list[bytes]:
    """A stream with everything in it that there is, and what nobody knows yet."""
    whole = events(number, MODEL, BLOCKS, COUNTS, "tool_use")
    return [*whole[:3], PING, event("something_new", text="…", usage={"output_tokens": 9_999}), *whole[3:]]


def cut(found: Sequence[bytes], size: int) -> list[bytes]:
    """The same in pieces of a size, wherever these end."""
    whole = b"".join(found)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


CHUNKINGS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "event by event": list,
    "all at once": lambda found: [b"".join(found)],
    "byte by byte": lambda found: cut(found, 1),
    "by sevens": lambda found: cut(found, 7),
    "halves of events": lambda found: [half for one in found for half in cut([one], len(one) // 2 + 1)],
}


@pytest.mark.parametrize("chunked", CHUNKINGS)
def test_a_stream_is_the_same_bytes_however_it_comes(shared: Office, chunked: str) -> None:
    name, number = chunked, 100 + len(shared.fake.seen)
    sent = stream(number)
    headers = usual_headers(number, "text/event-stream; charset=utf-8")
    status, told, body = ask(shared, name, Plan(200, headers, CHUNKINGS[chunked](sent)), stream=True)
    assert (status, body) == (200, b"".join(sent))
    assert names(told) >= names([entry for entry in headers if entry[0] not in ("Date", "Server")])
    counted(shared, name)


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("streams", [False, True])
def test_a_compressed_answer_is_the_same_bytes(shared: Office, encoding: str, streams: bool) -> None:
    name, number = f"{encoding} {streams}", 100 + len(shared.fake.seen)
    answer = json.dumps(message(number, MODEL, BLOCKS, COUNTS, "tool_use")).encode()
    body = ENCODED[encoding](b"".join(stream(number)) if streams else answer)
    kind = "text/event-stream; charset=utf-8" if streams else "application/json"
    headers = [*usual_headers(number, kind), ("Content-Encoding", encoding)]
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    plan = Plan(200, headers, pieces, None if streams else len(body))
    status, told, got = ask(shared, name, plan, stream=streams)
    assert (status, got) == (200, body)
    assert ("content-encoding", encoding) in names(told)
    counted(shared, name)


def turned(found: dict[str, Any]) -> bytes:
    """The same in another order, with something new in it."""
    return json.dumps(dict(reversed(list(found.items()))) | {"new": {"usage": {"input_tokens": 5}}}).encode()


WRITTEN: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "as usual": lambda found: json.dumps(found).encode(),
    "laid out": lambda found: json.dumps(found, ensure_ascii=False, indent=3).encode() + b"\r\n \n",
    "dense": lambda found: json.dumps(found, separators=(",", ":")).encode(),
    "turned": turned,
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_whole_answer_is_the_same_bytes(shared: Office, written: str) -> None:
    number = 100 + len(shared.fake.seen)
    body = WRITTEN[written](message(number, MODEL, BLOCKS, COUNTS, "tool_use"))
    plan = Plan(200, usual_headers(number, "application/json"), [body], len(body))
    assert ask(shared, written, plan, stream=False)[::2] == (200, body)
    counted(shared, written)


def test_an_error_is_the_same_bytes_with_its_headers(shared: Office) -> None:
    body = error("invalid_request_error", "messages: fällt aus") + b" \n"
    headers = [*usual_headers(400, "application/json"), ("x-should-retry", "false"), ("retry-after-ms", "12")]
    status, told, got = ask(shared, "error", Plan(400, headers, [body], len(body)), stream=True)
    assert (status, got) == (400, body)
    assert names(told) >= {("x-should-retry", "false"), ("retry-after-ms", "12"), ("request-id", f"req_{400:024}")}


def test_a_request_is_the_same_bytes(shared: Office) -> None:
    key = shared.key("requests")
    asked = '{ "messages":[{"role":"user","content":"é\\u00e9 🌍"}],\n"max_tokens" : 1e1,"model":"claude-opus-4-5" }'
    body = asked.encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-of-my-own": "1; 2"}
    answer, _ = shared.send("POST", "/v1/messages?beta=true&x=%2F%20+", body, headers)
    seen: Seen = shared.fake.seen[-1]
    assert answer.status == 200
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/messages?beta=true&x=%2F%20+", body)
    assert (seen.header("x-of-my-own"), seen.header("authorization")) == ("1; 2", None)
    assert key not in str(seen)


def counted(at: Office, name: str) -> None:
    """Whether a call was measured exactly."""
    (row,) = at.calls_of(name, 1)
    kinds = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
    assert [row[f"{kind}_tokens"] for kind in kinds] == [1_000, 200, 30, 40, 5_000]
    assert (row["web_searches"], row["total_cost_nano"]) == (2, str(COST))
    assert (row["origin"], row["status_code"], row["success"]) == ("measured", 200, True)
