"""Calls on their way into the ledger, kept in files that survive whatever happens to us; it books nothing.

A spool is a folder of numbered segments. A segment begins with `MAGIC` and 8 random bytes and holds one frame a call:
`MARK`, the length and the CRC-32 of what follows (little-endian), and the call's facts as MessagePack. Its file has its
whole size from the beginning, so that what was promised room can be written on a full disk, too.
"""

import errno
import os
import re
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from ccledger.core.call import Fact

MAGIC: Final = b"ccspool1"
MARK: Final = b"\xccled"
HEAD: Final = Struct("<4sII")
BODY_START: Final = len(MAGIC) + 8
_NAME: Final = re.compile(r"([0-9]{12})\.spool")
_SEGMENT_BYTES: Final = 4 << 20
_ROOM: Final = 4096
"""What is kept free for one call: more than its facts ever need."""
_SPARE_BYTES: Final = 4 << 20
"""What has to be free on the disk beside the spool, so that the ledger can take up what is in it."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Fact]).decode


class Position(NamedTuple):
    """A place in a spool, up to which it was read. Sorts as the spool was written."""

    segment: int
    offset: int

    def encode(self) -> bytes:
        """As bytes that a store keeps."""
        return _POSITION.pack(self.segment, self.offset)

    @staticmethod
    def decode(kept: bytes | None) -> "Position":
        """The inverse; the beginning of everything where nothing was kept."""
        return Position(*_POSITION.unpack(kept)) if kept else Position(0, 0)


_POSITION: Final = Struct("<QQ")


class Limits(NamedTuple):
    """How a spool uses the disk, in bytes."""

    segment: int = _SEGMENT_BYTES
    room: int = _ROOM
    spare: int = _SPARE_BYTES


def segments(folder: Path) -> list[tuple[int, Path]]:
    """The segments in a folder by their number, in the order in which they were written."""
    try:
        names = [(match, folder / match.string) for match in map(_NAME.fullmatch, os.listdir(folder)) if match]  # noqa: PTH208 - a listing of names, asked for all the time
    except FileNotFoundError:
        return []
    return sorted((int(match[1]), path) for match, path in names)


class SpoolWriter:
    """The end of a spool that calls are written to. Fulfils `core.ports.Spool`; one thread may use it.

    Nothing is made on disk before the first call. What a process wrote, no other one writes to: each begins a segment.
    """

    def __init__(
        self,
        folder: Path,
        random: Callable[[int], bytes],
        written: Callable[[], None] = lambda: None,
        limits: Limits = Limits(),  # noqa: B008 - a constant
        first: int = 1,
    ) -> None:
        """`written` is called after each write; numbers of segments begin at `first` or after those that are there."""
        self._folder = folder
        self._random = random
        self._written = written
        self._limits = limits
        self._next = max(first, *(number + 1 for number, _ in segments(folder)), 1)
        self._file = -1
        self._size = 0
        self._promised = 0
        self._has_spare = False
        """Whether the disk had room for the ledger when somebody looked last."""
        self.end = Position(self._next, BODY_START)
        """Up to here calls were written; before the first one, where it will be."""
        self.synced = Position(0, 0)
        """Up to here they would survive the loss of power."""
        self._full: list[int] = []
        """Files that nothing is written to any more, as long as nobody has seen to it that they last."""
        self._syncing = threading.Lock()

    def reserve(self) -> bool:
        """See `core.ports.Spool.reserve`. There is room as long as the disk also has some for the ledger."""
        if self._size - self.end.offset < (self._promised + 1) * self._limits.room and not self._turn():
            return False
        if not self._has_spare and not self.look():
            return False
        self._promised += 1
        return True

    def look(self) -> bool:
        """Looks whether the disk has room beside the spool; whoever keeps it synced does so all the time."""
        file = self._file
        if file >= 0:
            disk = os.fstatvfs(file)
            self._has_spare = disk.f_bavail * disk.f_frsize >= self._limits.spare
            if os.fstat(file).st_nlink == 0:
                # Somebody took us for dead and booked what we had written: nobody would look here again.
                self._size = 0
        return self._has_spare

    def write(self, facts: Sequence[Fact]) -> None:
        """See `core.ports.Spool.write`. Raises `OSError` when the disk fails."""
        payload = _encode(facts)
        frame = HEAD.pack(MARK, len(payload), zlib.crc32(payload)) + payload
        segment, offset = self.end
        if self._size - offset - len(frame) < (self._promised - 1) * self._limits.room and self._turn(len(frame)):
            segment, offset = self.end
        self._promised -= 1
        if os.pwrite(self._file, frame, offset) < len(frame):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.end = Position(segment, offset + len(frame))
        self._written()

    def release(self) -> None:
        """See `core.ports.Spool.release`."""
        self._promised -= 1

    def _turn(self, more: int = 0) -> bool:
        """Begins a segment that has room for all calls that were promised any; False when the disk has none."""
        size = self._limits.segment + (self._promised + 1) * self._limits.room + more
        number = self._next
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = _make(self._folder / f"{number:012}.spool", size, MAGIC + self._random(8))
        except OSError:
            return False
        self._next += 1
        if self._file >= 0:
            self._full.append(self._file)
        self._file, self._size = file, size
        self.end = Position(number, BODY_START)
        self.look()
        return True

    def sync(self) -> None:
        """Makes what was written so far survive the loss of power; any thread may do that."""
        with self._syncing:
            # In this order: a segment that is begun meanwhile leaves `file` open and `end` behind it.
            end, file = self.end, self._file
            if file >= 0 and end > self.synced:
                os.fdatasync(file)
            while self._full:
                os.fdatasync(self._full[0])
                os.close(self._full.pop(0))
            self.synced = max(self.synced, end)

    def close(self, read_to: Position = Position(0, 0)) -> None:  # noqa: B008 - a constant
        """Ends writing. A segment in which nothing is left to be read is taken away."""
        self.sync()
        if self._file < 0:
            return
        os.close(self._file)
        self._file, self._size = -1, 0
        if self.end.offset == BODY_START or read_to >= self.end:
            (self._folder / f"{self.end.segment:012}.spool").unlink(missing_ok=True)


def _make(path: Path, size: int, head: bytes) -> int:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _allocate(file, size)
        os.pwrite(file, head, 0)
    except BaseException:
        os.close(file)
        path.unlink(missing_ok=True)
        raise
    return file


def _allocate(file: int, size: int) -> None:
    """Gives a file its whole size, on the disk and not only by name."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    block = bytes(1 << 16)
    for offset in range(0, size, len(block)):
        os.pwrite(file, block[: size - offset], offset)


