"""`ccledger statusline`: one line for Claude Code from its own words and the ledger; it never waits and never fails."""

import os
import sys
from argparse import Namespace
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.parser import Command, Parser
from ccledger.cli.status_parts import PARTS, Known, status_text
from ccledger.wire.status_line import Status, read_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ccledger.app import Surroundings
    from ccledger.core.limits import LimitReading
    from ccledger.core.measures import Measures
    from ccledger.settings import Settings
    from ccledger.stats.blocks import Block

_MOST_BYTES = 1 << 20
_PATIENCE_SECONDS = 1.0
"""How long standard input may stay silent: Claude Code has written all of it when it starts a command."""
_RECENT_BYTES = 1 << 12
_NOTHING = "ccledger: nothing recorded yet"


def _declare(parser: Parser) -> None:
    parser.value("--show", metavar="PARTS", text=f"Only these parts, in this order: {','.join(PARTS)}.")
    parser.value("-z", "--timezone", metavar="ZONE", text="Show times and count days in this IANA time zone.")
    parser.flag("--install", text="Make it Claude Code's status line, and keep a copy of its settings.")
    parser.flag("--uninstall", text="Take it out of Claude Code's settings again.")
    parser.flag("--force", text="With --install: replace another status line; --uninstall brings it back.")
    place_options(parser)


def _statusline(flags: Namespace) -> None:
    if flags.install or flags.uninstall:
        from ccledger.cli.status_install import change_settings

        change_settings(flags)
        return
    _print(_line(flags))


def _line(flags: Namespace) -> str:
    from ccledger.cli.terminal import width

    asked = [part for part in (flags.show or "").split(",") if part in PARTS]
    try:
        return status_text(_known(flags), asked or PARTS, width(), colour=_takes_colour()) or _NOTHING
    except Exception:  # noqa: BLE001 - whatever is wrong, Claude Code gets a line
        return _NOTHING


def _takes_colour() -> bool:
    """Claude Code shows colours though its pipe is no terminal."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _known(flags: Namespace) -> Known:
    from ccledger import app
    from ccledger.core.periods import UTC, zone

    status, now = read_status(_input()), app.clock()
    unknown = Known(status, status.limits, None, None, None, now, UTC)
    try:
        settings, surroundings = settings_from(flags)
        zone_name = _zone_name(flags, settings, surroundings)
        known = unknown._replace(tz=zone(zone_name))
    except Exception:  # noqa: BLE001 - settings that make no sense are for other commands to tell
        return unknown
    limits = _limits(settings, status, now)
    known = known._replace(limits=[reading.limit for reading in limits])
    try:
        spent = _spent(settings, zone_name, known, limits)
    except Exception:  # noqa: BLE001 - no ledger, or one that can't be read now
        return known
    return known._replace(session=spent.session, today=spent.today, block=spent.block)


def _zone_name(flags: Namespace, settings: "Settings", surroundings: "Surroundings") -> str:
    from ccledger import app
    from ccledger.settings import canonical_zone

    return canonical_zone(flags.timezone) if flags.timezone else app.zone_name(settings, surroundings)


def _limits(settings: "Settings", status: Status, now: int) -> "list[LimitReading]":
    """What Claude Code told now, which is kept; where it told nothing, what it told a short while ago."""
    from ccledger.cli.status_tail import claude_dir_of
    from ccledger.core.limits import LimitReading
    from ccledger.ledger.limits import keep_limits, kept_limits

    directory = claude_dir_of(status.transcript)
    if status.limits:
        with suppress(OSError):
            keep_limits(settings.data_dir, directory, status.limits, now)
        return [LimitReading(now, directory, limit) for limit in status.limits]
    from ccledger.stats.limits import limit_states

    known = limit_states(kept_limits(settings.data_dir, _RECENT_BYTES), now)
    return [
        LimitReading(state.read_at, directory, state.limit)
        for state in known
        if state.directory == directory and not state.stale
    ]


class _Spent(NamedTuple):
    """What the ledger and the end of the transcript say."""

    session: "Measures | None"
    today: "Measures"
    block: "Block | None"


def _spent(settings: "Settings", zone_name: str, known: Known, limits: "Sequence[LimitReading]") -> _Spent:
    """Who holds the ledger's lock is about to book what is new; without such a one, the transcript's end is read."""
    from ccledger import app
    from ccledger.cli.status_tail import unbooked
    from ccledger.core.measures import total
    from ccledger.ledger.lock import is_held
    from ccledger.stats.blocks import extended, newest_block
    from ccledger.stats.limits import running_window
    from ccledger.stats.moments import today
    from ccledger.stats.spent import local_day, spent_by_day

    status, now, tz = known.status, known.now, known.tz
    day = local_day(now, tz)
    with app.reading(settings, patience_ms=0) as store:
        booked = total(spent.measures for spent in spent_by_day(store, zone_name, tz, day, day))
        block = newest_block(store, now, window=running_window(limits, now))
        names = [status.session] if status.session and status.cost_nano is None else []
        session = store.sessions_named(names)
        loose = [] if is_held(settings.data_dir) else unbooked(store, status.transcript, app.prefix_of(store, settings))
    first, end = today(now, tz)
    own = [row.measures for row in session] + [measures for _, _, measures in loose]
    return _Spent(
        session=total(own) if own else None,
        today=total([booked, *(measures for at, _, measures in loose if first <= at < end)]),
        block=extended(block, loose, now),
    )


def _input() -> bytes:
    """Standard input to its end, or as much as there is before it falls silent."""
    try:
        file = sys.stdin.fileno()
        if os.isatty(file):
            return b""
        return _read(file)
    except (OSError, ValueError, AttributeError):
        return b""


def _read(file: int) -> bytes:
    from select import select

    text = b""
    while len(text) < _MOST_BYTES and select([file], [], [], _PATIENCE_SECONDS)[0]:
        more = os.read(file, 1 << 16)
        if not more:
            break
        text += more
    return text


def _print(line: str) -> None:
    """Writes the line; nobody hears of it when nobody can take it."""
    from ccledger.cli.output import flush, write

    try:
        write(line)
        flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


STATUSLINE = Command(_declare, _statusline)
