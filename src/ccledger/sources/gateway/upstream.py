"""What the relay asks of a client for upstreams, and the header rules each of them keeps; it opens no connection.

Bodies pass as they are: a client neither decompresses an answer, nor follows a redirect, nor keeps a cookie, nor adds
a header of its own beside `host` and the one that says how long the body is.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple, Protocol

from ccledger.core.asgi import Pass

Headers = list[tuple[bytes, bytes]]
Kind = Literal["connect", "tls", "timeout", "closed", "protocol"]

LARGEST_HEAD = 64 * 1024
"""Bytes of an answer's status line and headers; more is not HTTP as anybody speaks it."""
MOST_HEADERS = 200

_PORTS = {"http": 80, "https": 443}
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ),
)
_ABOUT_ITSELF = frozenset((b"close", b"keep-alive"))
# `host` is the origin's, the length is the body's; whoever sent `expect` was answered when the body was asked for.
_SAID_ANEW = frozenset((b"host", b"content-length", b"expect"))
_BODILESS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE"))
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TARGET = bytes(range(0x21, 0x7F)).replace(b"#", b"")
CONTROLS = bytes(byte for byte in range(0x20) if byte != 0x09) + b"\x7f"


class Origin(NamedTuple):
    """Whom to connect to; `scheme` is `http` or `https`, `host` a name or an address without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as the `host` header names them: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"


class Request(NamedTuple):
    """What an upstream is asked."""

    method: bytes
    origin: Origin
    target: bytes
    """Path and query, sent byte for byte."""
    headers: Headers
    """In the order in which they are sent, credentials included; rules of `outgoing` apply."""
    body: bytes | AsyncIterator[bytes]
    proxy: str = ""
    """The URL of an HTTP proxy to go through, with its name and password if it asks for any; empty: none."""


class Patience(NamedTuple):
    """Seconds to wait for an upstream; an answer may take any time as a whole."""

    connect: float = 10
    """Until there is a connection: a free one, or the name, the address and TLS."""
    first_byte: float = 600
    """From there, or from the last piece of a body that is being sent, until the head of the answer is there."""
    between_bytes: float = 300
    """Between two pieces of an answer, while its reader waits for one."""


class Limits(NamedTuple):
    """How many connections are held."""

    per_origin: int = 2048
    """Open at once, used or idle; further requests wait in a queue."""
    total: int = 4096
    idle: float = 30
    """Seconds after which a connection that nobody used is closed."""
    stale: float = 2
    """Seconds within which a re-used connection that ends without a byte of answer counts as closed beforehand, by
    which a request may be sent once more. One that ends later may have been at work on it."""


class UpstreamFailure(Exception):
    """An upstream gave no answer, or only the beginning of one; says why in words that carry no secret."""

    def __init__(self, kind: Kind, text: str, *, reached: bool) -> None:
        super().__init__(text)
        self.kind: Kind = kind
        self.text = text
        self.reached = reached
        """Whether the upstream may have seen the request, so that asking again may do its work twice."""


class Answer(Protocol):
    """What an upstream answers: the head at once, the body as it comes."""

    @property
    def status(self) -> int:
        """The status code, 200 or above."""
        ...

    @property
    def headers(self) -> Headers:
        """As the upstream sent them, names in lower case, without those that belong to its connection."""
        ...

    async def read(self) -> bytes:
        """The next piece of the body as soon as there is one, not decompressed; empty at its proper end.

        Raises `UpstreamFailure` when the body is cut short. Cancelling it closes the connection.
        """
        ...

    async def pour(self, take: Pass) -> None:
        """Hands each piece over as soon as there is one, to the body's proper end. Raises what `read` and `take` raise.

        What `take` answers is waited for before the next piece. Cancelling it closes the connection.
        """
        ...

    async def close(self) -> None:
        """Ends it, also twice: the connection is kept if the answer was read to its end, else it is dropped."""
        ...


class Upstream(Protocol):
    """A client with connections of its own."""

    async def send(self, request: Request) -> Answer:
        """Sends a request and waits for the head of its answer.

        Raises `UpstreamFailure`, and whatever the iterator of the body raises. Cancelling it closes the connection.
        """
        ...

    async def close(self) -> None:
        """Closes every connection; requests under way fail."""
        ...


async def pour_out(answer: Answer, take: Pass) -> None:
    """Pours an answer out that can only be read."""
    while piece := await answer.read():
        wait = take(piece)
        if wait is not None:
            await wait()


class Waits:
    """What is being waited for, so that closing a client ends it."""

    def __init__(self) -> None:
        self.ended = False
        self._running: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def during(self, wait: asyncio.Timeout) -> AsyncGenerator[None]:
        """Waits as long as it may, and no longer than until the end."""
        self._running.add(wait)
        try:
            async with wait:
                yield
        finally:
            self._running.discard(wait)

    def end(self) -> None:
        """Ends every wait."""
        self.ended = True
        for wait in self._running:
            if not wait.expired():
                wait.reschedule(asyncio.get_running_loop().time())


def verifying(tls: ssl.SSLContext | None) -> ssl.SSLContext:
    """The context to connect with: the system's authorities, or a given one that verifies who answers.

    It offers HTTP/1.1 and nothing else.
    """
    context = tls or ssl.create_default_context()
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ValueError("An upstream's certificate and name are always verified: trust its authority instead.")
    context.set_alpn_protocols(["http/1.1"])
    return context


def shut(origin: Origin) -> UpstreamFailure:
    """What a request hears whose client is closed."""
    return UpstreamFailure("closed", f"The connections to {origin} were closed from here.", reached=True)


def unconnected(origin: Origin, error: Exception) -> UpstreamFailure:
    """Why there is no connection, from what was raised instead."""
    if isinstance(error, ssl.SSLError):
        text = f"{origin} has no certificate that can be trusted: check the URL, and who answers there."
        return UpstreamFailure("tls", text, reached=False)
    if isinstance(error, TimeoutError):
        return UpstreamFailure("timeout", f"There was no connection to {origin} in time.", reached=False)
    return UpstreamFailure("connect", f"Could not connect to {origin}: check the URL and the network.", reached=False)


def end_to_end(headers: Headers) -> Headers:
    """Headers without those that speak of one connection only, and those that `connection` names; names lower-cased."""
    return without_hops([(name.lower(), value) for name, value in headers])


def without_hops(lowered: Headers) -> Headers:
    """As `end_to_end`, of headers whose names are in lower case."""
    kept = [header for header in lowered if header[0] not in HOP_BY_HOP]
    if len(kept) == len(lowered):
        return kept
    named = {word.strip().lower() for name, value in lowered if name == b"connection" for word in value.split(b",")}
    if named <= _ABOUT_ITSELF:
        return kept
    return [header for header in kept if header[0] not in named]


def outgoing(request: Request) -> Headers:
    """The headers to send: `host` first, then the end-to-end ones as given, then how long the body is.

    A body of bytes has its own length, whatever was claimed. An iterator is sent with the length that was claimed, if
    that is one number, else in chunks. Raises `UpstreamFailure` for what can't be sent without meaning something else.
    """
    headers = [(b"host", request.origin.authority.encode())]
    headers += [header for header in end_to_end(request.headers) if header[0] not in _SAID_ANEW]
    _check_line(request)
    _check(headers)
    body = request.body
    if not isinstance(body, bytes):
        length = claimed_length(request)
        headers.append((b"transfer-encoding", b"chunked") if length is None else (b"content-length", b"%d" % length))
    elif body or request.method not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(body)))
    return headers


def claimed_length(request: Request) -> int | None:
    """How many bytes the headers say that the body has; None when they don't say."""
    said = {value.strip() for name, value in request.headers if name.lower() == b"content-length"}
    if not said:
        return None
    only = said.pop()
    if said or not only.isdigit() or len(only) > 18:
        raise _refusal("has no length that can be believed: send one content-length, a number, or none")
    return int(only)


