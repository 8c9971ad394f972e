"""What each model spent in all recorded time, kept up by following batches; it reads all days once, then only news."""

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ccledger.core.measures import Measures
from ccledger.stats.spent import add_to, spent_ever

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_BATCHES_AT_ONCE = 500
_ATTEMPTS = 3


class Lifetime:
    """The sums of all time. May be asked from any thread."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._asking = threading.Lock()
        self._sequence: int | None = None
        """The last batch that is counted in; None before the first question."""
        self._models: dict[str, Measures] = {}

    def models(self) -> Mapping[str, Measures]:
        """What each model spent so far."""
        with self._asking:
            if self._sequence is None or not self._catch_up(self._sequence):
                self._begin()
            return MappingProxyType(dict(self._models))

    def _catch_up(self, sequence: int) -> bool:
        """Counts in what was booked since; False when a batch is missing in between."""
        while batches := self._store.batches(sequence, _BATCHES_AT_ONCE):
            for batch in batches:
                if batch.sequence != sequence + 1:
                    return False
                for model, difference in batch.models.items():
                    add_to(self._models, model, difference)
                self._sequence = sequence = batch.sequence
        return True

    def _begin(self) -> None:
        """Reads all days anew.

        The sums are of a known batch only if none was booked while they were read. If that does not come about, as in
        a long import, they are right for now, and read anew when they are asked for again.
        """
        for _ in range(_ATTEMPTS):
            sequence = self._newest(0 if self._sequence is None else self._sequence)
            self._models = spent_ever(self._store)
            if not self._store.batches(sequence, 1):
                self._sequence = sequence
                return
        self._sequence = None

    def _newest(self, sequence: int) -> int:
        while batches := self._store.batches(sequence, _BATCHES_AT_ONCE):
            sequence = batches[-1].sequence
        return sequence
