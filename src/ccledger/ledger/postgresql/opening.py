"""Opens a ledger in a PostgreSQL database that fits, never a stranger's; brings its schema up to date."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from ccledger import __version__
from ccledger.core.errors import StoreError
from ccledger.ledger.postgresql.known import NEXT_EPOCH
from ccledger.ledger.postgresql.link import Address, Connection
from ccledger.ledger.postgresql.statements import ENTER_ALONE
from ccledger.ledger.schema import MOVING, Outlook, Step, due, is_behind, oldest_reader, refuse_newer, steps

Copy = Callable[[Connection, list[Step]], Awaitable[None]]
"""Keeps a copy of the ledger before it takes some steps."""

_OLDEST: Final = 15
_POOLED: Final = "statement_cache_size"
"""What a URL has to set to 0 where pgbouncer shares connections: the name that asyncpg gives it."""
_LOCK: Final = 4927363
"""The advisory lock of whoever brings the schema up to date."""
_LONG_SECONDS: Final = 86_400.0
"""How long a step, or a copy that another node makes before it, may take."""
_WITHOUT_HASTE: Final = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND NOT EXISTS (
          SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
      )
"""
_OTHER_VERSIONS: Final = """
    SELECT EXISTS (
        SELECT FROM node
        WHERE holder IS NOT NULL AND leased_until > extract(epoch FROM clock_timestamp()) * 1000 AND version <> $1
    )
"""
_HOLDS: Final = """
    SELECT EXISTS (SELECT FROM request_logs) OR EXISTS (SELECT FROM source_position)
        OR EXISTS (SELECT FROM access_token) OR EXISTS (SELECT FROM accounts) OR EXISTS (SELECT FROM cached_day)
"""
_SIZE: Final = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
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


async def prepare(connection: Connection, shown: str, zone: str, copy: Copy | None = None) -> None:
    """Makes sure that the ledger may be written here, its schema brought up to date."""
    await refuse_half_moved(connection, shown)
    await _refuse_others(connection, shown)
    await migrate(connection, shown, copy)
    async with connection.transaction():
        await connection.execute(ENTER_ALONE)
        await connection.execute("INSERT INTO setting VALUES ('zone', $1) ON CONFLICT DO NOTHING", zone)
        await raise_base(connection)


async def raise_base(connection: Connection) -> None:
    """Sees to it that the batches that are there are behind all that come, and are seen."""
    if (await connection.execute(_RAISE_BASE)) != "INSERT 0 0":
        await connection.execute(NEXT_EPOCH)


async def prepare_empty(connection: Connection, shown: str) -> None:
    """Makes sure that a ledger may be moved here, the schema brought up to date; one that was here before is left as
    it was.
    """
    await _refuse_others(connection, shown)
    is_older = bool(await _done(connection, shown) and await _due(connection, shown))
    if is_older and not await _is_half_moved(connection) and await _is_worth_a_copy(connection):
        raise StoreError(f"there is an older version's ledger at {shown} already; name an empty database to move to")
    await migrate(connection, shown)


async def _refuse_others(connection: Connection, shown: str) -> None:
    """Leaves a database alone that can't hold a ledger, or holds what is somebody else's."""
    await refuse_unfit(connection, shown)
    tables = {row[0] for row in await connection.fetch(_TABLES)}
    if tables and "call_key" not in tables:
        raise StoreError(
            f"{shown} holds another program's tables; make a database for ccledger alone ('createdb ccledger')"
        )


async def refuse_unfit(connection: Connection, shown: str) -> None:
    """Leaves a database alone that can't hold a ledger."""
    version = int(await connection.fetchval("SHOW server_version_num")) // 10_000
    if version < _OLDEST:
        raise StoreError(f"{shown} is PostgreSQL {version}; ccledger needs {_OLDEST} or newer")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"{shown} stores texts as {encoding}; make a database with 'createdb --encoding=UTF8'")
    if await connection.fetchval("SELECT current_schema()") is None:
        raise StoreError(f"{shown} has no schema to put the ledger in; create the one that search_path names")


