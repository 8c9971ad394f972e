"""Options that commands share, and how they become settings; it runs no command."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ccledger.core.errors import UsageError

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.settings import Settings

_Command = TypeVar("_Command", bound=Callable[..., Any])


def place_options(command: _Command) -> _Command:
    """`--data-dir` and `--claude-dir`."""
    for option in (
        click.option(
            "--claude-dir",
            "claude_dirs",
            multiple=True,
            metavar="DIR",
            help="Read this Claude directory instead of the usual ones. May be repeated.",
        ),
        click.option("--data-dir", metavar="DIR", help="Keep the ledger here."),
    ):
        command = option(command)
    return command


def settings_from(**flags: object) -> "tuple[Settings, Surroundings]":
    """The settings in force under these flags, and the surroundings they were read from."""
    from ccledger.app import Surroundings
    from ccledger.settings import read_settings

    surroundings = Surroundings.here()
    return read_settings(surroundings.environment, surroundings.home, flags), surroundings


def parse_date(text: str | None, option: str) -> date | None:
    """A date as YYYY-MM-DD or YYYYMMDD; None stays None."""
    if text is None:
        return None
    digits = text.replace("-", "")
    try:
        if len(digits) != 8 or not digits.isdigit() or text not in (digits, f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"):
            raise ValueError
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise UsageError(f"{option} takes a date as YYYY-MM-DD or YYYYMMDD, not '{text}'") from None
