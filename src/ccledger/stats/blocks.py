"""Five-hour blocks: how long each ran, what was spent in it, the pace and where it leads; it only reads.

The rule is that of ccusage and claude-monitor, a guess at the provider's window: a block begins with the full hour
(UTC) of its first call, and a call more than five hours after that begins the next one. Where the provider's own window
is known, that window takes the guess's place.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ccledger.core.measures import Dimension, Grain, Measures, total
from ccledger.core.money import divide_half_even
from ccledger.core.periods import QUARTER_MS
from ccledger.stats.moments import spent_by_model
from ccledger.stats.spent import LAST_DAY, add_to
from ccledger.stats.totals import cost_nano, total_tokens

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

HOUR_MS = 3_600_000
HOURS = 5
_MINUTE_MS = 60_000
_HOUR_QUARTERS = HOUR_MS // QUARTER_MS
_FIRST_LOOK = 24 * _HOUR_QUARTERS
_LAST_QUARTER = LAST_DAY * 24 * _HOUR_QUARTERS
_NEWEST_MS = 6 * 24 * HOUR_MS
"""How far back the beginning of the newest block is looked for."""

Rule = Literal["estimated", "official"]


class Block(NamedTuple):
    """A block, or the gap between two. Times in milliseconds since 1970."""

    start: int
    end: int
    """When it ends by the rule; of a gap, when the next block's first call started."""
    first_at: int | None
    last_at: int | None
    """Of its first and its last call; None in a gap, and in a window without a call so far."""
    is_active: bool
    is_gap: bool
    rule: Rule
    models: Mapping[str, Measures]

    @property
    def sum(self) -> Measures:
        """All models together."""
        return total(self.models.values())


class Pace(NamedTuple):
    """How fast a block went between its first and its last call."""

    tokens: int
    cost: int | None
    """In nano-USD; None when none of its calls has a price."""
    duration_ms: int

    @property
    def tokens_per_minute(self) -> float:
        """All tokens, cache included."""
        return self.tokens * _MINUTE_MS / self.duration_ms

    @property
    def cost_per_hour(self) -> int | None:
        """In nano-USD."""
        return None if self.cost is None else divide_half_even(self.cost * HOUR_MS, self.duration_ms)


class Projection(NamedTuple):
    """What a block will have spent when it ends, if it goes on as it went so far."""

    remaining_ms: int
    tokens: int
    cost: int | None
    """In nano-USD."""


class Asked(NamedTuple):
    """Which blocks are meant, at which moment."""

    now: int
    since: int = 0
    """Blocks that begin at or after this moment (milliseconds since 1970), and the active one."""
    hours: int = HOURS
    window: tuple[int, int] | None = None
    """When the provider's running window began and ends, where that is known."""
    earliest: int = 0
    """Calls before this moment are not looked at; a block that may have begun there is not known then."""


def blocks(store: "Store", asked: Asked) -> list[Block]:
    """The blocks and the gaps between them, oldest first."""
    whole = list(_estimated(store, asked))
    if asked.window is not None:
        whole = _with_window(store, whole, asked.window, asked.now)
    found = list(_with_gaps(whole, asked.hours * HOUR_MS))
    return [block for block in found if block.start >= asked.since or block.is_active]


def newest_block(store: "Store", now: int, window: tuple[int, int] | None = None) -> Block | None:
    """The active block, else the last one of the last hours; None where there is none.

    It costs little at any size of the ledger: whoever has not paused for five hours in the last days has none, unless
    the provider's window is known.
    """
    if window is not None:
        return _official(store, window, now)
    found = blocks(store, Asked(now, now - 2 * HOURS * HOUR_MS, earliest=now - _NEWEST_MS))
    whole = [block for block in found if not block.is_gap]
    return whole[-1] if whole else None


def pace(block: Block) -> Pace | None:
    """How fast a block went; None where no time passed between its calls."""
    if block.first_at is None or block.last_at is None or block.last_at <= block.first_at:
        return None
    spent = block.sum
    return Pace(total_tokens(spent), cost_nano(spent), block.last_at - block.first_at)


