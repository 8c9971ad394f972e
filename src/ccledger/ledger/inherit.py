"""Spools that share a folder: each is held by the node that writes it, and one whose node is dead is booked by another
node, each call once; it never touches one that is held.

A spool is a folder with the random name of its node's data directory. Who holds it has locked the file in it.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ccledger.core.errors import LedgerBusy
from ccledger.ledger.drain import POSITION, Booker
from ccledger.ledger.spool import Position, read, segments

if TYPE_CHECKING:
    from ccledger.core.ports import Sink
    from ccledger.ledger.store import Store

_LOG = logging.getLogger(__name__)
_LOCK: Final = "lock"
_AT_ONCE: Final = 1000
_RETRY_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 60.0
"""How long a node waits for another one that is booking what it left behind itself."""


def position_of(folder: str) -> str:
    """The name under which a ledger of several nodes keeps how far a spool is read."""
    return f"{POSITION}:{folder}"


def position_of_own(home: str) -> str:
    """The same for the spool in a data directory, which no other node ever sees."""
    return position_of(f"{home}:own")


@contextmanager
def holding(folder: Path, patience: float = _PATIENCE_SECONDS) -> Generator[None]:
    """Holds a spool, however this process ends. Raises `LedgerBusy` when somebody else does not let go of it."""
    deadline = time.monotonic() + patience
    while (descriptor := _hold(folder)) is None:
        if time.monotonic() >= deadline:
            raise LedgerBusy(f"another ccledger uses the spool {folder}; stop it, or set CCLEDGER_SPOOL_DIR")
        time.sleep(_RETRY_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)


def _hold(folder: Path) -> int | None:
    """Locks a spool; None when it is locked, or was removed in that very moment."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _LOCK
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def book_left(
    folder: Path, name: str, store: "Store", sink: "Sink", is_stopping: Callable[[], bool] = lambda: False
) -> int:
    """Books what is in a spool that nobody writes to, and answers how many calls that were."""
    booker = Booker(folder, sink, store.exchanged, Position.decode(store.position(name)), name)
    calls = 0
    while not is_stopping():
        taken = read(folder, booker.read_to, _AT_ONCE)
        booker.take(taken)
        calls += len(taken.kept)
        if not taken.kept:
            break
    return calls


class Heir(threading.Thread):
    """Looks for spools whose nodes are dead, and books what is in them."""

    def __init__(self, root: Path, own: str, store: "Store", sink: "Sink", expel: Callable[[str], bool]) -> None:
        """`root` holds the spools, `own` is this node's. `expel` says whether nobody writes one any more, and sees to
        it that nobody does.
        """
        super().__init__(name="heir", daemon=True)
        self._root = root
        self._own = own
        self._store = store
        self._sink = sink
        self._expel = expel
        self._stopping = threading.Event()

    def run(self) -> None:
        """Looks every few seconds."""
        while not self._stopping.wait(_LOOK_SECONDS):
            self.look()

    def stop(self) -> None:
        """Ends after what is in hand."""
        self._stopping.set()
        if self.is_alive():
            self.join()

    def look(self) -> int:
        """Takes over what was left behind, and answers how many calls that were."""
        taken = 0
        for folder in self._others():
            try:
                taken += self._inherit(folder)
            except Exception as error:  # noqa: BLE001 - whatever it is, calls wait for its end
                _LOG.error("the spool %s can't be taken over; this is tried again", folder, exc_info=error)
        return taken

    def _others(self) -> Iterable[Path]:
        try:
            return sorted(path for path in self._root.iterdir() if path.name != self._own and (path / _LOCK).exists())
        except FileNotFoundError:
            return ()

    def _inherit(self, folder: Path) -> int:
        descriptor = _hold(folder)
        if descriptor is None:
            return 0
        try:
            return self._book(folder) if self._expel(folder.name) else 0
        finally:
            os.close(descriptor)

    def _book(self, folder: Path) -> int:
        name = position_of(folder.name)
        calls = book_left(folder, name, self._store, self._sink, self._stopping.is_set)
        if not self._stopping.is_set():
            self._remove(folder, name)
        if calls:
            _LOG.warning("%d calls were booked that a dead node had left in %s", calls, folder)
        return calls

    def _remove(self, folder: Path, name: str) -> None:
        """First the files, then how far they were read: the other way round they would be booked again.

        The lock goes last, since whoever gets it next begins by what the ledger says.
        """
        for _, path in segments(folder):
            path.unlink(missing_ok=True)
        self._sink.append([], {name: None})
        (folder / _LOCK).unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:
            _LOG.warning("%s holds calls that nobody could book; it is left as it is", folder)
