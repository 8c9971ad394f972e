"""Which stretch of time somebody means by dates, days and a time zone, and how it is cut; it knows no clock."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import groupby, pairwise, repeat
from typing import NamedTuple

from ccledger.core.errors import UsageError
from ccledger.core.periods import QUARTER_MS, day_of_number, midnight_ms, milliseconds, moment, week_start, zone
from ccledger.stats.spent import LAST_DAY, Stretch, local_day

DEFAULT_DAYS = 30
_MOST_DAYS = 36_600
_MOST_BUCKETS = 10_000
_FIRST_DATE, _LAST_DATE = day_of_number(0), day_of_number(LAST_DAY)
_FIRST_TIME, _LAST_TIME = moment(0), moment(LAST_DAY * 86_400_000)
"""What lies beyond is cut off: no call is there, and no calendar arithmetic runs out of dates."""
_HOUR_MS = 3_600_000
_QUARTERS_OF_A_DAY = 96
_DAY = timedelta(days=1)


class Range(NamedTuple):
    """A stretch of time as somebody in a time zone means it."""

    zone_name: str
    tz: tzinfo
    start: int
    """Its first millisecond."""
    end: int
    """The millisecond after its last."""
    days: int | None
    """How many days of the zone it is, None when it begins or ends within one."""


class Bucketing(StrEnum):
    """What a range is cut into: pieces of the zone's own clock and calendar."""

    NONE = "none"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def read_range(
    start: str | None, end: str | None, days: int | None, zone_name: str, now_ms: int, default_days: int = DEFAULT_DAYS
) -> Range:
    """The range between two dates or times (dates are whole days, the last one included), or the last `days`.

    Without either, the last `default_days`, today included. Raises `UsageError` for what makes no sense.
    """
    tz = zone(zone_name)
    if days is not None and (start or end):
        raise UsageError("say either days, or start_date and end_date, not both")
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise UsageError(f"days is 1 (today) to {_MOST_DAYS}, not {days}")
    last = _read(end, "end_date", tz) if end else local_day(now_ms, tz)
    first = _read(start, "start_date", tz) if start else _day_of(last, tz) - _DAY * ((days or default_days) - 1)
    begin, finish = _begin(first, tz), _begin(last + _DAY if _is_day(last) else last, tz)
    if begin >= finish:
        raise UsageError("the range ends before it begins; start_date comes first, and a time in end_date is excluded")
    return Range(zone_name, tz, begin, finish, _count_days(begin, finish, tz))


def read_ends(first: str | None, last: str | None, names: tuple[str, str], zone_name: str) -> Stretch:
    """The stretch between two dates or times, as `read_range` reads them; an end that is left out is open.

    `names` are what the two are called where they come from. Raises `UsageError` for what makes no sense.
    """
    tz = zone(zone_name)
    start = _begin(_read(first, names[0], tz), tz) if first else 0
    end = _read(last, names[1], tz) if last else _LAST_TIME
    finish = _begin(end + _DAY if _is_day(end) else end, tz)
    if start >= finish:
        raise UsageError(
            f"the range ends before it begins; {names[0]} comes first, and a time in {names[1]} is excluded"
        )
    return start, finish


def read_moment(text: str, name: str, zone_name: str) -> int:
    """The moment that a date (its beginning) or a time means, in milliseconds since 1970."""
    tz = zone(zone_name)
    return _begin(_read(text, name, tz), tz)


def _read(text: str, name: str, tz: tzinfo) -> date | datetime:
    """A date, or an aware time; a time without an offset is one of the zone's."""
    try:
        if len(text) <= len("2026-11-20"):
            return min(max(date.fromisoformat(text), _FIRST_DATE), _LAST_DATE)
        # In an address a plus sign that is not written as %2B arrives as a space.
        at = datetime.fromisoformat(text[:11] + text[11:].replace(" ", "+"))
        return min(max(at if at.tzinfo else at.replace(tzinfo=tz), _FIRST_TIME), _LAST_TIME)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} is a date or a time such as 2026-11-20 or 2026-11-20T08:00:00Z, not {text!r}"
        ) from None


def _is_day(day: date | datetime) -> bool:
    return not isinstance(day, datetime)


def _day_of(day: date | datetime, tz: tzinfo) -> date:
    return day.astimezone(tz).date() if isinstance(day, datetime) else day


def _begin(day: date | datetime, tz: tzinfo) -> int:
    return milliseconds(day) if isinstance(day, datetime) else midnight_ms(day, tz)


