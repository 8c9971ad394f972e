"""Keeps the ledger up to date and makes views of it, in a thread of its own; it draws nothing.

The ledger is locked only while new transcripts are read, so that a report or a server never waits for the view. Where
a server runs, that one books, and this only reads.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger import app
from ccledger.cli.failures import explain
from ccledger.cli.running import is_running
from ccledger.cli.tui.news import News
from ccledger.cli.tui.view import Question, Span, View, view_of
from ccledger.core.errors import LedgerBusy, StoreError
from ccledger.stats.lifetime import Lifetime

if TYPE_CHECKING:
    from ccledger.core.measures import Measures
    from ccledger.core.ports import Clock
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings
    from ccledger.sources.transcripts.scan import Progress

EVERY_SECONDS: Final = 1.0
_ANYWAY_MS: Final = 5_000
"""A view is made this often also where nothing was booked: the pace and the states of sessions change with time."""
_TELL_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 3.0


class _Open(NamedTuple):
    """The ledger, open to be read."""

    store: "Store"
    lifetime: Lifetime


class LedgerFeed:
    """Fulfils `Feed` with the ledger of these settings."""

    def __init__(
        self, settings: "Settings", surroundings: app.Surroundings, question: Question, clock: "Clock"
    ) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._question = question
        self._clock = clock
        self._show: Callable[[News], None] = lambda _: None
        self._news = News()
        self._told = 0.0
        self._kept: Mapping[str, bytes] | None = None
        self._ever: Mapping[str, Measures] = {}
        self._open: _Open | None = None
        self._closing = ExitStack()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._paused = False
        self._asked = True
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self, show: Callable[[News], None]) -> None:
        """See `Feed.start`."""
        self.hear(show)
        self._thread.start()

    def hear(self, show: Callable[[News], None]) -> None:
        """From now on news go there."""
        self._show = show

    def stop(self) -> None:
        """See `Feed.stop`. What is being read is booked up to here; a lock ends with the process in any case."""
        self._stopping.set()
        self._wake.set()
        if self.is_running:
            self._thread.join(_PATIENCE_SECONDS)

    @property
    def is_running(self) -> bool:
        """Whether its thread is at work."""
        return self._thread.is_alive()

    def look_at(self, span: Span) -> None:
        """See `Feed.look_at`."""
        self._question = self._question._replace(span=span)
        self.refresh()

    def pause(self, *, paused: bool) -> None:
        """See `Feed.pause`."""
        self._paused = paused
        if not paused:
            self.refresh()

    def refresh(self) -> None:
        """See `Feed.refresh`."""
        self._asked = True
        self._wake.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._asked or not self._paused:
                    self.turn()
                self._wake.wait(EVERY_SECONDS)
                self._wake.clear()
        finally:
            self.close()

    def turn(self) -> None:
        """Books what is new and, where something has changed, makes a view. Whatever goes wrong is told."""
        asked, self._asked = self._asked, False
        problem = self._try(self._bring_up_to_date)
        if self._stopping.is_set():
            return
        problem = self._try(lambda: self._look(asked=asked)) or problem
        self._tell(self._news._replace(activity="", problem=problem))

    def _try(self, step: Callable[[], None]) -> str:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a full disk or a lost mount is shown, and tried again
            self.close()
            return explain(error)
        return ""

    def _bring_up_to_date(self) -> None:
        if is_running(self._settings):
            self._kept = None
            return
        if self._kept is not None and not app.unread(self._kept, self._settings, self._surroundings):
            return
        try:
            with app.writing(self._settings, self._surroundings) as store:
                app.import_new(store, self._settings, self._surroundings, self._report, self._stopping.is_set)
                self._kept = app.positions_of(store, self._settings)
        except LedgerBusy:
            self._kept = None  # whoever writes books the same transcripts; what that one has booked is shown

    def _report(self, progress: "Progress") -> None:
        if time.monotonic() - self._told < _TELL_SECONDS:
            return
        share = progress.bytes_done / progress.bytes_total if progress.bytes_total else 1.0
        self._tell(self._news._replace(activity=f"reading {share:.0%} of {progress.bytes_total / 1e6:,.0f} MB"))

    def _look(self, *, asked: bool) -> None:
        if self._open is None:
            self._open = self._opened()
        store, lifetime = self._open
        ever, now, view = lifetime.models(), self._clock(), self._news.view
        if not asked and view is not None and ever == self._ever and now - view.now_ms < _ANYWAY_MS:
            return
        self._ever = ever
        self._news = self._news._replace(view=self._made(store, ever, now))

    def _made(self, store: "Store", ever: "Mapping[str, Measures]", now: int) -> View:
        return view_of(store, ever, self._question, now)

    def _opened(self) -> _Open:
        try:
            store = self._closing.enter_context(app.reading(self._settings))
        except StoreError:
            if self._settings.database_url.startswith("sqlite:"):
                raise
            raise StoreError("the view follows a ledger on disk; set CCLEDGER_DATABASE_URL to sqlite:///…") from None
        return _Open(store, Lifetime(store))

    def close(self) -> None:
        """Lets go of the ledger; the next turn opens what is there then."""
        self._open = None
        self._kept = None
        self._closing.close()

    def _tell(self, news: News) -> None:
        self._news = news
        self._told = time.monotonic()
        self._show(news)
