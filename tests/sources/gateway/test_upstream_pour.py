"""What every upstream client does when it hands the body of an answer over instead of being read."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ccledger.core.asgi import Pass
from ccledger.sources.gateway.upstream import Limits, Patience, UpstreamFailure
from tests.sources.gateway.peers import Visit, chunked, ok, peer, saying
from tests.sources.gateway.upstreams import Setup, post, setups, whole

SHORT = 0.05
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LETTERS = [bytes([letter]) * 3 for letter in b"abcdefghij"]


@pytest.fixture(params=setups(), ids="-".join)
def setup(request: pytest.FixtureRequest) -> Setup:
    return request.param


class Taken:
    """What was handed over, and in how many pieces."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.came = asyncio.Event()

    def take(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.came.set()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


async def one_by_one(visit: Visit) -> None:
    """Says a letter, and the next one when the other side has it."""
    await visit.request()
    await visit.say(STREAM)
    for letters in LETTERS:
        await visit.say(b"3\r\n%b\r\n" % letters)
        await visit.peer.read.wait()
        visit.peer.read.clear()
    await visit.say(b"0\r\n\r\n")
    await visit.request()
    await visit.say(ok(b"next"))
    await visit.gone()


def test_each_piece_is_handed_over_as_soon_as_it_was_sent(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(one_by_one) as upstream:
            taken = Taken()

            def take(piece: bytes) -> None:
                taken.take(piece)
                upstream.read.set()

            got = await client.send(post(upstream.port))
            await got.pour(take)
            await got.close()
            assert taken.pieces == LETTERS
            assert await whole(await client.send(post(upstream.port))) == b"next"
        assert upstream.visits == 1

    setup.run(test)


def test_what_a_piece_has_to_wait_for_is_waited_for(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(STREAM, *[chunked(*LETTERS)])) as upstream:
            taken, waiting = Taken(), 0

            async def wait() -> None:
                nonlocal waiting
                before = taken.body
                waiting += 1
                await asyncio.sleep(SHORT / 10)
                assert taken.body == before

            def take(piece: bytes) -> Callable[[], Awaitable[None]]:
                taken.take(piece)
                return wait

            got = await client.send(post(upstream.port))
            await got.pour(take)
            assert taken.body == b"".join(LETTERS)
            assert waiting == len(taken.pieces)

    setup.run(test)


def test_a_slow_receiver_holds_the_upstream_back(setup: Setup) -> None:
    total = 64 * 1024 * 1024

    async def test() -> None:
        sent = size = 0
        gate = asyncio.Event()

        async def script(visit: Visit) -> None:
            nonlocal sent
            await visit.request()
            visit.writer.transport.set_write_buffer_limits(1 << 16)
            await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            while sent < total:
                await visit.say(bytes(1 << 16))
                sent += 1 << 16
            await visit.gone()

        async def wait() -> None:
            await gate.wait()

        def take(piece: bytes) -> Callable[[], Awaitable[None]]:
            nonlocal size
            size += len(piece)
            return wait

        async with setup.using() as client, peer(script) as upstream:
            got = await client.send(post(upstream.port))
            pouring = asyncio.ensure_future(got.pour(take))
            before = -1
            while before != sent:  # until nothing moves any more
                before = sent
                await asyncio.sleep(SHORT)
            assert sent < total / 4
            gate.set()
            await pouring
            assert size == total
            await got.close()

    setup.run(test)


def failing_at(count: int, taken: Taken) -> Pass:
    def take(piece: bytes) -> None:
        taken.take(piece)
        if len(taken.pieces) == count:
            raise KeyError(count)

    return take


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("end", [b"", b"0\r\n\r\n"])
def test_what_goes_wrong_with_a_piece_ends_the_answer(setup: Setup, count: int, end: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM + b"1\r\na\r\n")
        await asyncio.sleep(SHORT)
        await visit.say(b"1\r\nb\r\n" + end)
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            taken = Taken()
            got = await client.send(post(upstream.port))
            with pytest.raises(KeyError):
                await got.pour(failing_at(count, taken))
            assert taken.body == b"ab"[:count]
            await got.close()
            if not end:
                await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


@pytest.mark.parametrize("rest", [b"", b"3\r\nab", b"0\r\n"])
def test_a_body_that_is_cut_short_is_told_from_one_that_ends(setup: Setup, rest: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM + b"3\r\nabc\r\n")
        await visit.peer.read.wait()
        await visit.say(rest)

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            taken = Taken()

            def take(piece: bytes) -> None:
                taken.take(piece)
                upstream.read.set()

            got = await client.send(post(upstream.port))
            with pytest.raises(UpstreamFailure) as caught:
                await got.pour(take)
            assert (caught.value.kind, caught.value.reached) == ("closed", True)
            assert taken.body == (b"abcab" if rest.endswith(b"b") else b"abc")
            await got.close()

    setup.run(test)


def test_an_upstream_that_falls_silent(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM)
        for letters in LETTERS:
            await visit.say(b"3\r\n%b\r\n" % letters)
            await asyncio.sleep(SHORT)
        await visit.gone()

    async def test() -> None:
        async with setup.using(Patience(20, 20, SHORT * 4)) as client, peer(script) as upstream:
            taken = Taken()
            got = await client.send(post(upstream.port))
            with pytest.raises(UpstreamFailure) as caught:
                await got.pour(taken.take)
            assert (caught.value.kind, caught.value.reached) == ("timeout", True)
            assert taken.body == b"".join(LETTERS)
            await asyncio.wait_for(upstream.freed.wait(), 20)
            await got.close()

    setup.run(test)


def test_cancelling_frees_the_connection(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok() if visit.number > 1 else STREAM + b"1\r\na\r\n")
        await visit.gone()

    async def test() -> None:
        async with setup.using(limits=Limits(per_origin=1)) as client, peer(script) as upstream:
            taken = Taken()
            got = await client.send(post(upstream.port))
            pouring = asyncio.ensure_future(got.pour(taken.take))
            await taken.came.wait()
            pouring.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pouring
            await asyncio.wait_for(upstream.freed.wait(), 20)
            assert await whole(await client.send(post(upstream.port))) == b"{}"

    setup.run(test)
