"""Takes calls from the spool into the ledger while a server runs, in a thread of its own; it writes no spool."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from ccledger.core.errors import StoreError
from ccledger.ledger.spool import Kept, Position, SpoolWriter, Taken, forget, read

if TYPE_CHECKING:
    from ccledger.core.call import Fact
    from ccledger.core.ports import Sink

_LOG = logging.getLogger(__name__)
POSITION: Final = "spool"
"""The name under which the ledger keeps how far the spool is read."""
_ASIDE: Final = "unbooked.jsonl"
_LINGER_SECONDS: Final = 0.02
_SYNC_SECONDS: Final = 0.05
_AT_ONCE: Final = 1000
_OF_THE_STORAGE: Final = frozenset(
    (
        "BusyError",
        "CantOpenError",
        "CorruptError",
        "FullError",
        "IOError",
        "InterruptError",
        "LockedError",
        "NoMemError",
        "NotADBError",
        "PermissionsError",
        "ProtocolError",
        "ReadOnlyError",
    )
)
"""What storage engines call it when not the call is to blame but the disk, or who else uses it."""
_REST_SECONDS: Final = 0.5
"""How long a ledger that takes nothing is left alone."""


class Booker:
    """Books the frames of one spool, each once: how far it came is on the ledger with what it booked."""

    def __init__(
        self,
        folder: Path,
        sink: "Sink",
        reported: Callable[[Iterable[str]], set[str]],
        start: Position,
        name: str = POSITION,
    ) -> None:
        """`reported` says which of these keys lead to calls that came through the spool before.

        The ledger keeps the position under `name`.
        """
        self.folder = folder
        self._sink = sink
        self._reported = reported
        self._name = name
        self.read_to = start
        """Up to here everything is booked."""
        self._is_unsure = False
        """Whether something failed that may have been booked all the same."""

    def take(self, taken: Taken) -> None:
        """Books what was read, and removes segments that hold nothing more. Raises what the ledger's trouble is."""
        if taken.damaged:
            _LOG.error("the spool holds %d bytes that nobody can read; they are passed over", taken.damaged)
        if not taken.kept and taken.end.segment == self.read_to.segment:
            return
        if self._is_unsure:
            taken = self._not_booked(taken)
        self._is_unsure = True
        if taken.end > self.read_to:
            self._book(taken)
            self.read_to = taken.end
        self._is_unsure = False
        forget(self.folder, self.read_to)

    def _book(self, taken: Taken) -> None:
        try:
            self._append(taken.kept, taken.end)
        except Exception:  # noqa: BLE001 - one call that can't be booked must not hold up all others
            # What failed may have come after the commit: what is booked is not to be booked again.
            taken = self._not_booked(taken)
            if taken.end > self.read_to:
                self._append([], self.read_to)
                self._take_singly(taken.kept)
                self._append([], taken.end)

    def _not_booked(self, taken: Taken) -> Taken:
        """What is left after what the ledger says that it has."""
        self.read_to = max(self.read_to, Position.decode(self._sink.positions().get(self._name)))
        return taken._replace(kept=[frame for frame in taken.kept if frame.end > self.read_to])

    def _append(self, kept: Sequence[Kept], end: Position) -> None:
        self._sink.append(name_all(kept, self._reported), {self._name: end.encode()})

    def _take_singly(self, kept: Iterable[Kept]) -> None:
        """Books calls one by one, the ledger being well; those that it can't take are laid aside."""
        for frame in kept:
            try:
                self._append([frame], frame.end)
            except Exception as error:
                # A disk that is almost full may well have room for a position, and for none of the calls.
                if _is_of_the_storage(error):
                    raise
                self._append([], self.read_to)
                _LOG.error("a call can't be booked; it is kept in %s", self.folder / _ASIDE, exc_info=error)
                with (self.folder / _ASIDE).open("ab") as aside:
                    aside.write(msgspec.json.encode(frame.facts) + b"\n")
            self.read_to = frame.end


