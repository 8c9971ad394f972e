"""Rows of calls as CSV, JSON or JSON lines, piece by piece; it opens no file and holds no more than a piece."""

import csv
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from io import StringIO
from itertools import chain, islice
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from ccledger.core.money import exact_usd
from ccledger.stats.history import CallRow

_Row = TypeVar("_Row", bound=Struct)
_ROWS_AT_ONCE: Final = 500
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or leaves out before one."""


class Format(StrEnum):
    """What rows can be written as."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


class Table(NamedTuple, Generic[_Row]):
    """How rows are written as CSV: the fields of a row are its columns, in their order."""

    columns: tuple[str, ...]
    cells: Callable[[_Row], tuple[str | int | None, ...]]


def encode(form: Format, rows: Iterable[_Row], table: Table[_Row]) -> Iterator[bytes]:
    """The rows as bytes in UTF-8, in pieces; nothing but the pieces together makes sense."""
    pieces = _pieces(rows)
    match form:
        case Format.CSV:
            return _csv(pieces, table)
        case Format.JSON:
            return _json(pieces)
        case Format.JSONL:
            return _jsonl(pieces)


def _pieces(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    left = iter(rows)
    while piece := list(islice(left, _ROWS_AT_ONCE)):
        yield piece


def _csv(pieces: Iterator[list[_Row]], table: Table[_Row]) -> Iterator[bytes]:
    """RFC 4180, with a head; a cost is exact in USD, and empty where there is no price."""
    for lines in chain([[table.columns]], (map(table.cells, piece) for piece in pieces)):
        text = StringIO()
        csv.writer(text).writerows(lines)
        yield text.getvalue().encode()


def _cells(row: CallRow) -> tuple[str | int | None, ...]:
    nano = row.total_cost_nano
    return (
        row.id,
        row.timestamp,
        harmless(row.model),
        row.input_tokens,
        row.output_tokens,
        row.cache_write_5m_tokens,
        row.cache_write_1h_tokens,
        row.cache_creation_tokens,
        row.cache_read_tokens,
        row.total_tokens,
        None if nano is None else exact_usd(int(nano)),
        nano,
        harmless(row.session_id),
        harmless(row.project),
        row.source,
        row.origin,
    )


def harmless(text: str | None) -> str | None:
    """A text that no spreadsheet computes: an apostrophe before what would be a formula."""
    return f"'{text}" if text is not None and text.startswith(_FORMULA) else text


def _json(pieces: Iterator[list[_Row]]) -> Iterator[bytes]:
    """One array, a row a line."""
    before = b"[\n"
    for piece in pieces:
        yield before + b",\n".join(map(msgspec.json.encode, piece))
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _jsonl(pieces: Iterator[list[_Row]]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"".join(msgspec.json.encode(row) + b"\n" for row in piece)


CALLS: Final = Table(CallRow.__struct_fields__, _cells)
"""Calls as the history tells them."""
