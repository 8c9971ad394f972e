"""Where copies of a ledger go before its schema changes, and how many are kept; it copies nothing itself."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from ccledger.core.errors import StoreError

_KEPT: Final = 2
_SPARE_BYTES: Final = 64 << 20
"""What has to stay free beside a copy, for the change itself."""


class Backups(NamedTuple):
    """Copies that are wanted before a schema changes."""

    folder: Path
    """Where they go if the ledger itself is no file."""
    clock: Callable[[], int]
    """Milliseconds since 1970."""

    def path(self, ledger: Path, step: int) -> Path:
        """The file for a copy from before a step."""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.clock())
        return ledger.with_name(f"{ledger.name}.before-{step:04}-{moment:%Y%m%dT%H%M%SZ}")


def refuse_without_room(path: Path, needed: int) -> None:
    """Raises `StoreError` where the disk has no room for a copy and the change after it."""
    disk = os.statvfs(path.parent)
    free = disk.f_bavail * disk.f_frsize
    if free < needed + _SPARE_BYTES:
        raise StoreError(
            f"a copy of the ledger is made before its schema changes, and {path.parent} has no room for it "
            f"({_megabytes(needed + _SPARE_BYTES)} needed, {_megabytes(free)} free); free some, or run "
            "'ccledger migrate --no-backup'"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def unfinished(path: Path) -> Path:
    """What a copy is called until it is whole; readable by its owner alone, and empty at first.

    Those that nobody came to complete are removed, with what SQLite has put beside them.
    """
    part = path.with_name(f"{path.name}.part")
    for left in _beside(path, r"\.part.*"):
        left.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return part


def keep(part: Path, path: Path) -> None:
    """Makes a copy last that is whole now, and removes the oldest ones of the same ledger."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    _sync_folder(path.parent)
    others = [each for each in _beside(path) if each != path and not _is_in_use(each)]
    for old in others[: 1 - _KEPT]:
        old.unlink(missing_ok=True)


def _beside(path: Path, ending: str = "") -> list[Path]:
    """The copies of the ledger that `path` is one of, oldest first; with `ending`, the files whose names go on so."""
    ledger = re.escape(path.name.rpartition(".before-")[0])
    name = re.compile(rf"{ledger}\.before-[0-9]{{4}}-([0-9]{{8}}T[0-9]{{6}}Z){ending}")
    found = [(match[1], each) for each in path.parent.iterdir() if (match := name.fullmatch(each.name))]
    return [each for _, each in sorted(found)]


def _is_in_use(copy: Path) -> bool:
    """Whether somebody has opened a copy where it is: it may hold more by now than it did."""
    return copy.with_name(f"{copy.name}-wal").exists()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
