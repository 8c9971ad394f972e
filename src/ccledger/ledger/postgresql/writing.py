"""Books calls in the PostgreSQL ledger, beside any number of other nodes that do the same; it answers no question.

Most batches hold new calls only: those take one statement. The others take a transaction that holds their keys and the
calls these lead to. What few batches need (calls that turn out to be one, calls found by request ids) is done by one
node at a time, alone with the whole ledger.
"""

import threading
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from asyncpg import exceptions  # pyright: ignore[reportMissingTypeStubs]
from msgspec.structs import replace

from ccledger.core.errors import StoreError
from ccledger.core.periods import Days
from ccledger.core.periods import zone as zone_named
from ccledger.ledger.keys import LONGEST_KEY, short_key
from ccledger.ledger.months import in_closed_months
from ccledger.ledger.past import is_possibly_removed
from ccledger.ledger.postgresql import statements
from ccledger.ledger.postgresql.known import NEXT_EPOCH, SETTINGS, Known, read_known
from ccledger.ledger.postgresql.link import HeldUp
from ccledger.ledger.postgresql.months import Months
from ccledger.ledger.postgresql.names import KeptNames
from ccledger.ledger.postgresql.pen import Pen
from ccledger.ledger.postgresql.statements import CLIPPED, EXACT, Told
from ccledger.ledger.store import Batch

if TYPE_CHECKING:
    from ccledger.core.call import Call, Fact
    from ccledger.ledger.booking import Booking
    from ccledger.ledger.plan import Price

_Answer = TypeVar("_Answer")
_TRIES: Final = 12
_CHANGED: Final = "other nodes change the ledger faster than this one can book; it tries again"
_OPEN, _STALE = 0, 1
"""What `ledger_enter` answers; else a key or an id is known."""
_KEPT_BATCHES: Final = 10_000
_PRUNE_AFTER: Final = 500
"""Batches that a store books before it looks which are too old."""
_PRUNE: Final = (
    "DELETE FROM batch WHERE sequence <= (SELECT sequence FROM batch ORDER BY sequence DESC OFFSET $1 LIMIT 1)"
)


class _Stale(HeldUp):
    """Another node changed what this one went by."""


class _OneCall(Exception):
    """Calls turned out to be one."""


def with_short_keys(fact: "Fact") -> "Fact":
    """A fact under keys that an index can hold: nonsense that is longer is known by its digest."""
    if max(map(len, fact.keys)) <= LONGEST_KEY:
        return fact
    return replace(fact, keys=tuple(sorted(map(short_key, fact.keys))))


@lru_cache(maxsize=8)
def days_in(zone: str) -> Days:
    """The days of a time zone."""
    return Days(zone_named(zone))


