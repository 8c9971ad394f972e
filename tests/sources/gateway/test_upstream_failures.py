"""What every upstream client does when an upstream, the network or the reader lets it down."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from ccledger.sources.gateway.upstream import Answer, Limits, Origin, Patience, Request, Upstream, UpstreamFailure
from tests.sources.gateway.peers import Script, Visit, ok, peer, saying
from tests.sources.gateway.upstreams import PATIENT, Setup, get, post, setups, whole

SHORT = 0.05
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(params=setups(), ids="-".join)
def setup(request: pytest.FixtureRequest) -> Setup:
    return request.param


async def refused(client: Upstream, request: Request) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as caught:
        await client.send(request)
    return caught.value


async def all_of(client: Upstream, request: Request) -> bytes:
    got = await client.send(request)
    try:
        return await whole(got)
    finally:
        await got.close()


async def into(read: list[bytes], answer: Answer) -> None:
    while piece := await answer.read():
        read.append(piece)


def hard_close(visit: Visit) -> None:
    """Ends a connection with a reset."""
    raw = visit.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visit.writer.transport.abort()


def test_nobody_listens(setup: Setup) -> None:
    async def test() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            async with setup.using() as client:
                failure = await refused(client, post(taken.getsockname()[1]))
        assert (failure.kind, failure.reached) == ("connect", False)
        assert "127.0.0.1" in failure.text

    setup.run(test)


def test_a_name_that_nobody_has(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client:
            failure = await refused(client, post(80, host="nobody.invalid"))
        assert (failure.kind, failure.reached) == ("connect", False)

    setup.run(test)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-"])
@pytest.mark.parametrize("hard", [False, True])
def test_a_new_connection_that_ends_without_an_answer(setup: Setup, begun: bytes, hard: bool) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(begun)
        if hard:
            hard_close(visit)

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            for request in (post(upstream.port), get(upstream.port)):
                failure = await refused(client, request)
                assert failure.kind in {"closed", "protocol"} if begun else failure.kind == "closed"
                assert failure.reached
        assert upstream.visits == len(upstream.heard) == 2

    setup.run(test)


def one_then(last: Script) -> Script:
    """Answers the first request of the first connection, and lets `last` answer the next; later visits are fine."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok(b"%d" % visit.number))
        if visit.number == 1:
            await last(visit)
        else:
            await visit.gone()

    return script


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_a_stale_connection_is_replaced(setup: Setup, hard: bool, method: bytes) -> None:
    async def last(visit: Visit) -> None:
        await visit.head()
        if hard:
            hard_close(visit)

    async def test() -> None:
        async with setup.using() as client, peer(one_then(last)) as upstream:
            request = post(upstream.port)._replace(method=method)
            assert await whole(await client.send(request)) == b"1"
            assert await whole(await client.send(request)) == b"2"
        assert upstream.visits == 2

    setup.run(test)


def test_a_connection_that_ended_while_idle_is_not_used(setup: Setup) -> None:
    async def test() -> None:
        closed = asyncio.Event()

        async def last(visit: Visit) -> None:
            visit.writer.close()
            await visit.writer.wait_closed()
            closed.set()

        async with setup.using() as client, peer(one_then(last)) as upstream:
            assert await whole(await client.send(post(upstream.port, pieces()))) == b"1"
            await closed.wait()
            await asyncio.sleep(0)
            assert await whole(await client.send(post(upstream.port, pieces()))) == b"2"
        assert len(upstream.heard) == 2

    setup.run(test)


