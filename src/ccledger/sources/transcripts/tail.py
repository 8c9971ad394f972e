"""Reads the end of one transcript that nobody has booked yet, within a bound; it books nothing."""

import os
from typing import TYPE_CHECKING

from ccledger.sources.transcripts.position import is_unchanged
from ccledger.sources.transcripts.scan import origin_of, resume

if TYPE_CHECKING:
    from ccledger.core.call import Fact
    from ccledger.sources.transcripts.roots import Found

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_MARKER = b'"usage"'


def read_tail(found: "Found", kept: bytes | None, most_bytes: int) -> "list[Fact]":
    """The facts in what was added to a file since the position `kept`, in its last `most_bytes` at most.

    Raises `OSError` where the file can't be read.
    """
    if kept is not None and is_unchanged(kept, found):
        return []
    file = os.open(found.path, _READ)
    try:
        start = resume(file, found, kept)
        offset = max(start.offset, found.size - most_bytes)
        text = os.pread(file, most_bytes, offset)
    finally:
        os.close(file)
    if offset > start.offset:
        text = text.partition(b"\n")[2]
    return _facts(found, text, start.project) if _MARKER in text else []


def _facts(found: "Found", text: bytes, project: str | None) -> "list[Fact]":
    from ccledger.wire.transcript import TranscriptReader

    facts: list[Fact] = []
    reader = TranscriptReader(origin_of(found, 0), facts.append, project)
    reader.read(bytearray(text), len(text), final=True)
    return facts
