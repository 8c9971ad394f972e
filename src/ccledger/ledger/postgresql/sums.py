"""Sums calls up from the roll-ups of the PostgreSQL ledger, or from its rows; it writes nothing."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from ccledger.ledger.kinds import AXES
from ccledger.ledger.postgresql import questions
from ccledger.ledger.postgresql.asking import Asking, of_one_state
from ccledger.ledger.postgresql.history import first_id
from ccledger.ledger.store import SpanRow, SumRow

if TYPE_CHECKING:
    from ccledger.core.measures import Axis, Cut, Dimension, Grain


class _Stretch(NamedTuple):
    """A stretch by its first and its last span, with the number it goes by."""

    number: int
    first: int
    last: int


class CallSums(Asking):
    """The part of a store that answers with sums."""

    def spans(self, grain: "Grain", dimension: "Dimension", first: int, last: int) -> list[SpanRow]:
        """See `Store.spans`."""
        rows = self._ask(questions.SPANS, grain=int(grain), dimension=int(dimension), first=first, last=last)
        models = self._text_of(row[2] for row in rows)
        keys = self._keys_on(AXES.get(dimension), {row[1] for row in rows})
        return [SpanRow(row[0], *keys[row[1]], models[row[2]] or "", row[3:]) for row in rows]

    def _keys_on(self, axis: "Axis | None", ids: "AbstractSet[int]") -> Mapping[int, tuple[str, str]]:
        """Name and folder of a dimension's keys."""
        if axis is None:
            return {0: ("", "")}
        if axis == "project":
            projects = self._project_of(ids)
            return {number: (projects[number][0] or "", projects[number][1] or "") for number in ids}
        return {number: (text, "") for number, text in self._texts_on(axis, ids).items()}

    @of_one_state
    def sum_spans(
        self, grain: "Grain", dimension: "Dimension", stretches: Sequence[tuple[int, int]], cut: "Cut"
    ) -> list[SumRow]:
        """See `Store.sum_spans`."""
        from ccledger.ledger.months import split

        axis = AXES.get(dimension)
        asked = _numbered(stretches)
        over: list[_Stretch] = []
        place = {"grain": int(grain), "dimension": int(dimension)}
        closed = int(self._setting("months") or 0) if grain else 0
        if closed:
            parts = [(number, split(first, last, closed)) for number, first, last in asked]
            over = [_Stretch(number, *part.months) for number, part in parts if part.months]
            asked = [_Stretch(number, *days) for number, part in parts for days in part.days]
        of_months = self._summed(questions.months_table(axis), over, cut, place)
        return of_months + self._summed(questions.spans_table(axis), asked, cut, place)

    def sum_days(self, stretches: Sequence[tuple[int, int]], cut: "Cut") -> list[SumRow]:
        """See `Store.sum_days`."""
        return self._summed(questions.DAYS, _numbered(stretches), cut, {})

    @of_one_state
    def sum_calls(self, stretches: Sequence[tuple[int, int]], cut: "Cut") -> list[SumRow]:
        """See `Store.sum_calls`."""
        asked = _numbered(stretches)
        by_id = [_Stretch(number, first_id(first), first_id(last + 1) - 1) for number, first, last in asked]
        times = [(first, last) for _, first, last in asked if first <= last]
        in_place = self._summed(questions.CALLS_IN_PLACE, by_id, cut, {})
        if not times or not self._has_moved(min(times)[0], max(last for _, last in times) + 1):
            return in_place
        return in_place + self._summed(questions.CALLS_MOVED, asked, cut, {})

    @abstractmethod
    def _has_moved(self, start: int, end: int) -> bool:
        """Whether a time has calls that can't be found by their ids."""

    def _summed(
        self, table: questions.Table, asked: Sequence[_Stretch], cut: "Cut", place: Mapping[str, int]
    ) -> list[SumRow]:
        if not asked:
            return []
        times: dict[str, Any] = {"first": asked[0].first, "last": asked[-1].last}
        if len(asked) == 1:
            put = questions.sums_of_one
        elif length := _length_in_row(asked):
            put = questions.sums_in_row
            times["length"] = length
        else:
            put = questions.sums_of_each
            times = {"firsts": [each.first for each in asked], "lasts": [each.last for each in asked]}
        question = put(table, cut.by, tuple(cut.only), tuple(cut.without))
        return self._named(asked, cut.by, self._ask(question, **times, **place, **self._filters(cut)))

    def _filters(self, cut: "Cut") -> dict[str, list[int]]:
        only = {f"only_{axis}": self._ids_on(axis, values) for axis, values in cut.only.items()}
        return only | {f"without_{axis}": self._ids_on(axis, values) for axis, values in cut.without.items()}

    def _named(self, asked: Sequence[_Stretch], by: "Sequence[Axis]", rows: list[Any]) -> list[SumRow]:
        texts = [self._texts_on(axis, {row[at] for row in rows}) for at, axis in enumerate(by, 1)]
        columns = [[text[row[at]] for row in rows] for at, text in enumerate(texts, 1)]
        values = zip(*columns, strict=True) if columns else repeat(())
        width = 1 + len(by)
        numbers = {place: each.number for place, each in enumerate(asked)}
        return list(map(SumRow, [numbers[row[0]] for row in rows], values, [row[width:] for row in rows]))


def _numbered(stretches: Sequence[tuple[int, int]]) -> list[_Stretch]:
    return [_Stretch(number, *stretch) for number, stretch in enumerate(stretches)]


def _length_in_row(asked: Sequence[_Stretch]) -> int:
    """The length of stretches that follow each other and are of one length; 0 of any others."""
    first, length = asked[0].first, asked[0].last - asked[0].first + 1
    if length < 1:
        return 0
    starts = range(first, first + len(asked) * length, length)
    in_row = all(
        (each.first, each.last) == (start, start + length - 1) for each, start in zip(asked, starts, strict=True)
    )
    return length if in_row else 0
