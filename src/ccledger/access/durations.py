"""Reads how long something shall last, as people and Go programs write it; it knows no clock."""

import re
from decimal import Decimal
from typing import Final

from ccledger.core.errors import UsageError

_UNITS: Final = {
    "ns": Decimal("1e-6"),
    "us": Decimal("1e-3"),
    "µs": Decimal("1e-3"),
    "μs": Decimal("1e-3"),
    "ms": Decimal(1),
    "s": Decimal(1000),
    "m": Decimal(60_000),
    "h": Decimal(3_600_000),
    "d": Decimal(86_400_000),
    "w": Decimal(604_800_000),
}
"""Milliseconds. The first eight, both signs for micro included, are those of Go's `time.ParseDuration`."""
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_LONGEST_TEXT: Final = 64
_LONGEST_MS: Final = 36_500 * 86_400_000
ACCEPTED: Final = "takes a length of time such as 720h, 1h30m, 30d or 2w, up to 100 years"


def parse_duration(text: str) -> int:
    """A length of time in milliseconds, at least one: numbers with units in a row, as in `1h30m`.

    Raises `UsageError` for anything else. The same unit may come twice, as in Go.
    """
    parts = _parts(text) if len(text) <= _LONGEST_TEXT else []
    ms = int(sum(Decimal(number) * _UNITS[unit] for number, unit in parts))
    if not 1 <= ms <= _LONGEST_MS:
        raise UsageError(f"expires_in {ACCEPTED}")
    return ms


def _parts(text: str) -> list[tuple[str, str]]:
    """Numbers and units; none when something else stands in between."""
    found = _PART.findall(text)
    return found if "".join(number + unit for number, unit in found) == text else []
