"""The part of the SQLite ledger that keeps prices and lets go of old calls; it books nothing."""

# As in engines/sqlite.py: apsw's type stubs leave the types of values open.
# pyright: reportUnknownMemberType=false

from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import apsw

from ccledger.ledger.store import PriceChange

if TYPE_CHECKING:
    from ccledger.core.prices import Model, Override
    from ccledger.ledger.plan import Price


class Upkeep:
    """What `ledger.store.Store` says of overrides, price changes and removing."""

    def __init__(self, prices: "Callable[[], Price] | None") -> None:
        self._prices = prices

    @abstractmethod
    def _transaction(self) -> "AbstractContextManager[apsw.Connection]":
        """One transaction of the writing connection."""

    @abstractmethod
    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """What a reading connection answers."""

    @cached_property
    def _price(self) -> "Price":
        assert self._prices is not None
        return self._prices()

    @cached_property
    def _horizon(self) -> int:
        return self.horizon()

    def _look_up_again(self, name: str) -> None:
        """Within a transaction: whoever waits to write next must not go by what held before."""
        vars(self).pop(name, None)

    def overrides(self) -> "list[Override]":
        """See `Store.overrides`."""
        from ccledger.ledger.price_rows import read_override
        from ccledger.ledger.sqlite_prices import OVERRIDES

        return [read_override(row) for row in self._rows(OVERRIDES)]

    def override(self, override: "Override") -> None:
        """See `Store.override`."""
        from ccledger.ledger.sqlite_prices import keep_override

        with self._transaction() as connection:
            keep_override(connection, override)
            self._look_up_again("_price")

    def withdraw(self, model: str, start: int | None, *, by: str, now: int) -> int:
        """See `Store.withdraw`."""
        from ccledger.ledger.sqlite_prices import drop_overrides

        with self._transaction() as connection:
            dropped = drop_overrides(connection, model, start, by, now)
            self._look_up_again("_price")
        return dropped

    def list_shipped(self, version: str, models: "Callable[[], Iterable[Model]]") -> None:
        """See `Store.list_shipped`."""
        kept = self._rows("SELECT value FROM setting WHERE name = 'shipped_prices'")
        if kept != [(version,)]:
            from ccledger.ledger.sqlite_prices import keep_shipped

            with self._transaction() as connection:
                keep_shipped(connection, version, models())

    def begin_repricing(self, what: str, *, by: str, now: int) -> int:
        """See `Store.begin_repricing`."""
        from ccledger.ledger.sqlite_prices import note_change

        with self._transaction() as connection:
            return note_change(connection, what, by, now, None)

    def price_changes(self) -> list[PriceChange]:
        """See `Store.price_changes`."""
        from ccledger.ledger.sqlite_prices import CHANGES

        return [PriceChange(*row) for row in self._rows(CHANGES)]

    def horizon(self) -> int:
        """See `Store.horizon`."""
        found = self._rows("SELECT value FROM setting WHERE name = 'horizon'")
        return int(found[0][0]) if found else 0

    def remove(self, horizon: int, limit: int) -> int:
        """See `Store.remove`."""
        from ccledger.ledger.sqlite_past import remove_calls

        with self._transaction() as connection:
            removed = remove_calls(connection, horizon, limit)
            self._look_up_again("_horizon")
        return removed

    def sweep(self, after: str, limit: int) -> str | None:
        """See `Store.sweep`."""
        from ccledger.ledger.sqlite_past import sweep_keys

        with self._transaction() as connection:
            return sweep_keys(connection, after, limit)
