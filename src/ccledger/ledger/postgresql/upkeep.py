"""The part of the PostgreSQL ledger that works on all of it: prices, removing, summing up anew; it books nothing new.

Each step is alone with the ledger, and makes every node ask anew for what it changed.
"""

from collections.abc import Callable, Generator, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ccledger.core.measures import MEASURES
from ccledger.ledger.months import first_day, month_of
from ccledger.ledger.postgresql import past, prices, statements
from ccledger.ledger.postgresql.known import NEXT_PRICES
from ccledger.ledger.postgresql.link import Row
from ccledger.ledger.postgresql.pen import Pen
from ccledger.ledger.postgresql.writing import Writing, days_in
from ccledger.ledger.rollup_tables import SPANS
from ccledger.ledger.rows import COLUMNS
from ccledger.ledger.store import PriceChange, Slice, Step

if TYPE_CHECKING:
    from ccledger.core.call import Call
    from ccledger.core.prices import Model, Override
    from ccledger.core.rollup import Fold
    from ccledger.ledger.plan import Price

_SUMS: Final = ", ".join(MEASURES)
_AT_ONCE: Final = 2000
"""Rows that go over together."""
_NEWEST_DAY: Final = "SELECT max(start) FROM usage_rollup WHERE grain = 1 AND dimension = 0"
_MONTH: Final = (
    "(extract(year FROM date '1970-01-01' + start::integer) * 12"
    " + extract(month FROM date '1970-01-01' + start::integer) - 1)::integer"
)
_SUM_MONTHS: Final = f"""
    INSERT INTO usage_month (dimension, key_id, model_id, month, {_SUMS})
    SELECT dimension, key_id, model_id, {_MONTH} AS month, {", ".join(f"ledger_clip(sum({name}))" for name in MEASURES)}
    FROM usage_rollup
    WHERE grain = 1 AND start BETWEEN $1 AND $2
    GROUP BY dimension, key_id, model_id, month
"""
_EVERY_CALL: Final = f"SELECT {', '.join(COLUMNS)} FROM request_logs ORDER BY id"
_QUARTERS: Final = f"SELECT {', '.join(SPANS[1])}, {_SUMS} FROM usage_rollup WHERE grain = 0"
_FORGET_SUMS: Final = "DELETE FROM setting WHERE name IN ('sums', 'months')"


