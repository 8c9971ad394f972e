"""What one node's Claude directories told, under names of its own, where others keep theirs on the same ledger."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccledger.core.cached import CachedDay, CachedFile
    from ccledger.core.call import Fact
    from ccledger.core.ports import DayKeeper, Sink


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


class ApartDays:
    """The same for Claude Code's own statistics. Fulfils `core.ports.DayKeeper`."""

    def __init__(self, keeper: "DayKeeper", prefix: str) -> None:
        self._keeper = keeper
        self._prefix = prefix

    def keep_cached_days(self, file: "CachedFile", days: "Sequence[CachedDay]") -> None:
        """See `DayKeeper.keep_cached_days`. A file that was handed over from elsewhere is nobody's own."""
        self._keeper.keep_cached_days(file._replace(root=self._prefix + file.root) if file.root else file, days)

    def cached_files(self) -> "Sequence[CachedFile]":
        """See `DayKeeper.cached_files`."""
        start = len(self._prefix)
        kept = self._keeper.cached_files()
        return [
            file._replace(root=file.root[start:])
            for file in kept
            if not file.root or file.root.startswith(self._prefix)
        ]
