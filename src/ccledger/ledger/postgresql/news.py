"""What other nodes tell: gathered where it is heard, handed on in a thread of its own; it reads nothing itself."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from ccledger.ledger.cluster import EVERYTHING

_LOG = logging.getLogger(__name__)
CHANNEL: Final = "ccledger"
_CHANGED: Final = "changed:"
_AGAIN_SECONDS: Final = 30.0
"""After so long everything is looked at again, whatever was heard."""
_LATER_SECONDS: Final = 0.25


class News:
    """Topics that were heard and not handed on yet."""

    def __init__(self, told: Callable[[frozenset[str]], frozenset[str]], again: float = _AGAIN_SECONDS) -> None:
        """`told` answers the topics that it wants to be told a little later again."""
        self._told = told
        self._again = again
        self._topics: set[str] = set()
        self._later: frozenset[str] = frozenset()
        self._heard = threading.Condition()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="news", daemon=True)

    def start(self) -> None:
        """Begins to hand on."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after what is in hand."""
        with self._heard:
            self._is_ending = True
            self._heard.notify()
        if self._thread.is_alive():
            self._thread.join()

    def hear(self, payload: str) -> None:
        """Takes what a node said: `batch`, or `changed:` and a table's name. Never waits."""
        self.tell(payload.removeprefix(_CHANGED))

    def tell(self, topic: str) -> None:
        """There is something new about a topic."""
        with self._heard:
            self._topics.add(topic)
            self._heard.notify()

    def _run(self) -> None:
        everything_at = time.monotonic() + self._again
        while True:
            topics = self._next(everything_at)
            if self._is_ending:
                return
            if EVERYTHING in topics:
                everything_at = time.monotonic() + self._again
            try:
                self._later = self._told(topics)
            except Exception as error:  # noqa: BLE001 - the database may be away; this is told again then
                _LOG.warning("what other nodes changed could not be read (%s); it is tried again", error)
                self._later = topics

    def _next(self, everything_at: float) -> frozenset[str]:
        """The topics to hand on now; waits for them."""
        with self._heard:
            left = _LATER_SECONDS if self._later else max(0.0, everything_at - time.monotonic())
            if not self._heard.wait_for(lambda: self._topics or self._is_ending, left):
                self._topics |= self._later or {EVERYTHING}
                self._later = frozenset()
            if time.monotonic() >= everything_at:  # also where there is always something else
                self._topics.add(EVERYTHING)
            topics, self._topics = frozenset(self._topics) | self._later, set()
            return topics
