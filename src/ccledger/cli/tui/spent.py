"""What the span cost, against the days before it, and where the day ends, as lines; it adds nothing up."""

from textual.content import Content

from ccledger.cli.table import short_count
from ccledger.cli.tui.lines import QUIET, STRONG, Room, ends, entry, line, pieces
from ccledger.cli.tui.view import TODAY, View
from ccledger.cli.tui.words import change, clock, dollars, percent, spent


def spent_lines(view: View, room: Room) -> list[Content]:
    """The block of what was spent."""
    return _spacious(view, room.width) if room.roomy else [_short(view, room.width)]


def _spacious(view: View, width: int) -> list[Content]:
    spend = view.spend
    rows = [
        ends(line(title_of(view), STRONG), line(_kind(view), QUIET), width),
        entry("Cost", line(spent(spend), STRONG), width),
        entry(_compared(view), spent(view.before), width, [change(spend, view.before)]),
        entry("By midnight, at this pace", dollars(view.projected_day_nano, complete=spend.complete), width),
        entry("Tokens", short_count(spend.tokens), width, [f"{percent(spend.from_cache)} from cache"]),
        entry("Calls", f"{spend.calls:,}", width),
    ]
    return rows if view.span == TODAY else [*rows[:3], *rows[4:]]


def _short(view: View, width: int) -> Content:
    left = pieces((f"{title_of(view)}  ", STRONG), (spent(view.spend), STRONG), (f"  {change_of(view)}", QUIET))
    if view.span != TODAY:
        return ends(left, line(f"{short_count(view.spend.tokens)} tokens", QUIET), width)
    end = dollars(view.projected_day_nano, complete=view.spend.complete)
    return ends(left, pieces(("by midnight ", QUIET), end), width)


def title_of(view: View) -> str:
    """The span as a heading."""
    return "Today" if view.span == TODAY else f"Last {view.span.name}"


def _kind(view: View) -> str:
    """What the money means: a subscriber does not pay by the token."""
    covered = view.spend.equivalent_nano
    if not covered:
        return ""
    return "API-equivalent" if covered == view.spend.cost_nano else f"{dollars(covered)} API-equivalent"


def _compared(view: View) -> str:
    return f"Yesterday by {clock(view.now_ms, view.tz)}" if view.span == TODAY else f"The {view.span.before}"


def change_of(view: View) -> str:
    """The change in words that need no column."""
    text = change(view.spend, view.before)
    return f"{text} on {view.span.before}" if text else ""
