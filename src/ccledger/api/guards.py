"""Who may ask for what: routes that show or change more than counts name a guard here; it knows no way to sign in."""

from collections.abc import Mapping
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from ccledger.api.shield import is_local_socket

ADMINISTRATOR = "ccledger.administrator"
"""Where the scope of a request says that an administrator has signed in."""


def administrators_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Lets administrators through, and who comes through the data directory's socket."""
    scope: Mapping[str, Any] = {**connection.scope}
    if not scope.get(ADMINISTRATOR) and not is_local_socket(scope):
        raise NotAuthorizedException("Unauthorized")
