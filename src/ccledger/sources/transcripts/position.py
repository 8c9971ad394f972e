"""How far a transcript was read and how to tell that it is still the same file; pure values, no reading."""

import struct
from typing import NamedTuple

from ccledger.sources.transcripts.roots import Found

HEAD_BYTES = 1024
TAIL_BYTES = 1024
"""How much of the start, and of what comes right before the position, identifies the text that was read: the last
hundred bytes of a line are the same in a whole session, its own id and time stand before them."""

_64_BITS = (1 << 64) - 1
"""Some file systems number files with more; the end of the number tells files apart well enough."""
_SIGNATURE = struct.Struct("<QQq")
_REST = struct.Struct("<QI8s8s")


UNFINISHED = bytes(_SIGNATURE.size)
"""A signature no file has: reading goes on at the position, whatever the listing shows."""


class Position(NamedTuple):
    """The state of one transcript after reading it."""

    signature: bytes
    offset: int
    unreadable: int
    head: bytes
    tail: bytes
    project: str | None

    def encode(self) -> bytes:
        """The bytes the ledger keeps; they start with the signature, so that unchanged files cost no decoding."""
        rest = _REST.pack(self.offset, self.unreadable, self.head, self.tail)
        return self.signature + rest + (self.project or "").encode("utf-8", "replace")


def signature(found: Found) -> bytes:
    """What changes whenever a file does: inode, size and time of modification."""
    return _SIGNATURE.pack(found.inode & _64_BITS, found.size, found.modified_ns)


def is_unchanged(kept: bytes, found: Found) -> bool:
    """Whether the listing shows the file exactly as it was when it was read."""
    return kept.startswith(signature(found))


def decode(kept: bytes) -> Position:
    """The position in bytes made by `encode`."""
    offset, unreadable, head, tail = _REST.unpack_from(kept, _SIGNATURE.size)
    project = kept[_SIGNATURE.size + _REST.size :].decode("utf-8", "replace")
    return Position(kept[: _SIGNATURE.size], offset, unreadable, head, tail, project or None)


def fingerprint(text: bytes | bytearray) -> bytes:
    """A short hash by which text is recognised."""
    from hashlib import blake2b

    return blake2b(text, digest_size=8).digest()
