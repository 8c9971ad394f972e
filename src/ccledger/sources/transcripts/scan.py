"""Reads transcripts from where reading stopped last time and hands batches of facts on; it never writes to them."""

import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ccledger.sources.transcripts.position import (
    HEAD_BYTES,
    TAIL_BYTES,
    Position,
    decode,
    fingerprint,
    is_unchanged,
    signature,
)
from ccledger.sources.transcripts.roots import Found

if TYPE_CHECKING:
    from ccledger.core.call import Fact
    from ccledger.core.ports import Sink
    from ccledger.wire.transcript import FileOrigin, TranscriptReader

CHUNK_BYTES = 1 << 20
BATCH_FACTS = 8192
"""Facts handed on at once: enough to make a commit cheap, few enough to keep memory flat."""
LONGEST_LINE = 64 << 20
"""Longer lines are passed over: they are snapshots of files, a call's line is never near that."""

_UNFINISHED = b"\0" * 24
"""A signature no file has: reading goes on at the position, whatever the listing shows."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is."""

    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    facts: int = 0
    unreadable: int = 0
    """Lines passed over because they could not be read."""


class Scan:
    """One pass over the files that changed."""

    def __init__(
        self,
        sink: "Sink",
        kept: MutableMapping[str, bytes],
        billing: Mapping[str, int],
        report: Callable[[Progress], None],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sink = sink
        self._kept = kept
        self._billing = billing
        self._report = report
        self._stopped = stopped
        self._buffer = bytearray()
        self._facts: list[Fact] = []
        self._positions: dict[str, bytes] = {}
        self._projects: dict[str, str] = {}
        self.progress = Progress()

    def run(self, files: Iterable[Found]) -> Progress:
        """Reads what is new in `files` and books it. Stops between chunks when asked to; nothing read is lost."""
        changed = [found for found in files if not is_unchanged(self._kept.get(found.path, b""), found)]
        if not changed:
            return self.progress
        self._buffer = bytearray(CHUNK_BYTES)
        total = sum(max(0, found.size - self._offset(found)) for found in changed)
        self._advance(files_total=len(changed), bytes_total=total)
        for found in changed:
            if self._stopped():
                break
            self._read_file(found)
            self._advance(files_done=self.progress.files_done + 1)
        self._flush()
        return self.progress

    def _offset(self, found: Found) -> int:
        kept = self._kept.get(found.path)
        return decode(kept).offset if kept else 0

    def _advance(self, **changes: int) -> None:
        self.progress = replace(self.progress, **changes)
        self._report(self.progress)

    def _read_file(self, found: Found) -> None:
        try:
            file = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return
        try:
            self._read_from(file, found)
        except OSError:
            pass
        finally:
            os.close(file)

    def _read_from(self, file: int, found: Found) -> None:
        start = _resume(file, found, self._kept.get(found.path))
        reader = self._reader(found, start)
        offset = self._read_chunks(file, found, reader, start)
        if reader.project is not None:
            self._projects[found.path] = reader.project
        self._keep(file, found, reader, start, offset, _UNFINISHED if self._stopped() else signature(found))

    def _read_chunks(self, file: int, found: Found, reader: "TranscriptReader", start: Position) -> int:
        offset = start.offset
        held = 0
        while not self._stopped():
            count = os.preadv(file, [memoryview(self._buffer)[held:]], offset + held)
            end = held + count
            used = reader.read(self._buffer, end, final=not count)
            offset += used
            if not count:
                break
            held = end - used
            self._hold(used, end)
            if not used and end == len(self._buffer):
                if held >= LONGEST_LINE:
                    offset, held = _pass_over(file, offset + held, self._buffer), 0
                    reader.unreadable += 1
                else:
                    self._buffer = self._buffer + bytearray(len(self._buffer))
            self._advance(bytes_done=self.progress.bytes_done + count)
            if len(self._facts) >= BATCH_FACTS:
                self._keep(file, found, reader, start, offset, _UNFINISHED)
                self._flush()
        return offset

    def _hold(self, used: int, end: int) -> None:
        if used and used < end:
            self._buffer[: end - used] = self._buffer[used:end]

    def _keep(
        self, file: int, found: Found, reader: "TranscriptReader", start: Position, offset: int, seen: bytes
    ) -> None:
        unreadable = start.unreadable + reader.unreadable
        self._positions[found.path] = Position(
            seen, offset, unreadable, _head(file, offset), _tail(file, offset), reader.project
        ).encode()

    def _reader(self, found: Found, start: Position) -> "TranscriptReader":
        from ccledger.wire.transcript import TranscriptReader

        origin = _origin(found, self._billing.get(found.root, 0))
        project = start.project or self._session_project(found, origin)
        return TranscriptReader(origin, self._facts.append, project)

    def _session_project(self, found: Found, origin: "FileOrigin") -> str | None:
        """A sub-agent's calls belong to the project of its session, wherever the agent itself worked."""
        main = os.path.join(found.root, "projects", found.folder, f"{origin.session}.jsonl")
        if main == found.path:
            return None
        kept = self._kept.get(main)
        return self._projects.get(main) or (decode(kept).project if kept else None)

    def _flush(self) -> None:
        if self._facts or self._positions:
            count = len(self._facts)
            self._sink.append(self._facts, self._positions)
            self._kept.update(self._positions)
            self._facts.clear()
            self._positions.clear()
            self._advance(facts=self.progress.facts + count)


def _origin(found: Found, billing: int) -> "FileOrigin":
    from ccledger.wire.transcript import FileOrigin

    inside = found.path.rpartition(f"{os.sep}projects{os.sep}{found.folder}{os.sep}")[2]
    stem = os.path.basename(found.path).removesuffix(".jsonl")
    agent = stem.removeprefix("agent-") if stem.startswith("agent-") else None
    session = inside.partition(os.sep)[0] if os.sep in inside else stem
    return FileOrigin(found.folder, session, agent, billing)


def _resume(file: int, found: Found, kept: bytes | None) -> Position:
    """Where to go on: after what was read, if that is still there unchanged; else at the start."""
    start = Position(b"", 0, 0, b"", b"", None)
    if kept is None:
        return start
    position = decode(kept)
    same = (
        found.size >= position.offset
        and _head(file, position.offset) == position.head
        and _tail(file, position.offset) == position.tail
    )
    return position if same else start


def _head(file: int, offset: int) -> bytes:
    return fingerprint(os.pread(file, min(HEAD_BYTES, offset), 0))


def _tail(file: int, offset: int) -> bytes:
    size = min(TAIL_BYTES, offset)
    return fingerprint(os.pread(file, size, offset - size))


def _pass_over(file: int, offset: int, buffer: bytearray) -> int:
    """The position right after the line that `offset` is in, or the end of the file."""
    while True:
        count = os.preadv(file, [buffer], offset)
        newline = buffer.find(b"\n", 0, count)
        if newline >= 0 or not count:
            return offset + newline + 1 if count else offset
        offset += count
