"""The upstream client on top of aiohttp, which also goes through proxies; it never reads a body further than asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from types import SimpleNamespace

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, HttpProcessingError, TransferEncodingError
from multidict import CIMultiDict
from yarl import URL

from ccledger.core.asgi import Pass
from ccledger.sources.gateway.upstream import (
    LARGEST_HEAD,
    MOST_HEADERS,
    Answer,
    Headers,
    Limits,
    Origin,
    Patience,
    Request,
    UpstreamFailure,
    Waits,
    end_to_end,
    measured,
    outgoing,
    pour_out,
    shut,
    verifying,
)

_ADDED_UNASKED = ("accept", "accept-encoding", "content-type", "user-agent")
_AT_ONE_GO = 512 * 1024
_CUT_SHORT = (aiohttp.ClientError, OSError, HttpProcessingError)
_Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
_TOO_SHORT = (ContentLengthError, TransferEncodingError)


class AiohttpUpstream:
    """Sends requests through one aiohttp session; create it where a loop runs."""

    def __init__(
        self,
        patience: Patience | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._limits = limits or Limits()
        self._waits = Waits()
        connector = aiohttp.TCPConnector(
            limit=self._limits.total,
            limit_per_host=self._limits.per_origin,
            keepalive_timeout=self._limits.idle,
            ssl=verifying(tls),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_ADDED_UNASKED,
            timeout=aiohttp.ClientTimeout(total=None, connect=self._patience.connect),
            trace_configs=[_trace()],
            middlewares=(_once,),
            max_line_size=LARGEST_HEAD,
            max_field_size=LARGEST_HEAD,
            max_headers=MOST_HEADERS,
        )

    async def send(self, request: Request) -> Answer:
        """Sends a request and waits for the head of its answer; see `Upstream`."""
        headers = CIMultiDict((name.decode(), value.decode()) for name, value in outgoing(request))
        headers.popall("transfer-encoding", None)  # aiohttp says so itself
        if self._waits.ended:
            raise shut(request.origin)
        attempt = _Attempt(request, self._patience)
        while True:  # every connection that was closed meanwhile leaves the pool, so the last one is new
            try:
                return await self._attempt(attempt, headers)
            except _LostError as lost:
                if not attempt.was_stale(self._limits.stale, answer_begun=lost.answer_begun):
                    raise _gone(request.origin) from lost
            attempt = _Attempt(request, self._patience)

    async def close(self) -> None:
        """Closes every connection; requests under way fail."""
        self._waits.end()
        await self._session.close()

    async def _attempt(self, attempt: "_Attempt", headers: CIMultiDict[str]) -> Answer:
        request = attempt.request
        origin = request.origin
        try:
            async with self._waits.during(attempt.timeout):
                response = await self._session.request(
                    request.method.decode(),
                    URL(f"{origin}{request.target.decode()}", encoded=True),
                    headers=headers,
                    data=attempt.body(),
                    proxy=_proxy(request),
                    allow_redirects=False,
                    trace_request_ctx=attempt,
                )
        except (_LostError, aiohttp.ClientError, OSError, ValueError) as error:
            if attempt.broken is not None:
                raise attempt.broken from None
            if isinstance(error, _LostError) and attempt.connected:
                raise
            raise _failure(attempt, error, closed=self._waits.ended) from error
        if response.status == 101:
            response.close()
            raise UpstreamFailure("protocol", f"{origin} changed to another protocol, unasked.", reached=True)
        return _AiohttpAnswer(response, origin, self._patience.between_bytes, self._waits)


class _LostError(Exception):
    """The connection ended before the head of an answer was there."""

    def __init__(self, *, answer_begun: bool) -> None:
        super().__init__()
        self.answer_begun = answer_begun


class _Attempt:
    """One way of a request to one connection."""

    def __init__(self, request: Request, patience: Patience) -> None:
        self.request = request
        self.timeout = asyncio.timeout(None)
        self.broken: Exception | None = None
        """What the iterator of the body raised."""
        self.connected = False
        self._patience = patience
        self._reused = False
        self._sent_at = 0.0

    def begin(self, *, reused: bool) -> None:
        """Takes note that there is a connection."""
        self.connected = True
        self._reused = reused
        self._sent_at = asyncio.get_running_loop().time()
        self._wait_anew()

    def was_stale(self, within: float, *, answer_begun: bool) -> bool:
        """Whether the connection that was lost had most likely been closed before the request was sent."""
        passed = asyncio.get_running_loop().time() - self._sent_at
        replayable = isinstance(self.request.body, bytes)
        return self._reused and replayable and passed < within and not answer_begun

    def body(self) -> object:
        """The body as aiohttp wants it."""
        body = self.request.body
        if not isinstance(body, bytes):
            return self._pieces()
        # aiohttp writes plain bytes at one go, with a warning where that takes long.
        return BytesIO(body) if len(body) > _AT_ONE_GO else body or None

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in measured(self.request):
                self._wait_anew()
                yield piece
        except Exception as error:
            self.broken = error
            raise

    def _wait_anew(self) -> None:
        if not self.timeout.expired():
            self.timeout.reschedule(asyncio.get_running_loop().time() + self._patience.first_byte)


class _AiohttpAnswer:
    """The answer to one request."""

    def __init__(self, response: aiohttp.ClientResponse, origin: Origin, patience: float, waits: Waits) -> None:
        self.status = response.status
        self.headers: Headers = end_to_end(list(response.raw_headers))
        self._response = response
        self._origin = origin
        self._patience = patience
        self._waits = waits
        self._failure: UpstreamFailure | None = None
        self._ended = False

    async def read(self) -> bytes:
        """The next piece of the body; see `Answer`."""
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return b""
        content = self._response.content
        try:
            async with self._waits.during(asyncio.timeout(self._patience)):
                piece = await content.readany()
        except _CUT_SHORT as error:
            self._failure = self._why(error)
        except BaseException:
            self._response.close()
            raise
        else:
            self._ended = not piece
            return piece
        # aiohttp forgets what had arrived before the end; the reader shall see all of it.
        arrived = content._read_nowait(-1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self._response.close()
        if arrived:
            return arrived
        raise self._failure

    async def pour(self, take: Pass) -> None:
        """Hands every piece over; see `Answer`."""
        await pour_out(self, take)

    async def close(self) -> None:
        """Ends it; see `Answer`."""
        if self._failure is None and not self._ended:
            self._failure = UpstreamFailure("closed", f"The answer of {self._origin} was closed.", reached=True)
        self._response.close()

    def _why(self, error: Exception) -> UpstreamFailure:
        if self._waits.ended:
            return shut(self._origin)
        if isinstance(error, TimeoutError):
            text = f"{self._origin} sent nothing for {self._patience:g} seconds in the middle of its answer."
            return UpstreamFailure("timeout", text, reached=True)
        if isinstance(error.__cause__, HttpProcessingError) and not isinstance(error.__cause__, _TOO_SHORT):
            return UpstreamFailure("protocol", f"{self._origin} sent something that is not HTTP.", reached=True)
        return UpstreamFailure(
            "closed", f"{self._origin} closed the connection in the middle of its answer.", reached=True
        )


async def _once(request: aiohttp.ClientRequest, handler: _Handler) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending a request again by its own rules, which look at the method only."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except aiohttp.ServerDisconnectedError as error:
        raise _LostError(answer_begun=not isinstance(error.message, str)) from error
    except (aiohttp.ClientOSError, aiohttp.ClientConnectionResetError) as error:
        raise _LostError(answer_begun=False) from error


def _trace() -> aiohttp.TraceConfig:
    async def reused(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.begin(reused=True)

    async def created(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.begin(reused=False)

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(reused)
    trace.on_connection_create_end.append(created)
    return trace


def _proxy(request: Request) -> URL | None:
    if not request.proxy:
        return None
    try:
        proxy = URL(request.proxy)
    except ValueError:
        proxy = URL()
    if proxy.scheme not in {"http", "https"} or not proxy.host:
        raise UpstreamFailure("connect", "The proxy's URL must begin with http:// or https://.", reached=False)
    return proxy


def _failure(attempt: _Attempt, error: Exception, *, closed: bool) -> UpstreamFailure:
    origin = attempt.request.origin
    if closed:
        return shut(origin)
    via = " through its proxy" if attempt.request.proxy else ""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return UpstreamFailure("timeout", f"There was no connection to {origin}{via} in time.", reached=False)
    if isinstance(error, TimeoutError):
        return UpstreamFailure("timeout", f"{origin} did not begin to answer in time.", reached=True)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        text = f"The proxy refused to connect to {origin}: status {error.status}. Check its URL, name and password."
        return UpstreamFailure("connect", text, reached=False)
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        text = f"{origin} has no certificate that can be trusted{via}: check the URL, and who answers there."
        return UpstreamFailure("tls", text, reached=False)
    if isinstance(error, aiohttp.ClientConnectorError) or not attempt.connected:
        return UpstreamFailure(
            "connect", f"Could not connect to {origin}{via}: check the URL and the network.", reached=False
        )
    return UpstreamFailure("protocol", f"{origin} sent something that is not HTTP.", reached=True)


def _gone(origin: Origin) -> UpstreamFailure:
    return UpstreamFailure("closed", f"{origin} closed the connection without an answer.", reached=True)
