"""Who may ask for what: routes that show or change more than counts name a guard here; it knows no way to sign in."""

from collections.abc import Mapping
from typing import Any, NoReturn

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, WebSocketException
from litestar.handlers import BaseRouteHandler

from ccledger.api.shield import UNAUTHORIZED, is_local_socket

ADMINISTRATOR = "ccledger.administrator"
"""Where the scope of a request says how an administrator has signed in, if one has."""
FROM_HERE = "ccledger.from_here"
"""Where it says that the request comes from this machine, and that only this machine can ask."""
OPEN = "ccledger.open"
"""The option of a route that answers everybody, also from the network."""


def administrators_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Lets administrators through, and who comes through the data directory's socket."""
    scope: Mapping[str, Any] = {**connection.scope}
    if not is_administrator(scope):
        _refuse(scope)


def signed_in_from_elsewhere(connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler) -> None:
    """Lets everybody through who asks on this machine, and others once they have signed in.

    Holds for every route but those with the option `OPEN`.
    """
    scope: Mapping[str, Any] = {**connection.scope}
    if not (route.opt.get(OPEN) or scope.get(FROM_HERE) or is_administrator(scope)):
        _refuse(scope)


def is_administrator(scope: Mapping[str, Any]) -> bool:
    """Whether an administrator asks, or who comes through the data directory's socket."""
    return bool(scope.get(ADMINISTRATOR)) or is_local_socket(scope)


def _refuse(scope: Mapping[str, Any]) -> NoReturn:
    if scope["type"] == "websocket":
        raise WebSocketException(detail="Unauthorized", code=UNAUTHORIZED)
    raise NotAuthorizedException("Unauthorized", headers={"www-authenticate": "Bearer"})