def project(block: Block, now: int) -> Projection | None:
    """Where the active block ends at its pace; None for any other, and where no pace is known."""
    speed = pace(block)
    if not block.is_active or speed is None:
        return None
    remaining = block.end - now

    def at_end(spent: int) -> int:
        return spent + divide_half_even(spent * remaining, speed.duration_ms)

    return Projection(remaining, at_end(speed.tokens), None if speed.cost is None else at_end(speed.cost))


def extended(newest: Block | None, calls: Sequence[tuple[int, str, Measures]], now: int) -> Block | None:
    """The active block when calls are counted in that the ledger does not hold yet: when each started, model, measures.

    `newest` is the newest block of the ledger; calls from before it are left out.
    """
    block = newest
    for at, model, measures in sorted(calls):
        if block is None or at > block.end:
            start = at // HOUR_MS * HOUR_MS
            block = Block(start, start + HOURS * HOUR_MS, None, None, False, False, "estimated", {})
        if at >= block.start:
            models = dict(block.models)
            add_to(models, model, measures)
            first, last = min(at, block.first_at or at), max(at, block.last_at or at)
            block = block._replace(first_at=first, last_at=last, models=models)
    return None if block is None or now >= block.end else block._replace(is_active=True)


def highest_past(found: Sequence[Block]) -> int | None:
    """The most tokens that a finished block had; None without one."""
    return max((total_tokens(block.sum) for block in found if not block.is_active and not block.is_gap), default=None)


def limit_status(percent: float) -> Literal["ok", "warning", "exceeds"]:
    """What a projection that is so many percent of a limit means."""
    return "exceeds" if percent > 100 else "warning" if percent > 80 else "ok"


class _Cut(NamedTuple):
    """A block as quarter-hours tell it."""

    start: int
    quarters: Sequence[int]
    """Those with calls that begin before it ends."""
    after: bool
    """Its first quarter-hour has calls, too, that started exactly when the block before ended, and belong to that."""
    at_end: bool
    """Calls that started exactly when it ends are its own."""


class _Activity:
    """What was spent by quarter-hour, from one that surely begins a block."""

    def __init__(self, store: "Store", since: int, length: int, earliest: int) -> None:
        """From the last beginning up to quarter-hour `since`, not looking at what is before `earliest`."""
        self._store = store
        self._spent: dict[int, dict[str, Measures]] = {}
        back = _FIRST_LOOK + length
        first = max(since - back, earliest)
        self._read(first, _LAST_QUARTER)
        while (begin := self._beginning(first, since, length)) is None and first > earliest:
            back *= 4
            first, upto = max(first - back, earliest), first - 1
            self._read(first, upto)
        if begin is None:
            begin = _LAST_QUARTER if earliest else 0
        self.quarters = [quarter for quarter in sorted(self._spent) if quarter >= begin]

    def _read(self, first: int, last: int) -> None:
        for row in self._store.spans(Grain.QUARTER, Dimension.ALL, first, last):
            add_to(self._spent.setdefault(row.start, {}), row.model, row.measures)

    def _beginning(self, first: int, since: int, length: int) -> int | None:
        """From where on a call surely begins a block: the last such quarter-hour up to `since`; None where none is.

        As many empty quarter-hours as a block has are a longer pause, as the calls at either side are inside theirs.
        """
        found, before = None, first - 1
        for quarter in (*(quarter for quarter in sorted(self._spent) if quarter <= since), since + 1):
            if quarter - before > length:
                found = quarter
            before = quarter
        return found

    def between(self, first: int, last: int) -> dict[str, Measures]:
        """What calls spent from one quarter-hour to another, both included."""
        sums: dict[str, Measures] = {}
        for quarter in self.quarters[bisect_left(self.quarters, first) : bisect_left(self.quarters, last + 1)]:
            for model, measures in self._spent[quarter].items():
                add_to(sums, model, measures)
        return sums


