"""The application over a real ledger, with a clock that stands still, for tests that ask it in their own process."""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, cast

from litestar.testing import TestClient
from litestar.types import ASGIApp

from ccledger.access.accounts import AccountBook
from ccledger.access.signin import Secrets, SignIn
from ccledger.access.tokens import Tokens
from ccledger.access.vault import Vault
from ccledger.api.account_desk import AccountDesk
from ccledger.api.app import Parts, create_app
from ccledger.api.doorkeeper import Door
from ccledger.api.live import Live
from ccledger.api.prices import PriceDesk
from ccledger.api.settings import SettingInForce
from ccledger.api.system import Import, ImportRoot, Transcripts
from ccledger.app import price_book
from ccledger.core.asgi import Application
from ccledger.core.limits import LimitReading
from ccledger.ledger.store import Store
from ccledger.ledger.writer import Writer
from ccledger.sources.gateway.errands import Errands
from ccledger.sources.gateway.pool import Pool
from ccledger.sources.gateway.refresh import TokenEndpoint
from ccledger.stats.pricing import Prices

BOOK = price_book()
ADMIN_KEY = "the-administrators-key"
"""Sent as `X-Admin-Key`, it makes a test's client an administrator."""
SECRETS = Secrets(ADMIN_KEY)
NOW = 1_795_168_800_000
"""2026-11-20 10:00 UTC."""
ROOT = ImportRoot("/home/u/.claude", found=True, files=2, billing="api")
FOLLOWING = Import(
    state="following",
    files_done=2,
    files_total=2,
    bytes_done=100,
    bytes_total=100,
    calls=3,
    started_at="2026-11-20T09:59:00.000Z",
    finished_at="2026-11-20T09:59:01.000Z",
    error=None,
    roots=[ROOT],
)


def make_door(
    secrets: Secrets = SECRETS,
    *,
    now: Callable[[], int] = lambda: NOW,
    is_loopback: bool = True,
    host_names: Sequence[str] = (),
) -> Door:
    """The door as the composition root builds it, with random bytes that can be told beforehand."""
    signin = SignIn(secrets, _key_for, now, _counted(), {})
    return Door(signin, is_loopback, host_names, lambda: "http://127.0.0.1:51888")


def _key_for(purpose: str) -> bytes:
    return sha256(purpose.encode()).digest()


def _counted() -> Callable[[int], bytes]:
    numbers = count()
    return lambda length: next(numbers).to_bytes(length, "big")


def make_desk(store: Store, endpoint: str = "http://127.0.0.1:9") -> AccountDesk:
    """Accounts as the composition root offers them."""
    numbers = count(len(store.accounts()))
    book = AccountBook(store, Vault(lambda: _key_for("master")), lambda: NOW, lambda: f"acc_{next(numbers)}")
    pool = Pool(book, lambda: NOW)
    errands = Errands(book, lambda: NOW, pool.refuse, TokenEndpoint(f"{endpoint}/v1/oauth/token"))
    return AccountDesk(book, pool.states, errands.check, errands.refresh)


def make_app(
    store: Store,
    *,
    live: Live | None = None,
    state: Callable[[], Import] = lambda: FOLLOWING,
    billing: Callable[[], str] = lambda: "api",
    sync: Callable[[float], bool] = lambda _: True,
    limits: Callable[[], Sequence[LimitReading]] = list,
    web_folder: Path = Path("/nonexistent"),
    settings: Callable[[], Sequence[SettingInForce]] = tuple,
    tokens: Tokens | None = None,
    door: Door | None = None,
    accounts: AccountDesk | None = None,
) -> Application:
    """The application as the composition root builds it, but for what a test is about."""
    told = Live() if live is None else live
    parts = Parts(
        store=store,
        live=told,
        now=lambda: NOW,
        zone_name="UTC",
        version="0.1.0",
        transcripts=Transcripts(state, billing, sync),
        limits=limits,
        prices=PriceDesk(Prices(store, lambda: BOOK), Writer(store, lambda: NOW, told.tell_batch)),
        settings=settings,
        tokens=Tokens(store, lambda: NOW, os.urandom) if tokens is None else tokens,
        web_folder=web_folder,
        door=make_door() if door is None else door,
        accounts=make_desk(store) if accounts is None else accounts,
    )
    return create_app(parts)


Client = TestClient[Any]


@contextmanager
def asking(app: Application) -> Generator[Client]:
    """A client of the application as a browser on the same machine would be."""
    with TestClient(cast("ASGIApp", app), base_url="http://127.0.0.1") as client:
        yield client