def test_an_upstream_that_was_started_anew(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.peer.has_heard(3)
        await visit.say(ok())
        if visit.number <= 3:
            await visit.head()
        else:
            await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            await asyncio.gather(*[all_of(client, post(upstream.port)) for _ in range(3)])
            assert upstream.visits == 3
            assert await all_of(client, post(upstream.port)) == b"{}"

    setup.run(test)


async def pieces() -> AsyncIterator[bytes]:
    yield b"{}"


@pytest.mark.parametrize("case", ["an answer had begun", "it took its time", "a body that is gone"])
def test_what_may_have_been_done_is_not_done_twice(setup: Setup, case: str) -> None:
    async def last(visit: Visit) -> None:
        await visit.request()
        if case == "an answer had begun":
            await visit.say(b"HTTP/1.1 2")

    async def test() -> None:
        limits = Limits(stale=0) if case == "it took its time" else Limits()
        async with setup.using(limits=limits) as client, peer(one_then(last)) as upstream:
            assert await whole(await client.send(post(upstream.port))) == b"1"
            body = pieces() if case == "a body that is gone" else b"{}"
            failure = await refused(client, post(upstream.port, body))
            assert failure.reached
            assert failure.kind in {"closed", "protocol"}
        assert (upstream.visits, len(upstream.heard)) == (1, 2)

    setup.run(test)


def test_a_request_is_sent_again_once_only(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if len(visit.peer.heard) <= 1:
            await visit.say(ok())
            await visit.request()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            await whole(await client.send(post(upstream.port)))
            assert (await refused(client, post(upstream.port))).kind == "closed"
        assert len(upstream.heard) == 3

    setup.run(test)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"abc"),
        (STREAM + b"3\r\nabc\r\n", b"abc"),
        (STREAM + b"3\r\nabc\r\n0\r\n", b"abc"),
        (STREAM + b"5\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b""),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_body_that_is_cut_short_is_told_from_one_that_ends(
    setup: Setup, answer: bytes, seen: bytes, late: bool
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(answer)

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            got = await client.send(post(upstream.port))
            if late:
                await upstream.has_left()
            read: list[bytes] = []
            with pytest.raises(UpstreamFailure) as caught:
                await into(read, got)
            assert (caught.value.kind, caught.value.reached) == ("closed", True)
            assert b"".join(read) == seen
            with pytest.raises(UpstreamFailure):
                await got.read()
            await got.close()

    setup.run(test)


def test_more_than_was_announced_is_left_behind(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok(b"abc"))
        await visit.peer.read.wait()
        await visit.say(b"surplus")
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            for number in (1, 2):
                assert await all_of(client, get(upstream.port)) == b"abc"
                upstream.read.set()
                await asyncio.wait_for(upstream.freed.wait(), 20)
                upstream.read.clear()
                upstream.freed.clear()
                assert upstream.visits == number

    setup.run(test)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"\x16\x03\x01\0\0" * 9,
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(201)) + b"\r\n",
    ],
    ids=range(11),
)
def test_what_is_not_http_is_refused(setup: Setup, answer: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(answer)
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            failure = await refused(client, get(upstream.port))
            assert (failure.kind, failure.reached) == ("protocol", True)
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


def test_a_body_that_is_not_http_is_refused(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM + b"3\r\nabc\r\n")
        await visit.say(b"zz\r\n")
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            with pytest.raises(UpstreamFailure) as caught:
                await all_of(client, get(upstream.port))
            assert caught.value.kind == "protocol"
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


async def silence(visit: Visit) -> None:
    await visit.request()
    await visit.gone()


def test_an_upstream_that_does_not_begin_to_answer(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using(Patience(20, SHORT, 20)) as client, peer(silence) as upstream:
            failure = await refused(client, post(upstream.port))
            assert (failure.kind, failure.reached) == ("timeout", True)
            await asyncio.wait_for(upstream.freed.wait(), 20)
        assert upstream.visits == 1

    setup.run(test)


def test_an_upstream_that_never_reads(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await asyncio.Event().wait()

    async def test() -> None:
        async with setup.using(Patience(20, SHORT, 20)) as client, peer(script) as upstream:
            failure = await refused(client, post(upstream.port, bytes(30_000_000)))
            assert (failure.kind, failure.reached) == ("timeout", True)

    setup.run(test)


def test_an_upstream_that_falls_silent(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM + b"1\r\na\r\n")
        await visit.gone()

    async def test() -> None:
        async with setup.using(Patience(20, 20, SHORT)) as client, peer(script) as upstream:
            got = await client.send(post(upstream.port))
            assert await got.read() == b"a"
            with pytest.raises(UpstreamFailure) as caught:
                await got.read()
            assert (caught.value.kind, caught.value.reached) == ("timeout", True)
            await asyncio.wait_for(upstream.freed.wait(), 20)
            await got.close()

    setup.run(test)


def test_a_queue_that_does_not_move(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM)
        await visit.peer.read.wait()
        await visit.say(b"0\r\n\r\n")
        await saying(ok())(visit)

    async def test() -> None:
        limits = Limits(per_origin=1)
        async with setup.using(Patience(SHORT, 20, 20), limits) as client, peer(script) as upstream:
            held = await client.send(get(upstream.port))
            failure = await refused(client, get(upstream.port))
            assert (failure.kind, failure.reached) == ("timeout", False)
            upstream.read.set()
            assert await whole(held) == b""
            assert await all_of(client, get(upstream.port)) == b"{}"
        assert (upstream.visits, len(upstream.heard)) == (1, 2)

    setup.run(test)


# aiohttp forgets to pass on the turn of somebody who leaves in the moment in which it is theirs.
@pytest.mark.parametrize("setup", [setup for setup in setups() if setup.client != "aiohttp"], ids="-".join)
def test_whoever_leaves_the_queue_takes_nobodys_turn(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM)
        await visit.peer.read.wait()
        await visit.say(b"0\r\n\r\n")
        await saying(ok())(visit)

    async def test() -> None:
        async with setup.using(limits=Limits(per_origin=1)) as client, peer(script) as upstream:
            held = await client.send(get(upstream.port))
            loop = asyncio.get_running_loop()
            tasks = [loop.create_task(all_of(client, get(upstream.port))) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            upstream.read.set()
            assert await whole(held) == b""
            tasks[1].cancel()  # at the very moment in which it is its turn
            assert await tasks[2] == b"{}"
            for task in tasks[:2]:
                with pytest.raises(asyncio.CancelledError):
                    await task

    setup.run(test)


def test_idle_connections_make_room_for_another_origin(setup: Setup) -> None:
    async def test() -> None:
        async with (
            setup.using(limits=Limits(total=1)) as client,
            peer(saying(ok(b"a"))) as one,
            peer(saying(ok(b"b"))) as other,
        ):
            for _ in range(2):
                assert await all_of(client, get(one.port)) == b"a"
                assert await all_of(client, get(other.port)) == b"b"

    setup.run(test)


def test_a_place_that_comes_free_serves_another_origin(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM)
        await visit.gone()

    async def test() -> None:
        async with (
            setup.using(limits=Limits(total=1)) as client,
            peer(script) as one,
            peer(saying(ok(b"b"))) as other,
        ):
            held = await client.send(get(one.port))
            task = asyncio.get_running_loop().create_task(all_of(client, get(other.port)))
            await asyncio.sleep(0)
            await held.close()
            assert await task == b"b"

    setup.run(test)


def test_a_connection_that_comes_free_makes_room_for_another_origin(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM)
        await visit.peer.read.wait()
        await visit.say(b"0\r\n\r\n")
        await visit.gone()

    async def test() -> None:
        async with (
            setup.using(limits=Limits(total=1)) as client,
            peer(script) as one,
            peer(saying(ok(b"b"))) as other,
        ):
            held = await client.send(get(one.port))
            task = asyncio.get_running_loop().create_task(all_of(client, get(other.port)))
            await asyncio.sleep(0)
            one.read.set()
            assert await whole(held) == b""
            assert await task == b"b"

    setup.run(test)


def test_cancelling_at_any_moment_hurts_nobody_else(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(ok())) as upstream:
            await all_of(client, get(upstream.port))
            for steps in range(40):
                cancelled = asyncio.get_running_loop().create_task(all_of(client, get(upstream.port)))
                for _ in range(steps):
                    await asyncio.sleep(0)
                cancelled.cancel()
                assert await all_of(client, post(upstream.port, pieces())) == b"{}"
                await asyncio.gather(cancelled, return_exceptions=True)

    setup.run(test)


def test_an_idle_connection_is_closed_after_a_while(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok())
        await visit.gone()

    async def test() -> None:
        async with setup.using(limits=Limits(idle=SHORT)) as client, peer(script) as upstream:
            assert await all_of(client, get(upstream.port)) == b"{}"
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


def test_an_upstream_that_ends_its_half(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.writer.write_eof()
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            failure = await refused(client, post(upstream.port))
            assert (failure.kind, failure.reached) == ("closed", True)
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


def test_a_client_that_is_closed_sends_nothing(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(ok())) as upstream:
            await whole(await client.send(get(upstream.port)))
            await client.close()
            failure = await refused(client, get(upstream.port))
            assert failure.kind == "closed"
        assert len(upstream.heard) == 1

    setup.run(test)


def test_a_listener_that_does_not_accept(setup: Setup) -> None:
    async def test() -> None:
        with socket.socket() as deaf, contextlib.ExitStack() as callers:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for _ in range(8):  # until the backlog is full, further connections wait
                caller = callers.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex(deaf.getsockname())
            async with setup.using(Patience(SHORT, 20, 20)) as client:
                failure = await refused(client, post(deaf.getsockname()[1]))
        assert (failure.kind, failure.reached) == ("timeout", False)

    setup.run(test)


def test_an_answer_before_the_whole_request(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        heard = await visit.head()
        await visit.say(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
        with contextlib.suppress(ConnectionError):
            await visit.body(heard)

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            for body in (bytes(20_000_000), endless()):
                got = await client.send(post(upstream.port, body))
                assert (got.status, await whole(got)) == (413, b"big")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(10_000)
            await asyncio.sleep(0)

    setup.run(test)


def test_a_body_that_can_not_be_had(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.gone()

    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError("the caller hung up")

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            with pytest.raises(LookupError):
                await client.send(post(upstream.port, broken()))
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


@pytest.mark.parametrize("length", [1, 3])
def test_a_body_that_is_not_as_long_as_it_says(setup: Setup, length: int) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(silence) as upstream:
            request = post(upstream.port, pieces())
            request.headers.append((b"content-length", b"%d" % length))
            assert (await refused(client, request)).kind == "protocol"

    setup.run(test)


@pytest.mark.parametrize("when", ["send", "read"])
def test_cancelling_frees_the_connection(setup: Setup, when: str) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number > 1:
            await visit.say(ok())
        elif when == "read":
            await visit.say(STREAM)
        await visit.gone()

    async def test() -> None:
        async with setup.using(limits=Limits(per_origin=1)) as client, peer(script) as upstream:
            if when == "send":
                task = asyncio.get_running_loop().create_task(whole_of(client, upstream.port))
            else:
                got = await client.send(post(upstream.port))
                task = asyncio.get_running_loop().create_task(got.read())
            await asyncio.sleep(0)
            await upstream.has_heard(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(upstream.freed.wait(), 20)
            assert await whole_of(client, upstream.port) == b"{}"

    async def whole_of(client: Upstream, port: int) -> bytes:
        return await whole(await client.send(post(port)))

    setup.run(test)


def test_closing_an_answer_early_drops_its_connection(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM + b"1\r\na\r\n")
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            got = await client.send(post(upstream.port))
            assert await got.read() == b"a"
            await got.close()
            await got.close()
            with pytest.raises(UpstreamFailure):
                await got.read()
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


def test_closing_the_client_ends_what_is_under_way(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.say(STREAM)
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            got = await client.send(post(upstream.port))
            reading = asyncio.get_running_loop().create_task(got.read())
            sending = asyncio.get_running_loop().create_task(client.send(post(upstream.port)))
            await upstream.has_heard(2)
            await client.close()
            for task in (reading, sending):
                with pytest.raises(UpstreamFailure) as caught:
                    await task
                assert caught.value.kind == "closed"

    setup.run(test)


def test_a_slow_reader_holds_the_upstream_back(setup: Setup) -> None:
    total = 64 * 1024 * 1024

    async def test() -> None:
        sent = 0

        async def script(visit: Visit) -> None:
            nonlocal sent
            await visit.request()
            visit.writer.transport.set_write_buffer_limits(1 << 16)
            await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            while sent < total:
                await visit.say(bytes(1 << 16))
                sent += 1 << 16
            await visit.gone()

        async with setup.using() as client, peer(script) as upstream:
            got = await client.send(get(upstream.port))
            before = -1
            while before != sent:  # until nothing moves any more
                before = sent
                await asyncio.sleep(SHORT)
            assert sent < total / 4
            size = 0
            while piece := await got.read():
                assert len(piece) <= 4 << 20
                size += len(piece)
            assert size == total
            await got.close()

    setup.run(test)


def test_failures_carry_no_secrets(setup: Setup) -> None:
    async def test() -> None:
        request = Request(
            b"GET", Origin("http", "127.0.0.1", 1), b"/?key=secret", [(b"x-api-key", b"secret")], b"secret"
        )
        async with setup.using(PATIENT) as client:
            failure = await refused(client, request)
        assert "secret" not in f"{failure!r} {failure} {failure.text}"

    setup.run(test)
