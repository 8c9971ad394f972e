"""What a request's and an answer's head say to the gateway, and what of them passes; it sends nothing."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from ccledger.sources.gateway.upstream import HOP_BY_HOP, Headers

KEY_BEGINNING: Final = "ccl-"
_OURS: Final = frozenset(
    (
        b"accept-encoding",
        b"authorization",
        b"content-length",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"via",
        b"x-admin-key",
        b"x-api-key",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-proxy-mode",
        b"x-real-ip",
    )
)
"""Said to us and not to the upstream: who calls, by which way, and how the body is carried."""
_KEPT_BACK: Final = HOP_BY_HOP | _OURS
_LONGEST_NAME: Final = 200
"""Characters of a session's or an agent's id; anything longer is none."""


class Asking(NamedTuple):
    """What the head of a request says."""

    secret: str
    """The key that the caller shows; empty: none."""
    forward: Headers
    """What passes to the upstream, in its order."""
    session: str | None
    agent: str | None
    mode: str
    """What `X-Proxy-Mode` says; empty: nothing."""
    length: int | None
    """Of the body, where it was told."""


def read_asking(headers: Iterable[tuple[bytes, bytes]]) -> Asking:
    """Reads the head of a request. Names are lower-case, as ASGI has them."""
    forward: Headers = []
    bearer = key = mode = b""
    session = agent = length = None
    named: bytes = b""
    for entry in headers:
        name, value = entry
        if name not in _KEPT_BACK:
            forward.append(entry)
            if name == b"x-claude-code-session-id":
                session = _identity(value)
            elif name == b"x-claude-code-agent-id":
                agent = _identity(value)
        elif name == b"authorization":
            bearer = value
        elif name == b"x-api-key":
            key = value
        elif name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name == b"x-proxy-mode":
            mode = value
        elif name == b"connection":
            named += b"," + value
    if named and named.lower() not in (b",keep-alive", b",close"):
        gone = {part.strip() for part in named.lower().split(b",")}
        forward = [entry for entry in forward if entry[0] not in gone]
    return Asking(_secret(bearer, key), forward, session, agent, mode.decode("latin-1").strip().lower(), length)


def _secret(bearer: bytes, key: bytes) -> str:
    """Of two keys the one that is ours: Claude Code also sends the user's own to whoever it talks to."""
    kind, _, rest = bearer.decode("latin-1").strip().partition(" ")
    shown = rest.strip() if kind.lower() == "bearer" else kind
    other = key.decode("latin-1").strip()
    if shown.startswith(KEY_BEGINNING):
        return shown
    if _is_signed(shown) and not (other.startswith(KEY_BEGINNING) or _is_signed(other)):
        return shown
    return other or shown


def _is_signed(key: str) -> bool:
    """Whether a key has the form of a JSON Web Token, which no key of the upstream has."""
    return key.count(".") == 2


def _identity(value: bytes) -> str | None:
    text = value.decode("utf-8", "replace").strip().replace("\0", "")
    return text if 0 < len(text) <= _LONGEST_NAME else None


class Marks(NamedTuple):
    """What the head of an answer tells about the call."""

    request_id: str | None
    length: int | None
    encoding: str
    """Of the body; empty: none."""
    is_stream: bool


def read_marks(headers: Iterable[tuple[bytes, bytes]]) -> Marks:
    """Reads the head of an answer. Names are lower-case."""
    request_id = length = None
    encoding, is_stream = "", False
    for name, value in headers:
        if name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name == b"request-id":
            request_id = _identity(value)
        elif name == b"content-type":
            is_stream = value.lower().startswith(b"text/event-stream")
        elif name == b"content-encoding":
            encoding = value.decode("latin-1").strip().lower()
    return Marks(request_id, length, "" if encoding == "identity" else encoding, is_stream)
