"""The part of the ledger in memory that keeps prices and the statistics' days, and lets go of calls; it books none."""

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import cast

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Call
from ccledger.core.periods import Days
from ccledger.core.prices import Model, Override
from ccledger.ledger.booking import Booking, in_slice, reprice
from ccledger.ledger.cached import KeptDay, keep_days, replaced_days
from ccledger.ledger.memory_state import State
from ccledger.ledger.past import Gone, pasts
from ccledger.ledger.past import joined as joined_pasts
from ccledger.ledger.plan import Price
from ccledger.ledger.rows import Names
from ccledger.ledger.store import Batch, PriceChange, Slice, Step


class Upkeep:
    """What `ledger.store.Store` says of prices, price changes, cached days and removing."""

    _names: Names
    _days: Days

    def __init__(self, prices: Callable[[], Price]) -> None:
        self._prices = prices
        self._state = State()
        self._lock = threading.RLock()

    @cached_property
    def _price(self) -> Price:
        return self._prices()

    @abstractmethod
    def _call(self, number: int) -> Call: ...

    @abstractmethod
    def _write(self, booking: Booking, now: int) -> Batch: ...

    def overrides(self) -> list[Override]:
        """See `Store.overrides`."""
        with self._lock:
            return list(self._state.overrides)

    def override(self, override: Override) -> None:
        """See `Store.override`."""
        with self._lock:
            self._state.overrides.append(override)
            self._note(f"set prices of {override.model}", override.set_by, override.set_at, override.set_at)
            vars(self).pop("_price", None)

    def withdraw(self, model: str, start: int | None, *, by: str, now: int) -> int:
        """See `Store.withdraw`."""
        with self._lock:
            before = self._state.overrides
            kept = [one for one in before if one.model != model or start not in (None, one.period.start)]
            dropped = len(before) - len(kept)
            if dropped:
                self._state.overrides = kept
                self._note(f"withdrew {dropped} set prices of {model}", by, now, now)
                vars(self).pop("_price", None)
            return dropped

    def list_shipped(self, version: str, models: Callable[[], Iterable[Model]]) -> None:
        """See `Store.list_shipped`: nobody else can read this storage."""

    def begin_repricing(self, what: str, *, by: str, now: int) -> int:
        """See `Store.begin_repricing`."""
        with self._lock:
            return self._note(what, by, now, None)

    def _note(self, what: str, by: str, now: int, finished_at: int | None) -> int:
        changes = self._state.changes
        changes.append(PriceChange(len(changes) + 1, now, by, what, 0, 0, 0, finished_at))
        return len(changes)

    def reprice(self, change: int, part: Slice, after: int, limit: int, *, now: int) -> Step:
        """See `Store.reprice`."""
        with self._lock:
            looked = sorted(number for number in self._state.rows if number > after)[:limit]
            calls = in_slice(map(self._call, looked), part)
            booking, moved = reprice(calls, self._price, self._names, self._days.of_quarter)
            reached = looked[-1] if len(looked) == limit else None
            batch = self._write(booking, now) if booking.ids else None
            noted = self._state.changes[change - 1]
            self._state.changes[change - 1] = noted._replace(
                calls=noted.calls + moved.calls,
                old_cost=noted.old_cost + moved.old_cost,
                new_cost=noted.new_cost + moved.new_cost,
                finished_at=now if reached is None else None,
            )
            return Step(reached, batch)

    def price_changes(self) -> list[PriceChange]:
        """See `Store.price_changes`."""
        with self._lock:
            return list(self._state.changes)

    def horizon(self) -> int:
        """See `Store.horizon`."""
        return self._state.horizon

    def remove(self, horizon: int, limit: int) -> int:
        """See `Store.remove`."""
        with self._lock:
            state = self._state
            state.horizon = max(state.horizon, horizon)
            old = [number for number in sorted(state.rows) if cast("int", state.rows[number][1]) < horizon][:limit]
            gone = [self._gone(number) for number in old]
            for number in old:
                self._drop(number)
            self._keep_past(gone)
            return len(gone)

    def _gone(self, number: int) -> Gone:
        row = cast("tuple[int, ...]", self._state.rows[number])
        return Gone(number, row[1], *row[13:17])

    def _drop(self, number: int) -> None:
        state = self._state
        del state.rows[number]
        for key in state.keys_of.pop(number):
            state.owners.pop(key, None)
            state.requests.get(key, set()).discard(number)

    def _keep_past(self, gone: Sequence[Gone]) -> None:
        state = self._state
        if gone:
            times = [call.request_at for call in gone]
            first, last = state.removed or (times[0], times[0])
            state.removed = (min(first, *times), max(last, *times))
        left = {(row[13], row[16]) for row in state.rows.values()}
        agents = {(call.session, call.agent) for call in gone if call.agent} - left
        for session, past in pasts(gone).items():
            told = past._replace(agents=sum(one == session for one, _ in agents))
            state.pasts[session] = joined_pasts(state.pasts.get(session), told)

    def sweep(self, after: str, limit: int) -> str | None:
        """See `Store.sweep`: keys go with their calls."""
        return None

    def keep_cached_days(self, file: CachedFile, days: Sequence[CachedDay]) -> None:
        """See `Store.keep_cached_days`."""
        state, root = self._state, file.root
        priced = keep_days(root, file.computed_on, days, self._price)
        with self._lock:
            newer = (
                day.told.day for day in state.cached_days if day.root == root and day.computed_on > file.computed_on
            )
            new = replaced_days(priced, newer)
            gone = {day.told.day for day in new}
            stay = [day for day in state.cached_days if day.root != root or day.told.day not in gone]
            state.cached_days = sorted([*stay, *new], key=lambda day: (day.told.day, day.root, day.told.model))
            state.cached_files[root] = file

    def cached_files(self) -> list[CachedFile]:
        """See `Store.cached_files`."""
        with self._lock:
            return [file for _, file in sorted(self._state.cached_files.items())]

    def cached_days(self, first: int, last: int) -> list[KeptDay]:
        """See `Store.cached_days`."""
        with self._lock:
            return [day for day in self._state.cached_days if first <= day.told.day <= last]
