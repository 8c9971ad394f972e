"""The steps from facts to changed rows that all engines share; it asks a store for nothing but what it is given."""

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from ccledger.core.call import Call, Fact
from ccledger.core.measures import ZERO, Grain, Measures, pack, plus, widen
from ccledger.core.merge import Joined, is_bare
from ccledger.core.periods import QUARTER_MS
from ccledger.core.prices import PriceBook, Rate
from ccledger.core.rollup import Fold, Roll, SpanKey, measure
from ccledger.ledger.ids import FIRST_MS, LAST_MS, SEQUENCES, call_id
from ccledger.ledger.past import is_possibly_removed
from ccledger.ledger.plan import Change, Price, cost_of, plan
from ccledger.ledger.rows import Names, Row, encode
from ccledger.ledger.store import Slice

_Key = TypeVar("_Key")

try:
    from ccledger.ledger import _booking
except ImportError:
    _booking = None


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
    starts = [fact.timing.started_at for fact in facts]
    if starts and min(starts) >= FIRST_MS and max(starts) <= LAST_MS:
        # What `call_id` says of them, without a call for each.
        ids = [(start - FIRST_MS) << 20 | node << 12 | place % SEQUENCES for place, start in enumerate(starts)]
    else:
        ids = [call_id(start, node, place % SEQUENCES) for place, start in enumerate(starts)]
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
    booking = Booking(list(ids), [], [], [], [], Roll({}, {}, {}))
    fold = Fold()
    new = (fact for fact, known in joined if not known)
    booking.rows.extend(_book_one(fact, number, price, names, fold) for fact, number in zip(new, ids, strict=True))
    for change in plan(joined, stored, price) if stored else ():
        _book_change(change, names, booking, fold)
    return booking._replace(roll=fold.roll(day_of))


def book_new(
    calls: Collection[Fact], ids: list[int], price: Price, names: Names, day_of: Callable[[int], int]
) -> Booking:
    """Works out how calls are booked of which none is stored."""
    keys = [(number, fact.keys) for fact, number in zip(calls, ids, strict=True) if fact.keys[2:]]
    rows, roll = _book_in_bulk(calls, ids, price, names, day_of) or _book_each(calls, ids, price, names, day_of)
    return Booking(ids, [], rows, keys, [], roll)


def _book_in_bulk(
    calls: Collection[Fact], ids: list[int], price: Price, names: Names, day_of: Callable[[int], int]
) -> tuple[list[Row], Roll] | None:
    """As `_book_each`, by the compiled booking; None without one, without rates, and where a sum was too large."""
    rates_of = _rates_of(price)
    if _booking is None or rates_of is None:
        return None
    fold = Fold()

    def book_other(fact: Fact, number: int) -> Row:
        return _book_one(fact, number, price, names, fold)

    booked = _booking.book([*calls], ids, rates_of, names.place, names.model, book_other, day_of)
    if booked is None:
        return None
    rows, roll = booked
    spans, days, models = roll
    rest = fold.roll(day_of)
    return rows, Roll(_together(spans, rest.spans), _together(days, rest.days), _together(models, rest.models))


def _rates_of(price: Price) -> Callable[[str, int], tuple[Rate, ...]] | None:
    """The rates a price is made of, where it is a price book's own."""
    book = getattr(price, "__self__", None)
    return book.rates if isinstance(book, PriceBook) and price == book.cost else None


def _together(a: "dict[_Key, Measures]", b: "dict[_Key, Measures]") -> "dict[_Key, Measures]":
    for key, measures in b.items():
        a[key] = plus(a[key], measures) if key in a else measures
    return a


def _book_each(
    calls: Iterable[Fact], ids: Iterable[int], price: Price, names: Names, day_of: Callable[[int], int]
) -> tuple[list[Row], Roll]:
    fold = Fold()
    rows = [_book_one(fact, number, price, names, fold) for fact, number in zip(calls, ids, strict=True)]
    return rows, fold.roll(day_of)


