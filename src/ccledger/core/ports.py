"""The few seams where parts meet without knowing each other; it never implements one of them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Fact


class Clock(Protocol):
    """Tells the time; passed in so that tests decide it."""

    def __call__(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...


class Sink(Protocol):
    """Where sources hand in what they saw."""

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None]) -> None:
        """Books facts and remembers the positions they were read up to, both or neither, durably on return.

        A position is the source's own bytes under a name of its own; None forgets it.
        """
        ...

    def positions(self) -> Mapping[str, bytes]:
        """Every remembered position."""
        ...


class DayKeeper(Protocol):
    """Where the day totals go that Claude Code keeps itself."""

    def keep_cached_days(self, file: CachedFile, days: Sequence[CachedDay]) -> None:
        """Remembers the file and its days, both or neither, durably on return.

        A day replaces what an older file of the same root said of it; days that a file no longer holds stay.
        """
        ...

    def cached_files(self) -> Sequence[CachedFile]:
        """Every file that was read, as it was then."""
        ...