def _count_days(start: int, end: int, tz: tzinfo) -> int | None:
    first, last = local_day(start, tz), local_day(end, tz)
    is_whole = midnight_ms(first, tz) == start and midnight_ms(last, tz) == end
    return (last - first).days if is_whole else None


def cut(asked: Range, bucketing: Bucketing) -> list[Stretch]:
    """The range in pieces that touch, oldest first: those at the ends are only as long as they are in the range.

    Hours are those of the clock: one that comes twice is two pieces, one that is skipped is none. Weeks begin on
    Monday. Raises `UsageError` when there would be too many.
    """
    inner = _boundaries(asked, bucketing)
    bounds = [asked.start]
    for bound in inner:
        if asked.start < bound < asked.end:
            bounds.append(bound)
        if len(bounds) > _MOST_BUCKETS:
            raise UsageError(
                f"that makes more than {_MOST_BUCKETS} {bucketing.value}s; ask for a coarser grain or a shorter range"
            )
    return list(pairwise([*bounds, asked.end]))


def _boundaries(asked: Range, bucketing: Bucketing) -> Iterable[int]:
    match bucketing:
        case Bucketing.NONE:
            return ()
        case Bucketing.HOUR:
            return _hours(asked)
        case _:
            return _calendar(asked, bucketing)


def _calendar(asked: Range, bucketing: Bucketing) -> Iterator[int]:
    day, end = bucket_day(local_day(asked.start, asked.tz), bucketing), local_day(asked.end, asked.tz)
    while day <= end:
        yield midnight_ms(day, asked.tz)
        day = _next(day, bucketing)


def bucket_day(day: date, bucketing: Bucketing) -> date:
    """The first day of the week or month that holds a day."""
    if bucketing is Bucketing.WEEK:
        return week_start(day, 0)
    return day.replace(day=1) if bucketing is Bucketing.MONTH else day


def _next(day: date, bucketing: Bucketing) -> date:
    if bucketing is Bucketing.MONTH:
        return bucket_day(day + 31 * _DAY, bucketing)
    return day + (7 * _DAY if bucketing is Bucketing.WEEK else _DAY)


def _hours(asked: Range) -> Iterator[int]:
    """Where the clock's hour changes, or the clock itself: zones are whole quarter-hours off UTC."""

    def label(moment_and_offset: tuple[int, int]) -> tuple[int, int]:
        ms, offset = moment_and_offset
        return offset, (ms + offset) // _HOUR_MS

    for _, same in groupby(_offsets(asked), label):
        yield next(same)[0]


def _offsets(asked: Range) -> Iterator[tuple[int, int]]:
    """Every quarter-hour of a range, and what the clock is ahead of UTC then; no clock is changed twice a day."""
    quarters = range(asked.start // QUARTER_MS, -(-asked.end // QUARTER_MS))
    for at in range(0, len(quarters), _QUARTERS_OF_A_DAY):
        day = [quarter * QUARTER_MS for quarter in quarters[at : at + _QUARTERS_OF_A_DAY]]
        first, last = (_offset_ms(ms, asked.tz) for ms in (day[0], day[-1]))
        yield from zip(day, repeat(first) if first == last else (_offset_ms(ms, asked.tz) for ms in day), strict=False)


def _offset_ms(ms: int, tz: tzinfo) -> int:
    return (moment(ms).astimezone(tz).utcoffset() or timedelta()) // timedelta(milliseconds=1)


def before(asked: Range, pieces: Sequence[Stretch]) -> tuple[Range, list[Stretch]]:
    """The range of the same length just before, cut like this one.

    What is whole days is as many days earlier by the calendar, anything else as many milliseconds.
    """

    def shift(ms: int) -> int:
        if asked.days is None:
            return ms - (asked.end - asked.start)
        clock = moment(ms).astimezone(asked.tz)
        if midnight_ms(clock.date(), asked.tz) == ms:
            return midnight_ms(clock.date() - asked.days * _DAY, asked.tz)
        return milliseconds((clock.replace(tzinfo=None) - asked.days * _DAY).replace(tzinfo=asked.tz, fold=clock.fold))

    bounds = [asked.start, *(end for _, end in pieces)]
    start, end = shift(asked.start), asked.start
    earlier = [start]
    for bound in bounds[1:-1]:
        earlier.append(min(max(shift(bound), earlier[-1]), end))
    return asked._replace(start=start, end=end), list(pairwise([*earlier, end]))
