"""The engine that whole journeys have their ledgers in: CCLEDGER_TEST_ENGINE names it, and without it it is SQLite."""

import atexit
import os
import sqlite3
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

from tests.postgres import fetch, fresh_database

ENGINE = os.environ.get("CCLEDGER_TEST_ENGINE", "sqlite")


def settings_for(data: Path) -> dict[str, str]:
    """Settings that give a data directory a ledger of the engine, always the same one."""
    return {} if ENGINE == "sqlite" else {"CCLEDGER_DATABASE_URL": _database_of(data)}


def everything(data: Path) -> bytes:
    """All that the ledger of a data directory holds, as whoever steals it sees it."""
    if ENGINE != "sqlite":
        return _dump(_database_of(data))
    with closing(sqlite3.connect(data / "ledger.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (data / "ledger.db").read_bytes()


def _dump(url: str) -> bytes:
    tables = fetch(url, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    found = [fetch(url, f'SELECT * FROM "{name}"') for (name,) in tables]
    return b"\n".join(_bytes(value) for rows in found for row in rows for value in row)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@cache
def _database_of(data: Path) -> str:
    kept = ExitStack()
    url = kept.enter_context(fresh_database())
    atexit.register(kept.close)  # only now: the server is to end after it
    return url
