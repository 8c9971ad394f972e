"""The one definition of "spent": what calls cost and counted in any stretch of time, by anything; it only reads.

Here, and nowhere else, is decided which roll-up answers a question: the coarsest that knows what is asked, for whole
spans of it; what is left at the edges comes from the next finer one, and in the end from the calls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from functools import partial
from operator import neg
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ccledger.core.measures import Axis, Cut, Dimension, Grain, Measures, plus, total
from ccledger.core.periods import QUARTER_MS, Days, day_number, day_of_number, midnight_ms, moment, zone
from ccledger.ledger.store import SumRow

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_Key = TypeVar("_Key")

LAST_DAY = 100_000
"""A day that every call comes before; the first one is 0, in 1970."""


_DAY = timedelta(days=1)
_SHORTEST_DAY_MS = 20 * 3_600_000
_DIMENSIONS = {
    Axis.ACCESS_TOKEN: Dimension.ACCESS_TOKEN,
    Axis.ACCOUNT: Dimension.ACCOUNT,
    Axis.USER: Dimension.USER,
    Axis.PROJECT: Dimension.PROJECT,
    Axis.SOURCE: Dimension.SOURCE,
}
"""The axes that have a roll-up of their own, by quarter-hours, too."""

Stretch = tuple[int, int]
"""A stretch of time in milliseconds: its first one, and the one after its last."""
Values = tuple[str, ...]
"""What calls have on each axis of a cut's `by`; the empty text where they have nothing."""


def spent(store: "Store", stretches: Sequence[Stretch], cut: Cut) -> list[dict[Values, Measures]]:
    """What the calls that started in each stretch spent, exact to the millisecond.

    Groups without calls are left out. All of it is of one moment: sums are subtracted from each other.
    """
    with store.snapshot() as view:
        return _spent(view, stretches, cut)


def _spent(view: "Store", stretches: Sequence[Stretch], cut: Cut) -> list[dict[Values, Measures]]:
    levels = _levels(view, cut)
    sums: list[dict[Values, Measures]] = [{} for _ in stretches]
    pieces = [piece for number, stretch in enumerate(stretches) for piece in _pieces(number, stretch, levels)]
    for depth, level in enumerate(levels):
        own = [piece for piece in pieces if piece.depth == depth]
        for row in level.sums([(piece.first, piece.last) for piece in own], cut) if own else ():
            add_to(sums[own[row.stretch].number], row.values, row.measures)
    return [{values: measures for values, measures in groups.items() if measures[0]} for groups in sums]


class _Whole(NamedTuple):
    """The whole spans within a stretch: the first, the last, and the stretch that they fill."""

    first: int
    last: int
    start: int
    end: int


class _Level(NamedTuple):
    """A way to answer: by spans of one length, or, as the last resort, by milliseconds."""

    within: Callable[[Stretch], _Whole]
    sums: Callable[[Sequence[tuple[int, int]], Cut], Iterable[SumRow]]


class _Piece(NamedTuple):
    """A part of a stretch, to be answered by one level."""

    number: int
    depth: int
    first: int
    last: int


def _levels(store: "Store", cut: Cut) -> list[_Level]:
    """The ways to answer, from the coarsest to the calls."""
    axes = cut.axes - {Axis.MODEL}
    days = partial(_days_within, zone(store.zone()))
    calls = _Level(_all_within, store.sum_calls)
    if not axes:
        return [
            _Level(days, partial(store.sum_spans, Grain.DAY, Dimension.ALL)),
            _Level(_quarters_within, partial(store.sum_spans, Grain.QUARTER, Dimension.ALL)),
            calls,
        ]
    if len(axes) == 1 and (axis := next(iter(axes))) in _DIMENSIONS:
        return [
            _Level(days, partial(_sums_by, axis, partial(store.sum_spans, Grain.DAY))),
            _Level(_quarters_within, partial(_sums_by, axis, partial(store.sum_spans, Grain.QUARTER))),
            calls,
        ]
    return [_Level(days, store.sum_days), calls]


def _pieces(number: int, stretch: Stretch, levels: Sequence[_Level], depth: int = 0) -> Iterator[_Piece]:
    start, end = stretch
    if start >= end:
        return
    whole = levels[depth].within(stretch)
    if whole.first > whole.last:
        yield from _pieces(number, stretch, levels, depth + 1)
        return
    yield _Piece(number, depth, whole.first, whole.last)
    yield from _pieces(number, (start, whole.start), levels, depth + 1)
    yield from _pieces(number, (whole.end, end), levels, depth + 1)


def _days_within(tz: tzinfo, stretch: Stretch) -> _Whole:
    start, end = stretch
    if end - start < _SHORTEST_DAY_MS:
        return _NOTHING_WHOLE
    first, last = _day_from(start, tz), local_day(end, tz) - _DAY
    return _Whole(day_number(first), day_number(last), midnight_ms(first, tz), midnight_ms(last + _DAY, tz))


