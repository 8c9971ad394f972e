"""The live view as an application: keys, layout, and the news it shows; every figure comes from the feed."""

import asyncio
import signal
from contextlib import suppress
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from ccledger.cli.tui.detail import Detail
from ccledger.cli.tui.figures import Figures, Screen
from ccledger.cli.tui.foot import KEYS, foot_lines
from ccledger.cli.tui.head import Hour, head_line
from ccledger.cli.tui.help import Help
from ccledger.cli.tui.lines import QUIET, line
from ccledger.cli.tui.news import Feed, News
from ccledger.cli.tui.sessions import MARGIN, Sessions
from ccledger.cli.tui.view import SPANS, TODAY, Question
from ccledger.core.ports import Clock

_SPACED: Final = 23
"""Lines of the screen from which blocks are kept apart by empty ones."""

_OPENING: Final = "Claude Code's history is being read. That is done once; from then on only what is new is read."


class LiveApp(App[None]):
    """The view."""

    TITLE = "ccledger live"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { padding: 0 2 0 0; layout: vertical; overflow: hidden; }
    Detail, Help { padding: 0 2; }
    #head { height: 1; padding-left: 2; }
    #foot { height: auto; padding-left: 2; }
    Figures { height: auto; padding-left: 2; }
    .spaced #head, .spaced Figures { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,ctrl+q", "quit", "quit", show=False, priority=True),
        Binding("question_mark,f1", "explain", "help", show=False),
        Binding("t", "span", "span", show=False),
        Binding("p,space", "pause", "pause", show=False),
        Binding("r", "refresh", "refresh", show=False),
    ]

    class Arrived(Message):
        """The feed has news."""

        def __init__(self, news: News) -> None:
            super().__init__()
            self.news = news

    def __init__(self, feed: Feed, question: Question, clock: Clock) -> None:
        super().__init__(ansi_color=True)
        self._feed = feed
        self._question = question
        self._clock = clock
        self._news = News()
        self._span = TODAY
        self._paused_at: int | None = None

    def compose(self) -> ComposeResult:
        """See `App.compose`."""
        yield Static(id="head")
        yield Figures()
        yield Sessions()
        yield Static(id="foot")

    def on_mount(self) -> None:
        """Begins to listen."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGHUP):
            with suppress(ValueError, RuntimeError, NotImplementedError):  # only the main thread hears signals
                loop.add_signal_handler(name, self.exit)
        self.theme = "ansi-dark"
        self.set_interval(1.0, self._draw_head)
        self._draw()
        self.query_one(Sessions).focus()
        self._feed.start(self._hear)

    def on_unmount(self) -> None:
        """Lets the ledger go."""
        self._feed.stop()

    def _hear(self, news: News) -> None:
        self.post_message(self.Arrived(news))

    def on_live_app_arrived(self, message: Arrived) -> None:
        """Shows news. While paused only those that were asked for come."""
        self._news = message.news
        self._draw()

    def on_resize(self) -> None:
        """Draws for the new room."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        screen = Screen(max(width - 2 * MARGIN, 1), height)
        self.screen_stack[0].set_class(height >= _SPACED, "spaced")
        self._draw_head()
        base = self.screen_stack[0]
        base.query_one("#foot", Static).update(foot_lines(self._news, KEYS, screen.width))
        if self._news.view is None:
            base.query_one(Figures).update(line(_OPENING if self._news.activity else "", QUIET))
        else:
            base.query_one(Figures).show(self._news.view, screen)
            base.query_one(Sessions).show(self._news.view)
        if isinstance(self.screen, Detail):
            self.screen.show(self._news)

    def _draw_head(self) -> None:
        paused = self._paused_at is not None
        now = self._clock() if self._paused_at is None else self._paused_at
        hour = Hour(now, self._question.tz, self._question.zone_name)
        head = head_line(self._news, hour, max(self.size.width - 2 * MARGIN, 1), paused=paused)
        self.screen_stack[0].query_one("#head", Static).update(head)

    def on_sessions_opened(self, message: Sessions.Opened) -> None:
        """Shows a session in full."""
        self.push_screen(Detail(message.session, self._news))

    def action_explain(self) -> None:
        """Shows the keys."""
        if not isinstance(self.screen, Help):
            self.push_screen(Help())

    def action_span(self) -> None:
        """Looks further back, or at today again."""
        self._span = SPANS[(SPANS.index(self._span) + 1) % len(SPANS)]
        self._feed.look_at(self._span)

    def action_pause(self) -> None:
        """Holds still, or goes on."""
        self._paused_at = self._clock() if self._paused_at is None else None
        self._feed.pause(paused=self._paused_at is not None)
        self._draw_head()

    def action_refresh(self) -> None:
        """Looks at once."""
        self._feed.refresh()

    @property
    def failure(self) -> Exception | None:
        """What ended the view, where it did not end in order."""
        return self._exception

    def _fatal_error(self) -> None:
        """Ends the view without the traceback that Textual would leave on the terminal."""
        self.panic()
