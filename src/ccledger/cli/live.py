"""`ccledger live`: the window, the limits, the pace and today's sessions on the terminal; it only starts the view."""

import sys
from argparse import Namespace
from functools import partial
from typing import TextIO

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import StoreError, UsageError


def _declare(parser: Parser) -> None:
    parser.value("-z", "--timezone", metavar="ZONE", text="Count days in this IANA time zone.")
    place_options(parser)


def _live(flags: Namespace) -> None:
    from ccledger import app
    from ccledger.core.periods import zone
    from ccledger.ledger.limits import kept_limits
    from ccledger.settings import canonical_zone

    settings, surroundings = settings_from(flags)
    zone_name = canonical_zone(flags.timezone) if flags.timezone else app.zone_name(settings, surroundings)
    if not all(map(_is_terminal, (sys.stdin, sys.stdout, sys.stderr))):
        raise UsageError("'live' needs a terminal to draw on; 'ccledger daily' prints the figures anywhere")
    from ccledger.cli.tui.app import LiveApp
    from ccledger.cli.tui.asks import asks_of
    from ccledger.cli.tui.feed import LedgerFeed
    from ccledger.cli.tui.view import TODAY, Question

    question = Question(zone_name, zone(zone_name), TODAY, asks_of(partial(kept_limits, settings.data_dir)))
    view = LiveApp(LedgerFeed(settings, surroundings, question, app.clock), question, app.clock)
    view.run()
    if view.failure is not None:
        raise StoreError(f"the view has ended ({type(view.failure).__name__}: {view.failure})") from view.failure


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


LIVE = Command(_declare, _live)
