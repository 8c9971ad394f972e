"""Opens a ledger in a PostgreSQL database that fits, never a stranger's; brings its schema up to date."""

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from ccledger.core.errors import StoreError
from ccledger.ledger.postgresql.known import NEXT_EPOCH
from ccledger.ledger.postgresql.link import Address, Connection
from ccledger.ledger.postgresql.statements import ENTER_ALONE

_OLDEST: Final = 15
_MIGRATIONS: Final = Path(__file__).parents[1] / "migrations" / "postgresql"
_POOLED: Final = "statement_cache_size"
"""What a URL has to set to 0 where pgbouncer shares connections: the name that asyncpg gives it."""
_LOCK: Final = 4927363
"""The advisory lock of whoever brings the schema up to date."""
_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND NOT EXISTS (
          SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
      )
"""

_RAISE_BASE: Final = """
    INSERT INTO setting AS kept (name, value)
    SELECT 'batch_base', (max(sequence) + 1 - pg_current_xact_id()::text::bigint)::text FROM batch
    HAVING max(sequence) >= pg_current_xact_id()::text::bigint
        + coalesce((SELECT value::bigint FROM setting WHERE name = 'batch_base'), -(1::bigint << 62))
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
"""After a ledger came from another server, whose transactions had other numbers: sequences go on where they were."""


def address_of(url: str) -> Address:
    """Where a database URL leads."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise StoreError(
            "the port in CCLEDGER_DATABASE_URL is no number; write postgresql://user@host:5432/name"
        ) from None
    asked = parse_qsl(parts.query, keep_blank_values=True)
    pooled = (_POOLED, "0") in asked
    rest = [(name, value) for name, value in asked if name != _POOLED]
    user = f"{quote(unquote(parts.username))}@" if parts.username else ""
    where = next((value for name, value in rest if name == "host"), host)
    shown = f"postgresql://{user}{where}{f':{port}' if port else ''}{parts.path}"
    return Address(urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(rest), "")), shown, pooled)


async def prepare(connection: Connection, shown: str, zone: str) -> None:
    """Makes sure that the ledger may be written here, its schema brought up to date."""
    await _refuse_unfit(connection, shown)
    tables = {row[0] for row in await connection.fetch(_TABLES)}
    if tables and "call_key" not in tables:
        raise StoreError(
            f"{shown} holds another program's tables; make a database for ccledger alone ('createdb ccledger')"
        )
    await migrate(connection, shown)
    async with connection.transaction():
        await connection.execute(ENTER_ALONE)
        await connection.execute("INSERT INTO setting VALUES ('zone', $1) ON CONFLICT DO NOTHING", zone)
        if (await connection.execute(_RAISE_BASE)) != "INSERT 0 0":
            await connection.execute(NEXT_EPOCH)


async def _refuse_unfit(connection: Connection, shown: str) -> None:
    version = int(await connection.fetchval("SHOW server_version_num")) // 10_000
    if version < _OLDEST:
        raise StoreError(f"{shown} is PostgreSQL {version}; ccledger needs {_OLDEST} or newer")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"{shown} stores texts as {encoding}; make a database with 'createdb --encoding=UTF8'")
    if await connection.fetchval("SELECT current_schema()") is None:
        raise StoreError(f"{shown} has no schema to put the ledger in; create the one that search_path names")


async def migrate(connection: Connection, shown: str) -> None:
    """Runs the migrations that were not run yet. Raises `StoreError` when the schema is newer than this program."""
    if not await _missing(connection, shown):
        return
    if not await connection.fetchval("SELECT has_schema_privilege(current_schema(), 'CREATE')"):
        raise StoreError(
            f"{shown} does not let this user make tables; as its owner: GRANT CREATE ON SCHEMA public TO …"
        )
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        for file in await _missing(connection, shown):
            await connection.execute(file.read_text("utf-8"))
            await connection.execute("INSERT INTO migration (name) VALUES ($1)", file.stem)


async def refuse_older(connection: Connection, shown: str) -> None:
    """Does not read a database that holds no ledger, or one that lacks what this version asks for."""
    missing = await _missing(connection, shown)
    if len(missing) == len(migrations()):
        raise StoreError(f"there is no ledger at {shown} yet; run 'ccledger import' first")
    if missing:
        raise StoreError(f"{shown} has an older version's schema; restart 'ccledger serve', or run 'ccledger migrate'")


async def _missing(connection: Connection, shown: str) -> list[Path]:
    """Migrations that still have to be run. What a newer version only added is no reason to stop (`pre`)."""
    known = migrations()
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        return known
    done = {row[0] for row in await connection.fetch("SELECT name FROM migration")}
    newer = sorted(name for name in done - {file.stem for file in known} if "_pre_" not in name)
    if newer:
        raise StoreError(f"{shown} was written by a newer ccledger; update this one (its schema has {newer[-1]})")
    return [file for file in known if file.stem not in done]


def migrations() -> list[Path]:
    """The SQL of every migration that may be run while older programs still write, in order."""
    return sorted(_MIGRATIONS.glob("*_pre_*.sql"))
