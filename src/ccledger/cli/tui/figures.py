"""Arranges the blocks above the sessions for the room there is: two pages of a ledger, or one; it draws none itself."""

from collections.abc import Callable
from typing import Final, NamedTuple

from textual.content import Content
from textual.widgets import Static

from ccledger.cli.tui.chart import chart_lines
from ccledger.cli.tui.limits import limits_lines
from ccledger.cli.tui.lines import Room, beside, fitted, page
from ccledger.cli.tui.spent import spent_lines
from ccledger.cli.tui.view import View
from ccledger.cli.tui.window import window_lines

_GAP: Final = 4
_TWO_PAGES: Final = 76
"""Columns from which two blocks stand side by side."""
_ROOMY_TWO: Final = 23
"""Lines of the screen from which blocks spread out where two stand side by side."""
_ROOMY_ONE: Final = 38
"""The same where they stand one above the other."""

_Block = Callable[[View, Room], list[Content]]


class Screen(NamedTuple):
    """Columns and lines of the terminal, without the margins."""

    width: int
    height: int


def figures(view: View, screen: Screen) -> list[Content]:
    """All blocks as lines. Limits that are known come first: they are what stops a subscriber."""
    left: tuple[_Block, _Block] = (limits_lines, window_lines) if view.limits else (window_lines, limits_lines)
    if screen.width >= _TWO_PAGES:
        room = Room((screen.width - _GAP) // 2, screen.height >= _ROOMY_TWO)
        right = (spent_lines, chart_lines)
        return beside(_stacked(view, left, room), _stacked(view, right, room), room.width, _GAP)
    room = Room(screen.width, screen.height >= _ROOMY_ONE)
    return _stacked(view, (*left, spent_lines, chart_lines), room)


def _stacked(view: View, blocks: tuple[_Block, ...], room: Room) -> list[Content]:
    """Blocks one above the other, an empty line between them where there is room, none wider than it may be."""
    lines: list[Content] = []
    for block in blocks:
        if lines and room.roomy:
            lines.append(Content(""))
        lines += [fitted(drawn, room.width) for drawn in block(view, room)]
    return lines


class Figures(Static):
    """Everything above the sessions."""

    def show(self, view: View, screen: Screen) -> None:
        """Draws a view for that room."""
        self.update(page(figures(view, screen)))
