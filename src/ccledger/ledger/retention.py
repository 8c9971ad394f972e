"""Lets go of calls that are older than somebody wants to keep them, a few at a time; no sum ever changes."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta, tzinfo
from typing import Final

from ccledger.core.periods import QUARTER_MS, midnight_ms, moment
from ccledger.ledger.store import Store

_LOG = logging.getLogger(__name__)
_AT_ONCE: Final = 2000
"""Calls or keys in one transaction: who else wants to write waits a few milliseconds."""
_EVERY_SECONDS: Final = 3600.0


def horizon_of(now_ms: int, tz: tzinfo, keep_days: int) -> int:
    """When the oldest day begins whose calls are kept: today and so many days before it.

    It is the beginning of a quarter-hour, so none is kept in part.
    """
    oldest = moment(now_ms).astimezone(tz).date() - timedelta(days=keep_days)
    return midnight_ms(oldest, tz) // QUARTER_MS * QUARTER_MS


def let_go(store: Store, horizon: int, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Removes calls that began before a time, with their keys, and answers how many."""
    removed = 0
    while not is_stopping() and (some := store.remove(horizon, _AT_ONCE)):
        removed += some
    after: str | None = "" if removed else None
    while after is not None and not is_stopping():
        after = store.sweep(after, _AT_ONCE)
    return removed


class Retention:
    """Lets go of old calls once all transcripts are booked, and looks again every hour, in a thread of its own."""

    def __init__(
        self,
        store: Store,
        horizon: Callable[[], int],
        alone: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True),
    ) -> None:
        """`alone` says whether no other node does the same, and none begins while it lasts."""
        self._store = store
        self._alone = alone
        self._horizon = horizon
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begins to wait for the transcripts."""
        self._thread.start()

    def begin(self) -> None:
        """All transcripts are booked: what is removed now is in the sums."""
        self._ready.set()

    def stop(self) -> None:
        """Ends after the calls in hand."""
        self._stopping.set()
        self._ready.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._ready.wait()
        while not self._stopping.is_set():
            try:
                with self._alone() as is_alone:
                    if is_alone:
                        let_go(self._store, self._horizon(), self._stopping.is_set)
            except Exception as error:  # noqa: BLE001 - a full disk now must not keep old calls for ever
                _LOG.error("old calls could not be removed; this is tried again", exc_info=error)
            self._stopping.wait(_EVERY_SECONDS)
