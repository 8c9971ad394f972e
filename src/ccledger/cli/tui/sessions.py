"""The table of sessions, with one of them marked; which ones there are is the view's business."""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from ccledger.cli.table import short_count
from ccledger.cli.tui.lines import ACCENT, GOOD, QUIET, STRONG, cell, ends, fitted, hairline, line, page, pieces
from ccledger.cli.tui.spent import title_of
from ccledger.cli.tui.view import SessionRow, View
from ccledger.cli.tui.words import ORDERS, model_names, ordered, project_name, spent, when

_MARKS: Final = {"active": "●", "idle": "○", "over": "·"}
_GAP: Final = "  "
_LEAST_PROJECT: Final = 12
MARGIN: Final = 2
"""Columns to the left of the table, where the mark stands."""


class _Column(NamedTuple):
    head: str
    width: int
    right: bool = False
    order: str = ""
    """The order in which this column leads."""


_COLUMNS: Final = (
    _Column("Model", 16),
    _Column("Cost", 11, right=True, order="cost"),
    _Column("Tokens", 7, right=True, order="tokens"),
    _Column("Last call", 10, right=True, order="last call"),
    _Column("State", 8),
)
_DROPPED: Final = ("Model", "Tokens", "State", "Last call")
"""What goes first when room is short."""


def session_lines(view: View, rows: Sequence[SessionRow], order: str, marked: str, width: int) -> list[Content]:
    """The table: its title, its heads, a hairline, a line for each of the rows. The mark stands in the left margin."""
    columns = _columns(width)
    project = width - sum(column.width + len(_GAP) for column in columns)
    return [
        _beside_margin(ends(line(_title(view), STRONG), line(f"by {order}", QUIET), width)),
        _beside_margin(_heads(columns, project, order)),
        _beside_margin(hairline(width)),
        *(_row(view, row, columns, project, mark=row.session == marked) for row in rows),
    ]


def _beside_margin(content: Content) -> Content:
    return Content(" " * MARGIN).append(content)


def _title(view: View) -> str:
    count = len(view.sessions)
    return f"{title_of(view)}: {count:,} session{'' if count == 1 else 's'}" if count else "Sessions"


def _columns(width: int) -> list[_Column]:
    columns = list(_COLUMNS)
    for head in _DROPPED:
        if width - sum(column.width + len(_GAP) for column in columns) >= _LEAST_PROJECT:
            break
        columns = [column for column in columns if column.head != head]
    return columns


def _heads(columns: Sequence[_Column], project: int, order: str) -> Content:
    parts: list[tuple[str, str] | str] = [(cell("Project", project), _head_style("project", order))]
    for column in columns:
        parts += [_GAP, (cell(column.head, column.width, right=column.right), _head_style(column.order, order))]
    return pieces(*parts)


def _head_style(own: str, order: str) -> str:
    return STRONG if own == order else QUIET


def _row(view: View, row: SessionRow, columns: Sequence[_Column], project: int, *, mark: bool) -> Content:
    cells = {
        "Model": (model_names(row.models), QUIET),
        "Cost": (spent(row.spend), ""),
        "Tokens": (short_count(row.spend.tokens), ""),
        "Last call": (when(row.last_at_ms, view.now_ms, view.tz), ""),
        "State": (f"{_MARKS[row.state]} {row.state}", GOOD if row.state == "active" else QUIET),
    }
    margin, strong = ("▸ ", STRONG) if mark else ("  ", "")
    parts: list[tuple[str, str] | str] = [(margin, ACCENT), (cell(project_name(row.project), project), strong)]
    for column in columns:
        text, style = cells[column.head]
        parts += [_GAP, (cell(text, column.width, right=column.right), style or strong)]
    return pieces(*parts)


class Sessions(Widget, can_focus=True):
    """The table; it keeps its mark on the same session while rows move."""

    HEADS: ClassVar = 3
    DEFAULT_CSS = "Sessions { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home,g", "move(-1000000)", "first", show=False),
        Binding("end,G", "move(1000000)", "last", show=False),
        Binding("enter", "open", "detail", show=False),
        Binding("s", "sort", "sort", show=False),
    ]

    class Opened(Message):
        """Somebody wants to know more about a session."""

        def __init__(self, session: str) -> None:
            super().__init__()
            self.session = session

    def __init__(self) -> None:
        super().__init__()
        self._view: View | None = None
        self._rows: list[SessionRow] = []
        self._marked = 0
        self._top = 0
        self._order = ORDERS[0]

    def show(self, view: View) -> None:
        """Draws a view's sessions."""
        before = self._rows[self._marked].session if self._rows else ""
        self._view = view
        self._rows = ordered(view.sessions, self._order)
        # Where the mark stands on the first row nobody has moved it: it then stays with what is first.
        if self._marked:
            names = [row.session for row in self._rows]
            self._marked = names.index(before) if before in names else 0
        self.refresh()

    def render(self) -> Content:
        """See `Widget.render`."""
        view, width = self._view, max(self.size.width - MARGIN, 1)
        if view is None:
            return Content("")
        room = max(self.size.height - self.HEADS, 0)
        self._scroll(room)
        shown = self._rows[self._top : self._top + room]
        marked = self._rows[self._marked].session if self._rows else ""
        lines = session_lines(view, shown, self._order, marked, width)
        if not self._rows:
            lines += [_beside_margin(fitted(line(text, QUIET), width)) for text in _nothing(view)]
        return page(lines)

    def _scroll(self, room: int) -> None:
        """Moves what is shown just so far that the mark is seen."""
        self._top = max(min(self._top, self._marked, len(self._rows) - room), self._marked - room + 1, 0)

    def action_move(self, by: int) -> None:
        """Moves the mark."""
        self._marked = min(max(self._marked + by, 0), max(len(self._rows) - 1, 0))
        self.refresh()

    def action_page(self, by: int) -> None:
        """Moves the mark by a screen."""
        self.action_move(by * max(self.size.height - self.HEADS - 1, 1))

    def action_sort(self) -> None:
        """Takes the next order."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._marked = 0
        if self._view is not None:
            self.show(self._view)

    def action_open(self) -> None:
        """Asks for the marked session."""
        if self._rows:
            self.post_message(self.Opened(self._rows[self._marked].session))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the mark."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the mark."""
        event.stop()
        self.action_move(-1)

    def on_click(self, event: events.Click) -> None:
        """A click marks a session, a second one opens it."""
        row = self._top + event.y - self.HEADS
        if event.y < self.HEADS or row >= len(self._rows):
            return
        if row == self._marked and event.chain > 1:
            self.action_open()
            return
        self.action_move(row - self._marked)


def _nothing(view: View) -> tuple[str, ...]:
    if view.ever_calls:
        return (f"No calls {'today yet' if view.span.days == 1 else f'in the last {view.span.name}'}.",)
    return (
        "The ledger is empty. What Claude Code does from now on appears here.",
        "'ccledger doctor' says where its history was looked for.",
    )