class Drain:
    """Books what is in the spool, and what comes: within some ten milliseconds, or a hundred calls at once.

    While the ledger can't be written calls stay in the spool; nothing is lost, and nothing is booked twice.
    """

    def __init__(self, booker: Booker) -> None:
        self._booker = booker
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self.failure: str | None = None
        """Why the ledger takes nothing at the moment."""

    @property
    def read_to(self) -> Position:
        """Up to here everything is booked."""
        return self._booker.read_to

    def start(self, writer: SpoolWriter) -> None:
        """Begins with what an earlier process left behind."""
        self._writer = writer
        self._news.set()
        self._thread.start()

    def tell(self) -> None:
        """Something was written."""
        if not self._news.is_set():
            self._news.set()

    def stop(self) -> None:
        """Ends once everything is booked that was written, or can't be booked now."""
        self._stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        synced = threading.Thread(target=self._keep_synced, name="spool-sync", daemon=True)
        synced.start()
        while True:
            ending = self._stopping.is_set()
            booked = self._book()
            if ending and booked <= 0:
                break
            if booked < 0:
                self._stopping.wait(_REST_SECONDS)
            elif booked < _AT_ONCE and not ending:
                self._news.wait()
                self._news.clear()
                self._stopping.wait(_LINGER_SECONDS)
        synced.join()

    def _keep_synced(self) -> None:
        """Sees to it that what waits for the ledger survives the loss of power, which what is booked does anyway; and
        that a disk that has become full is known.
        """
        before = self.read_to
        while not self._stopping.wait(_SYNC_SECONDS / 2):
            try:
                self._writer.look()
                # What came since the last look is given its time to be booked, which makes it last as well.
                if max(self.read_to, self._writer.synced) < before:
                    self._writer.sync()
            except OSError as error:
                _LOG.error("what waits in the spool may not survive the loss of power", exc_info=error)
            before = self._writer.end

    def _book(self) -> int:
        """Books some calls and answers how many; -1 when that failed."""
        try:
            taken = read(self._booker.folder, self.read_to, _AT_ONCE, self._writer.end)
            self._booker.take(taken)
        except Exception as error:  # noqa: BLE001 - whatever it is (a full disk, a locked file), calls wait for its end
            if self.failure is None:
                _LOG.error("calls wait in the spool: the ledger can't be written", exc_info=error)
            self.failure = str(error)
            return -1
        if self.failure is not None:
            _LOG.warning("the ledger can be written again")
            self.failure = None
        return len(taken.kept)


def _is_of_the_storage(error: Exception) -> bool:
    return isinstance(error, OSError | MemoryError | StoreError) or type(error).__name__ in _OF_THE_STORAGE


def name_all(kept: Sequence[Kept], reported: Callable[[Iterable[str]], set[str]]) -> "list[Fact]":
    """The facts of all frames, each call under keys of its own.

    A call whose answer named no message is known by its frame. So is one whose message another call had before: an
    upstream that gives each answer the same id must not make all its calls one. Results of a batch are another matter:
    they can be fetched again and again, and are the same calls.
    """
    own = [fact.keys[0] for frame in kept for fact in frame.facts if _is_identified(fact)]
    taken = set(reported(own)) if own else set[str]()
    named: list[Fact] = []
    for frame in kept:
        for number, fact in enumerate(frame.facts):
            if fact.keys and fact.keys[0] in taken and _is_result(fact):
                continue
            if _is_identified(fact) and fact.keys[0] not in taken:
                taken.add(fact.keys[0])
                named.append(fact)
            else:
                rest = [key for key in fact.keys if key.startswith("req:")]
                named.append(replace(fact, keys=(f"call:{frame.name}/{number}", *rest)))
    return named


def _is_result(fact: "Fact") -> bool:
    return fact.exchange is not None and fact.exchange.endpoint == "batches"


def _is_identified(fact: "Fact") -> bool:
    return bool(fact.keys) and not fact.keys[0].startswith("req:")
