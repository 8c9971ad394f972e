"""Stands before every request: refuses foreign hosts and origins, adds the security headers; it knows no route."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ccledger.api.errors import NOTHING_HERE, refuse
from ccledger.core.asgi import Application, Message, Receive, Scope, Send

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_POLICY: Final = (
    b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_LONGEST_TARGET: Final = 8192
_UNKNOWN_HOST: Final = (421, "this server answers to localhost only; open http://127.0.0.1 and its port")
_FOREIGN_ORIGIN: Final = (
    403,
    "requests from other web pages are refused; call the API from its own page or from a program",
)
_TOO_LONG: Final = (414, f"the address is too long; use at most {_LONGEST_TARGET} bytes")


def is_local_socket(scope: Mapping[str, Any]) -> bool:
    """Whether a request came through the Unix socket in the data directory, which only the user can open."""
    server = scope.get("server")
    return server is not None and server[1] is None


class Shield:
    """Wraps the application. Without it a web page could reach the server by a name of its own (DNS rebinding)."""

    def __init__(self, app: Application, host_names: Iterable[str] = LOCAL_NAMES) -> None:
        self._app = app
        self._names = frozenset(host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        guarded = _guarded(scope, send)
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, guarded)
        else:
            await _refuse(scope, guarded, *refusal)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > _LONGEST_TARGET:
            return _TOO_LONG
        if is_local_socket(scope):
            return None
        hosts, origins = _headers(scope, b"host"), _headers(scope, b"origin")
        if len(hosts) != 1 or _name_of(hosts[0]) not in self._names:
            return _UNKNOWN_HOST
        if any(not _is_own(origin, hosts[0]) for origin in origins) or _is_embedded(scope):
            return _FOREIGN_ORIGIN
        return None


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]


def _is_embedded(scope: Scope) -> bool:
    """Whether another site's page loads this, as an image say; browsers tell, and following a link is no such thing."""
    foreign = any(site in ("cross-site", "same-site") for site in _headers(scope, b"sec-fetch-site"))
    return foreign and _headers(scope, b"sec-fetch-mode") != ["navigate"]


def _name_of(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host


def _is_own(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and origin == f"{parts.scheme}://{host}"


def _guarded(scope: Scope, send: Send) -> Send:
    """Sends with the security headers; a WebSocket that no route takes becomes an answer that says so."""
    accepted = scope["type"] == "http"

    async def send_guarded(message: Message) -> None:
        nonlocal accepted
        if message["type"] == "websocket.accept":
            accepted = True
        elif message["type"] == "websocket.close" and not accepted:
            accepted = True
            await _refuse(scope, send_guarded, 404, NOTHING_HERE)
            return
        elif message["type"] in ("http.response.start", "websocket.http.response.start"):
            message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
        await send(message)

    return send_guarded


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    if scope["type"] == "http":
        await refuse(send, status, text)
    elif "websocket.http.response" in (scope.get("extensions") or {}):
        await refuse(send, status, text, "websocket.http.response")
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": text})
