"""Finds bytes in bytes as fast as this machine can; it looks at nothing else."""

from typing import Protocol

try:
    from stringzilla import find as _find  # pyright: ignore[reportUnknownVariableType] - it has no types
except ImportError:  # pragma: no cover - the wheel is a requirement; this serves platforms that have none

    def _find(text: bytes | bytearray, pattern: bytes, start: int, end: int) -> int:
        return text.find(pattern, start, end)


class _Find(Protocol):
    def __call__(self, text: bytes | bytearray, pattern: bytes, start: int, end: int, /) -> int: ...


find: _Find = _find  # pyright: ignore[reportUnknownVariableType] - as above
"""Where the pattern first stands in `text[start:end]`; -1 where it does not."""
