"""What Claude Code's own statistics (`stats-cache.json`) tell of days, as values; it never counts them as calls."""

from typing import NamedTuple

from ccledger.core.call import Usage


class CachedDay(NamedTuple):
    """The tokens of one model on one day. The file has one sum; which kinds it consists of is an estimate."""

    day: int
    """Days since 1970-01-01. Claude Code's days are those of UTC."""
    model: str
    usage: Usage
    """All cache writes stand as one-hour writes: the file does not tell them apart."""
    with_cache: bool = True
    """False where the sum holds input and output only, so that it is a lower bound."""


class CachedFile(NamedTuple):
    """One file of such statistics, as it was read last."""

    root: str
    """The Claude directory it lies in; empty for one that was handed over from elsewhere."""
    seen: bytes
    """What tells that the file changed, in the words of whoever reads it."""
    version: int = 0
    """The version the file names, 0 when it names none."""
    computed_on: int = 0
    """The last day it counts, in days since 1970-01-01; 0 when it has none."""
    left_out: int = 0
    """Entries that made no sense."""
    problem: str = ""
    """Why it can't be read; empty when it can."""
