"""Shows on a terminal how far an import is; silent when nobody watches or when it is over in a blink."""

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccledger.sources.transcripts.scan import Progress

_AFTER_SECONDS = 0.3
_EVERY_SECONDS = 0.1
_WIDTH = 28


class ProgressLine:
    """One line on standard error that is redrawn in place."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._started = time.monotonic()
        self._drawn_at = 0.0

    def __call__(self, progress: "Progress") -> None:
        """Redraws the line, a few times a second at most."""
        now = time.monotonic()
        if not self._shown or now - self._started < _AFTER_SECONDS or now - self._drawn_at < _EVERY_SECONDS:
            return
        self._drawn_at = now
        share = progress.bytes_done / progress.bytes_total if progress.bytes_total else 1.0
        bar = "█" * round(share * _WIDTH)
        text = (
            f"\rimporting {bar:░<{_WIDTH}} {share:4.0%}  {progress.files_done:,} of {progress.files_total:,} files  "
            f"{progress.bytes_done / 1e6:,.0f} of {progress.bytes_total / 1e6:,.0f} MB"
        )
        print(text, end="\x1b[K", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Takes the line away."""
        if self._drawn_at:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
