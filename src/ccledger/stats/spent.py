"""The one definition of "spent": what calls cost and counted, per day, in any time zone or ever; it only reads."""

from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ccledger.core.measures import Dimension, Grain, Measures, plus
from ccledger.core.periods import QUARTER_MS, Days, day_number, day_of_number, midnight_ms, moment

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_Key = TypeVar("_Key")

LAST_DAY = 100_000
"""A day that every call comes before; the first one is 0, in 1970."""


class Spent(NamedTuple):
    """What one model spent on one day, in all or in one project."""

    day: date
    project: str
    folder: str
    model: str
    measures: Measures


def spent_by_day(
    store: "Store",
    zone_name: str,
    tz: tzinfo,
    first: date | None,
    last: date | None,
    dimension: Dimension = Dimension.ALL,
) -> list[Spent]:
    """What was spent per day and model between two dates (both included, None: no limit) of a time zone.

    Days of the ledger's own zone are read as they are kept; days of another zone are put together from quarter-hours.
    `dimension` is `Dimension.ALL` or `Dimension.PROJECT`.
    """
    first_number = 0 if first is None else day_number(first)
    last_number = LAST_DAY if last is None else day_number(last)
    if zone_name == store.zone():
        rows = store.spans(Grain.DAY, dimension, first_number, last_number)
        return [Spent(day_of_number(row.start), row.key, row.folder, row.model, row.measures) for row in rows]
    start = 0 if first is None else _quarter_of(first, tz)
    end = LAST_DAY * 96 if last is None else _quarter_of(last + timedelta(days=1), tz) - 1
    days = Days(tz)
    sums: dict[tuple[int, str, str, str], Measures] = {}
    for row in store.spans(Grain.QUARTER, dimension, start, end):
        add_to(sums, (days.of_quarter(row.start), row.key, row.folder, row.model), row.measures)
    return [
        Spent(day_of_number(day), key, folder, model, measures) for (day, key, folder, model), measures in sums.items()
    ]


def _quarter_of(day: date, tz: tzinfo) -> int:
    return -(-midnight_ms(day, tz) // QUARTER_MS)


def spent_ever(store: "Store") -> dict[str, Measures]:
    """What each model spent in all recorded time."""
    sums: dict[str, Measures] = {}
    for row in store.spans(Grain.DAY, Dimension.ALL, 0, LAST_DAY):
        add_to(sums, row.model, row.measures)
    return sums


def add_to(sums: dict[_Key, Measures], key: _Key, measures: Measures) -> None:
    """Adds measures to the sum of that name."""
    before = sums.get(key)
    sums[key] = measures if before is None else plus(before, measures)


def local_day(now_ms: int, tz: tzinfo) -> date:
    """The date it is in a time zone at a moment."""
    return moment(now_ms).astimezone(tz).date()
