"""Changes prices where the ledger is written: through a running server, else by this process; it decides nothing."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from ccledger.core.errors import StoreError

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.core.prices import Override
    from ccledger.ledger.store import Slice, Store
    from ccledger.settings import Settings

_AT_ONCE = 2000
"""Calls that are priced anew in one transaction."""


class Keeper(Protocol):
    """Who may change prices."""

    def override(self, override: "Override") -> None:
        """See `Store.override`."""
        ...

    def withdraw(self, model: str, start: int | None, by: str) -> int:
        """See `Store.withdraw`."""
        ...

    def begin_repricing(self, what: str, by: str) -> int:
        """See `Store.begin_repricing`."""
        ...

    def step(self, change: int, part: "Slice", after: int) -> int | None:
        """Prices some calls anew and answers after which one to go on, None when there are no more."""
        ...


@contextmanager
def opened(settings: "Settings", surroundings: "Surroundings") -> "Generator[tuple[Store, Keeper]]":
    """The ledger, and who may change it."""
    from ccledger import app
    from ccledger.cli.running import held_unless_served

    with held_unless_served(settings, surroundings) as held:
        if held is not None:
            yield held, _Here(held, app.clock)
            return
    with app.reading(settings) as store:
        yield store, _There(settings)


class _Here:
    """This process holds the ledger."""

    def __init__(self, store: "Store", clock: Callable[[], int]) -> None:
        from ccledger.ledger.writer import Writer

        self._writer = Writer(store, clock)
        self.override = self._writer.override
        self.withdraw = self._writer.withdraw
        self.begin_repricing = self._writer.begin_repricing

    def step(self, change: int, part: "Slice", after: int) -> int | None:
        return self._writer.reprice(change, part, after, _AT_ONCE).reached


class _There:
    """A server holds the ledger."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    def override(self, override: "Override") -> None:
        self._ask("set", override)

    def withdraw(self, model: str, start: int | None, by: str) -> int:
        return self._ask("withdraw", {"model": model, "start": start, "by": by})["count"]

    def begin_repricing(self, what: str, by: str) -> int:
        return self._ask("reprice", {"what": what, "by": by})["change"]

    def step(self, change: int, part: "Slice", after: int) -> int | None:
        asked = {"change": change, "part": part, "after": after, "limit": _AT_ONCE}
        return self._ask("reprice/step", asked)["reached"]

    def _ask(self, what: str, body: object) -> "dict[str, Any]":
        from msgspec import json

        from ccledger.cli.running import ask_server

        answer = ask_server(self._settings, f"control/prices/{what}", json.encode(body))
        if answer is None:
            raise StoreError("the server that held the ledger has ended meanwhile; run the command again")
        return json.decode(answer or b"{}") or {}
