"""The few seams where parts meet without knowing each other; it never implements one of them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

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
