"""The list of commands, and the way to the one that is called: nothing of the others is imported or built."""

import importlib
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.cli import DONE, WRONG_USAGE
from ccledger.cli.output import write
from ccledger.core.errors import UsageError

if TYPE_CHECKING:
    from ccledger.cli.parser import Command, Parser

ABOUT: Final = "Every token Claude spends, watched, proxied or run, on one ledger."


class Entry(NamedTuple):
    """Where a command lives, and what it does in one line."""

    module: str
    attribute: str
    summary: str


COMMANDS: Final = {
    "serve": Entry("serve", "SERVE", "Show your usage live in the browser; Ctrl-C ends it."),
    "daily": Entry("reports", "DAILY", "What each day cost."),
    "weekly": Entry("reports", "WEEKLY", "What each week cost, by its first day."),
    "monthly": Entry("reports", "MONTHLY", "What each month cost."),
    "session": Entry("reports", "SESSION", "What each session cost, its sub-agents included."),
    "blocks": Entry("blocks", "BLOCKS", "What each five-hour block cost, and where the active one leads."),
    "statusline": Entry(
        "statusline", "STATUSLINE", "Print one line for Claude Code's status line, or install it there."
    ),
    "export": Entry("export", "EXPORT", "Write the calls themselves as CSV, JSON or JSON lines."),
    "live": Entry("live", "LIVE", "Watch the window, the limits, the pace and today's sessions in the terminal."),
    "import": Entry("imports", "IMPORT", "Book what is new in Claude Code's transcripts, and nothing else."),
    "token create": Entry("tokens", "CREATE", "Issue a key for the gateway; it is shown once."),
    "token list": Entry("tokens", "LIST", "Show who has a key, what it may do and what was used by it."),
    "token set": Entry("tokens", "SET", "Change what a key may do, at once."),
    "token revoke": Entry("tokens", "REVOKE", "Refuse a key from now on, for good; its calls stay."),
    "token delete": Entry("tokens", "DELETE", "Take a revoked or unused key off the list; its calls stay."),
    "connect": Entry("connect", "CONNECT", "Point Claude Code or an SDK at the gateway, and back again."),
    "account add": Entry("accounts", "ADD", "Add an upstream account; its credential comes by standard input."),
    "account list": Entry("accounts", "LIST", "Show the accounts and how each is doing."),
    "account show": Entry("accounts", "SHOW", "Show all that is known of an account but its credential."),
    "account set": Entry("accounts", "SET", "Change an account, or give it another credential, at once."),
    "account check": Entry("accounts", "CHECK", "Ask an upstream whether it takes the credential; costs no token."),
    "account refresh": Entry("accounts", "REFRESH", "Renew an OAuth account's bearer now."),
    "account deactivate": Entry("accounts", "DEACTIVATE", "Give an account no more calls."),
    "account activate": Entry("accounts", "ACTIVATE", "Give an account calls again."),
    "account delete": Entry("accounts", "DELETE", "Delete an account and its credential; its calls stay."),
    "price list": Entry("prices", "LIST", "Show what models cost, since when, and where that was read."),
    "price set": Entry("prices", "SET", "Set a model's prices from a day on; later calls are priced by them."),
    "price unset": Entry("prices", "UNSET", "Take prices that were set away again."),
    "price reprice": Entry("prices", "REPRICE", "Show what other prices change for booked calls, then correct them."),
    "open": Entry("open", "OPEN", "Open the running server's dashboard, signed in."),
    "password": Entry("password", "PASSWORD", "Hash the administrator's password, for the settings."),
    "doctor": Entry("doctor", "DOCTOR", "Say what was found, what has no price, and what was passed over and why."),
    "migrate": Entry("migrate", "MIGRATE", "Bring the ledger to this version's schema; take over older statistics."),
    "move": Entry("move", "MOVE", "Take the whole ledger to another database, and show that it came over."),
    "demo": Entry("demo", "DEMO", "Show a made-up history live in the browser, apart from your own data."),
    "completion": Entry("completion", "COMPLETION", "Print a script that completes commands and options in a shell."),
}
"""In the order of the help page."""


def call(arguments: list[str]) -> int:
    """Runs the command that the arguments name and answers the exit code."""
    if not arguments:
        print(_overview(), file=sys.stderr)
        return WRONG_USAGE
    name, *rest = arguments
    if name in ("-h", "--help"):
        write(_overview())
    elif name in ("-V", "--version"):
        from ccledger import __version__

        write(f"ccledger, version {__version__}")
    elif name in COMMANDS:
        _run(name, rest)
    elif rest and f"{name} {rest[0]}" in COMMANDS:
        _run(f"{name} {rest[0]}", rest[1:])
    elif family := _family(name):
        if not {"-h", "--help"} & set(rest):
            raise UsageError(f"'{name}' takes {', '.join(family[:-1])} or {family[-1]}")
        write(_overview(f"{name} "))
    else:
        raise UsageError(_unknown(name))
    return DONE


def _family(name: str) -> list[str]:
    """The second words of the commands that begin with a word."""
    return [command.partition(" ")[2] for command in COMMANDS if command.startswith(f"{name} ")]


def _overview(beginning: str = "") -> str:
    from ccledger.cli.help import overview
    from ccledger.cli.parser import Shown

    return overview(
        ABOUT, [Shown(name, entry.summary) for name, entry in COMMANDS.items() if name.startswith(beginning)]
    )


def _run(name: str, arguments: list[str]) -> None:
    command = find(name)
    parser = build(name, command)
    flags = parser.parse(arguments)
    if flags.help:
        from ccledger.cli.help import page

        write(page(parser))
        return
    command.run(flags)


def find(name: str) -> "Command":
    """The command of that name, imported now."""
    entry = COMMANDS[name]
    command: Command = getattr(importlib.import_module(f"ccledger.cli.{entry.module}"), entry.attribute)
    return command


def build(name: str, command: "Command") -> "Parser":
    """The parser of a command, with all its options declared."""
    from ccledger.cli.parser import Parser

    parser = Parser(name, COMMANDS[name].summary)
    fill(parser, command)
    return parser


def fill(parser: "Parser", command: "Command") -> None:
    """Declares a command's options, and the one that all have."""
    command.declare(parser)
    parser.flag("-h", "--help", text="Show this page.")


def _unknown(name: str) -> str:
    if name.startswith("-"):
        return f"{name} is no option of ccledger itself; it takes a command, --help or --version"
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, 1)
    meant = f"; did you mean '{close[0]}'?" if close else "."
    return f"there is no command '{name}'{meant} Commands: {', '.join(COMMANDS)}"
