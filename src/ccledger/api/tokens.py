"""Access tokens over HTTP: issued, listed, changed, revoked, deleted by administrators; a key may ask about itself."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, delete, get, post, put
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.params import JSONBody, PathParameter
from msgspec import Struct
from msgspec.structs import asdict

from ccledger.access.tokens import NewToken, Tokens, TokenSettings, UnknownToken
from ccledger.api.guards import OPEN, administrators_only
from ccledger.core.access import AccessToken
from ccledger.sources.gateway.heads import read_asking
from ccledger.stats.tokens import TokenInfo, describe_tokens
from ccledger.stats.words import about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_TokenId = Annotated[str, PathParameter(description="The id of an access token.")]


class IssuedToken(TokenInfo, frozen=True):
    """A new access token with its key, which is shown this one time."""

    token: Annotated[str, about("The key itself. Nobody can show it again.")]


class ChangedToken(TokenInfo, frozen=True):
    """An access token as it is after a change."""

    message: str


class TokenList(Struct, frozen=True):
    """Every access token, the newest first."""

    tokens: list[TokenInfo]


class TokenId(Struct, frozen=True):
    """Which access token is meant."""

    id: str


class Done(Struct, frozen=True):
    """What was done, in words."""

    message: str


def token_routes(tokens: Tokens, store: "Store", now: Callable[[], int]) -> list[Any]:
    """`token/…`."""

    def described(token: AccessToken) -> dict[str, Any]:
        return asdict(describe_tokens(store, [token], now())[0])

    @post(
        "/token/generate",
        operation_id="generateToken",
        status_code=200,
        guards=[administrators_only],
        sync_to_thread=True,
    )
    def generate(data: JSONBody[NewToken]) -> IssuedToken:
        """Issues an access token; the answer alone holds its key."""
        issued = tokens.issue(data)
        return IssuedToken(**described(issued.token), token=issued.key)

    @get("/token/list", operation_id="listTokens", guards=[administrators_only], sync_to_thread=True)
    def list_all() -> TokenList:
        """Every access token with what was used by it."""
        return TokenList(describe_tokens(store, tokens.all()[::-1], now()))

    @put(
        "/token/{token_id:str}/settings", operation_id="changeToken", guards=[administrators_only], sync_to_thread=True
    )
    def change(token_id: _TokenId, data: JSONBody[TokenSettings]) -> ChangedToken:
        """Changes what is named of an access token; null takes a limit away."""
        with _found():
            changed = tokens.change(token_id, data)
        return ChangedToken(**described(changed), message="token settings updated")

    @get("/token/info", operation_id="getTokenInfo", opt={OPEN: True}, sync_to_thread=True)
    def info(request: Request[Any, Any, Any]) -> TokenInfo:
        """The access token whose key is shown as `Authorization: Bearer` or `x-api-key`, with what was used by it."""
        token = tokens.keys.find(read_asking(request.scope["headers"]).secret)
        found = None if token is None else describe_tokens(store, [token], now())[0]
        if found is None or not found.is_valid:
            raise NotAuthorizedException("Unauthorized")
        return found

    return [generate, list_all, change, info, *_ending_routes(tokens)]


def _ending_routes(tokens: Tokens) -> list[Any]:
    """`token/revoke`, and taking one away."""

    @post(
        "/token/revoke", operation_id="revokeToken", status_code=200, guards=[administrators_only], sync_to_thread=True
    )
    def revoke(data: JSONBody[TokenId]) -> Done:
        """Ends an access token for good; its calls stay."""
        with _found():
            tokens.revoke(data.id)
        return Done("token revoked")

    @delete(
        "/token/{token_id:str}",
        operation_id="deleteToken",
        status_code=200,
        guards=[administrators_only],
        sync_to_thread=True,
    )
    def delete_one(token_id: _TokenId) -> Done:
        """Takes an access token away; its calls stay, and its name with them."""
        with _found():
            tokens.delete(token_id)
        return Done("token deleted")

    return [revoke, delete_one]


@contextmanager
def _found() -> Generator[None]:
    """Answers 404 where no access token has the id."""
    try:
        yield
    except UnknownToken:
        raise NotFoundException("token not found; GET /api/token/list lists those there are") from None
