"""Decides what a batch of facts changes in the ledger; it never touches a store."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from ccledger.core.call import Call, Cost, Fact, Reading
from ccledger.core.merge import Joined

Price = Callable[[Reading, int], Cost | None]
_NOTHING: Final = Cost()


def cost_of(fact: Fact, price: Price) -> Cost | None:
    """What a call costs; None without a reading or a price.

    One that failed before it used anything costs nothing, whatever its model: it is not unpriced.
    """
    reading, timing = fact.reading, fact.timing
    if reading is None:
        return None
    if timing.outcome and not any(reading.usage):
        return _NOTHING
    return price(reading, timing.started_at)


class Change(NamedTuple):
    """A stored call before and after: None after when it became part of another one."""

    before: Call
    after: Call | None
    keys: tuple[str, ...]
    """The keys to remember for the call, or, where it is gone, none."""
    successor: int | None = None
    """The call that a gone one became part of."""


def plan(joined: Iterable[Joined], stored: Sequence[Call], price: Price) -> list[Change]:
    """The changes that make the stored calls say what the joined facts say. Unchanged and new calls are left out.

    Of several stored calls that turned out to be one, the one with the lowest id stays.
    """
    changes: list[Change] = []
    for fact, known in joined:
        if not known:
            continue
        first, *others = sorted((stored[number] for number in known), key=lambda call: call.id)
        if others or not _says_the_same(first.fact, fact):
            changes.append(Change(first, Call(first.id, fact, cost_of(fact, price)), fact.keys))
        elif not set(fact.keys) <= set(first.fact.keys):
            changes.append(Change(first, first, fact.keys))
        changes.extend(Change(call, None, (), first.id) for call in others)
    return changes


def _says_the_same(a: Fact, b: Fact) -> bool:
    return (
        a.reading == b.reading
        and a.timing == b.timing
        and a.place == b.place
        and a.placed_at == b.placed_at
        and a.party == b.party
        and a.sources == b.sources
        and a.exchange == b.exchange
    )
