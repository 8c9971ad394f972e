"""The partitions of calls, one a month of the time that ids tell: made before they are needed, never while they are.

Only months near this one have a partition of their own; a clock that is far off fills the partition of all others.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

from ccledger.core.errors import StoreError
from ccledger.ledger.ids import FIRST_MS, LAST_MS, call_id
from ccledger.ledger.postgresql.pen import Pen

_FIRST: Final = (2023, 1)
_AHEAD: Final = 2
"""Months after the present one."""
_LOCK: Final = 4927365
_LOG = logging.getLogger(__name__)
_PRESENT: Final = "SELECT extract(year FROM now())::integer, extract(month FROM now())::integer"
_MADE: Final = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'request_logs'::regclass
"""
_HAS: Final = "SELECT EXISTS (SELECT FROM request_logs_other WHERE id >= $1 AND id < $2)"


def _number(month: tuple[int, int]) -> int:
    year, of_year = month
    return year * 12 + of_year - 1


@cache
def _first_ms(month: int) -> int:
    """When a month begins."""
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def _month(start: int) -> int:
    moment = datetime.fromtimestamp(min(max(start, FIRST_MS), LAST_MS) / 1000, UTC)
    return _number((moment.year, moment.month))


class Months:
    """Which months have their partition, as far as this process knows: none is ever taken away while it runs."""

    def __init__(self) -> None:
        self._made: set[int] = set()
        self._known = range(0)
        """Times whose month was looked after."""

    def make(self, pen: Pen, starts: Sequence[int]) -> None:
        """Makes the partitions that calls of some times need, unless that is known to be done."""
        known = self._known
        if known.start <= min(starts) and max(starts) < known.stop:
            return
        months = {_month(start) for start in starts}
        self._make_all(pen, months)
        newest = max(months)
        self._known = range(_first_ms(newest), _first_ms(newest + 1))

    def make_ahead(self, pen: Pen) -> None:
        """Makes the partitions of this month and those that come next."""
        present = _present(pen)
        self._make_all(pen, set(range(present, present + _AHEAD + 1)))

    def _make_all(self, pen: Pen, months: set[int]) -> None:
        missing = months - self._made
        if not missing:
            return
        present = _present(pen)
        there = {row[0] for row in pen.run(_MADE)}
        for month in sorted(missing):
            if _number(_FIRST) <= month <= present + _AHEAD and _table(month) not in there:
                _make(pen, month)
        self._made |= missing


def _present(pen: Pen) -> int:
    year, month = pen.run(_PRESENT)[0]
    return _number((year, month))


def _table(month: int) -> str:
    return f"request_logs_{month // 12}_{month % 12 + 1:02}"


def _make(pen: Pen, month: int) -> None:
    """Makes one partition; where that is not to be, its calls go to the partition of all others.

    A table is attached, not made in place: readers and other writers go on meanwhile.
    """
    table, bounds = _table(month), [call_id(_first_ms(each), 0, 0) for each in (month, month + 1)]
    try:
        with pen.transaction():
            pen.run("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if pen.run("SELECT to_regclass($1)", table)[0][0] or pen.run(_HAS, *bounds)[0][0]:
                return
            pen.run_all(
                f"SET LOCAL lock_timeout = '3s'; CREATE TABLE {table} (LIKE request_logs INCLUDING ALL); "
                f"ALTER TABLE request_logs ATTACH PARTITION {table} FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]})"
            )
    except StoreError as error:
        _LOG.warning("calls of %s are kept with those of other times: %s", table.removeprefix("request_logs_"), error)