class Writing(KeptNames):
    """The part of a store that books calls."""

    def __init__(self, pen: Pen | None) -> None:
        KeptNames.__init__(self)
        self._pen = pen
        self._writing = threading.RLock()
        self._months = Months()
        self._unpruned = 0
        self.node = 0
        """The number in the ids that this store gives."""
        self._kept_known: Known | None = None

    @cached_property
    @abstractmethod
    def _price(self) -> "Price": ...

    def append(self, facts: "Sequence[Fact]", positions: Mapping[str, bytes | None], *, now: int) -> Batch | None:
        """See `Store.append`."""
        kept = sorted((name, position) for name, position in positions.items() if position is not None)
        gone = sorted(name for name, position in positions.items() if position is None)
        told = Told([name for name, _ in kept], [position for _, position in kept], gone)
        with self._own() as pen:
            if not facts:
                if positions:
                    pen.run(statements.KEEP_POSITIONS, *told)
                return None
            facts = list(map(with_short_keys, facts))
            self._name_all(facts)
            self._months.make(pen, [fact.timing.started_at for fact in facts])
            batch = self._in_any_way(lambda adding: self._book(pen, facts, told, now, adding))
            if batch is not None:
                self._prune(pen)
            return batch

    @contextmanager
    def _own(self) -> Generator[Pen]:
        """The pen, for one thread."""
        if self._pen is None:
            raise StoreError("this ledger was opened to be read; the writing process has to do that")
        with self._writing:
            yield self._pen

    @contextmanager
    def _alone(self) -> Generator[Pen]:
        """A transaction in which nobody else books or works on the whole ledger."""
        with self._transaction() as pen:
            pen.run(statements.ENTER_ALONE)
            self._forget_known()
            yield pen

    @contextmanager
    def _transaction(self) -> Generator[Pen]:
        """A transaction of the writing connection."""
        with self._own() as pen:
            try:
                with pen.transaction():
                    yield pen
            except BaseException:
                self._forget_known()  # it may have been read from what did not come to be
                raise

    @contextmanager
    def _among_others(self, pen: Pen, known: Known) -> Generator[None]:
        """A transaction beside those of other nodes, while all go by the same."""
        with pen.transaction():
            if pen.run(statements.ENTER, known.epoch)[0][0] == _STALE:
                raise _Stale(_CHANGED)
            yield

    def _run(self, query: str, *values: Any) -> list[Any]:
        with self._own() as pen:
            return pen.run(query, *values)

    def _known(self, pen: Pen) -> Known:
        if self._kept_known is None:
            known = read_known(pen.run(SETTINGS))
            if known.prices != self._known_prices:
                self._known_prices = known.prices
                vars(self).pop("_price", None)
            self._kept_known = known
        return self._kept_known

    _known_prices: str = ""

    def _forget_known(self) -> None:
        """Whoever waits to write next must not go by what held before."""
        self._kept_known = None

    def _change(self, pen: Pen) -> None:
        """Within a transaction: makes every node ask anew what holds."""
        pen.run(NEXT_EPOCH)
        self._forget_known()

    def _in_any_way(self, book: "Callable[[str], _Answer]") -> _Answer:
        """Writes in one way of adding up, or in the other where sums are too large for it; tries again what may be."""
        adding = EXACT
        for _ in range(_TRIES):
            try:
                return book(adding)
            except exceptions.NumericValueOutOfRangeError:
                adding = CLIPPED
            except (HeldUp, exceptions.UniqueViolationError):
                pass
            self._forget_known()
        raise HeldUp(_CHANGED)

    def _book(self, pen: Pen, facts: "Sequence[Fact]", told: Told, now: int, adding: str) -> Batch | None:
        from ccledger.ledger.booking import bare_keys

        known = self._known(pen)
        bare = bare_keys(facts)
        if known.base is not None and not known.finds_requests and not bare:
            try:
                batch = self._book_new(pen, known, facts, told, now, adding)
                if batch is not None:
                    return batch
            except exceptions.UniqueViolationError:
                pass
            try:
                with self._among_others(pen, known):
                    return self._book_known(pen, known, facts, told, now, adding)
            except _OneCall:
                pass
        with self._alone():
            known = self._known(pen)
            if bare and not known.finds_requests:
                known = self._find_requests(pen)
            return self._book_known(pen, known, facts, told, now, adding, bare)

    def _book_new(
        self, pen: Pen, known: Known, facts: "Sequence[Fact]", told: Told, now: int, adding: str
    ) -> Batch | None:
        """Books calls on the guess that all are new; None when they are not: most are, and then nothing has to be
        looked up.
        """
        from ccledger.core.merge import fold_plain
        from ccledger.ledger.booking import book_new, give_ids

        folded = None if self._are_late(facts, known.horizon) else fold_plain(facts)
        if folded is None:
            return None
        calls = folded.values()
        ids = give_ids(calls, self.node)
        booking = book_new(calls, ids, self._price, self._names, days_in(known.zone).of_quarter)
        if booking.keys:
            return None
        keys = sorted(zip(folded, ids, strict=True))
        return self._write(pen, known, booking, told, now, adding, statements.ENTERING, keys)

    def _are_late(self, facts: "Iterable[Fact]", horizon: int) -> bool:
        """Whether some facts may be of calls that were removed."""
        return bool(horizon) and any(is_possibly_removed(fact.timing.started_at, horizon) for fact in facts)

    def _find_requests(self, pen: Pen) -> Known:
        """From now on keeps request ids where calls are found by them, those of the calls there are included."""
        with pen.patient():
            pen.run(statements.KEEP_SETTING, "finds_requests", "1")
            pen.run(
                "INSERT INTO request_key (key, call_id, bare) "
                "SELECT 'req:' || request_id, id, 0 FROM request_logs WHERE request_id IS NOT NULL "
                "ON CONFLICT DO NOTHING"
            )
        self._change(pen)
        return self._known(pen)

    def _book_known(
        self,
        pen: Pen,
        known: Known,
        facts: "Sequence[Fact]",
        told: Told,
        now: int,
        adding: str,
        bare: frozenset[str] | None = None,
    ) -> Batch | None:
        """Books calls that may be known already, in part or whole. `bare` are the keys of facts that nothing but a
        request id identifies; None: there are others who write, too.
        """
        from ccledger.core.merge import is_weak, join
        from ccledger.ledger.booking import book, give_ids, without_removed

        keys = {key for fact in facts for key in fact.keys}
        strong = sorted(key for key in keys if not is_weak(key))
        pen.run(statements.CLAIM, strong)
        stored, joining = self._find(pen, known, keys, bare or frozenset())
        everything = join(facts, known=[call.fact for call in stored], bare=joining | (bare or frozenset()))
        joined = without_removed(everything, known.horizon)
        if bare is None and any(len(one.known) > 1 for one in joined):
            raise _OneCall
        new = [fact for fact, before in joined if not before]
        ids = give_ids(new, self.node, self._taken(pen, new))
        booking = book(joined, stored, ids, self._price, self._names, days_in(known.zone).of_quarter)
        booking.keys.extend((number, fact.keys) for fact, number in zip(new, ids, strict=True))
        self._lead(pen, strong, booking)
        if booking.ids:
            return self._rewrite(pen, known, booking, told, now, adding, bare or frozenset())
        pen.run(statements.KEEP_POSITIONS, *told)
        return None

    def _lead(self, pen: Pen, claimed: Sequence[str], booking: "Booking") -> None:
        """Lets keys lead to their calls, and lets go of those that lead to none."""
        owned = sorted({key: number for number, keys in booking.keys for key in keys if key[:4] != "req:"}.items())
        if owned:
            pen.run(statements.LEAD_KEY, [key for key, _ in owned], [number for _, number in owned])
        pen.run(statements.LET_GO, list(claimed))

    def _find(
        self, pen: Pen, known: Known, keys: "AbstractSet[str]", bare: frozenset[str]
    ) -> "tuple[list[Call], set[str]]":
        """The calls that may be meant by these keys, and which of the keys join calls by themselves."""
        found: dict[int, list[str]] = {}
        joining: set[str] = set()
        wanted = list(keys)
        for key, number in pen.run(statements.FIND, wanted):
            found.setdefault(number, []).append(key)
        for key, number, is_bare in pen.run(statements.FIND_REQUESTS, wanted) if known.finds_requests else ():
            if is_bare:
                joining.add(key)
            if is_bare or key in bare or number in found:
                found.setdefault(number, []).append(key)
        return self._held_calls(pen, found), joining

    def _held_calls(self, pen: Pen, keys: Mapping[int, Sequence[str]]) -> "list[Call]":
        """Calls that nobody else can change until the transaction ends, every text of them named."""
        if not keys:
            return []
        numbers = sorted(keys)
        calls = self._calls_of(pen.run(statements.HOLD_CALLS, numbers, numbers[0], numbers[-1]), keys)
        self._name_all([call.fact for call in calls])
        return calls

    def _taken(self, pen: Pen, facts: "Sequence[Fact]") -> "Callable[[int], bool]":
        """Tells whether an id was given before; of those that are likely to be given it asks at once."""
        from ccledger.ledger.booking import give_ids

        looked: dict[int, bool] = {}

        def look(numbers: Sequence[int]) -> None:
            found = {row[0] for row in pen.run(statements.TAKEN, list(numbers), min(numbers), max(numbers))}
            looked.update((number, number in found) for number in numbers)

        def taken(number: int) -> bool:
            if number not in looked:
                look(range(number, number + 64))
            return looked[number]

        if facts:
            look(give_ids(facts, self.node))
        return taken

    def _rewrite(
        self, pen: Pen, known: Known, booking: "Booking", told: Told, now: int, adding: str, bare: frozenset[str]
    ) -> Batch:
        """Writes what became of calls, within a transaction."""
        gone = set(booking.removed)
        changed = [statements.whole(row) for row in booking.rows if row[0] in gone]
        new = [row for row in booking.rows if row[0] not in gone]
        pen.run_many(statements.REPLACE_CALL, sorted(changed, key=lambda row: int(row[0] or 0)))
        if removed := sorted(gone - {row[0] for row in changed}):
            pen.run(statements.DELETE_CALLS, removed)
        self._keep_requests(pen, known, booking, bare)
        for number, successor in booking.aliases:
            pen.run(statements.MOVE_ALIAS, number, successor)
            pen.run(statements.KEEP_ALIAS, number, successor)
        if known.base is None:
            known = self._begin_batches(pen)
        batch = self._write(pen, known, booking._replace(rows=new), told, now, adding, statements.INSIDE, ())
        assert batch is not None
        for table, rows in zip(statements.ROLLUPS, self._differences(known, booking), strict=True):
            length = len(table[1])
            pen.run_many(statements.drop_empty(table), [row[:length] for row in rows if row[length] < 0])
        return batch

    def _begin_batches(self, pen: Pen) -> Known:
        """The first batch is number 1; others follow by the numbers of their transactions."""
        base = pen.run(statements.BASE)[0][0]
        pen.run(statements.KEEP_SETTING, "batch_base", str(base))
        self._change(pen)
        return self._known(pen)

    def _keep_requests(self, pen: Pen, known: Known, booking: "Booking", bare: frozenset[str]) -> None:
        """Keeps request ids that do not fit a call's row, or all once calls are found by them."""
        kept: set[tuple[str, int, int]] = set()
        for number, keys in booking.keys:
            requests = [key for key in keys if key.startswith("req:")]
            if known.finds_requests or len(requests) > 1:
                kept.update((key, number, int(key in bare)) for key in requests)
        pen.run_many(statements.MARK_BARE, sorted(kept))

    def _differences(self, known: Known, booking: "Booking") -> statements.Sums:
        return statements.sums_of(booking.roll, in_closed_months(booking.roll, known.closed))

    def _write(
        self,
        pen: Pen,
        known: Known,
        booking: "Booking",
        told: Told,
        now: int,
        adding: str,
        entering: str,
        keys: "Sequence[tuple[str, int]]",
    ) -> Batch | None:
        """Runs the one statement; None when it was not let in because a key is known."""
        import msgspec

        from ccledger.core.measures import MEASURES, USUAL
        from ccledger.ledger.booking import moved, pack_ids

        sums = self._differences(known, booking)
        lean = statements.is_lean(booking.rows) and sums.width <= USUAL
        lists = [
            statements.flat(rows, len(key) + (USUAL if lean else len(MEASURES)))
            for rows, (_, key) in zip(sums, statements.ROLLUPS, strict=True)
        ]
        if statements.is_beyond_columns(booking.roll):
            adding, lists = CLIPPED, [statements.clipped(numbers) for numbers in lists]
        texts = self._text_of(booking.roll.models)
        models = moved(booking.roll, lambda model: texts[model] or "")
        code, sequence, _ = pen.run(
            statements.book(entering, adding, lean=lean),
            known.epoch,
            [key for key, _ in keys],
            [number for _, number in keys],
            *statements.calls_of(booking.rows, lean=lean),
            *map(statements.written, lists),
            *told,
            known.base,
            self.node,
            now,
            pack_ids(booking.ids),
            msgspec.json.encode(models),
        )[0]
        if code == _STALE:
            raise _Stale(_CHANGED)
        return Batch(sequence, now, tuple(booking.ids), models) if code == _OPEN else None

    def _prune(self, pen: Pen) -> None:
        """Forgets batches that are so old that whoever follows has to begin anew."""
        self._unpruned += 1
        if self._unpruned >= _PRUNE_AFTER:
            self._unpruned = 0
            pen.run(_PRUNE, _KEPT_BATCHES)
