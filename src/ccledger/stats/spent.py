"""The one definition of "spent": what calls cost and counted, per day or span, in any time zone; it only reads."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ccledger.core.measures import Dimension, Grain, Measures, plus
from ccledger.core.periods import QUARTER_MS, Days, day_number, day_of_number, midnight_ms, milliseconds

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
        _into(sums, (days.of_quarter(row.start), row.key, row.folder, row.model), row.measures)
    return [
        Spent(day_of_number(day), key, folder, model, measures) for (day, key, folder, model), measures in sums.items()
    ]


def _quarter_of(day: date, tz: tzinfo) -> int:
    return -(-midnight_ms(day, tz) // QUARTER_MS)


def spent_between(
    store: "Store", start_ms: int, end_ms: int, dimension: Dimension = Dimension.ALL
) -> dict[tuple[str, str], Measures]:
    """What was spent by calls that started at or after `start_ms` and before `end_ms`, by (key, model).

    Exact to the millisecond: whole quarter-hours come from the roll-ups, what is left at the edges from the calls.
    """
    sums: dict[tuple[str, str], Measures] = {}
    first, last = -(-start_ms // QUARTER_MS), end_ms // QUARTER_MS
    if first >= last:
        _add_calls(sums, store, start_ms, end_ms, dimension)
        return sums
    for row in store.spans(Grain.QUARTER, dimension, first, last - 1):
        _into(sums, (row.key, row.model), row.measures)
    _add_calls(sums, store, start_ms, first * QUARTER_MS, dimension)
    _add_calls(sums, store, last * QUARTER_MS, end_ms, dimension)
    return sums


def _add_calls(
    sums: dict[tuple[str, str], Measures], store: "Store", start_ms: int, end_ms: int, dimension: Dimension
) -> None:
    if start_ms >= end_ms:
        return
    from ccledger.core.rollup import measure

    for call in store.calls(start_ms, end_ms):
        reading, place = call.fact.reading, call.fact.place
        key = (place.project or "") if dimension and place is not None else ""
        _into(sums, (key, "" if reading is None else reading.model), measure(call.fact, call.cost))


def _into(sums: dict[_Key, Measures], key: _Key, measures: Measures) -> None:
    before = sums.get(key)
    sums[key] = measures if before is None else plus(before, measures)


def by_model(rows: Iterable[tuple[str, Measures]]) -> dict[str, Measures]:
    """Measures added up by model."""
    sums: dict[str, Measures] = {}
    for model, measures in rows:
        _into(sums, model, measures)
    return sums


def local_day(now_ms: int, tz: tzinfo) -> date:
    """The date it is in a time zone at a moment."""
    return datetime.fromtimestamp(now_ms / 1000, tz).date()


def same_time_yesterday(now_ms: int, tz: tzinfo) -> int:
    """Yesterday's moment with the same clock time; where clocks skipped it, the moment right after."""
    now = datetime.fromtimestamp(now_ms // 1000, tz)
    return milliseconds((now.replace(tzinfo=None) - timedelta(days=1)).replace(tzinfo=tz)) + now_ms % 1000
