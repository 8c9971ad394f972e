"""One session in full, on a page of its own that moves with the view; it reads nothing."""

from collections.abc import Iterator
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ccledger.cli.grid import keep_end, printable
from ccledger.cli.table import short_count, short_model
from ccledger.cli.tui.foot import DETAIL_KEYS, foot_lines
from ccledger.cli.tui.lines import GOOD, QUIET, STRONG, cell, ends, entry, fitted, hairline, line, page
from ccledger.cli.tui.news import News
from ccledger.cli.tui.view import SessionRow, View, spend_of
from ccledger.cli.tui.words import duration, percent, project_name, spent, when
from ccledger.core.measures import Measures
from ccledger.stats.totals import cache_creation_tokens, count

_WIDEST: Final = 84
_HEADS: Final = ("Input", "Output", "Cache write", "Cache read", "Cost")
_NARROW_HEADS: Final = ("Output", "Cost")
_ALL_FROM: Final = 78
"""Columns from which all kinds of tokens stand side by side."""


def detail_lines(view: View, row: SessionRow, width: int) -> list[Content]:
    """A session: where it ran, when, what it spent, and each model's part."""
    state = line(row.state, GOOD if row.state == "active" else QUIET)
    lasted = duration(row.last_at_ms - row.first_at_ms)
    return [
        ends(line(project_name(row.project), STRONG), state, width),
        hairline(width),
        _long("Directory", row.project, width),
        _long("Session", row.session, width),
        *([_long("Branch", row.branch, width)] if row.branch else []),
        entry("First call", when(row.first_at_ms, view.now_ms, view.tz), width),
        entry("Last call", when(row.last_at_ms, view.now_ms, view.tz), width, [f"after {lasted}"]),
        *([entry("Sub-agents", f"{row.agents:,}", width)] if row.agents else []),
        entry("Calls", f"{row.spend.calls:,}", width),
        entry("Tokens", f"{row.spend.tokens:,}", width, [f"{percent(row.spend.from_cache)} from cache"]),
        entry("Cost", line(spent(row.spend), STRONG), width),
        Content(""),
        *_models(view, row, width),
    ]


def _long(label: str, text: str, width: int) -> Content:
    return entry(label, keep_end(printable(text), max(width - len(label) - 2, 1)), width)


def _models(view: View, row: SessionRow, width: int) -> Iterator[Content]:
    heads = _HEADS if width >= _ALL_FROM else _NARROW_HEADS
    name = width - len(heads) * 13
    yield ends(line("Models", STRONG), line(_span(view), QUIET), width)
    yield line(cell("", name) + "".join(f"  {head:>11}" for head in heads), QUIET)
    yield hairline(width)
    for model, measures in row.models:
        cells = _cells(measures)
        amounts = "".join(f"  {cells[head]:>11}" for head in heads)
        yield fitted(Content(cell(short_model(model), name) + amounts), width)


def _span(view: View) -> str:
    return "today" if view.span.days == 1 else f"last {view.span.name}"


def _cells(measures: Measures) -> dict[str, str]:
    return {
        "Input": short_count(count(measures, "input_tokens")),
        "Output": short_count(count(measures, "output_tokens")),
        "Cache write": short_count(cache_creation_tokens(measures)),
        "Cache read": short_count(count(measures, "cache_read_tokens")),
        "Cost": spent(spend_of(measures)),
    }


class Detail(Screen[None]):
    """The page of one session."""

    DEFAULT_CSS = """
    Detail VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-color: ansi_bright_black; }
    Detail #keys { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,backspace,left", "app.pop_screen", "back", show=False),
        Binding("k", "scroll(-1)", "up", show=False),
        Binding("j", "scroll(1)", "down", show=False),
    ]

    def __init__(self, session: str, news: News) -> None:
        super().__init__()
        self._session = session
        self._news = news

    def compose(self) -> ComposeResult:
        """See `Screen.compose`."""
        with VerticalScroll():
            yield Static(id="session")
        yield Static(id="keys")

    def on_mount(self) -> None:
        """Draws what is known already."""
        self.show(self._news)

    def on_resize(self) -> None:
        """Draws for the new room."""
        self.show(self._news)

    def show(self, news: News) -> None:
        """Draws the session as the news have it; one that has left the span stays as it was."""
        if news.view is not None and any(row.session == self._session for row in news.view.sessions):
            self._news = news
        view, width = self._news.view, min(max(self.size.width - 4, 1), _WIDEST)
        self.query_one("#keys", Static).update(foot_lines(news._replace(view=None), DETAIL_KEYS, width))
        for row in () if view is None else view.sessions:
            if row.session == self._session and view is not None:
                self.query_one("#session", Static).update(page(detail_lines(view, row, width)))

    def action_scroll(self, by: int) -> None:
        """Moves the page."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