def _estimated(store: "Store", asked: Asked) -> Iterator[Block]:
    length = asked.hours * HOUR_MS
    since = max(min(asked.since, asked.now - length), 0)
    earliest = max(asked.earliest // QUARTER_MS, 0)
    activity = _Activity(store, since // QUARTER_MS, asked.hours * _HOUR_QUARTERS, earliest)
    for cut in _cuts(store, activity.quarters, length):
        end = cut.start + length
        if end + length < since:
            continue  # not even the gap after it is asked for
        first = _first_at(store, cut)
        last = end if cut.at_end else _last_at(store, cut.quarters[-1])
        running = asked.now - last < length and asked.now < end
        yield Block(cut.start, end, first, last, running, False, "estimated", _sums(store, activity, cut, end))


def _cuts(store: "Store", quarters: Sequence[int], length: int) -> Iterator[_Cut]:
    """Where blocks begin. Only calls in the very quarter-hour in which a block ends have to be looked at."""
    number, after = 0, False
    while number < len(quarters):
        start = quarters[number] * QUARTER_MS // HOUR_MS * HOUR_MS
        end = start + length
        stop = bisect_left(quarters, end // QUARTER_MS, number)
        own = quarters[number:stop]
        at_end = stop < len(quarters) and quarters[stop] * QUARTER_MS == end and _has_calls(store, end, end + 1)
        yield _Cut(start, own, after, at_end)
        after = at_end and _has_calls(store, end + 1, end + QUARTER_MS)
        stop += at_end and not after
        number = stop


def _has_calls(store: "Store", start: int, end: int) -> bool:
    return store.first_call_at(start, end) is not None


def _first_at(store: "Store", cut: _Cut) -> int | None:
    begin = cut.quarters[0] * QUARTER_MS
    return store.first_call_at(begin + cut.after, begin + QUARTER_MS)


def _last_at(store: "Store", quarter: int) -> int:
    last = store.last_call_at(quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS)
    return quarter * QUARTER_MS if last is None else last


def _sums(store: "Store", activity: _Activity, cut: _Cut, end: int) -> dict[str, Measures]:
    sums = activity.between(cut.quarters[0], cut.quarters[-1])
    if cut.after:
        for model, measures in spent_by_model(store, cut.start, cut.start + 1).items():
            add_to(sums, model, tuple(-number for number in measures))
    if cut.at_end:
        for model, measures in spent_by_model(store, end, end + 1).items():
            add_to(sums, model, measures)
    return {model: measures for model, measures in sums.items() if measures[0]}


def _with_window(store: "Store", found: list[Block], window: tuple[int, int], now: int) -> list[Block]:
    """The same with the provider's window in place of what was guessed for its time."""
    start = window[0]
    kept = [block for block in found if block.first_at is not None and block.first_at < start]
    if kept:
        kept[-1] = _ended(store, kept[-1], start)
    return [*kept, _official(store, window, now)]


def _official(store: "Store", window: tuple[int, int], now: int) -> Block:
    start, end = window
    first, last = store.first_call_at(start, end), store.last_call_at(start, end)
    spent = spent_by_model(store, start, end)
    return Block(start, end, first, last, start <= now < end, False, "official", spent)


def _ended(store: "Store", block: Block, at: int) -> Block:
    """A block as it is when nothing from that moment on belongs to it."""
    first, last = block.first_at, block.last_at
    block = block._replace(end=min(block.end, at), is_active=False)
    if first is None or last is None or last < at:
        return block
    return block._replace(last_at=store.last_call_at(first, at), models=spent_by_model(store, first, at))


def _with_gaps(found: Sequence[Block], length: int) -> Iterator[Block]:
    before: int | None = None
    for block in found:
        begin = block.start if block.first_at is None else block.first_at
        if before is not None and begin - before > length:
            yield Block(before + length, begin, None, None, False, True, block.rule, {})
        yield block
        before = block.last_at
