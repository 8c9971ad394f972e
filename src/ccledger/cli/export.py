"""`ccledger export`: the calls themselves as CSV, JSON or JSON lines, to a file or into a pipe; it sums up nothing."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ccledger.cli.imports import up_to_date
from ccledger.cli.options import a_date, place_options, settings_from
from ccledger.cli.output import write
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import UsageError

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings
    from ccledger.stats.history import Asked, CallRow

_FORMATS: Final = ("csv", "json", "jsonl")
_FIRST, _LAST = "1970-01-01", "9999-12-31"
_STDOUT: Final = "-"
_TELL_EVERY: Final = 500

_Put = Callable[[bytes], object]


def _declare(parser: Parser) -> None:
    parser.choice("-f", "--format", accepted=_FORMATS, default="csv", text="What to write.")
    parser.value("-o", "--output", metavar="FILE", text="Write this file, all or nothing. Without it: the output.")
    parser.value("-s", "--since", metavar="DATE", read=a_date, text="First day (YYYY-MM-DD or YYYYMMDD).")
    parser.value("-u", "--until", metavar="DATE", read=a_date, text="Last day, included.")
    parser.value("-m", "--model", metavar="NAME", text="Only this model.")
    parser.value("-p", "--project", metavar="NAME", text="Only this project (directory name or path).")
    parser.value("-i", "--session", metavar="ID", text="Only this session.")
    parser.value("-z", "--timezone", metavar="ZONE", text="Count days in this IANA time zone.")
    place_options(parser)


def _export(flags: Namespace) -> None:
    from ccledger import app

    if flags.since is not None and flags.until is not None and flags.since > flags.until:
        raise UsageError(f"--since {flags.since} is after --until {flags.until}")
    settings, surroundings = settings_from(flags)
    start, end = _range(flags, settings, surroundings)
    with up_to_date(settings, surroundings):
        pass  # who waits for a slow reader of the output need not keep others from writing
    with app.reading(settings) as store, store.snapshot() as view:
        from ccledger.stats.history import Asked, wanted_calls

        asked = Asked(start, end, wanted_calls(view, flags.model, flags.project, flags.session))
        _write(flags, view, asked)


def _range(flags: Namespace, settings: "Settings", surroundings: "Surroundings") -> tuple[int, int]:
    from ccledger import app
    from ccledger.settings import canonical_zone
    from ccledger.stats.ranges import read_range

    zone_name = canonical_zone(flags.timezone) if flags.timezone else app.zone_name(settings, surroundings)
    time = read_range(str(flags.since or _FIRST), str(flags.until or _LAST), None, zone_name, app.clock())
    return time.start, time.end


def _write(flags: Namespace, view: "Store", asked: "Asked") -> None:
    from ccledger.stats.export import CALLS, Format, encode
    from ccledger.stats.history import every_call, how_many

    total = how_many(view, asked)
    pieces = encode(Format(flags.format), _told(every_call(view, asked), total), CALLS)
    if flags.output is None or flags.output == _STDOUT:
        _put_all(pieces, _standard_output())
        return
    with _whole_file(Path(flags.output)) as put:
        _put_all(pieces, put)
    write(f"Wrote {total:,} {'call' if total == 1 else 'calls'} to {flags.output}.")


def _put_all(pieces: Iterable[bytes], put: _Put) -> None:
    for piece in pieces:
        put(piece)


def _standard_output() -> _Put:
    if sys.stdout is None:
        return len
    sys.stdout.flush()
    return sys.stdout.buffer.write


def _told(rows: "Iterator[CallRow]", total: int) -> "Iterator[CallRow]":
    """The rows, with a line on the terminal that says how many went by."""
    from ccledger.cli.progress import ProgressLine

    line = ProgressLine()
    try:
        for number, row in enumerate(rows):
            if not number % _TELL_EVERY:
                line.say(lambda done=number: f"exporting {done / max(total, 1):4.0%}  {done:,} of {total:,} calls")
            yield row
    finally:
        line.end()


@contextmanager
def _whole_file(path: Path) -> Generator[_Put]:
    """Writes beside the file and puts it in its place when all is written; a device or a pipe is written to itself."""
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device.write
        return
    place = path.resolve()
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with beside.open("xb") as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


EXPORT = Command(_declare, _export)
