"""What each hour or day cost, as columns of block characters; it asks for nothing."""

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from ccledger.cli.tui.lines import ACCENT, QUIET, STRONG, Room, cell, ends, fitted, line, pieces
from ccledger.cli.tui.view import TODAY, Bar, View
from ccledger.cli.tui.words import clock, day, dollars

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_HIGH: Final = 4
"""Lines of the chart where there is room."""
_APART: Final = 3
"""Columns a bar takes from which bars stand apart."""


def chart_lines(view: View, room: Room) -> list[Content]:
    """The block of the chart."""
    title = "Last 24 hours" if view.span == TODAY else "By day"
    if not room.roomy:
        head = f"{title}  "
        bars = _columns([bar.cost_nano for bar in view.bars], room.width - len(head), 1)
        return [fitted(pieces((head, STRONG), (bars[0], ACCENT)), room.width)]
    bars = _columns([bar.cost_nano for bar in view.bars], room.width, _HIGH)
    return [
        ends(line(title, STRONG), line(_most(view), QUIET), room.width),
        *(line(text, ACCENT) for text in bars),
        _axis(view, room.width),
    ]


def _columns(costs: Sequence[int], width: int, high: int) -> list[str]:
    """The columns as lines of text, the top first; what cost anything is seen, however little it was."""
    most = max(costs, default=0)
    levels = [-(-cost * high * 8 // most) if most else 0 for cost in costs]
    widths = _widths(len(costs), width)
    gap = " " if min(widths, default=0) >= _APART else ""
    return [
        "".join(
            _EIGHTHS[min(max(level - row * 8, 0), 8)] * (wide - len(gap)) + gap
            for level, wide in zip(levels, widths, strict=True)
        )
        for row in reversed(range(high))
    ]


def _widths(count: int, width: int) -> list[int]:
    """The whole width shared out among so many bars."""
    return [width * (number + 1) // count - width * number // count for number in range(count)]


def _most(view: View) -> str:
    if not view.bars:
        return ""
    most: Bar = max(view.bars, key=lambda bar: bar.cost_nano)
    if not most.cost_nano:
        return "nothing"
    return f"most {dollars(most.cost_nano)}, {_at(view, most)}"


def _at(view: View, bar: Bar) -> str:
    return clock(bar.start_ms, view.tz) if view.span == TODAY else day(bar.start_ms, view.tz)


def _axis(view: View, width: int) -> Content:
    """When the first bar, the middle one and the last one are."""
    if not view.bars:
        return Content("")
    half = len(view.bars) // 2
    first = cell(_at(view, view.bars[0]), _widths(2, width)[0])
    last = "now" if view.span == TODAY else "today"
    return ends(line(first + _at(view, view.bars[half]), QUIET), line(last, QUIET), width)
