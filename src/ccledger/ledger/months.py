"""Months of days, and days split into whole months and what is left at both ends; it knows no storage."""

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.core.measures import Grain, plus
from ccledger.core.periods import day_number, day_of_number

if TYPE_CHECKING:
    from ccledger.core.measures import Measures
    from ccledger.core.rollup import Roll

MonthKey = tuple[int, int, int, int]
"""dimension, key, model, month; a month of the ledger's days is named by its number from year 0."""
_DAY: Final = Grain.DAY.value


@cache
def month_of(day: int) -> int:
    """The month of a day."""
    found = day_of_number(day)
    return found.year * 12 + found.month - 1


@cache
def first_day(month: int) -> int:
    """The first day of a month."""
    return day_number(date(month // 12, month % 12 + 1, 1))


def in_closed_months(roll: "Roll", closed: int) -> "dict[MonthKey, Measures]":
    """Those of the differences that are in closed months."""
    before = first_day(closed) if closed else 0
    months: dict[MonthKey, Measures] = {}
    for (grain, dimension, key, start, model), measures in roll.spans.items():
        if grain == _DAY and start < before:
            name = (dimension, key, model, month_of(start))
            months[name] = plus(months[name], measures) if name in months else measures
    return months


class Split(NamedTuple):
    """Days as the closed months among them and what is left at both ends, each from its first to its last."""

    months: tuple[int, int] | None
    days: tuple[tuple[int, int], ...]


def split(first: int, last: int, closed: int) -> Split:
    """Splits days; `closed` is the first month that is not closed."""
    start = month_of(first)
    start += first_day(start) < first
    end = min(month_of(last + 1), closed) - 1
    if start > end:
        return Split(None, ((first, last),))
    ends = ((first, first_day(start) - 1), (first_day(end + 1), last))
    return Split((start, end), tuple((a, b) for a, b in ends if a <= b))
