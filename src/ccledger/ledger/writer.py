"""The only writer: takes what sources hand in, books it and tells who follows; it never reads a source."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ccledger.ledger.store import Batch, Slice, Step, Store

if TYPE_CHECKING:
    from ccledger.core.call import Fact
    from ccledger.core.ports import Clock
    from ccledger.core.prices import Override


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

    def override(self, override: "Override") -> None:
        """See `Store.override`."""
        self._store.override(override)

    def withdraw(self, model: str, start: int | None, by: str) -> int:
        """See `Store.withdraw`."""
        return self._store.withdraw(model, start, by=by, now=self._clock())

    def begin_repricing(self, what: str, by: str) -> int:
        """See `Store.begin_repricing`."""
        return self._store.begin_repricing(what, by=by, now=self._clock())

    def reprice(self, change: int, part: Slice, after: int, limit: int) -> Step:
        """See `Store.reprice`."""
        step = self._store.reprice(change, part, after, limit, now=self._clock())
        if step.batch is not None:
            self._committed(step.batch)
        return step

    def positions(self) -> dict[str, bytes]:
        """See `Sink.positions`."""
        return self._store.positions()
