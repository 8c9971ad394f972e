"""Any question about spending: by what, of which calls, in which pieces of time, against before; it only reads."""

from collections.abc import Iterable, Mapping, Sequence, Sized
from heapq import nsmallest
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.measures import ZERO, Axis, Cut, Measures, total
from ccledger.stats.ranges import Bucketing, Range, before, cut
from ccledger.stats.spent import Stretch, Values, add_to, spent
from ccledger.stats.totals import total_tokens
from ccledger.stats.words import METRICS

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class Question(NamedTuple):
    """What is asked."""

    range: Range
    cut: Cut
    bucketing: Bucketing = Bucketing.NONE
    metrics: tuple[str, ...] = tuple(METRICS)
    order: str = "-total_cost"
    """A metric or one of the cut's axes; with a minus the largest first."""
    limit: int = 100
    """So many groups are told apart."""
    compare: bool = False
    """Whether the range before is asked for, too."""


class Row(NamedTuple):
    """What one group spent in one piece of the range, and in the same piece of the range before."""

    start: int
    values: Values
    measures: Measures
    previous: Measures


class Answer(NamedTuple):
    """The groups that were asked for, and everything together."""

    question: Question
    previous_range: Range | None
    rows: list[Row]
    """By group in the order asked for, then by time."""
    whole: Row
    rest: list[Row]
    """What the groups beyond the limit spent together: in the whole range, then piece by piece. Empty without any."""


class _Sums:
    """What every group spent in every piece of a range."""

    def __init__(self, pieces: Sequence[Mapping[Values, Measures]]) -> None:
        self.pieces = pieces
        self.wholes = [total(piece.values()) for piece in pieces]
        """What all groups spent, by piece."""
        self.groups = pieces[0] if len(pieces) == 1 else _together(pieces)
        """What every group spent in all pieces."""

    def of(self, number: int, values: Values) -> Measures:
        return self.pieces[number].get(values, ZERO)

    def beyond(self, number: int, shown: Iterable[Values]) -> Measures:
        """What the groups that are not shown spent in a piece."""
        known = total(self.of(number, values) for values in shown)
        return tuple(map(sub, self.wholes[number], known))


def _nothing(count: int) -> list[dict[Values, Measures]]:
    return [{} for _ in range(count)]


def _together(pieces: Iterable[Mapping[Values, Measures]]) -> dict[Values, Measures]:
    sums: dict[Values, Measures] = {}
    for piece in pieces:
        for values, measures in piece.items():
            add_to(sums, values, measures)
    return sums


def answer(store: "Store", question: Question) -> Answer:
    """The answer to a question. Raises `UsageError` when it would be too long."""
    pieces = cut(question.range, question.bucketing)
    now = _Sums(spent(store, pieces, question.cut))
    if question.compare:
        previous_range, previous_pieces = before(question.range, pieces)
        then = _Sums(spent(store, previous_pieces, question.cut))
    else:
        previous_range, then = None, _Sums(_nothing(len(pieces)))
    groups = {**dict.fromkeys(then.groups, ZERO), **now.groups}
    shown = _first(groups, question)
    rows = [
        Row(start, values, now.of(number, values), then.of(number, values))
        for values in shown
        for number, (start, _) in enumerate(pieces)
        if not question.cut.by or values in now.pieces[number] or values in then.pieces[number]
    ]
    whole = Row(question.range.start, (), total(now.wholes), total(then.wholes))
    return Answer(question, previous_range, rows, whole, _rest(pieces, now, then, shown, groups))


def _rest(pieces: Sequence[Stretch], now: _Sums, then: _Sums, shown: Sequence[Values], groups: Sized) -> list[Row]:
    if len(groups) <= len(shown):
        return []
    by_time = [
        Row(start, (), now.beyond(number, shown), then.beyond(number, shown))
        for number, (start, _) in enumerate(pieces)
    ]
    together = (total(row.measures for row in by_time), total(row.previous for row in by_time))
    return [Row(pieces[0][0], (), *together), *by_time]


def _first(groups: Mapping[Values, Measures], question: Question) -> list[Values]:
    """The first groups in the order asked for, then the one with more tokens, then by name; unpriced ones come last."""
    if not question.cut.by:
        return [()]
    name = question.order.removeprefix("-")
    is_falling = question.order.startswith("-")
    if name in question.cut.by:
        at = question.cut.by.index(Axis(name))
        return sorted(sorted(groups), key=lambda values: values[at], reverse=is_falling)[: question.limit]
    read, sign = METRICS[name], -1 if is_falling else 1

    def rank(values: Values) -> tuple[bool, float, int, Values]:
        measures = groups[values]
        number = read(measures)
        return number is None, 0 if number is None else sign * float(number), -total_tokens(measures), values

    return nsmallest(question.limit, groups, rank)
