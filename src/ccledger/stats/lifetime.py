"""What each model spent in all recorded time, kept up by following batches; it reads all days once, then only news."""

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.measures import Measures
from ccledger.stats.spent import add_to, spent_ever

if TYPE_CHECKING:
    from ccledger.ledger.store import Batch, Store

_BATCHES_AT_ONCE = 500


class Ever(NamedTuple):
    """What was spent up to a batch, and that batch's number; 0 before the first one."""

    models: Mapping[str, Measures]
    batch: int


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
        return self.ever().models

    def ever(self) -> Ever:
        """What each model spent so far, and how far that is."""
        with self._asking:
            if self._sequence is None or not self._catch_up(self._sequence):
                self._sequence = self._begin(self._sequence or 0)
            return Ever(MappingProxyType(dict(self._models)), self._sequence)

    def _catch_up(self, sequence: int) -> bool:
        """Counts in what was booked since; False when a batch is missing in between."""
        # The last one is read again: while it is there, none after it is forgotten. Numbers rise, not always by one.
        batches = self._store.batches(max(sequence - 1, 0), _BATCHES_AT_ONCE)
        if sequence and not batches:
            return False
        if batches and batches[0].sequence != max(sequence, 1):
            return False
        while batches:
            for batch in batches:
                if batch.sequence > sequence:
                    self._count_in(batch)
            sequence = batches[-1].sequence
            batches = self._store.batches(sequence, _BATCHES_AT_ONCE)
        return True

    def _count_in(self, batch: "Batch") -> None:
        for model, difference in batch.models.items():
            add_to(self._models, model, difference)
        self._sequence = batch.sequence

    def _begin(self, sequence: int) -> int:
        """Reads all days anew; answers the last batch that is in them.

        The days may hold batches after that one while one before those is still being booked: they are taken off
        again, to be counted in when it is their turn.
        """
        while batches := self._store.batches(sequence, _BATCHES_AT_ONCE):
            sequence = batches[-1].sequence
        with self._store.snapshot() as view:
            self._models = spent_ever(view)
            after = sequence
            while batches := view.batches(after, _BATCHES_AT_ONCE):
                after = batches[-1].sequence
                for batch in batches:
                    self._take_off(batch)
        return sequence

    def _take_off(self, batch: "Batch") -> None:
        for model, difference in batch.models.items():
            add_to(self._models, model, tuple(-number for number in difference))
