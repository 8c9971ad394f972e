"""The page that explains the keys and the words of the view; it has no keys but those that leave it."""

from collections.abc import Iterator
from itertools import chain, repeat
from textwrap import wrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ccledger.cli.tui.foot import KEYS
from ccledger.cli.tui.lines import QUIET, STRONG, line, page, pieces

_WORDS: Final = (
    ("estimated", "Worked out from your calls: five hours from the full hour of the first one."),
    ("official", "As Claude Code was told by Anthropic; it reaches us through the status line."),
    ("stale", "Read too long ago to be relied on; it is renewed when Claude Code runs."),
    ("≥", "Some calls have no known price; the amount leaves them out."),
    ("API-equivalent", "What the calls would cost by the token; a subscription covers them."),
    ("at this pace", "If the rest of the time costs as much an hour as the last hour did."),
    ("● ○ ·", "A session with a call in the last 2 minutes, in the last 30, or none since."),
)
_COLUMN: Final = 16
_LEAST_TEXT: Final = 20
_MARGINS: Final = 5
"""On both sides, the scroll bar included."""


def help_lines(width: int) -> list[Content]:
    """The page."""
    keys = [text for key in KEYS for text in _entry(key.name, key.long, width)]
    words = [text for word, meaning in _WORDS for text in _entry(word, meaning, width)]
    return [
        line("Keys", STRONG),
        *keys,
        Content(""),
        line("Words", STRONG),
        *words,
        Content(""),
        line("esc comes back.", QUIET),
    ]


def _entry(name: str, meaning: str, width: int) -> Iterator[Content]:
    names = chain([name], repeat(""))
    for text in wrap(meaning, max(width - _COLUMN, _LEAST_TEXT)):
        yield pieces(next(names).ljust(_COLUMN), (text, QUIET))


class Help(Screen[None]):
    """The page of keys and words."""

    DEFAULT_CSS = """
    Help VerticalScroll { scrollbar-size-vertical: 1; scrollbar-color: ansi_bright_black; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,space,question_mark,backspace", "app.pop_screen", "back", show=False),
    ]

    def compose(self) -> ComposeResult:
        """See `Screen.compose`."""
        with VerticalScroll():
            yield Static()

    def on_resize(self) -> None:
        """Draws for the room there is."""
        self.query_one(Static).update(page(help_lines(self.size.width - _MARGINS)))