async def measured(request: Request) -> AsyncIterator[bytes]:
    """The pieces of an iterator's body, without empty ones; fails when they are not as long as was claimed."""
    length = claimed_length(request)
    body = request.body
    assert not isinstance(body, bytes)
    sent = 0
    async for piece in body:
        sent += len(piece)
        if length is not None and sent > length:
            raise _refusal("has a body longer than its content-length says", reached=True)
        if piece:
            yield piece
    if length is not None and sent < length:
        raise _refusal("has a body shorter than its content-length says", reached=True)


def _check_line(request: Request) -> None:
    if not request.method or request.method.translate(None, _TOKEN):
        raise _refusal("has a method that HTTP does not know")
    if not request.target.startswith(b"/") or request.target.translate(None, _TARGET):
        raise _refusal("has a path with characters that must be percent-encoded")


def _check(headers: Headers) -> None:
    names, values = zip(*headers, strict=True)
    if b"" in names or b"".join(names).translate(None, _TOKEN):
        raise _refusal("has a header whose name HTTP does not allow")
    said = b" ".join(values)
    if len(said.translate(None, CONTROLS)) != len(said):
        raise _refusal("has a header with a line break or another control character in it")
    if said.isascii():
        return
    try:
        said.decode()
    except UnicodeDecodeError:
        raise _refusal("has a header that is not UTF-8") from None


def _refusal(why: str, *, reached: bool = False) -> UpstreamFailure:
    return UpstreamFailure("protocol", f"The request {why}.", reached=reached)
