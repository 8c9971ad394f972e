"""Positions of transcripts under names of one node's own, where others keep theirs on the same ledger."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccledger.core.call import Fact
    from ccledger.core.ports import Sink


def own_positions(kept: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    """Those of one node, without the prefix."""
    start = len(prefix)
    return {name[start:]: position for name, position in kept.items() if name.startswith(prefix)}


class Apart:
    """A sink in which no other node's positions are seen. Fulfils `core.ports.Sink`."""

    def __init__(self, sink: "Sink", prefix: str) -> None:
        self._sink = sink
        self._prefix = prefix

    def append(self, facts: "Sequence[Fact]", positions: Mapping[str, bytes | None]) -> None:
        """See `Sink.append`."""
        self._sink.append(facts, {self._prefix + name: position for name, position in positions.items()})

    def positions(self) -> dict[str, bytes]:
        """See `Sink.positions`."""
        return own_positions(self._sink.positions(), self._prefix)
