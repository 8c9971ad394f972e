"""Limit readings in a small file beside the ledger, which needs no lock: many append, anybody reads; it judges none.

One line a reading, appended by one write. A file that has grown large is replaced by its newer half; a reading that
another process appends in that very moment may be lost, and the next one follows within seconds.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import isfinite
from typing import Any, Final, cast

from ccledger.core.limits import Limit, LimitReading

FILE_NAME: Final = "limits.jsonl"
_MOST_BYTES: Final = 1 << 18
_TAIL_BYTES: Final = 1 << 13
_AGAIN_MS: Final = 60_000
"""A reading that says the same is kept only after this time: it tells that the limit still holds."""


def keep_limits(data_dir: str | os.PathLike[str], directory: str, limits: Sequence[Limit], now: int) -> None:
    """Remembers what was told at this moment. Raises `OSError` where it can't be written."""
    path = os.path.join(data_dir, FILE_NAME)  # noqa: PTH118 - the status line has no time to import pathlib
    told = {
        (known.directory, known.limit)
        for known in kept_limits(data_dir, _TAIL_BYTES)
        if 0 <= now - known.read_at < _AGAIN_MS
    }
    new = [limit for limit in limits if (directory, limit) not in told]
    if new:
        _append(path, "".join(_line(LimitReading(now, directory, limit)) for limit in new).encode())


def kept_limits(data_dir: str | os.PathLike[str], most_bytes: int = _MOST_BYTES * 2) -> list[LimitReading]:
    """What was remembered last, in that order; nothing where there is no file or none that can be read."""
    try:
        with open(os.path.join(data_dir, FILE_NAME), "rb") as file:  # noqa: PTH118, PTH123 - as above
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - most_bytes, 0))
            return list(_parse(file.read()))
    except OSError:
        return []


def _append(path: str, lines: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)  # noqa: PTH103, PTH120 - as above
        file = os.open(path, flags, 0o600)
    try:
        os.write(file, lines)
        grown = os.fstat(file).st_size > _MOST_BYTES
    finally:
        os.close(file)
    if grown:
        _shorten(path)


def _shorten(path: str) -> None:
    """Keeps the newer half, in a new file that takes the old one's place."""
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        file.seek(-_MOST_BYTES // 2, os.SEEK_END)
        kept = file.read().partition(b"\n")[2]
    other = f"{path}.{os.getpid()}"
    try:
        file = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, kept)
        finally:
            os.close(file)
        os.replace(other, path)  # noqa: PTH105 - as above
    except OSError:
        with suppress(OSError):
            os.unlink(other)  # noqa: PTH108 - as above
        raise


def _line(reading: LimitReading) -> str:
    window, used, resets_at = reading.limit
    told = {"at": reading.read_at, "dir": reading.directory, "window": window, "used": used, "resets_at": resets_at}
    return json.dumps(told, separators=(",", ":")) + "\n"


def _parse(text: bytes) -> Iterator[LimitReading]:
    """The readings in whole lines; a torn one is passed over."""
    for line in text.splitlines():
        with suppress(ValueError, TypeError, KeyError, OverflowError, RecursionError):
            yield _reading(json.loads(line))


def _reading(told: object) -> LimitReading:
    data = cast("dict[str, Any]", told)
    used, resets_at = float(data["used"]), data["resets_at"]
    if not isfinite(used):
        raise ValueError(used)
    limit = Limit(str(data["window"]), used, None if resets_at is None else int(resets_at))
    return LimitReading(int(data["at"]), str(data["dir"]), limit)
