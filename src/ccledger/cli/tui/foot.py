"""The last lines: what has to be known to read the figures, and the keys; it reacts to none."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final, NamedTuple

from textual.content import Content

from ccledger.cli.grid import printable
from ccledger.cli.tui.lines import BAD, QUIET, STRONG, WARNING, fitted, hairline, line, page, pieces
from ccledger.cli.tui.news import News


class Key(NamedTuple):
    """A key, and what it does."""

    name: str
    short: str
    long: str


KEYS: Final = (
    Key("q", "quit", "Quit."),
    Key("?", "help", "Show this page."),
    Key("↑ ↓", "move", "Move the mark; j and k do the same."),
    Key("enter", "detail", "Show the marked session in full; esc comes back."),
    Key("s", "sort", "Sort by last call, cost, tokens or project."),
    Key("t", "span", "Look at today, 7 days or 30 days."),
    Key("p", "pause", "Hold everything still; p goes on."),
    Key("r", "refresh", "Look for news at once."),
)
DETAIL_KEYS: Final = (Key("esc", "back", ""), Key("q", "quit", ""))
_GAP: Final = "   "
_MOST_LINES: Final = 3


def foot_lines(news: News, keys: Sequence[Key], width: int) -> Content:
    """A hairline, what has to be known, if anything, and the keys."""
    return page([hairline(width), *_remarks(news, width), _keys(keys, width)])


def _remarks(news: News, width: int) -> Iterator[Content]:
    if news.problem:
        yield from (line(text, BAD) for text in wrap(printable(news.problem), width)[:_MOST_LINES])
    elif news.view is not None and news.view.unpriced:
        names = ", ".join(map(printable, news.view.unpriced))
        yield fitted(line(f"≥ leaves out calls without a known price: {names}", WARNING), width)


def _keys(keys: Sequence[Key], width: int) -> Content:
    """As many keys as fit, the most needed first."""
    content = Content("")
    for key in keys:
        gap = _GAP if content else ""
        longer = content.append(pieces(gap, (key.name, STRONG), (f" {key.short}", QUIET)))
        if longer.cell_length > width:
            break
        content = longer
    return content
