"""Lays text out in columns that fit a width, hairlines above and below; it knows nothing of what the text means."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

_GAP: Final = "  "
_WIDEST_TEXT: Final = 60
"""Of a column of words where no terminal sets a limit."""
_STYLES: Final = {"": "", "bold": "\x1b[1m", "dim": "\x1b[2m", "warning": "\x1b[33m"}
_PLAIN: Final = "\x1b[0m"


class Column(NamedTuple):
    """One column: its head, and how its cells behave."""

    head: str
    right: bool = False
    least: int | None = None
    """Cells may be shortened to this width; None: never shortened."""
    shorten: "Callable[[str, int], str] | None" = None
    """How a cell is shortened; without it, its end is cut."""


class Row(NamedTuple):
    """One line of cells. `style` is empty, `bold` or `dim`."""

    cells: Sequence[str]
    style: str = ""


def columns_of(text: str) -> int:
    """How many terminal columns a text takes: Chinese characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of_character, text))


def _columns_of_character(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """A text without what could move the cursor or can't be shown, as names of directories may hold."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def keep_start(text: str, width: int) -> str:
    """A text cut at its end to a width."""
    if columns_of(text) <= width:
        return text
    kept = ""
    for character in text:
        if columns_of(kept + character) >= width:
            break
        kept += character
    return f"{kept}…"


def keep_end(text: str, width: int) -> str:
    """A text cut at its start to a width: of a path, the end tells most."""
    return text if columns_of(text) <= width else keep_start(text[::-1], width)[::-1]


def keep_first(names: str, width: int) -> str:
    """A list of names cut to as many as fit, and how many more there are."""
    if columns_of(names) <= width:
        return names
    parts = names.split(", ")
    for kept in range(len(parts) - 1, 0, -1):
        text = f"{', '.join(parts[:kept])} +{len(parts) - kept}"
        if columns_of(text) <= width:
            return text
    more = f" +{len(parts) - 1}" if len(parts) > 1 else ""
    return keep_start(parts[0], width - len(more)) + more


def paint(text: str, style: str, *, colour: bool) -> str:
    """A text in a style, where colours are wanted."""
    return f"{_STYLES[style]}{text}{_PLAIN}" if colour and style else text


def fits(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> bool:
    """Whether the rows can be shown in a width without cutting what must not be cut."""
    if width is None:
        return True
    least = (wide if column.least is None else min(wide, column.least) for column, wide in _natural(columns, rows))
    return sum(least) + len(_GAP) * (len(columns) - 1) <= width


def draw(columns: Sequence[Column], rows: Sequence[Row], last: Row, width: int | None, *, colour: bool) -> str:
    """The table: heads, a hairline, the rows, a hairline, the last row."""
    widths = _widths(columns, [*rows, last], width)
    line = paint("─" * (sum(widths) + len(_GAP) * (len(widths) - 1)), "dim", colour=colour)

    def show(row: Row) -> str:
        cells = map(_cell, columns, row.cells, widths)
        return paint(_GAP.join(cells).rstrip(), row.style, colour=colour)

    heads = Row([column.head for column in columns], "bold")
    return "\n".join([show(heads), line, *map(show, rows), line, show(last)])


def _cell(column: Column, text: str, width: int) -> str:
    if column.least is not None:
        text = (column.shorten or keep_start)(text, width)
    space = " " * (width - columns_of(text))
    return space + text if column.right else text + space


def _natural(columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[tuple[Column, int]]:
    for number, column in enumerate(columns):
        cells = (columns_of(row.cells[number]) for row in rows)
        yield column, max(columns_of(column.head), *cells)


def _widths(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> list[int]:
    """The widths of all columns: those of words share what the others leave."""
    natural = [wide for _, wide in _natural(columns, rows)]
    if width is None:
        return [
            wide if column.least is None else min(wide, _WIDEST_TEXT)
            for column, wide in zip(columns, natural, strict=True)
        ]
    widths = [
        wide if column.least is None else min(wide, column.least) for column, wide in zip(columns, natural, strict=True)
    ]
    left = width - sum(widths) - len(_GAP) * (len(columns) - 1)
    while left > 0 and widths != natural:
        for number, wide in enumerate(natural):
            if widths[number] < wide and left > 0:
                widths[number] += 1
                left -= 1
    return widths
