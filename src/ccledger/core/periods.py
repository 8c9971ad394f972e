"""Days, weeks and months of a time zone, as numbers that sort; it never asks what time it is."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ccledger.core.errors import UsageError

QUARTER_MS = 15 * 60 * 1000
"""Length of the finest span in milliseconds: every zone's offset in use is a whole number of quarter-hours."""

_EPOCH = date(1970, 1, 1)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_EPOCH_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def zone(name: str) -> tzinfo:
    """The IANA time zone of that name. Raises `UsageError` for a name nobody knows."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"'{name}' is not a time zone; use an IANA name such as UTC, Europe/Berlin or Asia/Shanghai"
        ) from None


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def day_of_number(number: int) -> date:
    """The date that many days after 1970-01-01."""
    return date.fromordinal(number + _EPOCH_ORDINAL)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time."""
    return (moment - _EPOCH_TIME) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    """The UTC time that many milliseconds after 1970."""
    return _EPOCH_TIME + timedelta(milliseconds=ms)


def iso(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 with milliseconds and Z."""
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def midnight_ms(day: date, tz: tzinfo) -> int:
    """The first instant of a day in a zone, as milliseconds since 1970.

    Where clocks skip midnight the day starts when they do: a time that was skipped is read with the offset before.
    """
    return milliseconds(datetime.combine(day, time(), tzinfo=tz).astimezone(UTC))


class Days:
    """The day a quarter-hour belongs to in one zone; remembers answers, because calls cluster."""

    def __init__(self, tz: tzinfo) -> None:
        self.tz = tz
        self._known: dict[int, int] = {}

    def of_quarter(self, quarter: int) -> int:
        """The number of the day in which a quarter-hour (numbered since 1970) starts."""
        day = self._known.get(quarter)
        if day is None:
            day = self._known[quarter] = day_number(moment(quarter * QUARTER_MS).astimezone(self.tz).date())
        return day

    def quarters(self, day: date) -> range:
        """The quarter-hours of a day: 96, or a few more or less when clocks change."""
        first = -(-midnight_ms(day, self.tz) // QUARTER_MS)
        last = -(-midnight_ms(day + timedelta(days=1), self.tz) // QUARTER_MS)
        return range(first, last)


def each_day(first: date, last: date) -> Iterator[date]:
    """Every date from `first` to `last`, both included."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def week_start(day: date, first_weekday: int) -> date:
    """The first day of the week that holds `day`; `first_weekday` counts from Monday = 0."""
    return day - timedelta(days=(day.weekday() - first_weekday) % 7)
