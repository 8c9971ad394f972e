"""Copies a SQLite ledger as it is, before its schema changes; it changes nothing in it."""

# As in engines/sqlite.py: apsw's type stubs leave the types of values open.
# pyright: reportUnknownMemberType=false

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from ccledger.ledger.backups import keep, refuse_without_room, unfinished

if TYPE_CHECKING:
    from ccledger.ledger.backups import Backups
    from ccledger.ledger.schema import Step

_LOG = logging.getLogger(__name__)
_PAGES_AT_ONCE: Final = 4096


def back_up(connection: apsw.Connection, path: Path, backups: "Backups", missing: "Sequence[Step]") -> None:
    """Keeps a copy beside the ledger's file."""
    copy = backups.path(path, missing[0].number)
    refuse_without_room(copy, connection.pragma("page_count") * connection.pragma("page_size"))
    _LOG.warning("the ledger changes to schema %d; a copy from before is kept as %s", missing[-1].number, copy)
    part = unfinished(copy)
    try:
        _copy(connection, part)
        keep(part, copy)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _copy(connection: apsw.Connection, part: Path) -> None:
    target = apsw.Connection(str(part), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        with target.backup("main", connection, "main") as copying:
            while not copying.done:
                copying.step(_PAGES_AT_ONCE)
    finally:
        target.close()
