"""Stands before every request and says in its scope who asks; it refuses nobody who only claims nothing.

An administrator is known by the data directory's socket, `X-Admin-Key`, a bearer token or the session's cookie. Nothing
in an address counts, but for the one-time code that a browser is opened with: it is exchanged for a cookie at once.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from ccledger.access.signin import SESSION_SECONDS, SignIn, TooManyAttempts
from ccledger.api.errors import log_refusal
from ccledger.api.guards import ADMINISTRATOR, FROM_HERE
from ccledger.api.shield import LOCAL_NAMES, headers_of, is_local_socket, name_of, turn_away
from ccledger.core.asgi import Application, Message, Receive, Scope, Send

COOKIE: Final = "ccledger_session"
_FORWARDED: Final = frozenset(
    (b"forwarded", b"true-client-ip", b"via", b"x-client-ip", b"x-original-forwarded-for", b"x-real-ip")
)
_FORWARDING: Final = (b"cf-", b"tailscale-", b"x-forwarded")
"""A proxy or a tunnel that adds one of these, or of what begins so, hands on what somebody elsewhere asks."""
_COOKIES: Final = 4
"""Cookies of our name that are looked at: another server on this machine may have set one, too."""
_FORMS: Final = ("", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
"""What a form on any page can send; everything else a browser asks about before."""
_FORGEABLE: Final = (
    403,
    "a change by cookie has to come from the dashboard; send an Origin header or JSON, or sign in with a bearer token",
)
_SLOWLY: Final = (429, "too many attempts to sign in; wait a minute, then try again")


class Door(NamedTuple):
    """How the server can be reached, and by whom."""

    signin: SignIn
    is_loopback: bool
    """Whether it listens to this machine only."""
    host_names: Iterable[str]
    """The names it may be called by, beside `localhost` and its own address."""
    address: Callable[[], str]
    """Where it answers, as a browser takes it."""


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Doorkeeper:
    """Wraps the application."""

    def __init__(self, app: Application, door: Door) -> None:
        self._app = app
        self._signin = door.signin
        self._is_loopback = door.is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through with what is known of who asks."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        code = _code(scope)
        if code is not None:
            await self._exchange(scope, send, code)
            return
        try:
            renewed = self._recognise(scope)
        except TooManyAttempts as error:
            await turn_away(scope, send, *_SLOWLY, [(b"retry-after", b"%d" % error.wait_seconds)])
            return
        except _Refused as error:
            await turn_away(scope, send, error.status, error.text)
            return
        await self._app(scope, receive, _with_cookie(send, renewed) if renewed else send)

    def _recognise(self, scope: Scope) -> str | None:
        """Writes into the scope who asks; answers a cookie to be set instead of the one that was shown."""
        scope[FROM_HERE] = self._is_from_here(scope)
        scope[ADMINISTRATOR] = self._by_header(scope)
        if scope[ADMINISTRATOR]:
            return None
        for text in cookies(scope):
            session = self._signin.read_session(text)
            if session is not None:
                if _is_forgeable(scope):
                    raise _Refused(*_FORGEABLE)
                scope[ADMINISTRATOR] = "cookie"
                renewed = self._signin.renew(session)
                return renewed and set_cookie(scope, renewed)
        return None

    def _by_header(self, scope: Scope) -> str:
        if is_local_socket(scope):
            return "socket"
        for key in headers_of(scope, b"x-admin-key"):
            if not self._signin.is_admin_key(key, address_of(scope)):
                log_refusal("X-Admin-Key", address_of(scope))
                raise _Refused(401, "Unauthorized")
            return "key"
        return "token" if any(map(self._signin.is_token, bearers(scope))) else ""

    def _is_from_here(self, scope: Scope) -> bool:
        if is_local_socket(scope):
            return True
        names = headers_of(scope, b"host")
        called_locally = len(names) == 1 and name_of(names[0].lower()) in LOCAL_NAMES
        handed_on = any(name in _FORWARDED or name.startswith(_FORWARDING) for name, _ in scope["headers"])
        return self._is_loopback and called_locally and not handed_on

    async def _exchange(self, scope: Scope, send: Send, code: str) -> None:
        """Takes a code out of the address; whether it was good or not, it does not stay there."""
        headers = [(b"cache-control", b"no-store"), (b"content-length", b"0")]
        if self._signin.take_code(code):
            headers += [(b"location", b"/"), (b"set-cookie", set_cookie(scope, self._signin.begin_session()).encode())]
        else:
            log_refusal("one-time code", address_of(scope))
            headers.append((b"location", b"/signin"))
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def address_of(scope: Scope) -> str:
    """Where a request comes from, as far as its connection says."""
    return scope["client"][0] if scope.get("client") else ""


def bearers(scope: Scope) -> Iterator[str]:
    """The bearer tokens that a request shows."""
    for value in headers_of(scope, b"authorization"):
        kind, _, token = value.partition(" ")
        if kind.lower() == "bearer":
            yield token.strip()


def cookies(scope: Scope) -> list[str]:
    """The sessions that a request shows."""
    pairs = (pair.strip().partition("=") for value in headers_of(scope, b"cookie") for pair in value.split(";"))
    return [value for name, _, value in pairs if name == COOKIE][:_COOKIES]


def set_cookie(scope: Scope, value: str, seconds: int = SESSION_SECONDS) -> str:
    """The header that gives a browser its session; with no time left, that takes it away."""
    secure = "; Secure" if scope["scheme"] in ("https", "wss") or _is_encrypted_before_us(scope) else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _is_encrypted_before_us(scope: Scope) -> bool:
    return headers_of(scope, b"x-forwarded-proto") == ["https"]


def _code(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] not in ("/", "/signin"):
        return None
    codes = parse_qs(scope["query_string"].decode("latin-1")).get("code", [])
    return codes[0] if len(codes) == 1 else None


def _is_forgeable(scope: Scope) -> bool:
    """Whether a form on another site could have sent this with the user's cookie, in a browser that tells nothing."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    if headers_of(scope, b"origin") or headers_of(scope, b"sec-fetch-site"):
        return False  # the shield has looked at both
    kinds = headers_of(scope, b"content-type") or [""]
    return any(kind.partition(";")[0].strip().lower() in _FORMS for kind in kinds)


def _with_cookie(send: Send, cookie: str) -> Send:
    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"set-cookie", cookie.encode())]
        await send(message)

    return send_with_cookie
