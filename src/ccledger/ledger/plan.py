"""Decides what a batch of facts changes in the ledger; it never touches a store."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ccledger.core.call import Call, Cost, Fact, Reading
from ccledger.core.merge import Joined

ID_EPOCH_MS = 1_600_000_000_000
_LAST_MS = (1 << 43) - 1
SEQUENCES = 1 << 12
"""Ids that one node can give to calls of the same millisecond."""

Price = Callable[[Reading, int], Cost | None]


class Change(NamedTuple):
    """One call before and after: None before for a new one, None after for one that became part of another."""

    before: Call | None
    after: Call | None
    keys: tuple[str, ...]
    """The keys to remember for the call, or, where it is gone, none."""
    successor: int | None = None
    """The call that a gone one became part of."""


def call_id(started_at: int, node: int, sequence: int) -> int:
    """A 63-bit id that sorts by start: milliseconds since September 2020, node (8 bits), sequence (12 bits)."""
    offset = started_at - ID_EPOCH_MS
    if not 0 <= offset <= _LAST_MS:
        offset = 0 if offset < 0 else _LAST_MS
    return offset << 20 | node << 12 | sequence


def plan(
    joined: Iterable[Joined], stored: Sequence[Call], price: Price, new_ids: Iterator[int]
) -> list[Change]:
    """The changes that make the stored calls say what the joined facts say. Unchanged calls are left out.

    `new_ids` has an id for every fact that continues no stored call, in their order.

    Of several stored calls that turned out to be one, the one with the lowest id stays.
    """
    changes: list[Change] = []
    for fact, known in joined:
        if not known:
            reading = fact.reading
            cost = None if reading is None else price(reading, fact.timing.started_at)
            changes.append(Change(None, Call(next(new_ids), fact, cost), fact.keys))
            continue
        first, *others = sorted((stored[number] for number in known), key=lambda call: call.id)
        if others or not _says_the_same(first.fact, fact):
            changes.append(Change(first, _call(first.id, fact, price), fact.keys))
        elif not set(fact.keys) <= set(first.fact.keys):
            changes.append(Change(first, first, fact.keys))
        changes.extend(Change(call, None, (), first.id) for call in others)
    return changes


def _call(number: int, fact: Fact, price: Price) -> Call:
    reading = fact.reading
    return Call(number, fact, None if reading is None else price(reading, fact.timing.started_at))


def _says_the_same(a: Fact, b: Fact) -> bool:
    return (
        a.reading == b.reading
        and a.timing == b.timing
        and a.place == b.place
        and a.placed_at == b.placed_at
        and a.party == b.party
        and a.sources == b.sources
    )
