"""What every upstream client does with requests and answers that are as they should be."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.sources.gateway.upstream import Limits, Origin, Request, UpstreamFailure, end_to_end, outgoing
from tests.sources.gateway.peers import Visit, chunked, ok, peer, saying
from tests.sources.gateway.upstreams import Setup, clients, get, post, setups, whole

HERE = Origin("http", "127.0.0.1", 1)


@pytest.fixture(params=setups(), ids="-".join)
def setup(request: pytest.FixtureRequest) -> Setup:
    return request.param


def test_clients_are_found() -> None:
    assert {"aiohttp", "own"} <= set(clients())


def test_a_request_arrives_as_it_was_given(setup: Setup) -> None:
    headers = [
        (b"x-api-key", b"sk-1"),
        (b"anthropic-beta", b"a,b"),
        (b"anthropic-beta", b"c"),
        (b"accept-encoding", b"identity"),
        (b"x-name", "流".encode()),
        (b"content-length", b"4"),
        (b"te", b"trailers"),
    ]

    async def test() -> None:
        async with setup.using() as client, peer(saying(ok())) as upstream:
            origin = Origin("http", "127.0.0.1", upstream.port)
            target = b"/v1/messages?beta=true&x=%2f%41..%2e//;'a'"
            answer = await client.send(Request(b"POST", origin, target, headers, b"{\r\n}"))
            assert (answer.status, await whole(answer)) == (200, b"{}")
        (heard,) = upstream.heard
        assert heard.line == b"POST " + target + b" HTTP/1.1"
        host = (b"host", b"127.0.0.1:%d" % upstream.port)
        lowered = [(name.lower(), value) for name, value in heard.headers]
        assert lowered == [host, *headers[:5], (b"content-length", b"4")]
        assert heard.body == b"{\r\n}"

    setup.run(test)


def test_nothing_is_added_to_a_request_without_headers(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(ok())) as upstream:
            origin = Origin("http", "127.0.0.1", upstream.port)
            for method, body in ((b"GET", b""), (b"POST", b""), (b"POST", b"a")):
                await whole(await client.send(Request(method, origin, b"/", [], body)))
        names = [[name.lower() for name, _ in heard.headers] for heard in upstream.heard]
        assert names == [[b"host"], [b"host", b"content-length"], [b"host", b"content-length"]]

    setup.run(test)


def test_an_answer_arrives_as_it_was_sent(setup: Setup) -> None:
    head = (
        b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Encoding: gzip\r\n"
        b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 8\r\n\r\n"
    )

    async def test() -> None:
        async with setup.using() as client, peer(saying(head + b"\x1f\x8b\0\0\r\n\r\n")) as upstream:
            for _ in range(2):
                answer = await client.send(get(upstream.port))
                assert answer.status == 429
                assert answer.headers == [
                    (b"retry-after", b"7"),
                    (b"set-cookie", b"a=1"),
                    (b"set-cookie", b"b=2"),
                    (b"content-encoding", b"gzip"),
                    (b"content-length", b"8"),
                ]
                assert await whole(answer) == b"\x1f\x8b\0\0\r\n\r\n"
                assert await answer.read() == b""
        assert upstream.visits == 1
        assert not upstream.heard[1].values(b"cookie")

    setup.run(test)


def test_redirects_are_answers(setup: Setup) -> None:
    async def test() -> None:
        async with (
            setup.using() as client,
            peer(saying(b"HTTP/1.1 307 T\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")) as upstream,
        ):
            answer = await client.send(post(upstream.port))
            assert (answer.status, answer.headers[0]) == (307, (b"location", b"/other"))
            await whole(answer)
        assert len(upstream.heard) == 1

    setup.run(test)


@pytest.mark.parametrize("size", [1, 2, 7, 61, 10_000])
def test_bytes_are_exact_at_any_chunking(setup: Setup, size: int) -> None:
    events = [b"event: e\ndata: {%d}\n\n" % number for number in range(20)]
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(*events)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    async def test() -> None:
        async with setup.using() as client, peer(saying(*pieces)) as upstream:
            for _ in range(2):
                assert await whole(await client.send(get(upstream.port))) == b"".join(events)
        assert upstream.visits == 1

    setup.run(test)


def test_each_event_is_there_as_soon_as_it_was_sent(setup: Setup) -> None:
    async def test() -> None:
        read = asyncio.Event()

        async def script(visit: Visit) -> None:
            await visit.request()
            await visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(5):
                await visit.say(b"1\r\n%d\r\n" % number)
                await read.wait()
                read.clear()
            await visit.say(b"0\r\n\r\n")
            await visit.gone()

        async with setup.using() as client, peer(script) as upstream:
            answer = await client.send(get(upstream.port))
            for number in range(5):
                assert await answer.read() == b"%d" % number
                read.set()
            assert await answer.read() == b""
            await answer.close()

    setup.run(test)


@pytest.mark.parametrize(
    ("method", "answer", "body"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
        (b"GET", b"HTTP/1.1 204 No\r\n\r\n", b""),
        (b"GET", b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", b""),
        (b"GET", b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + ok(b"x"), b"x"),
        (b"GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", b"abc"),
        (b"GET", ok(b""), b""),
    ],
)
def test_the_end_of_every_kind_of_answer_is_seen(setup: Setup, method: bytes, answer: bytes, body: bytes) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(answer)) as upstream:
            for _ in range(3):
                got = await client.send(get(upstream.port, method=method))
                assert got.status in {200, 204, 304}
                assert await whole(got) == body
        assert upstream.visits == 1

    setup.run(test)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_a_connection_that_ends_with_its_answer_is_not_used_again(setup: Setup, answer: bytes) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(answer, then_close=True)) as upstream:
            for _ in range(3):
                assert await whole(await client.send(post(upstream.port))) == b"{}"
        assert (upstream.visits, len(upstream.heard)) == (3, 3)

    setup.run(test)


@pytest.mark.parametrize("length", [None, 400_000])
def test_a_body_can_come_piece_by_piece(setup: Setup, length: int | None) -> None:
    pieces = [b"a" * 100_000, b"", b"b" * 100_000, b"c" * 200_000]

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def test() -> None:
        async with setup.using() as client, peer(saying(ok())) as upstream:
            for _ in range(2):
                request = post(upstream.port, body())
                if length is not None:
                    request.headers.append((b"content-length", b"%d" % length))
                assert await whole(await client.send(request)) == b"{}"
        assert upstream.visits == 1
        assert [heard.body for heard in upstream.heard] == [b"".join(pieces)] * 2
        for heard in upstream.heard:
            said = heard.values(b"content-length"), heard.values(b"transfer-encoding")
            assert said == (([b"400000"], []) if length else ([], [b"chunked"]))

    setup.run(test)


def test_a_large_body_arrives_whole(setup: Setup) -> None:
    body = bytes(range(256)) * 20_000

    async def test() -> None:
        async with setup.using() as client, peer(saying(ok())) as upstream:
            await whole(await client.send(post(upstream.port, body)))
        assert upstream.heard[0].body == body

    setup.run(test)


def test_a_thousand_requests_use_one_connection(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(ok(b"x" * 1100))) as upstream:
            for _ in range(1000):
                await whole(await client.send(post(upstream.port)))
        assert (upstream.visits, len(upstream.heard)) == (1, 1000)

    setup.run(test)


def test_requests_beyond_the_limit_wait_for_their_turn(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using(limits=Limits(per_origin=20)) as client, peer(saying(ok(b"x"), b"")) as upstream:

            async def one() -> bytes:
                return await whole(await client.send(post(upstream.port)))

            assert await asyncio.gather(*[one() for _ in range(200)]) == [b"x"] * 200
        assert len(upstream.heard) == 200
        assert upstream.most_open <= 20

    setup.run(test)


@pytest.mark.parametrize(
    ("headers", "method", "target"),
    [
        ([(b"x", b"a\r\nb: c")], b"GET", b"/"),
        ([(b"x", b"a\nb")], b"GET", b"/"),
        ([(b"x", b"a\0")], b"GET", b"/"),
        ([(b"x\r\ny", b"a")], b"GET", b"/"),
        ([(b"x y", b"a")], b"GET", b"/"),
        ([(b"", b"a")], b"GET", b"/"),
        ([(b"x", b"\xff")], b"GET", b"/"),
        ([], b"GET /x", b"/"),
        ([], b"", b"/"),
        ([], b"GET", b"/ HTTP/1.1\r\nx: y"),
        ([], b"GET", b"/a b"),
        ([], b"GET", b"http://other/"),
    ],
)
def test_what_could_smuggle_is_refused(
    setup: Setup, headers: list[tuple[bytes, bytes]], method: bytes, target: bytes
) -> None:
    async def test() -> None:
        async with setup.using() as client:
            with pytest.raises(UpstreamFailure) as caught:
                await client.send(Request(method, HERE, target, headers, b""))
            assert (caught.value.kind, caught.value.reached) == ("protocol", False)

    setup.run(test)


def test_headers_of_a_connection_are_left_out() -> None:
    given = [
        (b"Connection", b"close, X-Mine"),
        (b"connection", b"keep-alive"),
        (b"x-mine", b"1"),
        (b"Keep-Alive", b"1"),
        (b"TE", b"trailers"),
        (b"Trailer", b"x"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
        (b"Proxy-Connection", b"1"),
        (b"Proxy-Authorization", b"Basic x"),
        (b"X-Other", b"2"),
    ]
    assert end_to_end(given) == [(b"x-other", b"2")]


def test_there_is_one_host_and_one_length() -> None:
    given = [(b"Host", b"evil"), (b"content-length", b"1"), (b"Content-Length", b"2"), (b"expect", b"100-continue")]
    request = Request(b"POST", Origin("https", "api.anthropic.com", 443), b"/", given, b"abc")
    assert outgoing(request) == [(b"host", b"api.anthropic.com"), (b"content-length", b"3")]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin("https", "a.test", 443), "a.test"),
        (Origin("https", "a.test", 80), "a.test:80"),
        (Origin("http", "a.test", 80), "a.test"),
        (Origin("http", "::1", 81), "[::1]:81"),
    ],
)
def test_the_host_header_names_the_port_where_it_matters(origin: Origin, host: str) -> None:
    assert origin.authority == host
    assert str(origin) == f"{origin.scheme}://{host}"


@pytest.mark.parametrize("lengths", [(b"1", b"2"), (b"-1",), (b"1 1",), (b"0x1",), (b"",), (b"9" * 30,)])
def test_an_unbelievable_length_is_refused(lengths: tuple[bytes, ...]) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"

    headers = [(b"content-length", length) for length in lengths]
    with pytest.raises(UpstreamFailure, match="content-length"):
        outgoing(Request(b"POST", HERE, b"/", headers, body()))


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=12)), max_size=5))
def test_no_header_can_end_its_line(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        sent = outgoing(Request(b"GET", HERE, b"/", headers, b""))
    except UpstreamFailure:
        return
    head = b"".join(b"%b: %b\r\n" % pair for pair in sent)
    assert head.count(b"\r") == head.count(b"\n") == len(sent)
    assert b"\0" not in head
