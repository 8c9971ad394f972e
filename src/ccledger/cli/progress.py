"""Shows on a terminal how far a long work is; silent when nobody watches or when it is over in a blink."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccledger.sources.transcripts.scan import Progress

AFTER_SECONDS = 0.3
_EVERY_SECONDS = 0.1
_BAR = 28


class ProgressLine:
    """One line on standard error that is redrawn in place."""

    def __init__(self) -> None:
        self.is_shown = sys.stderr is not None and sys.stderr.isatty()
        """Whether somebody watches."""
        self._started = time.monotonic()
        self._drawn_at = 0.0

    def __call__(self, progress: "Progress") -> None:
        """Says how far an import is."""
        self.say(lambda: _line(progress))

    def say(self, line: Callable[[], str]) -> None:
        """Redraws the line, a few times a second at most."""
        now = time.monotonic()
        if not self.is_shown or now - self._started < AFTER_SECONDS or now - self._drawn_at < _EVERY_SECONDS:
            return
        self._drawn_at = now
        self._draw(line())

    def end(self) -> None:
        """Takes the line away."""
        if self._drawn_at:
            self._draw("")

    def _draw(self, text: str) -> None:
        from ccledger.cli.output import encodable
        from ccledger.cli.terminal import width

        short = text[: (width(sys.stderr) or 80) - 1]
        print(f"\r{encodable(short, sys.stderr)}\x1b[K", end="", file=sys.stderr, flush=True)


def _line(progress: "Progress") -> str:
    share = progress.bytes_done / progress.bytes_total if progress.bytes_total else 1.0
    files = f"{progress.files_done:,} of {progress.files_total:,} files"
    size = f"{progress.bytes_done / 1e6:,.0f} of {progress.bytes_total / 1e6:,.0f} MB"
    bar = "█" * round(share * _BAR)
    return f"importing {share:4.0%} {bar:░<{_BAR}}  {files}  {size}"
