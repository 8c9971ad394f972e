"""`ccledger migrate`: brings the ledger up to date, and takes over statistics from before it; it never changes them."""

import os
from argparse import Namespace
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.output import write
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import NotReadable

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.ledger.schema import Step
    from ccledger.settings import Settings
    from ccledger.sources.stats_cache import Taken
    from ccledger.stats.estimated import InUse

_PATIENCE_SECONDS = 5.0


def _declare(parser: Parser) -> None:
    parser.argument(
        "file",
        metavar="FILE",
        text="Also take over a stats-cache.json, for days without transcripts. Those of the Claude directories are "
        "taken over by themselves.",
    )
    parser.flag("--dry-run", text="Only say what would change, and which copy would be made before.")
    parser.flag("--no-backup", text="Make no copy of the ledger before its schema changes.")
    place_options(parser)


def _migrate(flags: Namespace) -> None:
    settings, surroundings = settings_from(flags)
    if flags.no_backup:
        settings = settings._replace(backup_before_migrating=False)
    if flags.dry_run:
        write("\n".join(_outlook(settings)))
        return
    if flags.file is not None:
        _take_over(flags.file, settings, surroundings)
        return
    from ccledger import app
    from ccledger.ledger.store import outlook

    before = outlook(settings.database_url)
    with app.writing(settings, surroundings):
        for step in before.missing if before.done else ():
            write(f"  {step.number:04} {step.name}: done")
        for step in before.waiting:
            write(_waiting_line(step))
        write(f"the ledger in {_place(settings)} is up to date")


def _waiting_line(step: "Step") -> str:
    return f"  {step.number:04} {step.name}: once no ccledger of another version runs on it any more"


def _place(settings: "Settings") -> str:
    """Where the ledger is: the data directory, unless the settings name another place."""
    from ccledger.ledger.addresses import shown

    inside = settings.database_url.startswith(f"sqlite:///{settings.data_dir}/")
    return str(settings.data_dir) if inside else shown(settings.database_url)


def _outlook(settings: "Settings") -> Iterator[str]:
    from ccledger.ledger.store import outlook

    found = outlook(settings.database_url)
    place = _place(settings)
    if not found.done:
        yield f"There is no ledger in {place} yet; one with schema {len(found.missing)} would be made."
        return
    if not found.missing:
        yield f"The ledger in {place} has schema {found.done}, which is this version's; nothing would change."
    else:
        yield f"The ledger in {place} has schema {found.done}; these steps would be taken:"
        yield from (f"  {step.number:04} {step.name}" for step in found.missing)
        yield _copy_line(found.copied, wanted=settings.backup_before_migrating)
    for step in found.waiting:
        yield _waiting_line(step)


def _copy_line(size: int, *, wanted: bool) -> str:
    if not size:
        return "It holds nothing that a copy would be made of."
    return f"A copy of {size / 1e6:,.1f} MB would be made before." if wanted else "No copy would be made before."


def _take_over(path: str, settings: "Settings", surroundings: "Surroundings") -> None:
    from ccledger import app
    from ccledger.ledger.apart import ApartDays
    from ccledger.stats.estimated import days_in_use

    taken = _read(path, settings, surroundings)
    with app.writing(settings, surroundings, wait_seconds=_PATIENCE_SECONDS) as store:
        app.import_new(store, settings, surroundings, lambda _: None)
        prefix = app.prefix_of(store, settings)
        ApartDays(store, prefix).keep_cached_days(taken.file, taken.days)
        in_use = days_in_use(store, taken.file.root and prefix + taken.file.root)
    write("\n".join(_summary(path, taken, in_use)))


def _read(path: str, settings: "Settings", surroundings: "Surroundings") -> "Taken":
    """What a file says that somebody named; one of a Claude directory stands under that directory."""
    from ccledger import app
    from ccledger.sources.stats_cache import NAME, take

    place = Path(os.path.realpath(path))
    folder = str(place.parent)
    own = place.name == NAME and any(folder == root.path for root in app.claude_roots(settings, surroundings))
    try:
        return take(str(place), folder if own else "", app.clock)
    except NotReadable as error:
        raise NotReadable(f"{path} is not readable: {error}; give Claude Code's stats-cache.json") from None


def _summary(path: str, taken: "Taken", in_use: "InUse") -> Iterator[str]:
    file = taken.file
    days = sorted({day.day for day in taken.days})
    tokens = sum(day.usage.total_tokens for day in taken.days)
    version = f"version {file.version}" if file.version else "counts by model"
    yield f"Read {path} ({version}): {_days(len(days))}, {tokens:,} tokens."
    told = set(map(_date, days))
    yield from _line(
        "Taken", told.intersection(in_use.shown), "shown as estimated, because no transcript tells of them"
    )
    yield from _line("Left", told.intersection(in_use.covered), "transcripts tell of them")
    yield from _line("Left", told.intersection(in_use.elsewhere), "the file of a Claude directory tells of them")
    if file.left_out:
        yield f"Left    {file.left_out:,} of its entries: no sense in them."


def _line(verb: str, days: "set[date]", why: str) -> Iterator[str]:
    if days:
        first, last = min(days), max(days)
        span = f"{first}" if first == last else f"{first} to {last}"
        yield f"{verb:<7} {_days(len(days))} ({span}): {why}."


def _date(day: int) -> date:
    from ccledger.core.periods import day_of_number

    return day_of_number(day)


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


MIGRATE = Command(_declare, _migrate)
