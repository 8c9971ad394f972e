"""Options that commands share, how their texts are read, and how they become settings; it runs no command."""

from argparse import ArgumentTypeError, Namespace
from datetime import date
from typing import TYPE_CHECKING

from ccledger.cli.parser import Parser

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.settings import Settings

_SETTINGS = ("data_dir", "claude_dirs", "host", "port")


def place_options(parser: Parser) -> None:
    """`--data-dir` and `--claude-dir`."""
    parser.value("--data-dir", metavar="DIR", text="Keep the ledger here.")
    parser.values(
        "--claude-dir",
        metavar="DIR",
        to="claude_dirs",
        text="Read this Claude directory instead of the usual ones. May be repeated.",
    )


def settings_from(flags: Namespace) -> "tuple[Settings, Surroundings]":
    """The settings in force under these flags, and the surroundings they were read from."""
    from ccledger.app import Surroundings
    from ccledger.settings import read_settings

    surroundings = Surroundings.here()
    return read_settings(surroundings.environment, surroundings.home, given(flags)), surroundings


def given(flags: Namespace) -> dict[str, object]:
    """What the flags say of settings."""
    return {name: getattr(flags, name) for name in _SETTINGS if hasattr(flags, name)}


def a_date(text: str) -> date:
    """A date as YYYY-MM-DD or YYYYMMDD."""
    try:
        return date.fromisoformat(text if text.replace("-", "").isdecimal() else "")
    except ValueError:
        raise ArgumentTypeError(f"takes a date as YYYY-MM-DD or YYYYMMDD, not '{text}'") from None


def a_count(text: str) -> int:
    """A whole number from 1."""
    if not (text.isascii() and text.isdecimal()) or not int(text):
        raise ArgumentTypeError(f"takes a whole number from 1, not '{text}'")
    return int(text)
