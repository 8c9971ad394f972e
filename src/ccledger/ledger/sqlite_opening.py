"""Opens the SQLite ledger's file with the right library, never a stranger's database; brings its schema up to date."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from ccledger.core.errors import StoreError
from ccledger.ledger.schema import MOVING, OLDEST_READER, Outlook, due, is_behind, oldest_reader, refuse_newer, steps

if TYPE_CHECKING:
    from ccledger.ledger.backups import Backups

PATIENCE_MS: Final = 10_000
"""How long a connection waits for another one that holds the file."""
_OLDEST_SQLITE: Final = (3, 51, 3)
"""Older releases can corrupt a write-ahead log that two connections reset at once."""
_PAGE_BYTES: Final = 4096
_CACHE_KIB: Final = 65_536
"""More than the pages that one large batch touches, so that none has to be written before the batch is complete."""
_CHECKPOINT_PAGES: Final = 16_000


def path_of(url: str) -> Path:
    """The file that a database URL names."""
    host, slash, path = url.partition("://")[2].partition("/")
    if host or not slash:
        raise StoreError(f"'{url}' names no file; write sqlite:/// and the path, as in sqlite:////var/lib/ccledger.db")
    return Path(_unquoted(path.partition("?")[0].partition("#")[0])).absolute()


def _unquoted(path: str) -> str:
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path)


def connect(path: Path, flags: int, patience_ms: int = PATIENCE_MS) -> apsw.Connection:
    """A connection to an existing file, with the errors people meet in words they can use."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < _OLDEST_SQLITE:
        raise StoreError(f"SQLite {apsw.sqlite_lib_version()} can damage a ledger; update apsw to 3.54 or newer")
    try:
        connection = apsw.Connection(str(path), flags=flags)
        connection.set_busy_timeout(patience_ms)
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except apsw.CantOpenError as error:
        raise StoreError(f"the ledger {path} can't be opened ({error}); check that the directory is yours") from None
    except apsw.NotADBError:
        raise StoreError(f"{path} is no ledger; move it away or set CCLEDGER_DATA_DIR to another directory") from None
    return connection


def refuse_strangers(connection: apsw.Connection, path: Path) -> None:
    """Leaves a database alone that has tables but not ours: variables such as DATABASE_PATH are used by others, too."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if tables and "call_key" not in tables:
        raise StoreError(
            f"{path} is another program's database; point CCLEDGER_DATABASE_URL or DATABASE_PATH elsewhere"
        )


def refuse_half_moved(connection: apsw.Connection, path: Path) -> None:
    """Leaves a ledger alone whose rows have not all come, or are not what they were where they came from."""
    if _is_half_moved(connection):
        raise StoreError(f"{path} is a ledger that a move did not complete; run the same 'ccledger move' again")


def refuse_lone_log(path: Path) -> None:
    """Leaves a write-ahead log alone whose ledger was renamed without it: a new file of that name would end it."""
    log = path.with_name(f"{path.name}-wal")
    if _holds(log) and not _holds(path):
        raise StoreError(
            f"{log} holds calls of the ledger that was at {path}; give it that ledger's new name, with -wal at the end"
        )


def _holds(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _is_half_moved(connection: apsw.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (MOVING,)).fetchall())


def open_file(path: Path) -> apsw.Connection:
    """The connection that writes a ledger's file, which is made if it is not there."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = connect(path, apsw.SQLITE_OPEN_READWRITE)
    refuse_strangers(connection, path)
    connection.pragma("page_size", _PAGE_BYTES)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
    connection.pragma("temp_store", "memory")
    return connection


def migrate(connection: apsw.Connection, path: Path, backups: "Backups | None" = None) -> None:
    """Brings the schema up to date, after a copy where there is something to lose.

    Raises `StoreError` when it is too new for this program.
    """
    known, done = steps("sqlite"), schema_of(connection)
    oldest = _oldest_reader(connection, done)
    refuse_newer(known, oldest, path)
    missing = due(known, range(1, done + 1))
    if missing and backups is not None and done and _is_worth_a_copy(connection):
        from ccledger.ledger.sqlite_backup import back_up

        back_up(connection, path, backups, missing)
    for step in missing:
        oldest = oldest_reader([step], oldest)
        with connection:
            connection.execute(step.text)
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (OLDEST_READER, str(oldest)))
            connection.pragma("user_version", step.number)


def migrate_empty(connection: apsw.Connection, path: Path) -> None:
    """Brings the schema of a place to move to up to date; a ledger that was there before is left as it was."""
    known, done = steps("sqlite"), schema_of(connection)
    is_older = bool(done and due(known, range(1, done + 1)))
    if is_older and not _is_half_moved(connection) and _is_worth_a_copy(connection):
        raise StoreError(f"there is an older version's ledger at {path} already; name a new file to move to")
    migrate(connection, path)


def outlook_of(path: Path) -> Outlook:
    """What `migrate` would do to a ledger."""
    known = steps("sqlite")
    if not path.exists():
        return Outlook(0, known, [], 0)
    connection = connect(path, apsw.SQLITE_OPEN_READONLY)
    try:
        refuse_strangers(connection, path)
        done = schema_of(connection)
        refuse_newer(known, _oldest_reader(connection, done), path)
        missing = due(known, range(1, done + 1))
        copied = connection.pragma("page_count") * connection.pragma("page_size")
        return Outlook(done, missing, [], copied if missing and done and _is_worth_a_copy(connection) else 0)
    finally:
        connection.close()


def schema_of(connection: apsw.Connection) -> int:
    """How many steps a ledger has taken."""
    return connection.execute("PRAGMA user_version").get or 0


def _oldest_reader(connection: apsw.Connection, done: int) -> int:
    """Ledgers from before this was written down can only be read by code that knows their whole schema."""
    if not done:
        return 0
    kept = connection.execute("SELECT value FROM setting WHERE name = ?", (OLDEST_READER,)).get
    return done if kept is None else int(kept)


def refuse_unfit(connection: apsw.Connection, path: Path) -> None:
    """Does not read a ledger that lacks what this version asks for, or no longer has it."""
    known, done = steps("sqlite"), schema_of(connection)
    refuse_half_moved(connection, path)
    refuse_newer(known, _oldest_reader(connection, done), path)
    if is_behind(known, range(1, done + 1)):
        raise StoreError(f"{path} has an older version's schema; restart 'ccledger serve', or run 'ccledger migrate'")


def _is_worth_a_copy(connection: apsw.Connection) -> bool:
    """Whether anything would be lost with it that is not read from the transcripts' beginning again."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    wanted = tables & {"request_logs", "source_position", "access_token", "accounts", "cached_day"}
    return any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall() for name in sorted(wanted))
