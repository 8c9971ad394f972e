"""Reads transcripts from where reading stopped last time and hands batches of facts on; it never writes to them."""

import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, NamedTuple

from ccledger.sources.transcripts.position import (
    HEAD_BYTES,
    TAIL_BYTES,
    UNFINISHED,
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

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
"""What was a file when it was listed is opened only if it is no link now."""
CHUNK_BYTES = 1 << 18
"""So little that what was read is still in the processor's cache when it is searched."""
BATCH_FACTS = 8192
"""Facts handed on at once: enough to make a commit cheap, few enough to keep memory flat."""
BEGINNING_BYTES = 1 << 16
"""How much of a session's file is looked at for its project before the file itself is read."""
LONGEST_LINE = 64 << 20
"""Longer lines are passed over: they are snapshots of files, a call's line is never near that."""


class Progress(NamedTuple):
    """How far an import is."""

    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    facts: int = 0


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
        self.progress = Progress(files_total=len(changed), bytes_total=total)
        for found in changed:
            if self._stopped():
                break
            self._read_file(found)
            self._advance(files=1)
        self._flush()
        return self.progress

    def _offset(self, found: Found) -> int:
        kept = self._kept.get(found.path)
        return decode(kept).offset if kept else 0

    def _advance(self, files: int = 0, size: int = 0, facts: int = 0) -> None:
        files_done, files_total, bytes_done, bytes_total, booked = self.progress
        self.progress = Progress(files_done + files, files_total, bytes_done + size, bytes_total, booked + facts)
        self._report(self.progress)

    def _read_file(self, found: Found) -> None:
        try:
            file = os.open(found.path, _READ)
        except OSError:
            return
        try:
            self._read_from(file, found)
        except OSError:
            return
        finally:
            os.close(file)

    def _read_from(self, file: int, found: Found) -> None:
        start = resume(file, found, self._kept.get(found.path))
        reader = self._reader(found, start)
        position = self._read_chunks(file, found, reader, start)
        if reader.project is not None:
            self._projects[found.path] = reader.project
        self._positions[found.path] = position.encode()
        if len(self._facts) >= BATCH_FACTS:
            self._flush()

    def _read_chunks(self, file: int, found: Found, reader: "TranscriptReader", start: Position) -> Position:
        """Reads to the end of the file as it was listed, and answers how far that was."""
        offset = start.offset
        held = 0
        while not self._stopped():
            count = os.preadv(file, [memoryview(self._buffer)[held:]], offset + held)
            end = held + count
            at_end = not count or offset + end >= found.size
            used = reader.read(self._buffer, end, final=at_end)
            self._advance(size=count)
            if at_end:
                return self._position(file, reader, start, offset, used, signature(found))
            offset += used
            held = self._hold(used, end)
            if held == len(self._buffer):
                offset, held = self._make_room(file, reader, offset, held)
            if len(self._facts) >= BATCH_FACTS:
                self._positions[found.path] = self._position(file, reader, start, offset, 0, UNFINISHED).encode()
                self._flush()
        return self._position(file, reader, start, offset, 0, UNFINISHED)

    def _hold(self, used: int, end: int) -> int:
        """Moves the unfinished line to the front of the buffer and answers its length."""
        if used and used < end:
            self._buffer[: end - used] = self._buffer[used:end]
        return end - used

    def _make_room(self, file: int, reader: "TranscriptReader", offset: int, held: int) -> tuple[int, int]:
        """Grows the buffer for a long line, or passes over one that can't be a call's."""
        if held < LONGEST_LINE:
            self._buffer = self._buffer + bytearray(held)
            return offset, held
        reader.unreadable += 1
        return _pass_over(file, offset + held, self._buffer), 0

    def _position(
        self, file: int, reader: "TranscriptReader", start: Position, offset: int, used: int, seen: bytes
    ) -> Position:
        unreadable = start.unreadable + reader.unreadable
        if offset:
            offset += used
            return Position(seen, offset, unreadable, _head(file, offset), _tail(file, offset), reader.project)
        head = fingerprint(self._buffer[: min(HEAD_BYTES, used)])
        tail = fingerprint(self._buffer[max(0, used - TAIL_BYTES) : used])
        return Position(seen, used, unreadable, head, tail, reader.project)

    def _reader(self, found: Found, start: Position) -> "TranscriptReader":
        from ccledger.wire.transcript import TranscriptReader

        origin = origin_of(found, self._billing.get(found.root, 0))
        project = start.project or self._session_project(found, origin)
        return TranscriptReader(origin, self._facts.append, project)

    def _session_project(self, found: Found, origin: "FileOrigin") -> str | None:
        """A sub-agent's calls belong to the project of its session, wherever the agent itself worked."""
        main = os.sep.join((found.root, "projects", found.folder, f"{origin.session}.jsonl"))
        if main == found.path:
            return None
        kept = self._kept.get(main)
        return self._projects.get(main) or (decode(kept).project if kept else None) or _named_in(main)

    def _flush(self) -> None:
        if self._facts or self._positions:
            count = len(self._facts)
            self._sink.append(self._facts, self._positions)
            self._kept.update(self._positions)
            self._facts.clear()
            self._positions.clear()
            self._advance(facts=count)


def _named_in(path: str) -> str | None:
    """The project that the beginning of a transcript names; None where it can't be read or names none."""
    from ccledger.wire.transcript import find_project

    try:
        file = os.open(path, _READ)
    except OSError:
        return None
    try:
        beginning = bytearray(os.pread(file, BEGINNING_BYTES, 0))
    except OSError:
        return None
    finally:
        os.close(file)
    return find_project(beginning, len(beginning))[1]


def origin_of(found: Found, billing: int) -> "FileOrigin":
    """What a file's place on disk says about the lines in it."""
    from ccledger.wire.transcript import FileOrigin

    inside = found.path.rpartition(f"{os.sep}projects{os.sep}{found.folder}{os.sep}")[2]
    stem = os.path.basename(found.path).removesuffix(".jsonl")
    agent = stem.removeprefix("agent-") if stem.startswith("agent-") else None
    session = inside.partition(os.sep)[0] if os.sep in inside else stem
    return FileOrigin(found.folder, session, agent, billing)


def resume(file: int, found: Found, kept: bytes | None) -> Position:
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
