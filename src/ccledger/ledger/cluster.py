"""The port by which a server meets the other nodes that write the same ledger; it is none for engines of one node."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from ccledger.core.errors import StoreError

if TYPE_CHECKING:
    from ccledger.core.ports import Counts
    from ccledger.ledger.store import Store

HOME_FILE: Final = "ccledger.node"
EVERYTHING: Final = "everything"
"""The topic of who has missed something, and cannot say what."""
BATCH: Final = "batch"
"""The topic of what was booked. All others are names of tables that were changed."""


class Member(NamedTuple):
    """Who joins."""

    home: str
    """A random name of its data directory."""
    host: str
    version: str


class Cluster(Protocol):
    """This node among the others."""

    @property
    def number(self) -> int:
        """The number that the ids of its calls carry; another one once it was lost."""
        ...

    def follow(self, told: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """From now on hears in a thread of its own what changed, by topics: at once, and `EVERYTHING` at times.

        `told` answers the topics that it wants to be told a little later again.
        """
        ...

    def counting(self) -> "AbstractAsyncContextManager[Counts]":
        """Counts calls together with the others, for the loop that enters it."""
        ...

    def alone(self, job: str) -> AbstractContextManager[bool]:
        """Whether no other node is at a job; none begins it while this lasts."""
        ...

    def expel(self, home: str) -> bool:
        """Whether nobody writes from a data directory any more: whose lease is over has lost it for good then."""
        ...

    def leave(self) -> None:
        """Gives the number back."""
        ...


@runtime_checkable
class Shared(Protocol):
    """A store that several nodes may write at once."""

    def join(self, member: Member) -> Cluster:
        """Makes this process one of them. Raises `StoreError` when there are as many as there can be."""
        ...


def join(store: "Store", data_dir: Path, version: str) -> Cluster | None:
    """This node among those of a store; None where there is never more than one."""
    if not isinstance(store, Shared):
        return None
    return store.join(Member(home_of(data_dir), os.uname().nodename, version))


def home_of(data_dir: Path) -> str:
    """The random name of a data directory, made when it is asked for first. The caller holds the directory's lock."""
    return known_home(data_dir) or _make(data_dir / HOME_FILE)


def known_home(data_dir: Path) -> str:
    """The random name of a data directory; empty when it has none yet."""
    path = data_dir / HOME_FILE
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} can't be read ({error}); check that it is yours, or remove it") from None


def _make(path: Path) -> str:
    name = os.urandom(8).hex()
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(f"{name}\n", "ascii")
        draft.replace(path)
    except OSError as error:
        raise StoreError(f"{path} can't be written ({error.strerror}); check that the directory is yours") from None
    return name
