"""Describes the API in OpenAPI 3.1 from its routes and the words they answer in; it serves no data."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any, Final

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.openapi import OpenAPIConfig

from ccledger.access.tokens import NewToken, TokenSettings
from ccledger.api.account_words import (
    AccountInfo,
    AccountSettings,
    AddedAccount,
    ChangedAccount,
    CheckedAccount,
    NewBearerAccount,
    NewKeyAccount,
    NewSessionAccount,
    RefreshedAccount,
)
from ccledger.api.blocks import Blocks
from ccledger.api.errors import Problem
from ccledger.api.history import History
from ccledger.api.limits import Limits
from ccledger.api.live import ImportProgress, InitialData, Misunderstood, Ping, Pong, Resync, StatsUpdate, Subscribe
from ccledger.api.logs import LetGo, RequestLogs
from ccledger.api.query import QueryAnswer
from ccledger.api.settings import EffectiveSettings
from ccledger.api.signin import Acknowledged, Me, Proof, SignedIn
from ccledger.api.stats import CurrentStats, Overview
from ccledger.api.system import Health, Import, Version
from ccledger.api.tokens import ChangedToken, Done, IssuedToken, TokenId, TokenList
from ccledger.api.trends import Trends
from ccledger.stats.estimate import CountsEstimate, PeriodEstimate
from ccledger.stats.pricing import Pricing
from ccledger.stats.recent import RecentRequests
from ccledger.stats.request_rows import RequestDetail
from ccledger.stats.tokens import TokenInfo

_ANSWERS: Final = (
    Health,
    Version,
    Import,
    CurrentStats,
    Overview,
    Trends,
    QueryAnswer,
    History,
    RequestLogs,
    RequestDetail,
    LetGo,
    RecentRequests,
    Blocks,
    Limits,
    PeriodEstimate,
    CountsEstimate,
    Pricing,
    EffectiveSettings,
    AccountInfo,
    AddedAccount,
    ChangedAccount,
    RefreshedAccount,
    CheckedAccount,
    TokenInfo,
    IssuedToken,
    ChangedToken,
    TokenList,
    Done,
    SignedIn,
    Acknowledged,
    Me,
    Problem,
)
_ORDERS: Final = (
    NewToken,
    TokenSettings,
    TokenId,
    Proof,
    NewKeyAccount,
    NewBearerAccount,
    NewSessionAccount,
    AccountSettings,
)
"""What requests say in their bodies."""
_MESSAGES: Final = (InitialData, StatsUpdate, ImportProgress, Resync, Pong, Misunderstood, Ping, Subscribe)
"""What is said over `/ws`. OpenAPI has no place for a WebSocket, but its words can be described."""
_ABOUT: Final = """Every token Claude spends, on one ledger.

The same routes are under `/api/v1` and `/api`. On this machine counts are open; from elsewhere everything needs
sign-in, as do keys and accounts always: `X-Admin-Key`, `Authorization: Bearer` or the session's cookie.
No request from another web page is answered.
Errors are `{"error": "text that says what to do"}`.

`/ws` is a WebSocket. It sends `InitialData`, then `StatsUpdate`, `ImportProgress` and, to a client that was too slow,
`Resync`; it takes `Ping` and `Subscribe`."""


def describe(handlers: Sequence[Any], version: str) -> dict[str, Any]:
    """The OpenAPI document for route handlers that are served under `/api/v1`.

    Paths and parameters are the framework's reading of the handlers. The schemas are msgspec's own, which is what
    encodes the answers.
    """
    config = OpenAPIConfig("ccledger", version, description=_ABOUT, use_handler_docstrings=True)
    routes = Litestar([Router("/api/v1", route_handlers=handlers)], openapi_config=config, logging_config=None)
    document = routes.openapi_schema.to_schema()
    paths = {
        path: {method: _operation(operation) for method, operation in methods.items()}
        for path, methods in document["paths"].items()
    }
    _, schemas = msgspec.json.schema_components(
        (*_ANSWERS, *_ORDERS, *_MESSAGES), ref_template="#/components/schemas/{name}"
    )
    for schema in schemas.values():
        schema["description"] = cleandoc(schema["description"])
    return {
        "openapi": document["openapi"],
        "info": document["info"],
        "servers": document["servers"],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(found: dict[str, Any]) -> dict[str, Any]:
    summary = found["description"].removesuffix(".")
    operation: dict[str, Any] = {"operationId": found["operationId"], "summary": summary}
    if "parameters" in found:
        operation["parameters"] = [_parameter(parameter) for parameter in found["parameters"]]
    if "requestBody" in found:
        operation["requestBody"] = found["requestBody"]
    status = next(status for status in found["responses"] if status.startswith("2"))
    content = found["responses"][status]["content"]
    operation["responses"] = {status: {"description": summary, "content": content}, "default": _NO_ANSWER}
    return operation


def _parameter(found: dict[str, Any]) -> dict[str, Any]:
    """A parameter without what says nothing; one that may be left out is not null when it is there."""
    schema = {name: part for name, part in found["schema"].items() if name not in ("description", "oneOf")}
    for choice in found["schema"].get("oneOf", ()):
        schema.update(choice if choice["type"] != "null" else {})
    return {name: found[name] for name in ("name", "in", "description", "required")} | {"schema": schema}


_NO_ANSWER: Final = {
    "description": "Why there is no answer",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def openapi_route(handlers: Sequence[Any], version: str) -> Any:
    """`openapi.json`: the description of the other routes."""
    kept: list[bytes] = []

    @get("/openapi.json", include_in_schema=False, sync_to_thread=False)
    def openapi() -> Response[bytes]:
        """The API's description."""
        if not kept:
            kept.append(msgspec.json.encode(describe(handlers, version)))
        return Response(kept[0], media_type="application/json")

    return openapi
