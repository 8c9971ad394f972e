"""Puts the routes together into one ASGI application; it builds none of the things the routes ask."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Response, Router
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp

from ccledger.api.live import Live, live_route
from ccledger.api.pages import page_routes
from ccledger.api.shield import Shield
from ccledger.api.stats import stats_routes
from ccledger.api.system import system_routes
from ccledger.core.errors import LedgerError, UsageError
from ccledger.stats.overview import current

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


def create_app(
    *,
    store: "Store",
    live: Live,
    now: Callable[[], int],
    zone_name: str,
    version: str,
    importing: Callable[[], dict[str, Any]],
    billing: Callable[[], str],
    sync: Callable[[float], bool],
    web_folder: Path,
    startup: Callable[[], None] = lambda: None,
) -> ASGIApp:
    """The application behind its shield: the API under `/api/v1` and `/api`, `/ws`, and the dashboard."""

    def initial() -> dict[str, Any]:
        return {**current(store), "import": importing(), "version": version}

    @asynccontextmanager
    async def attached(_: Litestar) -> AsyncIterator[None]:
        live.attach(asyncio.get_running_loop())
        startup()
        yield

    handlers = [
        *system_routes(version, importing, sync),
        *stats_routes(store, now, zone_name, importing, billing),
    ]
    app = Litestar(
        route_handlers=[
            Router("/api/v1", route_handlers=handlers),
            Router("/api", route_handlers=handlers),
            live_route(live, initial, now),
            *page_routes(web_folder),
        ],
        exception_handlers={Exception: _answer_error},
        lifespan=[attached],
        openapi_config=OpenAPIConfig(
            title="ccledger", version=version, path="/api/v1/openapi", use_handler_docstrings=True
        ),
        logging_config=None,
    )
    return Shield(app)


def _answer_error(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    """Every error in one shape: `{"error": text}`; what is our fault says nothing of the inside."""
    if isinstance(error, UsageError):
        return Response({"error": str(error)}, status_code=400)
    if isinstance(error, HTTPException):
        return Response({"error": _detail(error)}, status_code=error.status_code)
    if isinstance(error, LedgerError):
        return Response({"error": str(error)}, status_code=503)
    return Response({"error": "something went wrong here; the server's log says what"}, status_code=500)


def _detail(error: HTTPException) -> str:
    extra: Sequence[Any] = error.extra if isinstance(error.extra, list) else ()
    parts = [f"{entry.get('key')}: {entry.get('message')}" for entry in extra if isinstance(entry, dict)]
    return "; ".join(parts) or error.detail
