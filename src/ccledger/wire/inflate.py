"""Decompresses what passes by, so that it can be metered; the bytes themselves go on as they came.

Broken data, or so much of it that somebody must mean harm, ends the metering and nothing else.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import brotli  # pyright: ignore[reportMissingTypeStubs] - it has none
import zstandard

_brotli: Any = brotli
_PIECE = 1 << 18
"""How much is decompressed at a time."""
_MOST_AT_ONCE = 1 << 24
"""More than this out of one chunk is a bomb: answers are text, which shrinks ten or twenty times."""
_LARGEST_WINDOW = 1 << 23
"""RFC 9659: what a client has to provide for."""
_ZSTD_STEP = 256
"""Bytes given to zstd at a time: its blocks hold at most 128 KB and take at least 4 bytes."""
_MOST_STAGES = 4
_GZIP, _ZLIB, _RAW = 31, 15, -15
_BROKEN: tuple[type[Exception], ...] = (zlib.error, _brotli.error, zstandard.ZstdError, ValueError, EOFError)


class _Stage(Protocol):
    def inflate(self, data: bytes) -> Iterator[bytes]: ...


class Inflater:
    """Undoes the content encodings of one answer, a chunk at a time."""

    def __init__(self, stages: tuple[_Stage, ...]) -> None:
        self.is_broken = False
        """Whether the data made no sense; nothing comes out any more then."""
        self._stages = stages

    @classmethod
    def of(cls, content_encoding: str) -> "Inflater | None":
        """One for the value of the header `content-encoding`; None for an encoding nobody here knows.

        Without an encoding, or with `identity`, what comes out is what went in.
        """
        names = [name.strip().lower() for name in content_encoding.split(",")]
        names = [name for name in names if name not in ("", "identity")]
        if len(names) > _MOST_STAGES or any(name not in _STAGES for name in names):
            return None
        return cls(tuple(_STAGES[name]() for name in reversed(names)))

    def feed(self, chunk: bytes) -> bytes:
        """What more is known of the plain bytes with this chunk; at most 16 MiB."""
        if self.is_broken:
            return b""
        data = chunk
        for stage in self._stages:
            data = self._through(stage, data)
        return data

    def _through(self, stage: _Stage, data: bytes) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            for piece in stage.inflate(data):
                size += len(piece)
                if size > _MOST_AT_ONCE:
                    self.is_broken = True
                    return b""
                pieces.append(piece)
        except _BROKEN:
            self.is_broken = True
        return b"".join(pieces)


class _Zlib:
    """gzip, in one or several members, and deflate with or without its header."""

    def __init__(self, form: int) -> None:
        self._form = form
        self._inflate = zlib.decompressobj(form)

    def inflate(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate.eof:
                if self._form != _GZIP:
                    return
                self._inflate = zlib.decompressobj(_GZIP)
            yield self._inflate.decompress(data, _PIECE)
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail


class _Deflate:
    """What servers call deflate: mostly with the header of zlib, sometimes without."""

    def __init__(self) -> None:
        self._first = b""
        self._stage: _Zlib | None = None

    def inflate(self, data: bytes) -> Iterator[bytes]:
        if self._stage is None:
            self._first += data
            if len(self._first) < 2:
                return
            has_header = self._first[0] & 15 == 8 and int.from_bytes(self._first[:2]) % 31 == 0
            self._stage, data = _Zlib(_ZLIB if has_header else _RAW), self._first
        yield from self._stage.inflate(data)


class _Brotli:
    def __init__(self) -> None:
        self._inflate = _brotli.Decompressor()

    def inflate(self, data: bytes) -> Iterator[bytes]:
        piece: bytes = self._inflate.process(data, output_buffer_limit=_PIECE)
        while piece:
            yield piece
            piece = self._inflate.process(b"", output_buffer_limit=_PIECE)


class _Zstd:
    def __init__(self) -> None:
        inflate = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._inflate = inflate.decompressobj(read_across_frames=True)

    def inflate(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_STEP):
            yield self._inflate.decompress(data[start : start + _ZSTD_STEP])


def _gzip() -> _Stage:
    return _Zlib(_GZIP)


_STAGES: dict[str, Callable[[], _Stage]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
