"""What the provider says of an account's limits, as it was told at one moment; it works nothing out."""

from typing import NamedTuple

FIVE_HOUR = "five_hour"
"""The window of five hours; the others are called as the provider calls them: `seven_day`, `spend_limit` …"""


class Limit(NamedTuple):
    """How much of one window is used."""

    window: str
    used_percentage: float
    resets_at: int | None
    """Milliseconds since 1970; None where it was not told."""


class LimitReading(NamedTuple):
    """A limit, and when and for which Claude directory it was told."""

    read_at: int
    """Milliseconds since 1970."""
    directory: str
    """The Claude directory whose account is meant; empty where that is not known."""
    limit: Limit