def _day_from(ms: int, tz: tzinfo) -> date:
    """The first day that begins at a moment or after it."""
    day = local_day(ms, tz)
    return day if midnight_ms(day, tz) >= ms else day + _DAY


def _quarters_within(stretch: Stretch) -> _Whole:
    first, end = -(-stretch[0] // QUARTER_MS), stretch[1] // QUARTER_MS
    return _Whole(first, end - 1, first * QUARTER_MS, end * QUARTER_MS)


def _all_within(stretch: Stretch) -> _Whole:
    start, end = stretch
    return _Whole(start, end - 1, start, end)


_NOTHING_WHOLE = _Whole(0, -1, 0, 0)


def _sums_by(
    axis: Axis,
    sum_spans: Callable[[Dimension, Sequence[tuple[int, int]], Cut], Sequence[SumRow]],
    stretches: Sequence[tuple[int, int]],
    cut: Cut,
) -> Iterable[SumRow]:
    """Sums of the roll-up by one dimension, with those that it leaves out: they are what all calls have beyond it."""
    left_out = "transcript" if axis is Axis.SOURCE else ""
    if not cut.takes(axis, left_out):
        return sum_spans(_DIMENSIONS[axis], stretches, cut)
    models = tuple({Axis.MODEL} & {*cut.by})
    whole = Cut(models, _on_model(cut.only), _on_model(cut.without))
    named = sum_spans(_DIMENSIONS[axis], stretches, whole._replace(by=(axis, *models)))
    return _with_left_out(axis, left_out, named, sum_spans(Dimension.ALL, stretches, whole), cut)


def _on_model(filters: Mapping[Axis, frozenset[str]]) -> Mapping[Axis, frozenset[str]]:
    return {axis: values for axis, values in filters.items() if axis is Axis.MODEL}


def _with_left_out(
    axis: Axis, left_out: str, named: Sequence[SumRow], whole: Iterable[SumRow], cut: Cut
) -> Iterator[SumRow]:
    beyond: dict[tuple[int, Values], list[Measures]] = {}
    for row in named:
        beyond.setdefault((row.stretch, row.values[1:]), []).append(row.measures)
    rest = [
        *(SumRow(row.stretch, (left_out, *row.values), row.measures) for row in whole),
        *(SumRow(number, (left_out, *model), tuple(map(neg, total(own)))) for (number, model), own in beyond.items()),
    ]
    is_filtered = axis in cut.only or axis in cut.without
    meant = [row for row in named if cut.takes(axis, row.values[0])] if is_filtered else named
    places = [0 if each is axis else 1 for each in cut.by]
    for row in (*meant, *rest):
        if places == [0, 1]:
            yield row
        else:
            yield SumRow(row.stretch, tuple([row.values[place] for place in places]), row.measures)


class Spent(NamedTuple):
    """What one model spent on one day, in all or in one project."""

    day: date
    project: str
    folder: str
    model: str
    measures: Measures


def spent_by_day(
    store: "Store",
    zone_name: str,
    tz: tzinfo,
    first: date | None,
    last: date | None,
    dimension: Dimension = Dimension.ALL,
) -> list[Spent]:
    """What was spent per day and model between two dates (both included, None: no limit) of a time zone.

    Days of the ledger's own zone are read as they are kept; days of another zone are put together from quarter-hours.
    `dimension` is `Dimension.ALL` or `Dimension.PROJECT`.
    """
    first_number = 0 if first is None else day_number(first)
    last_number = LAST_DAY if last is None else day_number(last)
    if zone_name == store.zone():
        rows = store.spans(Grain.DAY, dimension, first_number, last_number)
        return [Spent(day_of_number(row.start), row.key, row.folder, row.model, row.measures) for row in rows]
    start = 0 if first is None else _quarter_of(first, tz)
    end = LAST_DAY * 96 if last is None else _quarter_of(last + _DAY, tz) - 1
    days = Days(tz)
    sums: dict[tuple[int, str, str, str], Measures] = {}
    for row in store.spans(Grain.QUARTER, dimension, start, end):
        add_to(sums, (days.of_quarter(row.start), row.key, row.folder, row.model), row.measures)
    return [
        Spent(day_of_number(day), key, folder, model, measures) for (day, key, folder, model), measures in sums.items()
    ]


def _quarter_of(day: date, tz: tzinfo) -> int:
    return -(-midnight_ms(day, tz) // QUARTER_MS)


def spent_ever(store: "Store") -> dict[str, Measures]:
    """What each model spent in all recorded time."""
    sums: dict[str, Measures] = {}
    for row in store.spans(Grain.DAY, Dimension.ALL, 0, LAST_DAY):
        add_to(sums, row.model, row.measures)
    return sums


def add_to(sums: dict[_Key, Measures], key: _Key, measures: Measures) -> None:
    """Adds measures to the sum of that name."""
    before = sums.get(key)
    sums[key] = measures if before is None else plus(before, measures)


def local_day(now_ms: int, tz: tzinfo) -> date:
    """The date it is in a time zone at a moment."""
    return moment(now_ms).astimezone(tz).date()
