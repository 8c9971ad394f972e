"""The steps from facts to changed rows that all engines share; it asks a store for nothing but what it is given."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from ccledger.core.call import Call, Fact
from ccledger.core.measures import Measures
from ccledger.core.merge import is_bare, join
from ccledger.core.rollup import Fold, Roll, measure
from ccledger.ledger.plan import SEQUENCES, Change, Price, call_id, plan
from ccledger.ledger.rows import Names, Row, encode


class Known(NamedTuple):
    """What a store found under the keys of a batch."""

    calls: Sequence[Call]
    bare: frozenset[str]
    """Weak keys that a bare fact was seen with before."""


class Booking(NamedTuple):
    """A batch, ready to be written."""

    ids: list[int]
    """Every call that changed, gone ones included."""
    removed: list[int]
    """Rows to take out: gone calls, and old states of changed ones."""
    rows: list[Row]
    """Rows to put in, in the order of `rows.COLUMNS`."""
    keys: list[tuple[str, int, bool]]
    """key, call, whether a bare fact carried it."""
    aliases: list[tuple[int, int]]
    """A gone call and the call it became part of."""
    roll: Roll


class Numbers:
    """Ids for new calls; asks the store only for those that might be taken."""

    def __init__(self, node: int, is_taken: Callable[[int], bool]) -> None:
        self._node = node
        self._is_taken = is_taken
        self._given: set[int] = set()

    def next(self, fact: Fact) -> int:
        """An id that no call has: by start, then by key, so that ids rarely meet."""
        started_at = fact.timing.started_at
        sequence = crc32(fact.keys[0].encode("utf-8", "replace")) % SEQUENCES
        for step in range(SEQUENCES * SEQUENCES):
            number = call_id(started_at + step // SEQUENCES, self._node, (sequence + step) % SEQUENCES)
            if number not in self._given and not self._is_taken(number):
                self._given.add(number)
                return number
        raise OverflowError(f"more than {SEQUENCES * SEQUENCES} calls start at {started_at} ms")


def book(
    facts: Sequence[Fact],
    find: Callable[[Iterable[str], frozenset[str]], Known],
    price: Price,
    numbers: Numbers,
    names: Names,
    day_of: Callable[[int], int],
) -> Booking | None:
    """Works out what a batch of facts changes; None when it says nothing new."""
    bare = frozenset(key for fact in facts if is_bare(fact.keys) for key in fact.keys)
    joined = join(facts)
    known = find((key for fact, _ in joined for key in fact.keys), bare)
    if known.calls:
        joined = join(
            (fact for fact, _ in joined), known=[call.fact for call in known.calls], bare=known.bare | bare
        )
    changes = plan(joined, known.calls, price, numbers.next)
    return _booking(changes, bare, names, day_of) if changes else None


def _booking(
    changes: Iterable[Change], bare: frozenset[str], names: Names, day_of: Callable[[int], int]
) -> Booking:
    booking = Booking([], [], [], [], [], Roll({}, {}, {}, {}))
    fold = Fold()
    for before, after, keys, successor in changes:
        if after is not None:
            booking.keys.extend((key, after.id, key in bare) for key in keys)
        if after is before:
            continue
        if before is not None:
            _, group = encode(before, names)
            fold.take(group, measure(before))
            booking.removed.append(before.id)
        if after is not None:
            row, group = encode(after, names)
            fold.add(group, measure(after))
            booking.rows.append(row)
        if before is not None and successor is not None:
            booking.aliases.append((before.id, successor))
        booking.ids.append((after or before).id)  # type: ignore[union-attr]
    return booking._replace(roll=fold.roll(day_of))


def resum(calls: Iterable[Call], names: Names, day_of: Callable[[int], int]) -> Roll:
    """The roll-ups of calls, from nothing."""
    fold = Fold()
    for call in calls:
        _, group = encode(call, names)
        fold.add(group, measure(call))
    return fold.roll(day_of)


def pack_ids(ids: Iterable[int]) -> bytes:
    """Ids as 64-bit integers in a row."""
    return array("q", ids).tobytes()


def unpack_ids(packed: bytes) -> tuple[int, ...]:
    """The inverse of `pack_ids`."""
    return tuple(memoryview(packed).cast("q"))


def moved(roll: Roll, model_name: Callable[[int], str]) -> Mapping[str, Measures]:
    """How far each model's numbers moved, by name."""
    return {model_name(model): measures for model, measures in roll.models.items()}

