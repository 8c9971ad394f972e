"""Chooses the client for each request: aiohttp where a proxy is between, our own for everything else."""

import ssl
from functools import cached_property

from ccledger.sources.gateway.upstream import Answer, Limits, Patience, Request, Upstream, verifying
from ccledger.sources.gateway.upstream_own import OwnUpstream


class BothUpstream:
    """Sends requests by one of two clients; aiohttp is not even imported before a request names a proxy."""

    def __init__(
        self,
        patience: Patience | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._patience = patience
        self._limits = limits
        self._tls = verifying(tls)
        self._own = OwnUpstream(patience, limits, self._tls)

    async def send(self, request: Request) -> Answer:
        """Sends a request and waits for the head of its answer; see `Upstream`."""
        if request.proxy:
            return await self._proxied.send(request)
        return await self._own.send(request)

    async def close(self) -> None:
        """Closes every connection of both; requests under way fail."""
        await self._own.close()
        if "_proxied" in self.__dict__:
            await self._proxied.close()

    @cached_property
    def _proxied(self) -> Upstream:
        from ccledger.sources.gateway.upstream_aiohttp import AiohttpUpstream  # noqa: PLC0415 # most use no proxy

        return AiohttpUpstream(self._patience, self._limits, self._tls)
