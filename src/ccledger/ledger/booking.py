"""The steps from facts to changed rows that all engines share; it asks a store for nothing but what it is given."""

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ccledger.core.call import Call, Fact
from ccledger.core.measures import Measures, pack, widen
from ccledger.core.merge import Joined, is_bare
from ccledger.core.periods import QUARTER_MS
from ccledger.core.rollup import Fold, Roll, measure
from ccledger.ledger.ids import SEQUENCES, call_id
from ccledger.ledger.plan import Change, Price, plan
from ccledger.ledger.rows import Names, Row, encode


class Booking(NamedTuple):
    """A batch, ready to be written."""

    ids: list[int]
    """Every call that changed, gone ones included."""
    removed: list[int]
    """Rows to take out: gone calls, and old states of changed ones."""
    rows: list[Row]
    """Rows to put in, in the order of `rows.COLUMNS`."""
    keys: list[tuple[int, tuple[str, ...]]]
    """Changed calls and the keys that lead to them; those of new calls are in their facts."""
    aliases: list[tuple[int, int]]
    """A gone call and the call it became part of."""
    roll: Roll


def give_ids(facts: Collection[Fact], node: int, taken: Callable[[int], bool] | None = None) -> list[int]:
    """An id for each new call, none twice: by start, then by place in the batch; `taken` ones are passed over."""
    ids = [call_id(fact.timing.started_at, node, sequence % SEQUENCES) for sequence, fact in enumerate(facts)]
    if taken is None and len(set(ids)) == len(ids):
        return ids
    given: dict[int, None] = {}
    reached: dict[int, int] = {}
    for number, fact in zip(ids, facts, strict=True):
        started_at, free = fact.timing.started_at, number
        step = reached.get(started_at, 0)
        while free in given or (taken is not None and taken(free)):
            free = call_id(started_at, node, step)
            step += 1
        reached[started_at] = step
        given[free] = None
    return list(given)


def bare_keys(facts: Iterable[Fact]) -> frozenset[str]:
    """The keys of facts that nothing but a request id identifies."""
    return frozenset(
        key for fact in facts if fact.keys[0].startswith("req:") and is_bare(fact.keys) for key in fact.keys
    )


def book(
    joined: Sequence[Joined],
    stored: Sequence[Call],
    ids: Sequence[int],
    price: Price,
    names: Names,
    day_of: Callable[[int], int],
) -> Booking:
    """Works out what joined facts change; `ids` are for those that continue no stored call, in their order."""
    booking = Booking(list(ids), [], [], [], [], Roll({}, {}, {}))
    fold = Fold()
    _book_new([fact for fact, known in joined if not known], ids, price, names, booking.rows, fold)
    for change in plan(joined, stored, price) if stored else ():
        _book_change(change, names, booking, fold)
    return booking._replace(roll=fold.roll(day_of))


def book_new(
    calls: Collection[Fact], ids: list[int], price: Price, names: Names, day_of: Callable[[int], int]
) -> Booking:
    """Works out how calls are booked of which none is stored."""
    rows: list[Row] = []
    fold = Fold()
    _book_new(calls, ids, price, names, rows, fold)
    keys = [(number, fact.keys) for fact, number in zip(calls, ids, strict=True) if len(fact.keys) > 2]
    return Booking(ids, [], rows, keys, [], fold.roll(day_of))


def _book_new(
    calls: Iterable[Fact], ids: Iterable[int], price: Price, names: Names, rows: list[Row], fold: Fold
) -> None:
    for fact, number in zip(calls, ids, strict=True):
        started_at, reading = fact.timing.started_at, fact.reading
        cost = None if reading is None else price(reading, started_at)
        row, part = encode(number, fact, cost, names)
        rows.append(row)
        quarters, quarter = fold.quarters(part), started_at // QUARTER_MS
        quarters[quarter] = quarters.get(quarter, 0) + pack(measure(fact, cost))


def _book_change(change: Change, names: Names, booking: Booking, fold: Fold) -> None:
    before, after, keys, successor = change
    if keys and after is not None:
        booking.keys.append((after.id, keys))
    if after is before:
        return
    _, part = encode(before.id, before.fact, before.cost, names)
    fold.take((before.fact.timing.started_at // QUARTER_MS, *part), measure(before.fact, before.cost))
    booking.removed.append(before.id)
    booking.ids.append(before.id)
    if after is not None:
        row, part = encode(after.id, after.fact, after.cost, names)
        fold.add((after.fact.timing.started_at // QUARTER_MS, *part), measure(after.fact, after.cost))
        booking.rows.append(row)
    elif successor is not None:
        booking.aliases.append((before.id, successor))


def resum(calls: Iterable[Call], names: Names, day_of: Callable[[int], int]) -> Roll:
    """The roll-ups of calls, from nothing."""
    fold = Fold()
    for call in calls:
        _, part = encode(call.id, call.fact, call.cost, names)
        fold.add((call.fact.timing.started_at // QUARTER_MS, *part), measure(call.fact, call.cost))
    return fold.roll(day_of)


def pack_ids(ids: Iterable[int]) -> bytes:
    """Ids as 64-bit integers in a row."""
    return array("q", ids).tobytes()


def unpack_ids(packed: bytes) -> tuple[int, ...]:
    """The inverse of `pack_ids`."""
    return tuple(memoryview(packed).cast("q"))


def moved(roll: Roll, model_name: Callable[[int], str]) -> Mapping[str, Measures]:
    """How far each model's numbers moved, by name."""
    return {model_name(model): widen(measures) for model, measures in roll.models.items()}