class Kept(NamedTuple):
    """What one frame holds."""

    name: str
    """Tells this frame from every other one there ever was."""
    facts: list[Fact]
    end: Position


class Taken(NamedTuple):
    """The next calls of a spool."""

    kept: list[Kept]
    end: Position
    """Where to go on."""
    damaged: int
    """Bytes on the way that are no frames: what a loss of power left behind."""


def read(folder: Path, start: Position, limit: int, written: Position | None = None) -> Taken:
    """The next calls from a place on, about `limit`, oldest first.

    `written` is how far somebody has written who may go on meanwhile: nothing behind it is looked at, and its segment
    stays the one to go on in. Any other segment that holds nothing more is left for the next one.
    """
    kept: list[Kept] = []
    place, damaged = start, 0
    for number, path in segments(folder):
        if number < place.segment:
            continue
        if written is not None and number > written.segment:
            break
        place = place if number == place.segment else Position(number, BODY_START)
        stop = written.offset if written is not None and number == written.segment else None
        identity, data = _load(path, place.offset, stop)
        position, skipped = _take_frames(data, f"{identity}-", place, limit, kept)
        damaged += skipped
        place = Position(number, place.offset + position)
        if len(kept) >= limit or stop is not None:
            break
        damaged += len(data[position:].rstrip(b"\0"))
        place = Position(number + 1, BODY_START)
    return Taken(kept, place, damaged)


def forget(folder: Path, read_to: Position) -> None:
    """Removes the segments before a place, once what is in them is booked durably."""
    for number, path in segments(folder):
        if number < read_to.segment:
            path.unlink(missing_ok=True)


def _load(path: Path, offset: int, stop: int | None) -> tuple[str, bytes]:
    """What identifies a segment, and its bytes from an offset on; none when it is no segment at all."""
    with path.open("rb") as file:
        head = file.read(BODY_START)
        file.seek(offset)
        data = file.read() if stop is None else file.read(max(0, stop - offset))
    return head[len(MAGIC) :].hex(), data if head.startswith(MAGIC) else b""


def _take_frames(data: bytes, name: str, start: Position, limit: int, kept: list[Kept]) -> tuple[int, int]:
    """Adds the frames in `data` until there are `limit`; answers where the last one ends, and what lay between."""
    position = damaged = 0
    while len(kept) < limit and (found := _next_frame(data, position)) is not None:
        begin, facts, end = found
        kept.append(Kept(f"{name}{start.offset + begin}", facts, Position(start.segment, start.offset + end)))
        damaged += begin - position
        position = end
    return position, damaged


def _next_frame(data: bytes, position: int) -> tuple[int, list[Fact], int] | None:
    """Where the next whole frame begins, its facts, and where it ends."""
    start = data.find(MARK, position)
    while start >= 0:
        frame = _frame(data, start)
        if frame is not None:
            return start, *frame
        start = data.find(MARK, start + 1)
    return None


def _frame(data: bytes, start: int) -> tuple[list[Fact], int] | None:
    """The facts of the frame that begins at `start`, and where it ends; None where none does."""
    if start + HEAD.size > len(data):
        return None
    _, length, check = HEAD.unpack_from(data, start)
    end = start + HEAD.size + length
    payload = data[start + HEAD.size : end]
    if len(payload) != length or zlib.crc32(payload) != check:
        return None
    try:
        return _decode(payload), end
    except msgspec.MsgspecError:
        return None
