"""How requests go through an HTTP proxy, in the clients that can."""

import asyncio
import ssl
from base64 import b64encode
from pathlib import Path

import pytest

from ccledger.sources.gateway.upstream import UpstreamFailure
from tests.sources.gateway.certificates import Authority, authority
from tests.sources.gateway.peers import Visit, ok, peer, saying
from tests.sources.gateway.upstreams import Setup, get, post, setups, whole

PASSWORD = "p%40ss"
BASIC = b"Basic " + b64encode(b"name:p@ss")


@pytest.fixture(params=[setup for setup in setups() if setup.client != "own"], ids="-".join)
def setup(request: pytest.FixtureRequest) -> Setup:
    return request.param


@pytest.fixture(scope="module")
def ours() -> Authority:
    return authority()


async def tunnel(visit: Visit) -> None:
    """Does what a client that knows the password asks of it."""
    heard = await visit.head()
    if heard.values(b"proxy-authorization") != [BASIC]:
        await visit.say(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
        return
    host, _, port = heard.line.split(b" ")[1].decode().rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await visit.say(b"HTTP/1.1 200 Connected\r\n\r\n")

    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            target.write(data)
        target.close()

    try:
        await asyncio.gather(pass_on(visit.reader, writer), pass_on(reader, visit.writer))
    finally:
        writer.close()


def through(port: int, password: str = PASSWORD) -> str:
    return f"http://name:{password}@127.0.0.1:{port}"


def test_plain_requests_go_to_the_proxy_whole(setup: Setup) -> None:
    async def test() -> None:
        async with setup.using() as client, peer(saying(ok())) as proxy:
            for _ in range(2):
                request = get(8123, b"/v1/models?a=%2F", host="up.test", proxy=through(proxy.port))
                assert await whole(await client.send(request)) == b"{}"
        assert proxy.visits == 1
        for heard in proxy.heard:
            assert heard.line == b"GET http://up.test:8123/v1/models?a=%2F HTTP/1.1"
            assert heard.values(b"host") == [b"up.test:8123"]
            assert heard.values(b"proxy-authorization") == [BASIC]

    setup.run(test)


def test_tls_goes_through_a_tunnel(setup: Setup, ours: Authority, tmp_path: Path) -> None:
    async def test() -> None:
        server = ours.server(tmp_path, "localhost")
        async with (
            setup.using(tls=ours.trusted()) as client,
            peer(saying(ok()), server) as upstream,
            peer(tunnel) as proxy,
        ):
            for _ in range(2):
                request = post(upstream.port, b"{}", "https", "localhost")._replace(proxy=through(proxy.port))
                assert await whole(await client.send(request)) == b"{}"
        assert (proxy.visits, upstream.visits, len(upstream.heard)) == (1, 1, 2)
        assert not upstream.heard[0].values(b"proxy-authorization")
        assert not proxy.heard[0].values(b"content-type")

    setup.run(test)


def test_the_name_is_verified_through_a_tunnel(setup: Setup, ours: Authority, tmp_path: Path) -> None:
    async def test() -> None:
        server = ours.server(tmp_path, "other.test")
        async with (
            setup.using(tls=ours.trusted()) as client,
            peer(saying(ok()), server) as upstream,
            peer(tunnel) as proxy,
        ):
            request = post(upstream.port, b"{}", "https", "localhost")._replace(proxy=through(proxy.port))
            with pytest.raises(UpstreamFailure) as caught:
                await client.send(request)
        assert (caught.value.kind, caught.value.reached, upstream.heard) == ("tls", False, [])

    setup.run(test)


@pytest.mark.parametrize("proxy_url", ["socks5://name:pa5s@127.0.0.1:1", "pa5s", "http://", "http://x:pa5s@[::1"])
def test_a_proxy_that_can_not_be(setup: Setup, proxy_url: str) -> None:
    async def test() -> None:
        async with setup.using() as client:
            with pytest.raises(UpstreamFailure) as caught:
                await client.send(get(1, proxy=proxy_url))
        assert (caught.value.kind, caught.value.reached) == ("connect", False)
        assert "pa5s" not in repr(caught.value)

    setup.run(test)


@pytest.mark.parametrize("why", ["wrong password", "not there", "hangs up"])
def test_a_proxy_that_does_not_help(setup: Setup, why: str) -> None:
    async def hangs_up(visit: Visit) -> None:
        await visit.head()

    async def test() -> None:
        tls = ssl.create_default_context()
        async with setup.using(tls=tls) as client, peer(hangs_up if why == "hangs up" else tunnel) as proxy:
            port = 1 if why == "not there" else proxy.port
            request = post(1, b"{}", "https", "localhost")._replace(proxy=through(port, "pa5s"))
            with pytest.raises(UpstreamFailure) as caught:
                await client.send(request)
        assert (caught.value.kind, caught.value.reached) == ("connect", False)
        assert "pa5s" not in f"{caught.value!r} {caught.value.text}"
        assert "proxy" in caught.value.text

    setup.run(test)
