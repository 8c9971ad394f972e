"""The only writer: takes what sources hand in, books it and tells who follows; it never reads a source."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ccledger.ledger.store import Batch, Store

if TYPE_CHECKING:
    from ccledger.core.call import Fact
    from ccledger.core.ports import Clock


class Writer:
    """Books facts in the order in which they come. Fulfils `core.ports.Sink`."""

    def __init__(self, store: Store, clock: "Clock", committed: Callable[[Batch], None] = lambda _: None) -> None:
        self._store = store
        self._clock = clock
        self._committed = committed

    def append(self, facts: "Sequence[Fact]", positions: Mapping[str, bytes | None]) -> None:
        """See `Sink.append`."""
        batch = self._store.append(facts, positions, now=self._clock())
        if batch is not None:
            self._committed(batch)

    def positions(self) -> dict[str, bytes]:
        """See `Sink.positions`."""
        return self._store.positions()
