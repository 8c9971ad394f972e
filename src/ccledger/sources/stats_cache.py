"""Finds Claude Code's own statistics in its directories and hands their days on; it only reads, and follows no link."""

import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.core.errors import NotReadable
from ccledger.core.periods import moment

if TYPE_CHECKING:
    from ccledger.core.cached import CachedDay, CachedFile
    from ccledger.core.ports import Clock, DayKeeper

NAME: Final = "stats-cache.json"
LARGEST: Final = 16 << 20
"""A larger file is none of Claude Code's: a year of days takes some hundred kilobytes."""
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""What was a file when it was listed is opened only if it is no link now, and a pipe in its place holds up nobody."""


class Found(NamedTuple):
    """Such a file as a listing shows it."""

    root: str
    path: str
    seen: bytes
    """Changes whenever the file does, or who may read it: inode, size and times."""


class Taken(NamedTuple):
    """A file that was read, and the days in it."""

    file: "CachedFile"
    days: "tuple[CachedDay, ...]"


def look_at(root: str) -> Found | None:
    """The file of a Claude directory, None where there is none. A link is none: what it points to lies elsewhere."""
    path = str(Path(root, NAME))
    try:
        path.encode()  # a store can keep no other name, and Claude writes none
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return Found(root, path, _signature(status)) if S_ISREG(status.st_mode) else None


def import_changed(roots: Iterable[str], keeper: "DayKeeper", now: "Clock", edition: str = "") -> int:
    """Hands over the days of every file that changed since it was read, and answers how many did.

    Costs one look at each directory when none did. A file that can't be read is remembered as that; what it said
    before stays. Another `edition` than last time counts as a change: a new one may know more prices.
    """
    files = [found for found in map(look_at, roots) if found is not None]
    if not files:
        return 0
    known = {file.root: file.seen for file in keeper.cached_files()}
    changed = [found for found in files if known.get(found.root) != _seen(found, edition)]
    for found in changed:
        taken = _take_or_tell(found, now)
        keeper.keep_cached_days(taken.file._replace(seen=_seen(found, edition)), taken.days)
    return len(changed)


def _seen(found: Found, edition: str) -> bytes:
    return edition.encode() + b" " + found.seen


def _take_or_tell(found: Found, now: "Clock") -> Taken:
    from ccledger.core.cached import CachedFile

    try:
        return take(found.path, found.root, now)
    except NotReadable as error:
        return Taken(CachedFile(found.root, found.seen, problem=str(error)), ())


def take(path: str, root: str, now: "Clock") -> Taken:
    """What a file says. Raises `NotReadable` with the reason when it says nothing."""
    from ccledger.core.cached import CachedFile
    from ccledger.wire.stats_cache import read_stats_cache

    data, status = _read(path)
    today = moment(now()).date()
    cache = read_stats_cache(data, today=today, written_on=min(today, _day_of(status, today)))
    return Taken(CachedFile(root, _signature(status), cache.version, cache.computed_on, cache.left_out), cache.days)


def _read(path: str) -> tuple[bytes, os.stat_result]:
    try:
        file = os.open(path, _READ)
    except (OSError, ValueError) as error:
        raise NotReadable(_reason(error)) from None
    try:
        status = os.fstat(file)
        if not S_ISREG(status.st_mode):
            raise NotReadable("it is no file")
        if status.st_size > LARGEST:
            raise NotReadable(f"it is larger than {LARGEST >> 20} MB")
        with os.fdopen(file, "rb", closefd=False) as stream:
            return stream.read(LARGEST), status
    except OSError as error:
        raise NotReadable(_reason(error)) from None
    finally:
        os.close(file)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _day_of(status: os.stat_result, today: date) -> date:
    try:
        return moment(status.st_mtime_ns // 1_000_000).date()
    except OverflowError:
        return today


def _signature(status: os.stat_result) -> bytes:
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}".encode()
