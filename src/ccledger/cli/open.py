"""`ccledger open`: has the running server make a code and opens the dashboard with it, signed in; it starts none."""

from argparse import Namespace
from typing import TYPE_CHECKING

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.output import note, write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import StoreError

if TYPE_CHECKING:
    from ccledger.settings import Settings


def _declare(parser: Parser) -> None:
    parser.flag("--print", to="only_print", text="Print the address instead of opening it; it is good once.")
    parser.flag("-j", "--json", to="as_json", text="Print the address as JSON instead of opening it.")
    place_options(parser)


def _open(flags: Namespace) -> None:
    settings, _ = settings_from(flags)
    address = _invitation(settings)
    if flags.as_json:
        write_json({"address": address, "expires_in_seconds": 120})
        return
    if flags.only_print or not _is_opened(settings, address):
        write(address)


def _invitation(settings: "Settings") -> str:
    """The dashboard's address with a code that signs in once, within two minutes."""
    import json

    from ccledger.cli.running import ask_server

    answer = ask_server(settings, "control/invite")
    if answer is None:
        raise StoreError("no server runs on this data directory; start one with 'ccledger serve'")
    told = json.loads(answer)
    return f"{told['address']}/?code={told['code']}"


def _is_opened(settings: "Settings", address: str) -> bool:
    from ccledger.cli.browser import open_browser

    if open_browser(settings.data_dir, address):
        note("opened in your browser; if it can't show that file, 'ccledger open --print' prints an address instead")
        return True
    note("no browser could be opened; open this address within two minutes, it is good once")
    return False


OPEN = Command(_declare, _open)
