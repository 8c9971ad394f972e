"""The account's limits as lines: how much is used, when it is free again, what is out of date; it reads none."""

from typing import Final

from textual.content import Content

from ccledger.cli.grid import printable
from ccledger.cli.tui.asks import Limit
from ccledger.cli.tui.lines import (
    ACCENT,
    BAD,
    QUIET,
    STRONG,
    WARNING,
    Room,
    bar,
    cell,
    ends,
    fitted,
    line,
    pieces,
)
from ccledger.cli.tui.view import View
from ccledger.cli.tui.words import duration, percent, when

_NAMES: Final = {"five_hour": "5 hours", "seven_day": "7 days", "spend_limit": "Spend"}
_NAME_WIDTH: Final = 7
_WORDY: Final = 44
"""Columns from which a note says what it is about."""
_NEAR: Final = 75
_USED_UP: Final = 95
"""Percent of a limit from which it is shown as near, and as all but used up."""


def limits_lines(view: View, room: Room) -> list[Content]:
    """The block of the limits."""
    if not view.limits:
        return _unknown(room)
    if not room.roomy:
        return [_short(view, room)]
    title = ends(line("Limits", STRONG), line("official", QUIET), room.width)
    notes = [_note(view, limit, wordy=room.width >= _WORDY) for limit in view.limits]
    longest = max(map(len, notes))
    return [
        title,
        *(_row(limit, note.rjust(longest), room.width) for limit, note in zip(view.limits, notes, strict=True)),
    ]


def _unknown(room: Room) -> list[Content]:
    title = ends(line("Limits", STRONG), line("not known yet", QUIET), room.width)
    if not room.roomy:
        return [title]
    how = ("To read them from Claude Code:", "ccledger statusline --install")
    return [title, *(fitted(line(text, QUIET), room.width) for text in how)]


def _row(limit: Limit, note: str, width: int) -> Content:
    used = percent(limit.used_percentage / 100).rjust(6)
    tail = pieces((used, STRONG), "   ", (note, WARNING if limit.stale else QUIET))
    name = cell(_name(limit), _NAME_WIDTH)
    long = max(width - _NAME_WIDTH - tail.cell_length - 1, 4)
    return fitted(Content(f"{name} ").append(bar(limit.used_percentage / 100, long, _style(limit))).append(tail), width)


def _note(view: View, limit: Limit, *, wordy: bool) -> str:
    if limit.stale:
        return f"stale, {duration(view.now_ms - limit.read_at_ms)} old" if wordy else "stale"
    if limit.resets_at_ms is None:
        return ""
    at = when(limit.resets_at_ms, view.now_ms, view.tz)
    return f"resets {at}" if wordy else at


def _short(view: View, room: Room) -> Content:
    parts: list[tuple[str, str] | str] = [("Limits", STRONG)]
    for limit in view.limits:
        parts += [(f"   {_name(limit)} ", QUIET), (percent(limit.used_percentage / 100), _style(limit))]
        if limit.stale:
            parts.append((" stale", WARNING))
    return fitted(pieces(*parts), room.width)


def _name(limit: Limit) -> str:
    return _NAMES.get(limit.name) or printable(limit.name)


def _style(limit: Limit) -> str:
    if limit.stale:
        return QUIET
    if limit.used_percentage >= _USED_UP:
        return BAD
    return WARNING if limit.used_percentage >= _NEAR else ACCENT
