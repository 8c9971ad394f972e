"""Keeps the ledger up with the transcripts while a server runs; it waits for events and also looks by itself."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ccledger.sources.transcripts.roots import Found, Root, list_files, look_at
from ccledger.sources.transcripts.scan import Progress, Scan

if TYPE_CHECKING:
    from ccledger.core.ports import Clock, Sink

_LOOK_EVERY_MS: Final = 5_000
"""All files are listed this often whatever events say: network mounts and containers lose events."""
_POLL_EVERY_MS: Final = 1_000
_SETTLE_MS: Final = 40
_PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """What the import is doing, for people who wait. Times in milliseconds since 1970."""

    state: str = "starting"
    """`starting`, `importing`, `following` or `failed`."""
    progress: Progress = Progress()
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
    ) -> None:
        self._roots = roots
        self._billing = billing
        self._sink = sink
        self._clock = clock
        self._report = report
        self._watch = watch
        self._kept: dict[str, bytes] = {}
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
        self._thread.join()
        with self._passes:
            self._passes.notify_all()

    def sync(self, timeout: float) -> bool:
        """Waits until everything that is on disk now is booked.

        False when that fails, takes longer than `timeout` seconds, or the follower ends before.
        """
        with self._passes:
            target, failed = self._begun + 1, self._failed
            self._wake.set()
            self._passes.wait_for(
                lambda: self._done >= target or self._failed > failed or not self._thread.is_alive(), timeout
            )
            return self._done >= target and not self._stopping.is_set()

    def _run(self) -> None:
        self._kept = dict(self._sink.positions())
        while not self._stopping.is_set():
            try:
                self._look_at_all()
                self._wait()
            except Exception as error:  # noqa: BLE001 - one bad pass (a full disk, a vanished mount) must not end the import for good
                self._tell(state="failed", error=f"{type(error).__name__}: {error}")
                with self._passes:
                    self._failed += 1
                    self._passes.notify_all()
                self._wake.wait(_PAUSE_SECONDS)

    def _look_at_all(self) -> None:
        with self._passes:
            self._begun += 1
            current = self._begun
            self._wake.clear()
        files: list[Found] = []
        counts: dict[str, int] = {}
        for root in self._roots():
            found = list(list_files(root.path))
            counts[root.path] = len(found)
            files.extend(found)
        self._scan(files, counts)
        with self._passes:
            self._done = current
            self._passes.notify_all()

    def _scan(self, files: Iterable[Found], counts: Mapping[str, int]) -> None:
        first = self.status.finished_at is None

        def report(progress: Progress) -> None:
            if first:
                self._tell(state="importing", progress=progress, files=counts)

        billing = {root.path: self._billing(root.path) for root in self._roots()}
        progress = Scan(self._sink, self._kept, billing, report, self._stopping.is_set).run(files)
        if first and not self._stopping.is_set():
            self._tell(state="following", progress=progress, files=counts, finished_at=self._clock())
        elif self.status.state == "failed" or self.status.files != counts:
            self._tell(state="following", files=counts, error=None)

    def _tell(self, **changes: object) -> None:
        from dataclasses import replace

        self.status = replace(self.status, **changes)  # type: ignore[arg-type]
        self._report(self.status)

    def _wait(self) -> None:
        roots = [root.path for root in self._roots() if root.found]
        if not self._watch or not roots:
            self._wake.wait(_POLL_EVERY_MS / 1000)
            return
        self._wait_for_events(roots)

    def _wait_for_events(self, roots: list[str]) -> None:
        from watchfiles import watch

        folders = [Path(root) / "projects" for root in roots]
        until = self._clock() + _LOOK_EVERY_MS
        try:
            for changes in watch(
                *folders,
                watch_filter=lambda _, path: path.endswith(".jsonl"),
                debounce=_SETTLE_MS * 4,
                step=_SETTLE_MS,
                rust_timeout=_SETTLE_MS * 5,
                yield_on_timeout=True,
                stop_event=self._stopping,
                raise_interrupt=False,
            ):
                if changes:
                    self._take_changes({path for _, path in changes}, roots)
                if self._wake.is_set() or self._clock() >= until:
                    return
        except FileNotFoundError:
            self._wake.wait(_POLL_EVERY_MS / 1000)

    def _take_changes(self, paths: Iterable[str], roots: list[str]) -> None:
        found = [look_at(path, root) for path in sorted(paths) for root in roots]
        self._scan([entry for entry in found if entry is not None], self.status.files or {})