def _book_one(fact: Fact, number: int, price: Price, names: Names, fold: Fold) -> Row:
    """The row of a new call, which is counted into the sums."""
    started_at, cost = fact.timing.started_at, cost_of(fact, price)
    row, part = encode(number, fact, cost, names)
    quarters, quarter = fold.quarters(part), started_at // QUARTER_MS
    quarters[quarter] = quarters.get(quarter, 0) + pack(measure(fact, cost))
    return row


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


def without_removed(joined: list[Joined], horizon: int) -> list[Joined]:
    """Joined facts without those that may be of removed calls: these are on the sums already."""
    if not horizon:
        return joined
    return [one for one in joined if one.known or not is_possibly_removed(one.fact.timing.started_at, horizon)]


def in_slice(calls: Iterable[Call], part: Slice) -> list[Call]:
    """The calls that a slice means."""
    return [
        call
        for call in calls
        if part.start <= call.fact.timing.started_at < part.end
        and (part.models is None or (call.fact.reading is not None and call.fact.reading.model in part.models))
    ]


class Repriced(NamedTuple):
    """What pricing calls anew changed: how many, and what they cost before and after. Money in nano-USD."""

    calls: int = 0
    old_cost: int = 0
    new_cost: int = 0


def reprice(
    calls: Iterable[Call], price: Price, names: Names, day_of: Callable[[int], int]
) -> tuple[Booking, Repriced]:
    """Works out which calls cost something else by a price, and by how much that moves the roll-ups."""
    booking = Booking([], [], [], [], [], Roll({}, {}, {}))
    fold, old, new = Fold(), 0, 0
    for call in calls:
        cost = cost_of(call.fact, price)
        if cost != call.cost:
            _book_change(Change(call, Call(call.id, call.fact, cost), ()), names, booking, fold)
            old += call.cost.total if call.cost else 0
            new += cost.total if cost else 0
    return booking._replace(roll=fold.roll(day_of)), Repriced(len(booking.ids), old, new)


def fold_calls(calls: Iterable[Call], names: Names) -> Fold:
    """All calls, counted in."""
    fold = Fold()
    for call in calls:
        _, part = encode(call.id, call.fact, call.cost, names)
        fold.add((call.fact.timing.started_at // QUARTER_MS, *part), measure(call.fact, call.cost))
    return fold


def moved_days(fold: Fold, old: Callable[[int], int], new: Callable[[int], int]) -> Roll:
    """What has to be added so that the days of calls are others. Sums by quarter-hour and by day of them stay out:
    quarter-hours are the same everywhere, and their days follow from them (see `days_of_quarters`).
    """
    before, after = fold.roll(old), fold.roll(new)
    return Roll({}, _minus(after.days, before.days), {})


def days_of_quarters(rows: Iterable[tuple[SpanKey, Measures]], day_of: Callable[[int], int]) -> Roll:
    """The sums by day in the sums by quarter-hour: exact, because every day begins with a quarter-hour."""
    days: dict[SpanKey, Measures] = {}
    for (_, dimension, key, quarter, model), measures in rows:
        name = (Grain.DAY.value, dimension, key, day_of(quarter), model)
        days[name] = plus(days[name], measures) if name in days else measures
    return Roll(days, {}, {})


def _minus(after: Mapping[_Key, Measures], before: Mapping[_Key, Measures]) -> dict[_Key, Measures]:
    moved = dict(after)
    for key, measures in before.items():
        moved[key] = plus(moved.get(key, ZERO), tuple(-number for number in widen(measures)))
    return {key: measures for key, measures in moved.items() if any(measures)}


def pack_ids(ids: Iterable[int]) -> bytes:
    """Ids as 64-bit integers in a row."""
    return array("q", ids).tobytes()


def unpack_ids(packed: bytes) -> tuple[int, ...]:
    """The inverse of `pack_ids`."""
    return tuple(memoryview(packed).cast("q"))


def moved(roll: Roll, model_name: Callable[[int], str]) -> Mapping[str, Measures]:
    """How far each model's numbers moved, by name."""
    return {model_name(model): widen(measures) for model, measures in roll.models.items()}
