"""`ccledger serve`: the server in the foreground; it prints one line when it answers."""

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

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
    app.serve(settings, surroundings, announcer(browser=not flags.no_browser), told)


def announcer(*, browser: bool) -> "Announce":
    """Says where the server answers, and opens the dashboard, signed in, if that is wanted and somebody watches."""

    def announce(address: str, code: Callable[[], str]) -> None:
        print(f"ready {address}", flush=True)
        if browser and sys.stdout.isatty():
            open_browser(f"{address}/?code={code()}")

    return announce


def open_browser(address: str) -> None:
    """Opens an address in the user's browser, without waiting for it."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


SERVE = Command(_declare, _serve)
