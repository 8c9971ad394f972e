"""`ccledger serve`: the server in the foreground; it prints one line when it answers."""

import sys
from argparse import Namespace

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.parser import Command, Parser


def _declare(parser: Parser) -> None:
    parser.value("--host", metavar="ADDRESS", text="Listen on this address (default 127.0.0.1).")
    parser.value("--port", metavar="NUMBER", text="Listen on this port (default 51888, 0: any free one).")
    parser.flag("--no-browser", text="Do not open the dashboard in a browser.")
    place_options(parser)


def _serve(flags: Namespace) -> None:
    from ccledger import app

    settings, surroundings = settings_from(flags)

    def announce(address: str) -> None:
        print(f"ready {address}", flush=True)
        if not flags.no_browser and sys.stdout.isatty():
            _open_browser(address)

    app.serve(settings, surroundings, announce)


def _open_browser(address: str) -> None:
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


SERVE = Command(_declare, _serve)
