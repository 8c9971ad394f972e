"""Puts the routes together into one ASGI application; it builds none of the things the routes ask."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from litestar import Litestar, Router
from litestar.config.compression import CompressionConfig
from litestar.datastructures import CacheControlHeader

from ccledger.access.tokens import Tokens
from ccledger.api.account_desk import AccountDesk
from ccledger.api.accounts import account_routes
from ccledger.api.blocks import block_routes
from ccledger.api.cost import cost_routes
from ccledger.api.doorkeeper import Door, Doorkeeper
from ccledger.api.errors import answer_error, log_error
from ccledger.api.guards import OPEN, signed_in_from_elsewhere
from ccledger.api.head import Head
from ccledger.api.history import AS_IT_IS, history_routes
from ccledger.api.limits import limit_routes
from ccledger.api.live import Everything, Live, live_routes
from ccledger.api.logs import log_routes
from ccledger.api.openapi import openapi_route
from ccledger.api.pages import page_routes
from ccledger.api.prices import PriceDesk, price_routes
from ccledger.api.query import query_routes
from ccledger.api.settings import SettingInForce, settings_routes
from ccledger.api.shield import Shield
from ccledger.api.signin import login_page_routes, login_routes, signin_routes
from ccledger.api.stats import all_models, stats_routes
from ccledger.api.system import Transcripts, health_route, system_routes
from ccledger.api.tokens import token_routes
from ccledger.api.trends import trend_routes
from ccledger.core.asgi import Application
from ccledger.core.limits import LimitReading
from ccledger.stats.lifetime import Lifetime
from ccledger.stats.request_rows import Titles

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class Parts(NamedTuple):
    """What the application is put together from."""

    store: "Store"
    live: Live
    now: Callable[[], int]
    zone_name: str
    version: str
    transcripts: Transcripts
    limits: Callable[[], Sequence[LimitReading]]
    prices: PriceDesk
    settings: Callable[[], Sequence[SettingInForce]]
    tokens: Tokens
    accounts: AccountDesk
    web_folder: Path
    door: Door


def create_app(parts: Parts) -> Application:
    """The application behind shield and doorkeeper: the API under `/api/v1` and `/api`, `/ws`, and the dashboard."""
    store, now, zone_name = parts.store, parts.now, parts.zone_name
    transcripts = parts.transcripts
    lifetime = Lifetime(store)

    def initial() -> Everything:
        ever = lifetime.ever()
        everything, models = all_models(ever.models)
        return Everything(everything, models, ever.batch, parts.version, transcripts.state())

    def account_name(account_id: str) -> str | None:
        return parts.accounts.book.names().get(account_id)

    @asynccontextmanager
    async def attached(_: Litestar) -> AsyncGenerator[None]:
        parts.live.attach(asyncio.get_running_loop())
        yield

    handlers = [
        *system_routes(parts.version, transcripts),
        *stats_routes(store, lifetime, now, zone_name, transcripts),
        *trend_routes(store, lifetime, now, zone_name),
        *query_routes(store, now, zone_name),
        *history_routes(store, now, zone_name),
        *log_routes(
            store, parts.prices.prices, Titles(parts.tokens.name_of, account_name), transcripts, now, zone_name
        ),
        *block_routes(store, now, zone_name, parts.limits),
        *limit_routes(now, parts.limits),
        *cost_routes(store, lifetime, parts.prices.prices, now, zone_name),
        *price_routes(parts.prices.writer),
        *settings_routes(store, transcripts, parts.version, parts.settings),
        *token_routes(parts.tokens, store, now),
        *account_routes(parts.accounts, store),
        *login_routes(parts.door),
        *signin_routes(parts.door),
    ]
    routes = [*handlers, openapi_route(handlers, parts.version)]
    app = Litestar(
        route_handlers=[
            *(Router(path, route_handlers=routes, cache_control=_FRESH) for path in ("/api/v1", "/api")),
            *live_routes(parts.live, initial, store.batches, now),
            Router("/", route_handlers=page_routes(parts.web_folder), opt={AS_IT_IS: True, OPEN: True}),
            health_route(parts.version, transcripts),
            *login_routes(parts.door),
            *login_page_routes(),
        ],
        guards=[signed_in_from_elsewhere],
        exception_handlers={Exception: answer_error},
        after_exception=[log_error],
        lifespan=[attached],
        compression_config=_COMPRESSED,
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    return Shield(Doorkeeper(Head(app), parts.door), parts.door.host_names)


_FRESH = CacheControlHeader(no_store=True)
_COMPRESSED = CompressionConfig("gzip", minimum_size=2048, gzip_compress_level=4, exclude_opt_key=AS_IT_IS)
"""Answers of the API alone: pages lie there compressed, and exports have to stream."""
