"""The steps from facts to changed rows that all engines share; it asks a store for nothing but what it is given."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from ccledger.core.call import Call, Fact
from ccledger.core.measures import Measures
from ccledger.core.merge import Joined, is_bare
from ccledger.core.rollup import Fold, Roll, measure
from ccledger.ledger.plan import SEQUENCES, Price, call_id, plan
from ccledger.ledger.rows import Names, Row, encode


class Booking(NamedTuple):
    """A batch, ready to be written."""

    ids: list[int]
    """Every call that changed, gone ones included."""
    removed: list[int]
    """Rows to take out: gone calls, and old states of changed ones."""
    rows: list[Row]
    """Rows to put in, in the order of `rows.COLUMNS`."""
    keys: list[tuple[str, int]]
    """Keys and the calls they lead to."""
    aliases: list[tuple[int, int]]
    """A gone call and the call it became part of."""
    roll: Roll


def give_ids(facts: Iterable[Fact], node: int, taken: Callable[[int], bool]) -> list[int]:
    """An id for each new call, none twice: by start, then by key, so that ids rarely meet."""
    given: dict[int, None] = {}
    for fact in facts:
        sequence = crc32(fact.keys[0].encode("utf-8", "replace"))
        number = call_id(fact.timing.started_at, node, sequence % SEQUENCES)
        step = 0
        while number in given or taken(number):
            step += 1
            number = call_id(fact.timing.started_at + step // SEQUENCES, node, (sequence + step) % SEQUENCES)
        given[number] = None
    return list(given)


def bare_keys(facts: Iterable[Fact]) -> frozenset[str]:
    """The keys of facts that nothing but a request id identifies."""
    return frozenset(key for fact in facts if is_bare(fact.keys) for key in fact.keys)


def book(
    joined: Sequence[Joined],
    stored: Sequence[Call],
    ids: Sequence[int],
    price: Price,
    names: Names,
    day_of: Callable[[int], int],
) -> Booking:
    """Works out what joined facts change; `ids` are for those that continue no stored call, in their order."""
    booking = Booking([], [], [], [], [], Roll({}, {}, {}, {}))
    fold = Fold()
    for before, after, keys, successor in plan(joined, stored, price, iter(ids)):
        if after is not None:
            booking.keys.extend([(key, after.id) for key in keys])
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
            booking.ids.append(after.id)
        elif before is not None and successor is not None:
            booking.aliases.append((before.id, successor))
            booking.ids.append(before.id)
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

