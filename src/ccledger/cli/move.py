"""`ccledger move`: takes the whole ledger to another database, and shows that it came over; it changes no setting."""

import time
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.output import note, write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import LedgerBusy, StoreError, UsageError

if TYPE_CHECKING:
    from ccledger.app.moving import Way
    from ccledger.ledger.move import Contents, Moved, Progress
    from ccledger.settings import Settings

_BAR: Final = 28
_SAID_SECONDS: Final = 10.0


def _declare(parser: Parser) -> None:
    parser.value(
        "--to", metavar="URL", text="Move it here: an empty PostgreSQL database, or a file that is not there yet."
    )
    parser.value("--from", metavar="URL", text="Move this ledger. Without it: the one that the settings name.")
    parser.flag("--start-over", text="Throw away what a move that was broken off has copied, and copy everything anew.")
    parser.flag("-j", "--json", to="as_json", text="Print what was moved as JSON.")
    place_options(parser)
    parser.remarks.append("A password need not stand on the command line: PGPASSWORD and ~/.pgpass are read, too.")


def _move(flags: Namespace) -> None:
    from ccledger.app.moving import Way

    settings, _ = settings_from(flags)
    if flags.to is None:
        raise UsageError("'move' takes --to and a database URL, as in --to postgresql://user@host/ccledger")
    way = Way(getattr(flags, "from") or settings.database_url, flags.to)
    moved = _moved(settings, way, start_over=flags.start_over)
    if flags.as_json:
        write_json(_as_json(way, moved))
    else:
        write("\n".join(_lines(way, moved)))


def _moved(settings: "Settings", way: "Way", *, start_over: bool) -> "Moved":
    from ccledger.app.moving import move_ledger

    told = _Told()
    try:
        return move_ledger(settings, way, told, start_over=start_over)
    except KeyboardInterrupt:
        raise StoreError(
            "stopped; what is copied stays there, and the ledger is as it was. Run the same command to go on"
        ) from None
    except LedgerBusy as error:
        raise LedgerBusy(_who_writes(settings) or str(error)) from None
    finally:
        told.end()


def _who_writes(settings: "Settings") -> str | None:
    from ccledger.cli.running import is_running

    if not is_running(settings):
        return None
    return (
        f"a server runs on {settings.data_dir}; stop it first ('make stop', or Ctrl-C where it runs): "
        "what it books during a move would be missing"
    )


class _Told:
    """Says how far it is: on a terminal in one line that changes, else in a line now and then."""

    def __init__(self) -> None:
        from ccledger.cli.progress import ProgressLine

        self._line = ProgressLine()
        self._said_at = time.monotonic()

    def __call__(self, progress: "Progress") -> None:
        self._line.say(lambda: _bar(progress))
        now = time.monotonic()
        if not self._line.is_shown and now - self._said_at >= _SAID_SECONDS:
            self._said_at = now
            note(f"{_doing(progress)} {progress.table}: {progress.rows:,} of {progress.total:,} rows")

    def end(self) -> None:
        self._line.end()


def _bar(progress: "Progress") -> str:
    share = min(progress.rows / progress.total, 1.0) if progress.total else 1.0
    bar = "█" * round(share * _BAR)
    rows = f"{progress.rows:,} of {progress.total:,} rows"
    return f"{_doing(progress)} {share:4.0%} {bar:░<{_BAR}}  {rows}  {progress.table}"


def _doing(progress: "Progress") -> str:
    return "comparing" if progress.is_comparing else "copying"


def _lines(way: "Way", moved: "Moved") -> Iterator[str]:
    from ccledger.cli.grid import Column, Row, draw
    from ccledger.cli.terminal import takes_colour, width

    columns = [Column("Table"), Column("Rows", right=True), Column("Checksum, here as there")]
    rows = [Row([each.table, f"{each.rows:,}", each.checksum]) for each in moved.tables if each.rows]
    total = Row(["Total", f"{sum(each.rows for each in moved.tables):,}", "every row is equal"], "bold")
    yield draw(columns, rows, total, width(), colour=takes_colour(None))
    yield from _next_steps(way)


def _next_steps(way: "Way") -> Iterator[str]:
    from ccledger.ledger.addresses import shown

    place = shown(way.target)
    secret = " (… is who signs in, as you gave it)" if "…" in place else ""
    yield f"The ledger of {shown(way.source)} is now in {place}; the old one is as it was."
    yield f"Next, in the environment of everything that runs ccledger: CCLEDGER_DATABASE_URL={place}{secret}"


def _as_json(way: "Way", moved: "Moved") -> dict[str, Any]:
    from ccledger.ledger.addresses import shown

    return {
        "from": shown(way.source),
        "to": shown(way.target),
        "equal": True,
        "rows": sum(each.rows for each in moved.tables),
        "rows_copied": moved.copied,
        "tables": list(map(_table_as_json, moved.tables)),
        "next": {"CCLEDGER_DATABASE_URL": shown(way.target)},
    }


def _table_as_json(contents: "Contents") -> dict[str, Any]:
    """Sums are texts: they may be larger than what readers of JSON take for a number."""
    sums = {name: str(value) for name, value in contents.sums.items()}
    return {"table": contents.table, "rows": contents.rows, "sums": sums, "checksum": contents.checksum}


MOVE = Command(_declare, _move)
