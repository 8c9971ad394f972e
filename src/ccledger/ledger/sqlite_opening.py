"""Opens the SQLite ledger's file with the right library, never a stranger's database; brings its schema up to date."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from pathlib import Path
from typing import Final

import apsw

from ccledger.core.errors import StoreError

PATIENCE_MS: Final = 10_000
"""How long a connection waits for another one that holds the file."""
_OLDEST_SQLITE: Final = (3, 51, 3)
"""Older releases can corrupt a write-ahead log that two connections reset at once."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations" / "sqlite"


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


def migrate(connection: apsw.Connection, path: Path) -> None:
    """Brings the schema up to date. Raises `StoreError` when it is newer than this program."""
    known = migrations()
    (done,) = connection.execute("PRAGMA user_version").fetchone() or (0,)
    if done > len(known):
        raise StoreError(
            f"{path} was written by a newer ccledger; update this one (its schema {done}, ours {len(known)})"
        )
    for number, text in enumerate(known[done:], done + 1):
        with connection:
            connection.execute(text)
            connection.pragma("user_version", number)


def refuse_older(connection: apsw.Connection, path: Path) -> None:
    """Does not read a ledger that lacks what this version asks for."""
    (done,) = connection.execute("PRAGMA user_version").fetchone() or (0,)
    if done < len(list(_MIGRATIONS.glob("*.sql"))):
        raise StoreError(f"{path} has an older version's schema; restart 'ccledger serve', or run 'ccledger migrate'")


def migrations() -> list[str]:
    """The SQL of every migration, in order."""
    return [file.read_text("utf-8") for file in sorted(_MIGRATIONS.glob("*.sql"))]
