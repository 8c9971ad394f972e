"""The data directory and its lock: who holds it may write the ledger; it never opens the ledger itself."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ccledger.core.errors import LedgerBusy, StoreError

_RETRY_SECONDS = 0.05
_OURS = ("ledger.db", "lock", "ccledger.", "server.", "dev.", "limits.", "spool")
"""How the names of what is kept in a data directory begin."""


def prepare_directory(path: Path) -> None:
    """Makes the data directory, readable by its owner alone; one that is there already is closed if it holds but ours.

    A directory of other things that others can read is refused: to close it would be a surprise.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            if not all(entry.name.startswith(_OURS) for entry in path.iterdir()):
                raise StoreError(
                    f"{path} holds other things and can be read by others; "
                    "set CCLEDGER_DATA_DIR to a directory for the ledger alone"
                )
            path.chmod(0o700)
    except OSError as error:
        raise StoreError(
            f"the data directory {path} can't be used ({error.strerror}); set CCLEDGER_DATA_DIR to a directory of yours"
        ) from None


@contextmanager
def hold(directory: Path, *, wait_seconds: float = 0) -> Generator[None]:
    """Holds the data directory's lock, which ends with the process however that ends.

    Raises `LedgerBusy` when another process still holds it after `wait_seconds`.
    """
    prepare_directory(directory)
    descriptor = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, directory, time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(descriptor)


def is_held(directory: Path) -> bool:
    """Whether a process holds the data directory's lock now. Nobody is waited for."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int, directory: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                raise LedgerBusy(f"another ccledger is writing to {directory}; wait for it, or stop it") from None
            time.sleep(_RETRY_SECONDS)
        else:
            return
