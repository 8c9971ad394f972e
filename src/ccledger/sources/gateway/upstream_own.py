"""The upstream client of our own, a fraction of the work of a general one; it never goes through a proxy."""

import ssl

from ccledger.sources.gateway.own_connection import Connection
from ccledger.sources.gateway.own_pool import Connections
from ccledger.sources.gateway.upstream import Answer, Limits, Patience, Request, UpstreamFailure, outgoing, verifying


class OwnUpstream:
    """Sends requests over connections that it keeps; create it where a loop runs."""

    def __init__(
        self,
        patience: Patience | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._connections = Connections(patience or Patience(), self._limits, verifying(tls))

    async def send(self, request: Request) -> Answer:
        """Sends a request and waits for the head of its answer; see `Upstream`."""
        if request.proxy:
            raise UpstreamFailure("connect", "This client goes through no proxy.", reached=False)
        head = _head(request)
        connection = self._connections.pick(request.origin) or await self._connections.obtain(request.origin)
        try:
            return await connection.ask(request, head)
        except UpstreamFailure as failure:
            if not self._was_stale(connection, request, failure):
                raise
        connection = await self._connections.another(request.origin)
        return await connection.ask(request, head)

    async def close(self) -> None:
        """Closes every connection; requests under way fail."""
        await self._connections.close()

    def _was_stale(self, connection: Connection, request: Request, failure: UpstreamFailure) -> bool:
        """Whether the connection had most likely been closed before the request was sent."""
        if failure.kind != "closed" or not isinstance(request.body, bytes):
            return False
        return bool(connection.served) and not connection.begun and connection.waited < self._limits.stale


def _head(request: Request) -> bytes:
    lines = b"\r\n".join([b": ".join(header) for header in outgoing(request)])
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (request.method, request.target, lines)
