"""Sums of whole months beside those of days, once a month is over: for speed alone, no number depends on them.

A month is closed when days of a later one are there. Until then nobody pays for it; afterwards, what is booked into it
goes to its months' rows, too.
"""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import apsw

from ccledger.core.measures import Grain, plus
from ccledger.core.periods import day_number, day_of_number
from ccledger.ledger import sqlite_questions as questions

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


def closed_before(connection: apsw.Connection) -> int:
    """The first month that is not closed."""
    return int(connection.execute(questions.CLOSED_BEFORE).get or 0)


def close_months(connection: apsw.Connection) -> None:
    """Sums up every month that is over, if it was not yet; within a transaction."""
    newest: int | None = connection.execute(questions.NEWEST_DAY).get
    closed, running = closed_before(connection), 0 if newest is None else month_of(newest)
    if running <= closed:
        return
    try:
        connection.execute(questions.SUM_MONTHS, (first_day(closed) if closed else 0, first_day(running) - 1))
    except apsw.SQLError as error:
        # Sums beyond 64 bits come from nonsense; then all questions are answered by days.
        if "overflow" not in str(error):
            raise
        return
    connection.execute("INSERT OR REPLACE INTO setting VALUES ('months', ?)", (str(running),))


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
