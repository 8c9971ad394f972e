"""Streams that end at every place they can end at: what was seen is booked exactly, the rest estimated and marked."""

import json
import re
from collections.abc import Generator

import pytest

from ccledger.app import price_book
from ccledger.core.call import Call, Failer, Origin, Outcome, Usage
from ccledger.wire.asked import estimate_tokens, read_request
from tests.upstream.gateway import Running, running
from tests.upstream.server import Fake, streamed, upstream
from tests.upstream.sockets import Talk, request
from tests.wire.made_streams import encode, ordinary
from tests.wire.test_messages import ABORTS, WORDS

EVENTS = [encode([event]) for event in ordinary(WORDS)]
LAST = len(EVENTS)
ASKED = json.dumps(
    {"model": "claude-opus-5", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "Hello" * 9}]}
).encode()
GUESSED = Usage(estimate_tokens(read_request(ASKED).text_bytes))
"""What a call comes to of whose answer nothing was seen."""
LONG = 60.0


@pytest.fixture(scope="module")
def fake() -> Generator[Fake]:
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Generator[Running]:
    with running(tmp_path_factory.mktemp("gateway"), fake) as found:
        yield found


@pytest.fixture
def served(server: Running) -> Generator[Running]:
    yield server
    server.wait_until_calm()


@pytest.fixture
def fresh(server: Running, fake: Fake) -> Generator[Running]:
    """With an account of its own, that no failure before speaks against."""
    for account in server.accounts.all():
        server.accounts.delete(account.id)
    server.add_account(fake.url)
    yield server
    server.wait_until_calm()


def asks(served: Running, path: str = "/v1/messages") -> bytes:
    return request("POST", path, [("x-api-key", served.key), ("content-type", "application/json")], ASKED)


def hear_text(talk: Talk, end: bytes) -> None:
    """Hears until the text of an answer in chunks has come to a mark."""
    heard = b""
    while end not in re.sub(rb"\r\n[0-9a-f]+\r\n", b"", heard):
        piece = talk.hear_more()
        assert piece
        heard += piece


def check(call: Call, number: int, status: int, blamed: Failer) -> None:
    """Whether a call is booked as the table says of so many events."""
    _, usage, origin = ABORTS[number]
    reading, exchange = call.fact.reading, call.fact.exchange
    assert reading is not None
    assert exchange is not None
    assert (reading.usage, reading.origin) == (usage if number else GUESSED, origin)
    assert reading.complete == (origin == Origin.MEASURED)
    assert (call.fact.timing.status_code, exchange.failed_by) == (status, blamed)
    assert exchange.stream
    price = price_book().cost(reading, call.fact.timing.started_at)
    assert price is not None
    assert call.cost == price


@pytest.mark.parametrize("number", range(LAST + 1))
def test_a_client_that_leaves_after_so_many_events(served: Running, fake: Fake, number: int) -> None:
    before = served.store.summary().calls
    fake.script.append(streamed([*EVENTS[:number], LONG]))
    with Talk(served.port) as talk:
        talk.say(asks(served))
        talk.hear_until(b"\r\n\r\n")
        for event in EVENTS[:number]:
            talk.hear_until(event[-20:])
    call = served.calls(before + 1)[-1]
    if number == LAST:
        check(call, number, 200, Failer.NOBODY)
        assert call.fact.timing.outcome == Outcome.OK
    else:
        check(call, number, 499, Failer.CLIENT)
        assert call.fact.timing.outcome == Outcome.ABORTED


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "ended"])
@pytest.mark.parametrize("number", range(LAST + 1))
def test_an_upstream_that_ends_after_so_many_events(fresh: Running, fake: Fake, number: int, cut: bool) -> None:
    before = fresh.store.summary().calls
    fake.script.append(streamed(EVENTS[:number], cut=cut))
    with Talk(fresh.port) as talk:
        talk.say(asks(fresh))
        heard = talk.hear()
    assert heard.body == b"".join(EVENTS[:number])
    assert heard.is_whole == (not cut)
    call = fresh.calls(before + 1)[-1]
    if number == LAST:
        check(call, number, 200, Failer.NOBODY)
    else:
        check(call, number, 502, Failer.UPSTREAM)
        assert call.fact.timing.outcome == Outcome.ERROR


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
def test_wherever_the_last_event_is_cut_the_call_is_written_before_its_end_is_seen(
    served: Running, fake: Fake, path: str
) -> None:
    """The upstream's connection stays open, so that nothing but the event itself tells of the end."""
    last = EVENTS[-1]
    body = b"".join(EVENTS[:-1])
    end = last if path == "/v1/messages" else b"data: [DONE]\n\n"
    for place in (*range(1, len(last) - 4, 4), *range(len(last) - 4, len(last))):
        before = served.store.summary().calls
        fake.script.append(streamed([body, last[:place], 0.005, last[place:], LONG]))
        with Talk(served.port) as talk:
            talk.say(asks(served, path))
            hear_text(talk, end)
            call = served.calls(before + 1)[-1]
            assert call.fact.timing.status_code == 200, place
