"""Takes the bodies of requests from clients, as long as they may be; it reads nothing in them.

A client that falls silent is ended by its connection (`api/protocol.py`), at no cost to those that do not.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from ccledger.core.asgi import Receive
from ccledger.core.call import Failer
from ccledger.sources.gateway.refused import Refused


class Taking(NamedTuple):
    """How long a body may be, and how long it may take."""

    largest: int = 32 << 20
    """Bytes; the API's own limit for messages."""
    seconds: float = 600.0
    """A body may take that has to be there before the call goes on."""


_TOO_SLOW: Final = "the body of the request did not come in time; send it again"


class ClientLeft(Exception):
    """The client went away before it had said everything."""


async def take_body(receive: Receive, length: int | None, taking: Taking) -> bytes:
    """The whole body. Raises `Refused` when it is too long or too slow, `ClientLeft` when it never ends."""
    if length is not None and length > taking.largest:
        raise too_large(taking)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    if not message.get("more_body"):
        return _checked(message.get("body", b""), taking)
    try:
        async with asyncio.timeout(taking.seconds):
            return await _rest(receive, message.get("body", b""), taking)
    except TimeoutError:
        raise Refused(408, _TOO_SLOW, Failer.CLIENT) from None


async def _rest(receive: Receive, first: bytes, taking: Taking) -> bytes:
    pieces, size = [first], len(first)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece = message.get("body", b"")
        size += len(piece)
        if size > taking.largest:
            raise too_large(taking)
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


async def each_piece(receive: Receive) -> AsyncIterator[bytes]:
    """The body piece by piece, as it comes; of any length."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body"):
            return


def _checked(body: bytes, taking: Taking) -> bytes:
    if len(body) > taking.largest:
        raise too_large(taking)
    return body


def too_large(taking: Taking) -> Refused:
    """What a caller hears whose body is too long."""
    return Refused(413, f"the body is too long; send at most {taking.largest} bytes", Failer.CLIENT)
