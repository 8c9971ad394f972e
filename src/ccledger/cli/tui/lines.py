"""Lines of text with their styles: a label and its amount, bars, two pages side by side; it knows no figure."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from textual.content import Content

from ccledger.cli.grid import columns_of, keep_start

# The terminal's own sixteen colours and background: the view looks at home in light and dark terminals alike.
QUIET: Final = "dim"
STRONG: Final = "bold"
ACCENT: Final = "ansi_cyan"
GOOD: Final = "ansi_green"
WARNING: Final = "ansi_yellow"
BAD: Final = "ansi_red"

_LEAST_GAP: Final = 2
_NOTE_GAP: Final = "   "


class Room(NamedTuple):
    """How much room a block has: columns, and whether there are lines enough to spread out."""

    width: int
    roomy: bool


def line(text: str, style: str = "") -> Content:
    """A text in one style."""
    return Content.styled(text, style) if style else Content(text)


def pieces(*parts: tuple[str, str] | str) -> Content:
    """Texts, each in a style of its own."""
    return Content.assemble(*(part if isinstance(part, str) or part[1] else part[0] for part in parts))


def ends(left: Content, right: Content, width: int) -> Content:
    """Two texts at the two ends of a line; what does not fit is cut off the left one."""
    room = width - right.cell_length
    if right.cell_length and left.cell_length > room - _LEAST_GAP:
        left = fitted(left, max(room - _LEAST_GAP, 0))
    space = max(width - left.cell_length - right.cell_length, 0)
    return fitted(left.append(" " * space).append(right), width)


def fitted(content: Content, width: int) -> Content:
    """A line cut to a width."""
    return content if content.cell_length <= width else content.truncate(max(width, 0), ellipsis=True)


def entry(label: str, amount: Content | str, width: int, notes: Sequence[str] = ()) -> Content:
    """A line of a ledger: what it is on the left, how much on the right, before it the first of the notes that fits."""
    right = Content(amount) if isinstance(amount, str) else amount
    left = line(label, QUIET)
    for note in notes:
        noted = pieces((note, QUIET), _NOTE_GAP).append(right)
        if note and left.cell_length + _LEAST_GAP + noted.cell_length <= width:
            return ends(left, noted, width)
    return ends(left, right, width)


def bar(share: float, width: int, style: str) -> Content:
    """A line of which a part, 0 to 1, is drawn heavily: it is read without colours, too."""
    filled = min(max(share, 0.0), 1.0) * width
    whole, half = int(filled), filled - int(filled) >= 0.5
    heavy = "━" * whole + ("╸" if half else "")
    return pieces((heavy, style), ("─" * (width - len(heavy)), QUIET))


def hairline(width: int) -> Content:
    """A thin line from side to side."""
    return line("─" * width, QUIET)


def beside(left: Sequence[Content], right: Sequence[Content], width: int, gap: int) -> list[Content]:
    """Two blocks side by side, the left one of that width."""
    empty = Content("")
    return [ends(a, empty, width).append(" " * gap).append(b) for a, b in zip_longest(left, right, fillvalue=empty)]


def page(lines: Iterable[Content]) -> Content:
    """Lines as one text."""
    return Content("\n").join(lines)


def cell(text: str, width: int, *, right: bool = False) -> str:
    """A text cut or filled to a width."""
    text = keep_start(text, width)
    space = " " * (width - columns_of(text))
    return space + text if right else text + space
