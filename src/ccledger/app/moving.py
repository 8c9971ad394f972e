"""Moves the ledger to another engine while nobody can write it; what is told of that is up to the caller."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.errors import StoreError, UsageError

if TYPE_CHECKING:
    from ccledger.ledger.move import Moved, Progress
    from ccledger.settings import Settings


class Way(NamedTuple):
    """From which database URL to which one."""

    source: str
    target: str


def move_ledger(settings: "Settings", way: Way, report: "Callable[[Progress], None]", *, start_over: bool) -> "Moved":
    """Copies and compares everything. Raises `LedgerBusy` when somebody may write meanwhile."""
    from ccledger.ledger.move import move
    from ccledger.ledger.store import open_source, open_target

    if _place(way.source) == _place(way.target):
        raise UsageError("the ledger is there already: --to names the place that it is moved from")
    folder = settings.data_dir
    with _held(settings, way), closing(open_source(way.source, folder)) as source:
        _refuse_shared_calls(settings, way)
        with closing(open_target(way.target, folder)) as target:
            return move(source, target, report, start_over=start_over)


def _refuse_shared_calls(settings: "Settings", way: Way) -> None:
    """Leaves no call behind that waits in a spool where the server of a ledger in a file does not look."""
    if settings.spool_dir is None or isinstance(_place(way.source), Path) or not isinstance(_place(way.target), Path):
        return
    if any(settings.spool_dir.glob("*/*.spool")):
        raise StoreError(
            f"calls wait in {settings.spool_dir} that only a server on the old ledger books; let one run for a minute, "
            "stop it, and move then"
        )


@contextmanager
def _held(settings: "Settings", way: Way) -> Generator[None]:
    """Locks the data directory, and those of other ledgers that are files."""
    from ccledger.ledger.lock import hold

    folders = {Path(place).parent for url in way if isinstance(place := _place(url), Path)}
    others = sorted(folder for folder in folders if folder != settings.data_dir and (folder / "lock").exists())
    with ExitStack() as stack:
        for folder in (settings.data_dir, *others):
            stack.enter_context(hold(folder))
        yield


def _place(url: str) -> "Path | str":
    """What a URL names, however it is written."""
    if not url.lower().startswith("sqlite:"):
        return url
    from ccledger.ledger.sqlite_opening import path_of

    return path_of(url).resolve()