async def migrate(connection: Connection, shown: str, copy: Copy | None = None) -> None:
    """Takes the steps that were not taken yet, after a copy where there is something to lose.

    Raises `StoreError` when the schema is too new for this program.
    """
    if not await _due(connection, shown):
        return
    if not await connection.fetchval("SELECT has_schema_privilege(current_schema(), 'CREATE')"):
        raise StoreError(
            f"{shown} does not let this user make tables; as its owner: GRANT CREATE ON SCHEMA public TO …"
        )
    async with connection.transaction():
        await connection.execute(_WITHOUT_HASTE)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_LONG_SECONDS)
        missing = await _due(connection, shown)
        if missing and copy is not None and await _is_worth_a_copy(connection):
            await copy(connection, missing)
        for step in missing:
            await connection.execute(step.text, timeout=_LONG_SECONDS)
            await connection.execute("INSERT INTO migration (name) VALUES ($1)", step.file.stem)


async def refuse_older(connection: Connection, shown: str) -> None:
    """Does not read a database that holds no ledger or half of one, or that lacks what this version asks for."""
    done = await _done(connection, shown)
    if not done:
        raise StoreError(f"there is no ledger at {shown} yet; run 'ccledger import' first")
    if is_behind(steps("postgresql"), done):
        raise StoreError(f"{shown} has an older version's schema; restart 'ccledger serve', or run 'ccledger migrate'")
    await refuse_half_moved(connection, shown)


async def refuse_half_moved(connection: Connection, shown: str) -> None:
    """Leaves a ledger alone whose rows have not all come, or are not what they were where they came from."""
    if await _is_half_moved(connection):
        raise StoreError(f"{shown} is a ledger that a move did not complete; run the same 'ccledger move' again")


async def _is_half_moved(connection: Connection) -> bool:
    return await connection.fetchval("SELECT to_regclass($1)::text", MOVING) is not None


async def outlook_of(connection: Connection, shown: str) -> Outlook:
    """What `migrate` would do to a ledger."""
    await refuse_unfit(connection, shown)
    done, known = await _done(connection, shown), steps("postgresql")
    missing = await _due(connection, shown)
    waiting = [step for step in due(known, done) if step not in missing]
    is_copied = bool(missing) and await _is_worth_a_copy(connection)
    return Outlook(max(done, default=0), missing, waiting, await size_of(connection) if is_copied else 0)


async def size_of(connection: Connection) -> int:
    """How many bytes the schema takes that the ledger is in."""
    return await connection.fetchval(_SIZE)


async def _done(connection: Connection, shown: str) -> set[int]:
    """The numbers of the steps that were taken. Raises `StoreError` when one of them is too much for this program."""
    if await connection.fetchval("SELECT to_regclass('migration')::text") is None:
        return set()
    names = [str(row[0]) for row in await connection.fetch("SELECT name FROM migration")]
    taken = [Step(int(name[:4]), name[5:], Path(name)) for name in names]
    refuse_newer(steps("postgresql"), oldest_reader(taken, 0), shown)
    return {step.number for step in taken}


async def _due(connection: Connection, shown: str) -> list[Step]:
    """The steps to take now: nothing is taken away from nodes of another version that still run."""
    done = await _done(connection, shown)
    return due(steps("postgresql"), done, older_run=bool(done) and await _other_versions_run(connection))


async def _other_versions_run(connection: Connection) -> bool:
    if await connection.fetchval("SELECT to_regclass('node')::text") is None:
        return False
    return bool(await connection.fetchval(_OTHER_VERSIONS, __version__))


async def _is_worth_a_copy(connection: Connection) -> bool:
    """Whether anything would be lost with it that is not read from the transcripts' beginning again."""
    if await connection.fetchval("SELECT to_regclass('request_logs')::text") is None:
        return False
    return bool(await connection.fetchval(_HOLDS))
