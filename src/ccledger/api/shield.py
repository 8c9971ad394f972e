"""Stands before every request: refuses foreign hosts and origins, adds the security headers; it knows no route."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ccledger.api.errors import NOTHING_HERE, refuse
from ccledger.core.asgi import Application, Headers, Message, Receive, Scope, Send

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
UNAUTHORIZED: Final = 4401
"""The code with which a route closes a WebSocket of somebody who has not signed in."""
_UNKNOWN_HOST: Final = (
    421,
    "this server does not answer to that name; open http://127.0.0.1 and its port, or add the name to allowed_hosts",
)
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

    def __init__(self, app: Application, host_names: Iterable[str] = ()) -> None:
        """`host_names` are names and addresses beside `localhost` and the address that a request arrives at."""
        self._app = app
        self._names = frozenset((*LOCAL_NAMES, *host_names))

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
            await turn_away(scope, guarded, *refusal)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > _LONGEST_TARGET:
            return _TOO_LONG
        if is_local_socket(scope):
            return None
        hosts, origins = _headers(scope, b"host"), _headers(scope, b"origin")
        if len(hosts) != 1 or not self._is_known(name_of(hosts[0]), scope):
            return _UNKNOWN_HOST
        if any(not _is_own(origin, hosts[0]) for origin in origins) or _is_embedded(scope):
            return _FOREIGN_ORIGIN
        return None

    def _is_known(self, name: str, scope: Scope) -> bool:
        """Whether a name is ours. The address that a request arrives at is: nobody else's name can lead to it."""
        return name in self._names or name in _own_addresses(scope)


def _own_addresses(scope: Scope) -> list[str]:
    server = scope.get("server")
    if not server:
        return []
    address = server[0].removeprefix("::ffff:")
    return [f"[{address}]" if ":" in address else address]


def headers_of(scope: Mapping[str, Any], name: bytes) -> list[str]:
    """The values of a header, as often as it was sent; its name is in lower case."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.lower() for value in headers_of(scope, name)]


def _is_embedded(scope: Scope) -> bool:
    """Whether another site's page loads this, as an image say; browsers tell, and following a link is no such thing."""
    foreign = any(site in ("cross-site", "same-site") for site in _headers(scope, b"sec-fetch-site"))
    return foreign and _headers(scope, b"sec-fetch-mode") != ["navigate"]


def name_of(host: str) -> str:
    """A host without its port."""
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
            refusal = (401, "Unauthorized") if message.get("code") == UNAUTHORIZED else (404, NOTHING_HERE)
            await turn_away(scope, send_guarded, *refusal)
            return
        elif message["type"] in ("http.response.start", "websocket.http.response.start"):
            message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
        await send(message)

    return send_guarded


async def turn_away(scope: Scope, send: Send, status: int, text: str, headers: Headers = ()) -> None:
    """Answers a request, or a WebSocket that is not open yet, without asking any route."""
    if scope["type"] == "http":
        await refuse(send, status, text, headers=headers)
    elif "websocket.http.response" in (scope.get("extensions") or {}):
        await refuse(send, status, text, "websocket.http.response", headers)
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": text})
