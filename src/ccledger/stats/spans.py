"""Where calls are in time, found by how many there are in each day and quarter-hour; it reads none of them."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.measures import Grain
from ccledger.core.periods import QUARTER_MS, Days, day_of_number, zone
from ccledger.ledger.store import Wanted

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class Asked(NamedTuple):
    """Which calls are meant: those of a time (milliseconds since 1970, `end` excluded) that are wanted."""

    start: int
    end: int
    wanted: Wanted


class Span(NamedTuple):
    """A stretch of time that has calls: whole days are counted in days, all else in milliseconds."""

    calls: int
    day: int | None
    start: int = 0
    end: int = 0


def kept(view: "Store", asked: Asked) -> Asked:
    """Without the time whose calls are kept no longer: the counts of its days and quarter-hours still hold them."""
    return asked._replace(start=min(max(asked.start, view.horizon()), asked.end))


def spans_of(view: "Store", asked: Asked) -> list[Span]:
    """Where the calls are, oldest first: in whole days of the ledger where there are any, else in quarter-hours."""
    start, end, wanted = asked
    first, last = -(-start // QUARTER_MS), end // QUARTER_MS
    if first >= last:
        return _edge(view, start, end, wanted)
    before = _edge(view, start, first * QUARTER_MS, wanted)
    return [*before, *_whole(view, first, last, wanted), *_edge(view, last * QUARTER_MS, end, wanted)]


def _edge(view: "Store", start: int, end: int, wanted: Wanted) -> list[Span]:
    calls = view.count(start, end, wanted) if start < end else 0
    return [Span(calls, None, start, end)] if calls else []


def _whole(view: "Store", first: int, last: int, wanted: Wanted) -> list[Span]:
    """The quarter-hours from `first` to before `last`, put together to days."""
    days = Days(zone(view.zone()))
    day, until = days.of_quarter(first), days.of_quarter(last)
    if _first_quarter(days, day) < first:
        day += 1
    if day >= until:
        return _quarters(view, first, last, wanted)
    counts = view.counts(Grain.DAY, day, until - 1, wanted)
    return [
        *_quarters(view, first, _first_quarter(days, day), wanted),
        *(Span(calls, number) for number, calls in counts),
        *_quarters(view, _first_quarter(days, until), last, wanted),
    ]


def _first_quarter(days: Days, day: int) -> int:
    return days.quarters(day_of_number(day)).start


def _quarters(view: "Store", first: int, end: int, wanted: Wanted) -> list[Span]:
    counts = view.counts(Grain.QUARTER, first, end - 1, wanted) if first < end else []
    return [Span(calls, None, quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS) for quarter, calls in counts]


def in_milliseconds(view: "Store", span: Span) -> Span:
    """The same stretch, a day by when it begins and ends."""
    if span.day is None:
        return span
    quarters = Days(zone(view.zone())).quarters(day_of_number(span.day))
    return Span(span.calls, None, quarters.start * QUARTER_MS, quarters.stop * QUARTER_MS)


def fine_spans(view: "Store", span: Span, wanted: Wanted) -> list[Span]:
    """A day in quarter-hours; what is finer stays as it is."""
    return [span] if span.day is None else fine_days(view, [span.day], wanted)


def fine_days(view: "Store", days: Iterable[int], wanted: Wanted) -> list[Span]:
    """Some days in quarter-hours, oldest first, from one question; between them there are no calls."""
    known, numbers = Days(zone(view.zone())), sorted(days)
    first, last = known.quarters(day_of_number(numbers[0])), known.quarters(day_of_number(numbers[-1]))
    return _quarters(view, first.start, last.stop, wanted)


def from_the_first(spans: Iterable[Span], skip: int) -> tuple[Iterator[Span], int]:
    """The spans beginning with that of the first call after `skip`, and how many calls of it are to be skipped."""
    rest = iter(spans)
    for span in rest:
        if skip < span.calls:
            return chain([span], rest), skip
        skip -= span.calls
    return iter(()), 0


def touch(run: tuple[int, int], span: Span) -> bool:
    """Whether a span goes on where a stretch of time ends, on either side."""
    return span.end == run[0] or span.start == run[1]


def sum_of(spans: Iterable[Span]) -> int:
    """How many calls spans have together."""
    return sum(span.calls for span in spans)