class Upkeep(Writing):
    """What `ledger.store.Store` says of overrides, price changes, removing and days."""

    def __init__(self, pen: Pen | None, prices: "Callable[[], Price] | None") -> None:
        super().__init__(pen)
        self._prices = prices

    @cached_property
    def _price(self) -> "Price":
        assert self._prices is not None
        return self._prices()

    def overrides(self) -> "list[Override]":
        """See `Store.overrides`."""
        from ccledger.ledger.price_rows import read_override

        return [read_override(tuple(row)) for row in self._rows(prices.OVERRIDES)]

    def override(self, override: "Override") -> None:
        """See `Store.override`."""
        with self._alone() as pen:
            prices.keep_override(pen, override)
            self._change_prices(pen)

    def withdraw(self, model: str, start: int | None, *, by: str, now: int) -> int:
        """See `Store.withdraw`."""
        with self._alone() as pen:
            dropped = prices.drop_overrides(pen, model, start, by, now)
            self._change_prices(pen)
        return dropped

    def _change_prices(self, pen: Pen) -> None:
        pen.run(NEXT_PRICES)
        self._change(pen)
        vars(self).pop("_price", None)

    def list_shipped(self, version: str, models: "Callable[[], Iterable[Model]]") -> None:
        """See `Store.list_shipped`."""
        kept = self._rows("SELECT value FROM setting WHERE name = 'shipped_prices'")
        if not kept or kept[0][0] != version:
            with self._alone() as pen:
                prices.keep_shipped(pen, version, models())

    def begin_repricing(self, what: str, *, by: str, now: int) -> int:
        """See `Store.begin_repricing`."""
        with self._own() as pen:
            return prices.note_change(pen, what, by, now, None)

    def price_changes(self) -> list[PriceChange]:
        """See `Store.price_changes`."""
        return [prices.read_change(row) for row in self._rows(prices.CHANGES)]

    def reprice(self, change: int, part: Slice, after: int, limit: int, *, now: int) -> Step:
        """See `Store.reprice`."""
        from ccledger.ledger.booking import in_slice, reprice

        def step(adding: str) -> Step:
            with self._alone() as pen:
                known = self._known(pen)
                looked = prices.look(pen, part, after, limit)
                calls = in_slice(self._held_calls(pen, dict.fromkeys(looked, ())), part)
                booking, moved = reprice(calls, self._price, self._names, days_in(known.zone).of_quarter)
                reached = looked[-1] if len(looked) == limit else None
                none = statements.Told([], [], [])
                batch = self._rewrite(pen, known, booking, none, now, adding, frozenset()) if booking.ids else None
                prices.add_to_note(pen, change, moved, now if reached is None else None)
            return Step(reached, batch)

        return self._in_any_way(step)

    def remove(self, horizon: int, limit: int) -> int:
        """See `Store.remove`."""
        with self._alone() as pen:
            if self._known(pen).horizon < horizon:
                pen.run(statements.KEEP_SETTING, "horizon", str(horizon))
                self._change(pen)
            return past.remove_calls(pen, horizon, limit)

    def sweep(self, after: str, limit: int) -> str | None:
        """See `Store.sweep`."""
        with self._alone() as pen:
            return past.sweep_keys(pen, after, limit)

    def rebuild(self, zone: str) -> None:
        """See `Store.rebuild`."""
        from ccledger.ledger.booking import days_of_quarters, fold_calls, moved_days

        days = days_in(zone).of_quarter
        with self._alone() as pen, pen.patient():
            known = self._known(pen)
            fold = fold_calls(self._every_call(pen), self._names)
            if known.horizon:
                old = days_in(known.zone).of_quarter
                rows = (row for portion in pen.rows_of(_QUARTERS) for row in portion)
                moved = days_of_quarters(((_span(row), tuple(row[5:])) for row in rows), days)
                pen.run("DELETE FROM usage_rollup WHERE grain = 1")
                pen.run("DELETE FROM usage_month")
                _add_up(pen, statements.sums_of(moved, {}))
                _add_up(pen, statements.sums_of(moved_days(fold, old, days), {}))
            else:
                _sum_anew(pen, fold, days)
            pen.run(statements.KEEP_SETTING, "zone", zone)
            pen.run(_FORGET_SUMS)
            self._change(pen)
        self.close_months()

    def _every_call(self, pen: Pen) -> "Generator[Call]":
        for rows in pen.rows_of(_EVERY_CALL):
            calls = self._calls_of(rows)
            self._name_all([call.fact for call in calls])
            yield from calls

    def close_months(self) -> None:
        """Sums up months that are over, so that long ranges are answered fast."""
        newest = self._rows(_NEWEST_DAY)[0][0]
        with self._own() as pen:
            if newest is None or month_of(newest) <= self._known(pen).closed:
                return
        with self._alone() as pen, pen.patient():
            closed, running = self._known(pen).closed, month_of(newest)
            if running > closed:
                pen.run(_SUM_MONTHS, first_day(closed) if closed else 0, first_day(running) - 1)
                pen.run(statements.KEEP_SETTING, "months", str(running))
                self._change(pen)


def _span(row: Row) -> tuple[int, int, int, int, int]:
    grain, dimension, key, start, model = row[:5]
    return (grain, dimension, key, start, model)


def _sum_anew(pen: Pen, fold: "Fold", days: "Callable[[int], int]") -> None:
    """Replaces all roll-ups."""
    for table, _ in statements.ROLLUPS:
        pen.run(f"DELETE FROM {table}")
    _add_up(pen, statements.sums_of(fold.roll(days), {}))


def _add_up(pen: Pen, sums: statements.Sums) -> None:
    for table, rows in zip(statements.ROLLUPS, sums, strict=True):
        key = len(table[1])
        for start in range(0, len(rows), _AT_ONCE):
            numbers = statements.flat(rows[start : start + _AT_ONCE], key + len(MEASURES))
            pen.run(statements.add_up(table), statements.written(statements.clipped(numbers)))
        pen.run_many(statements.drop_empty(table), [row[:key] for row in rows if row[key] < 0])
