"""What the worker tells the screen, and what the screen may ask of it: the seam between them; it runs nothing."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ccledger.cli.tui.view import Span, View


class News(NamedTuple):
    """What is known right now."""

    view: View | None = None
    activity: str = ""
    """What is being done that takes a while; empty when nothing is."""
    problem: str = ""
    """What went wrong and what helps; empty when all is well."""


class Feed(Protocol):
    """Makes views in a thread of its own."""

    def start(self, show: Callable[[News], None]) -> None:
        """Begins; `show` hears every piece of news, in the feed's thread."""
        ...

    def stop(self) -> None:
        """Ends, and frees the ledger."""
        ...

    def look_at(self, span: Span) -> None:
        """From now on views are of that span."""
        ...

    def pause(self, *, paused: bool) -> None:
        """Reads nothing any more, or goes on."""
        ...

    def refresh(self) -> None:
        """Looks at once, also while paused."""
        ...
