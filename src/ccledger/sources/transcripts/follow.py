"""Keeps the ledger up with the transcripts while a server runs; it waits for events and also looks by itself."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ccledger.core.errors import LedgerError
from ccledger.sources.transcripts.roots import SUFFIX, Found, Root, list_files, look_at
from ccledger.sources.transcripts.scan import Progress, Scan

if TYPE_CHECKING:
    from ccledger.core.ports import Clock, Sink

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_SECONDS: Final = 5.0
"""All files are listed this often whatever events say: network mounts and containers lose events."""
_POLL_EVERY_SECONDS: Final = 0.8
_SETTLE_MS: Final = 40
_PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """What the import is doing, for people who wait. Times in milliseconds since 1970."""

    state: str = "starting"
    """`starting`, `importing`, `following` or `failed`."""
    progress: Progress = field(default_factory=Progress)
    started_at: int = 0
    finished_at: int | None = None
    error: str | None = None
    files: Mapping[str, int] | None = None
    """How many transcripts each root holds."""


class Follower:
    """Imports what is there, then what is added, in a thread of its own."""

    def __init__(
        self,
        roots: Callable[[], list[Root]],
        billing: Callable[[str], int],
        sink: "Sink",
        clock: "Clock",
        report: Callable[[ImportStatus], None],
        *,
        watch: bool,
        beside: Callable[[list[Root]], object] = lambda _: None,
    ) -> None:
        self._roots = roots
        self._billing = billing
        self._sink = sink
        self._clock = clock
        self._report = report
        self._watch = watch
        self._beside = beside
        """What else is to be looked at in these directories, in every pass."""
        self._kept: dict[str, bytes] | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._passes = threading.Condition()
        self._begun = 0
        self._done = 0
        self._failed = 0
        self._thread = threading.Thread(target=self._run, name="transcripts", daemon=True)
        self.status = ImportStatus(started_at=clock())

    def start(self) -> None:
        """Begins to import."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the batch in hand; what was read is booked."""
        self._stopping.set()
        self._wake.set()
        with self._passes:
            self._passes.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def sync(self, timeout: float) -> bool:
        """Waits until everything that is on disk now is booked.

        False when that fails, takes longer than `timeout` seconds, or the follower ends before.
        """
        with self._passes:
            target, failed = self._begun + 1, self._failed
            self._wake.set()
            self._passes.wait_for(
                lambda: self._done >= target or self._failed > failed or self._stopping.is_set(), timeout
            )
            return self._done >= target

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look_at_all()
                self._wait(self._watched())
            except Exception as error:  # noqa: BLE001 - one bad pass (a full disk, a vanished mount) must not end the import for good
                self._fail(error)
                with self._passes:
                    self._failed += 1
                    self._passes.notify_all()
                self._wake.wait(_PAUSE_SECONDS)

    def _fail(self, error: Exception) -> None:
        """Says that the import failed: the reason to people, everything to the log, once for each new reason."""
        reason = _reason(error)
        if reason != self.status.error:
            _LOG.error("the import failed and is tried again", exc_info=error)
        self._tell(state="failed", error=reason)

    def _look_at_all(self) -> None:
        with self._passes:
            self._begun += 1
            current = self._begun
            self._wake.clear()
        files: list[Found] = []
        counts: dict[str, int] = {}
        roots = self._roots()
        for root in roots:
            found = list(list_files(root.path))
            counts[root.path] = len(found)
            files.extend(found)
        self._beside(roots)
        self._scan(files, counts)
        with self._passes:
            if not self._stopping.is_set():
                self._done = current
            self._passes.notify_all()

    def _scan(self, files: Iterable[Found], counts: Mapping[str, int]) -> None:
        first = self.status.finished_at is None

        def report(progress: Progress) -> None:
            if first:
                self._tell(state="importing", progress=progress, files=counts)

        if self._kept is None:
            self._kept = dict(self._sink.positions())
        billing = {root.path: self._billing(root.path) for root in self._roots()}
        progress = Scan(self._sink, self._kept, billing, report, self._stopping.is_set).run(files)
        if first and not self._stopping.is_set():
            self._tell(state="following", progress=progress, files=counts, finished_at=self._clock(), error=None)
        elif self.status.state == "failed" or self.status.files != counts:
            self._tell(state="following", files=counts, error=None)

    def _tell(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        self._report(self.status)

    def _watched(self) -> list[str]:
        return [root.path for root in self._roots() if root.found] if self._watch else []

    def _wait(self, roots: list[str]) -> None:
        if not roots:
            self._wake.wait(_POLL_EVERY_SECONDS)
            return
        look_again = 0.0  # at once: something may have changed after the last look and before the watch began
        for paths in self._events(roots):
            self._take_changes(paths, roots)
            if self._wake.is_set() or time.monotonic() >= look_again:
                self._look_at_all()
                look_again = time.monotonic() + _LOOK_EVERY_SECONDS
                if self._watched() != roots:
                    return

    def _events(self, roots: Iterable[str]) -> Iterator[set[str]]:
        """The transcripts that changed and whatever is new, again and again; nothing when nothing happened for a while.

        Ends when the directories can't be watched (a name in them is no UTF-8, the system has no watches left): then
        the next look at all of them has to do.
        """
        from watchfiles import Change, watch

        folders = [Path(root) / "projects" for root in roots]
        try:
            for changes in watch(
                *folders,
                watch_filter=None,  # a filter would keep back the pauses in which we look around
                debounce=_SETTLE_MS * 4,
                step=_SETTLE_MS,
                rust_timeout=_SETTLE_MS * 5,
                yield_on_timeout=True,
                stop_event=self._stopping,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                yield {path for kind, path in changes if path.endswith(SUFFIX) or kind == Change.added}
        except (OSError, RuntimeError):
            self._wake.wait(_POLL_EVERY_SECONDS)

    def _take_changes(self, paths: Iterable[str], roots: Iterable[str]) -> None:
        if any(os.path.isdir(path) for path in paths):
            # A watch on a new directory begins after it was made: what was written meanwhile nobody tells.
            self._look_at_all()
            return
        found = [look_at(path, root) for path in sorted(paths) for root in roots]
        known = [entry for entry in found if entry is not None]
        if known:
            self._scan(known, self.status.files or {})


def _reason(error: Exception) -> str:
    """Why a pass failed, without the paths and values that an error's own text may hold."""
    if isinstance(error, LedgerError):
        return "the ledger can't be written; the server's log says why"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}; the server's log says more"
