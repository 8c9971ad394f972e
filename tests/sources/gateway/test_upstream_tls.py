"""Whom every upstream client trusts over TLS."""

import asyncio
import ssl
from pathlib import Path

import pytest

from ccledger.sources.gateway.upstream import Patience, UpstreamFailure
from tests.sources.gateway.certificates import Authority, authority
from tests.sources.gateway.peers import Visit, chunked, ok, peer, saying
from tests.sources.gateway.upstreams import Setup, post, setups, whole

STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(params=setups(), ids="-".join)
def setup(request: pytest.FixtureRequest) -> Setup:
    return request.param


@pytest.fixture(scope="module")
def ours() -> Authority:
    return authority()


def test_an_upstream_is_who_it_says(setup: Setup, ours: Authority, tmp_path: Path) -> None:
    spoken: list[str | None] = []

    async def script(visit: Visit) -> None:
        spoken.append(visit.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await saying(STREAM + chunked(b"a" * 1000, b"b" * 100_000))(visit)

    async def test() -> None:
        server = ours.server(tmp_path, "localhost", "127.0.0.1")
        async with setup.using(tls=ours.trusted()) as client, peer(script, server) as upstream:
            for host in ("localhost", "localhost", "127.0.0.1"):
                request = post(upstream.port, b"x" * 300_000, "https", host)
                assert await whole(await client.send(request)) == b"a" * 1000 + b"b" * 100_000
                assert upstream.heard[-1].values(b"host") == [b"%b:%d" % (host.encode(), upstream.port)]
        assert (upstream.visits, len(upstream.heard)) == (2, 3)
        assert spoken == ["http/1.1"] * 2

    setup.run(test)


@pytest.mark.parametrize("case", ["unknown authority", "other name", "expired"])
def test_whoever_can_not_prove_it_is_refused(setup: Setup, ours: Authority, tmp_path: Path, case: str) -> None:
    trusted = None if case == "unknown authority" else ours.trusted()
    names = ("other.test",) if case == "other name" else ("localhost",)
    server = ours.server(tmp_path, *names, expired=case == "expired")

    async def test() -> None:
        async with setup.using(tls=trusted) as client, peer(saying(ok()), server) as upstream:
            with pytest.raises(UpstreamFailure) as caught:
                await client.send(post(upstream.port, b"secret", "https", "localhost"))
            assert (caught.value.kind, caught.value.reached) == ("tls", False)
        assert upstream.heard == []

    setup.run(test)


def test_an_upstream_without_tls(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(1)
        await visit.say(b"HTTP/1.1 400 Plain\r\nContent-Length: 0\r\n\r\n")
        await visit.gone()

    async def test() -> None:
        async with setup.using() as client, peer(script) as upstream:
            with pytest.raises(UpstreamFailure) as caught:
                await client.send(post(upstream.port, b"secret", "https", "localhost"))
            assert (caught.value.kind, caught.value.reached) == ("tls", False)

    setup.run(test)


def test_a_handshake_that_does_not_end(setup: Setup) -> None:
    async def script(visit: Visit) -> None:
        await visit.gone()

    async def test() -> None:
        async with setup.using(Patience(0.05, 20, 20)) as client, peer(script) as upstream:
            with pytest.raises(UpstreamFailure) as caught:
                await client.send(post(upstream.port, b"secret", "https", "localhost"))
            assert (caught.value.kind, caught.value.reached) == ("timeout", False)
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


def test_a_body_cut_short_under_tls(setup: Setup, ours: Authority, tmp_path: Path) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM + b"1\r\na\r\n")

    async def test() -> None:
        server = ours.server(tmp_path, "localhost")
        async with setup.using(tls=ours.trusted()) as client, peer(script, server) as upstream:
            got = await client.send(post(upstream.port, b"{}", "https", "localhost"))
            assert await got.read() == b"a"
            with pytest.raises(UpstreamFailure) as caught:
                await got.read()
            assert caught.value.kind == "closed"
            await got.close()

    setup.run(test)


def test_a_slow_reader_holds_the_upstream_back_under_tls(setup: Setup, ours: Authority, tmp_path: Path) -> None:
    total = 32 * 1024 * 1024

    async def test() -> None:
        sent = 0

        async def script(visit: Visit) -> None:
            nonlocal sent
            await visit.request()
            await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            while sent < total:
                await visit.say(bytes([sent >> 16 & 255]) * (1 << 16))
                sent += 1 << 16
            await visit.gone()

        server = ours.server(tmp_path, "localhost")
        async with setup.using(tls=ours.trusted()) as client, peer(script, server) as upstream:
            got = await client.send(post(upstream.port, b"{}", "https", "localhost"))
            before = -1
            while before != sent:  # until nothing moves any more
                before = sent
                await asyncio.sleep(0.05)
            assert sent < total / 2
            body = await whole(got)
            assert body == b"".join(bytes([number & 255]) * (1 << 16) for number in range(total >> 16))

    setup.run(test)


def test_cancelling_under_tls_frees_the_connection(setup: Setup, ours: Authority, tmp_path: Path) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(STREAM + b"1\r\na\r\n")
        await visit.gone()

    async def test() -> None:
        server = ours.server(tmp_path, "localhost")
        async with setup.using(tls=ours.trusted()) as client, peer(script, server) as upstream:
            got = await client.send(post(upstream.port, b"{}", "https", "localhost"))
            assert await got.read() == b"a"
            reading = asyncio.get_running_loop().create_task(got.read())
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await asyncio.wait_for(upstream.freed.wait(), 20)

    setup.run(test)


def test_a_context_that_does_not_verify_is_refused(setup: Setup) -> None:
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE

    async def test() -> None:
        with pytest.raises(ValueError, match="verif"):
            async with setup.using(tls=blind):
                raise AssertionError

    setup.run(test)
