"""Signing in and out, and who one is; the doorkeeper recognises what is given out here."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotAuthorizedException, NotFoundException, TooManyRequestsException
from litestar.params import JSONBody, RawBody
from litestar.response import Redirect
from msgspec import Struct

from ccledger.access.signin import SignIn, TooManyAttempts
from ccledger.api.doorkeeper import Door, address_of, bearers, cookies, set_cookie
from ccledger.api.errors import log_refusal
from ccledger.api.guards import ADMINISTRATOR, FROM_HERE, OPEN
from ccledger.api.shield import is_local_socket
from ccledger.core.errors import UsageError
from ccledger.core.periods import iso
from ccledger.stats.words import Moment, about

_LARGEST_BODY = 16_384
_EVERYBODY = {OPEN: True}
_WRONG_PASSWORD = "Invalid password"
_NO_PASSWORD = (
    "no password is set; run 'ccledger open' on the server's machine, or set one with 'ccledger password --write' "
    "and restart the server"
)
_WRONG_CODE = "this code was used before or is too old; run 'ccledger open' for a new one"
_TAKEN = 'sign in with {"password":"…"} or {"code":"…"}'


class Proof(Struct, frozen=True):
    """What somebody signs in with: one of the two."""

    password: str | None = None
    code: str | None = None

    def __repr__(self) -> str:
        return "Proof(…)"


class Acknowledged(Struct, frozen=True):
    """It is done."""

    status: Literal["ok"]


class SignedIn(Struct, frozen=True):
    """Signed in. The cookie that comes with it is for browsers, the token for programs."""

    status: Literal["ok"]
    token: Annotated[str, about("A JWT, sent as `Authorization: Bearer …`.")]
    expires_at: Annotated[Moment, about("When the token ends.")]

    def __repr__(self) -> str:
        return "SignedIn(…)"


class Me(Struct, frozen=True):
    """Who asks, and what would be needed to sign in."""

    signed_in: bool
    how: Annotated[Literal["cookie", "token", "key", "socket"] | None, about("By what; null when not signed in.")]
    password_set: Annotated[bool, about("Whether there is a password; without, `ccledger open` signs in.")]
    open_on_loopback: Annotated[bool, about("Whether this request may see counts without signing in.")]


class Invitation(Struct, frozen=True):
    """Where to sign in, once."""

    address: str
    code: str

    def __repr__(self) -> str:
        return "Invitation(…)"


class Reached(Struct, frozen=True):
    """Where a server answers."""

    address: str


def login_routes(door: Door) -> list[Any]:
    """`/login`, as the specification has it."""

    @post(
        "/login",
        status_code=200,
        include_in_schema=False,
        opt=_EVERYBODY,
        request_max_body_size=_LARGEST_BODY,
        cache_control=CacheControlHeader(no_store=True),
    )
    async def login(request: Request[Any, Any, Any], body: RawBody) -> Response[Acknowledged]:
        """Signs a browser in with the password."""
        await _prove(door.signin, request, _read(body))
        return _with_session(request, door.signin, Acknowledged("ok"))

    return [login]


def login_page_routes() -> list[Any]:
    """The page that belongs to `/login`, for whoever opens it in a browser."""

    @get("/login", include_in_schema=False, opt=_EVERYBODY, sync_to_thread=False)
    def page() -> Redirect:
        """Leads to the dashboard's own page."""
        return Redirect("/signin", status_code=303)

    return [page]


def signin_routes(door: Door) -> list[Any]:
    """`signin`, `signout`, `me`, and the command line's own `control/invite` and `control/address`."""
    signin = door.signin

    @post("/signin", operation_id="signIn", status_code=200, opt=_EVERYBODY, request_max_body_size=_LARGEST_BODY)
    async def sign_in(request: Request[Any, Any, Any], data: JSONBody[Proof]) -> Response[SignedIn]:
        """Signs in with the password or a one-time code: a cookie for a browser, a token for a program."""
        await _prove(signin, request, data)
        token = signin.issue_token()
        return _with_session(request, signin, SignedIn("ok", token.text, iso(token.expires_at)))

    @post("/signout", operation_id="signOut", status_code=200, opt=_EVERYBODY, sync_to_thread=True)
    def sign_out(request: Request[Any, Any, Any]) -> Response[Acknowledged]:
        """Ends the session and the token that are shown."""
        scope: dict[str, Any] = {**request.scope}
        for session in filter(None, map(signin.read_session, cookies(scope))):
            signin.end_session(session)
        for token in bearers(scope):
            signin.end_token(token)
        return Response(Acknowledged("ok"), headers={"set-cookie": set_cookie(scope, "", 0)})

    @get("/me", operation_id="getMe", opt=_EVERYBODY, sync_to_thread=False)
    def me(request: Request[Any, Any, Any]) -> Me:
        """Whether one is signed in, and how one can."""
        scope: dict[str, Any] = {**request.scope}
        how: Any = scope.get(ADMINISTRATOR) or None
        return Me(how is not None, how, signin.password_set, bool(scope.get(FROM_HERE)))

    @post("/control/invite", status_code=200, include_in_schema=False, sync_to_thread=False)
    def invite(request: Request[Any, Any, Any]) -> Invitation:
        """A code that signs in once; only through the data directory's socket."""
        if not is_local_socket(request.scope):
            raise NotFoundException
        return Invitation(door.address(), signin.invite())

    @get("/control/address", include_in_schema=False, sync_to_thread=False)
    def address(request: Request[Any, Any, Any]) -> Reached:
        """Where this server answers; only through the data directory's socket."""
        if not is_local_socket(request.scope):
            raise NotFoundException
        return Reached(door.address())

    return [sign_in, sign_out, me, invite, address]


async def _prove(signin: SignIn, request: Request[Any, Any, Any], proof: Proof) -> None:
    address = address_of({**request.scope})
    if (proof.password is None) == (proof.code is None):
        raise UsageError(_TAKEN)
    if proof.code is not None:
        if not signin.take_code(proof.code):
            log_refusal("one-time code", address)
            raise _unauthorized(_WRONG_CODE)
        return
    if not signin.password_set:
        raise _unauthorized(_NO_PASSWORD)
    try:
        found = await signin.is_password(proof.password or "", address)
    except TooManyAttempts as error:
        raise TooManyRequestsException(
            "too many attempts to sign in; wait a minute, then try again",
            headers={"retry-after": str(error.wait_seconds)},
        ) from None
    if not found:
        log_refusal("password", address)
        raise _unauthorized(_WRONG_PASSWORD)


def _read(body: bytes) -> Proof:
    try:
        return msgspec.json.decode(body, type=Proof)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UsageError(_TAKEN) from None


def _with_session(request: Request[Any, Any, Any], signin: SignIn, answer: Any) -> Response[Any]:
    cookie = set_cookie({**request.scope}, signin.begin_session())
    return Response(answer, headers={"set-cookie": cookie})


def _unauthorized(text: str) -> NotAuthorizedException:
    return NotAuthorizedException(text, headers={"www-authenticate": "Bearer"})
