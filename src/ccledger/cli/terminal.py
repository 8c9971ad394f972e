"""What the terminal can show: its width and whether it takes colours; it never writes to it."""

import os
import sys
from typing import TextIO

_NARROWEST = 20


def width(stream: TextIO | None = None) -> int | None:
    """How many columns there are, None when nobody draws a line: in a file or a pipe."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and int(given):
        return max(int(given), _NARROWEST)
    try:
        columns = os.get_terminal_size((stream or sys.stdout).fileno()).columns
    except (OSError, AttributeError, ValueError):
        return None
    return max(columns, _NARROWEST) if columns else None


def takes_colour(asked: bool | None, stream: TextIO | None = None) -> bool:  # noqa: FBT001 - a switch as it was given: yes, no, not said
    """Whether to use colours: as asked, else as `NO_COLOR` and `FORCE_COLOR` say, else on a terminal."""
    if asked is not None:
        return asked
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    try:
        return (stream or sys.stdout).isatty() and os.environ.get("TERM", "") != "dumb"
    except (AttributeError, ValueError):
        return False
