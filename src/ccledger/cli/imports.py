"""`ccledger import` and `ccledger migrate`; and how every report brings the ledger up to date first."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ccledger.cli.options import place_options, settings_from
from ccledger.core.errors import LedgerBusy

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings

_LOCK_SECONDS = 60.0


@contextmanager
def up_to_date(settings: "Settings", surroundings: "Surroundings") -> "Iterator[Store]":
    """The ledger with everything booked that is on disk now.

    A running server is asked to do that; without one, this process does it. When another process is busy with the
    ledger for long, what is there is shown, with a note.
    """
    from ccledger import app
    from ccledger.cli.progress import ProgressLine

    if app.ask_server(settings):
        with app.reading(settings) as store:
            yield store
        return
    try:
        with app.writing(settings, surroundings, wait_seconds=_LOCK_SECONDS) as store:
            line = ProgressLine()
            try:
                app.import_new(store, settings, surroundings, line)
            finally:
                line.end()
            yield store
    except LedgerBusy:
        print("ccledger: another process is writing the ledger; this is what it holds so far", file=sys.stderr)
        with app.reading(settings) as store:
            yield store


@click.command("import")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@place_options
def import_(as_json: bool, data_dir: str | None, claude_dirs: tuple[str, ...]) -> None:
    """Book what is new in Claude Code's transcripts, and nothing else."""
    settings, surroundings = settings_from(data_dir=data_dir, claude_dirs=claude_dirs)
    with up_to_date(settings, surroundings) as store:
        summary = store.summary()
    if as_json:
        import json

        print(json.dumps({"calls": summary.calls, "sessions": summary.sessions}))
    else:
        print(f"{summary.calls:,} calls in {summary.sessions:,} sessions")


@click.command()
@place_options
def migrate(data_dir: str | None, claude_dirs: tuple[str, ...]) -> None:
    """Bring an existing ledger to this version's schema."""
    from ccledger import app

    settings, surroundings = settings_from(data_dir=data_dir, claude_dirs=claude_dirs)
    with app.writing(settings, surroundings):
        print(f"the ledger in {settings.data_dir} is up to date")
