"""`ccledger serve`: the server in the foreground; it prints one line when it answers."""

import sys
import threading
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ccledger.cli.browser import forget_address, open_browser
from ccledger.cli.options import given, place_options, settings_from
from ccledger.cli.parser import Command, Parser

if TYPE_CHECKING:
    from ccledger.app import Announce


def _declare(parser: Parser) -> None:
    parser.value("--host", metavar="ADDRESS", text="Listen on this address (default 127.0.0.1).")
    parser.value("--port", metavar="NUMBER", text="Listen on this port (default 51888, 0: any free one).")
    parser.flag("--no-browser", text="Do not open the dashboard in a browser.")
    place_options(parser)


def _serve(flags: Namespace) -> None:
    from ccledger import app
    from ccledger.settings import in_force

    settings, surroundings = settings_from(flags)
    told = in_force(settings, surroundings.environment, surroundings.home, given(flags))
    app.serve(settings, surroundings, announcer(settings.data_dir, browser=not flags.no_browser), told)


def announcer(folder: Path, *, browser: bool) -> "Announce":
    """Says where the server answers, and opens the dashboard, signed in, if that is wanted and somebody watches.

    `folder` is the data directory.
    """

    def announce(address: str, code: Callable[[], str]) -> None:
        forget_address(folder)
        print(f"ready {address}", flush=True)
        if browser and sys.stdout.isatty():
            # A browser may take its time, and the server must not wait for it.
            threading.Thread(target=open_browser, args=(folder, f"{address}/?code={code()}"), daemon=True).start()

    return announce


SERVE = Command(_declare, _serve)
