"""`ccledger import`; and how every report brings the ledger up to date first."""

import time
from argparse import Namespace
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.output import note, write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import LedgerBusy

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.ledger.store import Store, Summary
    from ccledger.settings import Settings
    from ccledger.sources.transcripts.scan import Progress

_PATIENCE_SECONDS = 60.0
_TURN_SECONDS = 0.5


class Current(NamedTuple):
    """The ledger with what is on disk, and who brought it there."""

    store: "Store"
    read: "Progress | None" = None
    """What this process read; None where nothing was new or somebody else did it."""
    by_server: bool = False


@contextmanager
def up_to_date(settings: "Settings", surroundings: "Surroundings") -> Generator[Current]:
    """The ledger with everything booked that is on disk now; it is locked only while this process reads.

    A running server is asked to do that; without one, this process does it. When another process is busy with the
    ledger for long, what is there is shown, with a note.
    """
    with ExitStack() as stack:
        yield _bring_up_to_date(stack, settings, surroundings)


def _bring_up_to_date(stack: ExitStack, settings: "Settings", surroundings: "Surroundings") -> Current:
    from ccledger import app
    from ccledger.cli.running import import_by_server

    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        if import_by_server(settings):
            return Current(stack.enter_context(app.reading(settings)), by_server=True)
        try:
            store = stack.enter_context(app.writing(settings, surroundings, wait_seconds=_TURN_SECONDS))
        except LedgerBusy:
            if time.monotonic() < deadline:
                continue
            note("another process is writing the ledger; this is what it holds so far")
            return Current(stack.enter_context(app.reading(settings)))
        return Current(store, _read_new(store, settings, surroundings))


def _read_new(store: "Store", settings: "Settings", surroundings: "Surroundings") -> "Progress | None":
    from ccledger import app
    from ccledger.cli.progress import ProgressLine

    line = ProgressLine()
    try:
        return app.import_new(store, settings, surroundings, line)
    finally:
        line.end()


def _declare_import(parser: Parser) -> None:
    parser.flag("-j", "--json", to="as_json", text="Print what was done as JSON.")
    place_options(parser)


def _import(flags: Namespace) -> None:
    settings, surroundings = settings_from(flags)
    with up_to_date(settings, surroundings) as current:
        summary = current.store.summary()
    if flags.as_json:
        write_json(_done_json(current, summary))
    else:
        write(f"{_done(current)} The ledger holds {summary.calls:,} calls in {summary.sessions:,} sessions.")


def _done(current: Current) -> str:
    if current.by_server:
        return "The running server has booked what is new."
    if current.read is None:
        return "Nothing is new."
    return f"Read {current.read.files_done:,} files, {current.read.bytes_done / 1e6:,.1f} MB."


def _done_json(current: Current, summary: "Summary") -> dict[str, Any]:
    read = current.read
    return {
        "calls": summary.calls,
        "sessions": summary.sessions,
        "files_read": 0 if read is None else read.files_done,
        "bytes_read": 0 if read is None else read.bytes_done,
        "by_server": current.by_server,
    }


IMPORT = Command(_declare_import, _import)
