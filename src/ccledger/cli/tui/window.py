"""The 5-hour window as lines: how much of it has passed, what it cost, where it ends; it works nothing out."""

from typing import Final

from textual.content import Content

from ccledger.cli.table import short_count
from ccledger.cli.tui.asks import Pace, Window
from ccledger.cli.tui.lines import ACCENT, QUIET, STRONG, Room, bar, ends, entry, line, pieces
from ccledger.cli.tui.view import View
from ccledger.cli.tui.words import clock, dollars, duration

_TITLE: Final = "5-hour window"


def window_lines(view: View, room: Room) -> list[Content]:
    """The block of the 5-hour window."""
    if view.window is None:
        return _closed(view, room)
    return _spacious(view, view.window, room) if room.roomy else _short(view, view.window, room)


def _closed(view: View, room: Room) -> list[Content]:
    title = ends(line(_TITLE, STRONG), line("none is open", QUIET), room.width)
    if not room.roomy:
        return [title]
    return [title, bar(0, room.width, ACCENT), line("The next call opens one.", QUIET), _pace(view.pace, room.width)]


def _spacious(view: View, window: Window, room: Room) -> list[Content]:
    span = f"{clock(window.start_ms, view.tz)} – {clock(window.end_ms, view.tz)}"
    spent = dollars(window.cost_nano, complete=window.complete)
    return [
        ends(line(_TITLE, STRONG), line(window.origin, QUIET), room.width),
        bar(_passed(view, window), room.width, ACCENT),
        ends(line(span), line(_left(view, window)), room.width),
        entry("Spent", line(spent, STRONG), room.width, [f"{short_count(window.tokens)} tokens"]),
        _pace(window.pace, room.width),
        entry("At its end, at this pace", dollars(window.projected_cost_nano, complete=window.complete), room.width),
    ]


def _short(view: View, window: Window, room: Room) -> list[Content]:
    title = pieces((_TITLE, STRONG), (f"  {window.origin}", QUIET))
    spent = dollars(window.cost_nano, complete=window.complete)
    end = dollars(window.projected_cost_nano, complete=window.complete)
    return [
        ends(title, line(_left(view, window)), room.width),
        bar(_passed(view, window), room.width, ACCENT),
        ends(
            pieces((spent, STRONG), (f"  {_rate(window.pace)}", QUIET)),
            pieces((f"at {clock(window.end_ms, view.tz)} ", QUIET), end),
            room.width,
        ),
    ]


def _passed(view: View, window: Window) -> float:
    return (view.now_ms - window.start_ms) / (window.end_ms - window.start_ms)


def _left(view: View, window: Window) -> str:
    return f"{duration(window.end_ms - view.now_ms)} left"


def _pace(pace: Pace, width: int) -> Content:
    tokens = short_count(pace.tokens_per_minute)
    cost = f"{dollars(pace.cost_nano_per_hour)}/h"
    return entry("Burn rate", cost, width, [f"{tokens} tokens/min", f"{tokens}/min"])


def _rate(pace: Pace) -> str:
    return f"{dollars(pace.cost_nano_per_hour)}/h  {short_count(pace.tokens_per_minute)} tokens/min"
