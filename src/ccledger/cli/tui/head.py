"""The first line: what this is, what time it is, and whether it is moving; it keeps no time itself."""

from datetime import tzinfo
from typing import NamedTuple

from textual.content import Content

from ccledger.cli.tui.lines import ACCENT, BAD, GOOD, QUIET, STRONG, WARNING, ends, line, pieces
from ccledger.cli.tui.news import News
from ccledger.cli.tui.words import clock, day


class Hour(NamedTuple):
    """The time to show: milliseconds since 1970, in a zone."""

    now_ms: int
    tz: tzinfo
    zone_name: str


def head_line(news: News, hour: Hour, width: int, *, paused: bool) -> Content:
    """The first line of the screen."""
    name, state = line("ccledger live", STRONG), _state(news, paused=paused)
    time = clock(hour.now_ms, hour.tz, seconds=True)
    date = day(hour.now_ms, hour.tz)
    for at in (f"{date}  {time}  {hour.zone_name}", f"{date}  {time}", time):
        right = pieces((at, QUIET), "   ", state)
        if name.cell_length + 2 + right.cell_length <= width:
            return ends(name, right, width)
    return ends(name, pieces(state), width)


def _state(news: News, *, paused: bool) -> tuple[str, str]:
    if paused:
        return ("‖ paused", WARNING)
    if news.problem:
        return ("! trouble", BAD)
    if news.activity:
        return (f"◌ {news.activity}", ACCENT)
    return ("● live", GOOD) if news.view is not None else ("◌ opening", ACCENT)
