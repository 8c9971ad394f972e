"""The few seams where parts meet without knowing each other; it never implements one of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Fact

if TYPE_CHECKING:
    from ccledger.core.access import AccessToken, Account, Credential
    from ccledger.core.counting import CallLimits, Lack, Ticket


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


class Spool(Protocol):
    """Where calls are written down that can't be read a second time, before anybody sees them end."""

    def reserve(self) -> bool:
        """Keeps room for one call; False when there is none, so that the call must not begin."""
        ...

    def write(self, facts: Sequence[Fact]) -> None:
        """Writes what was seen of one call into the room kept for it; a crash after its return loses nothing."""
        ...

    def release(self) -> None:
        """Gives back the room of a call that leaves nothing to be written."""
        ...


class Keys(Protocol):
    """Who knows the access tokens."""

    def find(self, secret: str) -> "AccessToken | None":
        """The access token that a caller shows, be it expired or revoked; None when nobody issued it.

        Looks at nothing but memory, and takes as long for a wrong secret as for a right one.
        """
        ...


class Accounts(Protocol):
    """Who knows the accounts and their credentials."""

    def all(self) -> "Sequence[Account]":
        """Every account; the same object until something about them changes."""
        ...

    def credential(self, account: str) -> "Credential | None":
        """The secrets of the account of this id; None when it is gone."""
        ...

    def renew(self, account: str, credential: "Credential") -> None:
        """Keeps secrets that replace an account's, durably on return."""
        ...

    def tell_health(self, account: str, health: str) -> None:
        """Keeps what a check found: `healthy` or `unhealthy`, with its time."""
        ...


class Counts(Protocol):
    """Who counts calls for all that share a ledger, so that a limit holds for them together."""

    async def take(self, subject: str, limits: "CallLimits", expected: int) -> "Ticket | Lack":
        """Counts one more call that is expected to use so many tokens, or says what it has to wait for.

        Raises `CountsAway` when nobody can count now; then the call is not counted.
        """
        ...

    def leave(self, ticket: "Ticket", used: int) -> None:
        """A call that was counted is over, and has used so many tokens. Never waits."""
        ...
