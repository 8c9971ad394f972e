"""Reads rows of calls from the PostgreSQL ledger, by time and in order; it sums up nothing and writes nothing."""

from collections.abc import Generator, Iterator
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ccledger.core.measures import Axis, Dimension, Grain
from ccledger.core.periods import QUARTER_MS, day_of_number
from ccledger.ledger.ids import FIRST_MS
from ccledger.ledger.kinds import KEYED, NAMED, Kind
from ccledger.ledger.postgresql import questions
from ccledger.ledger.postgresql.asking import Asking, each_of_one_state, of_one_state
from ccledger.ledger.store import Ranking, SpanCount, Wanted

if TYPE_CHECKING:
    from ccledger.core.call import Call

_ALL, _PROJECT, _SOURCE = Dimension.ALL.value, Dimension.PROJECT.value, Dimension.SOURCE.value
_TRANSCRIPT: Final = 1
_USUAL_STATUS: Final = 200
_UNUSUAL: Final = f" AND status_code <> {_USUAL_STATUS}"
_DIMENSIONS: Final = {
    Axis.ACCESS_TOKEN: Dimension.ACCESS_TOKEN.value,
    Axis.ACCOUNT: Dimension.ACCOUNT.value,
    Axis.USER: Dimension.USER.value,
}
_NOBODY: Final = -1
"""An id that nothing has."""
_EVERYTHING: Final = Wanted()
_FIRST_PAGE: Final = 64
_LARGEST_PAGE: Final = 4096
_LAST_DAY: Final = 1 << 40
_IDS_MS: Final = (1 << 43) - 1
"""The last millisecond of the ids."""


class _Condition(NamedTuple):
    """What is asked for, as SQL to be added to a WHERE, and the values it binds."""

    text: str
    values: dict[str, Any]


class CallReader(Asking):
    """The half of a store that answers with rows of calls."""

    def calls(self, start: int, end: int) -> "list[Call]":
        """See `Store.calls`."""
        return list(self.oldest(start, end, _EVERYTHING))

    def newest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> "Generator[Call]":
        """See `Store.newest`."""
        return self._each(start, end, wanted, skip, "DESC")

    def oldest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> "Generator[Call]":
        """See `Store.oldest`."""
        return self._each(start, end, wanted, skip, "ASC")

    @each_of_one_state
    def _each(self, start: int, end: int, wanted: Wanted, skip: int, order: str) -> "Generator[Call]":
        condition = self._condition(wanted)
        size = _FIRST_PAGE + skip
        found = self._in_place(start, end, condition, size, order)
        if self._has_moved(start, end):
            moved = self._moved(start, end, condition, size, order)
            found = merge(found, moved, key=_when, reverse=order == "DESC")
        yield from islice(found, skip, None)

    def _has_moved(self, start: int, end: int) -> bool:
        """Whether a time has calls that can't be found by their ids."""
        first, last = self._moved_between()
        if first is None or last is None or last < start or first >= end:
            return False
        return self._ask(questions.HAS_MOVED, start=start, end=end)[0][0]

    def _moved_between(self) -> tuple[int | None, int | None]:
        return self._ask(questions.MOVED)[0]

    def _in_place(self, start: int, end: int, condition: _Condition, size: int, order: str) -> "Iterator[Call]":
        """Page after page, each larger than the one before: nobody pays for calls that are not read."""
        question = questions.calls_in_place(condition.text, order)
        first, until = first_id(start), first_id(end)
        for limit in _sizes(size):
            rows = self._ask(question, first=first, until=until, limit=limit, **condition.values)
            yield from self._calls_of(rows)
            if len(rows) < limit:
                return
            if order == "DESC":
                until = rows[-1]["id"]
            else:
                first = rows[-1]["id"] + 1

    def _moved(self, start: int, end: int, condition: _Condition, size: int, order: str) -> "Iterator[Call]":
        question = questions.calls_moved(condition.text, order)
        after, before = (start, _NOBODY), (end, _NOBODY)
        for limit in _sizes(size):
            bounds = {"start": after[0], "first": after[1], "end": before[0], "until": before[1]}
            rows = self._ask(question, limit=limit, **bounds, **condition.values)
            yield from self._calls_of(rows)
            if len(rows) < limit:
                return
            place = (rows[-1]["request_at"], rows[-1]["id"])
            after, before = (after, place) if order == "DESC" else (place, before)

    @of_one_state
    def ranked(
        self, start: int, end: int, wanted: Wanted, ranking: Ranking, limit: int, *, falling: bool
    ) -> "list[Call]":
        """See `Store.ranked`."""
        from ccledger.ledger.selection import first_ranked

        condition = self._condition(wanted)
        in_place, moved = questions.ranked_calls(condition.text, ranking, "DESC" if falling else "ASC")
        asked = [in_place, moved] if self._has_moved(start, end) else [in_place]
        values = {**bounds_of(start, end), **condition.values, "limit": limit}
        found = [call for question in asked for call in self._calls_of(self._ask(question, **values))]
        return first_ranked(found, ranking, limit, falling=falling)

    def call(self, number: int) -> "Call | None":
        """See `Store.call`."""
        return next(iter(self._calls_of(self._ask(questions.call(), id=number))), None)

    def first_call_at(self, start: int, end: int) -> int | None:
        """See `Store.first_call_at`."""
        return self._ask(questions.edge_start("ASC"), **bounds_of(start, end))[0][0]

    def last_call_at(self, start: int, end: int) -> int | None:
        """See `Store.last_call_at`."""
        return self._ask(questions.edge_start("DESC"), **bounds_of(start, end))[0][0]

    @of_one_state
    def last_calls(self, axis: Axis) -> dict[str, int]:
        """See `Store.last_calls`."""
        quarters = self._last_quarters(_DIMENSIONS[axis])
        times = [bounds_of(quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS) for quarter in quarters.values()]
        lists = {f"{name}s": [each[name] for each in times] for name in ("start", "end", "first", "until")}
        last = {key: quarter * QUARTER_MS for key, quarter in quarters.items()}
        last.update(self._ask(questions.last_starts(axis), keys=[*quarters], **lists))
        texts = self._texts_on(axis, last.keys())
        return {texts[key]: start for key, start in last.items()}

    def _last_quarters(self, dimension: int) -> dict[int, int]:
        """The newest quarter-hour in which each key has calls: the roll-up by days says on which day to look for it."""
        days = dict[int, int](self._ask(questions.LAST_DAYS, dimension=dimension, last=_LAST_DAY))
        of_days = [self._zone_days().quarters(day_of_number(day)) for day in days.values()]
        firsts, lasts = [quarters[0] for quarters in of_days], [quarters[-1] for quarters in of_days]
        asked = {"keys": [*days], "firsts": firsts, "lasts": lasts}
        return dict(self._ask(questions.LAST_QUARTERS, dimension=dimension, **asked))

    @of_one_state
    def count(self, start: int, end: int, wanted: Wanted) -> int:
        """See `Store.count`."""
        condition = self._condition(wanted)
        values = {**bounds_of(start, end), **condition.values}
        count = self._ask(questions.count_in_place(condition.text), **values)[0][0]
        if self._has_moved(start, end):
            count += self._ask(questions.count_moved(condition.text), **values)[0][0]
        return count

    def counts(self, grain: Grain, first: int, last: int, wanted: Wanted) -> list[SpanCount]:
        """See `Store.counts`."""
        if wanted.session is not None:
            return self._session_counts(grain, first, last, wanted)
        dimension, condition = self._key_condition(wanted)
        question = questions.count_spans(dimension, condition.text, success=wanted.success)
        rows = self._ask(question, grain=int(grain), first=first, last=last, **condition.values)
        return sorted(SpanCount(*row) for row in rows)

    def _session_counts(self, grain: Grain, first: int, last: int, wanted: Wanted) -> list[SpanCount]:
        """A session has few calls beside all there are, so they are counted themselves."""
        days = self._zone_days()
        start, end = first, last + 1
        if grain:
            start, end = days.quarters(day_of_number(first)).start, days.quarters(day_of_number(last)).stop
        condition = self._condition(wanted)
        bounds = {"start": start * QUARTER_MS, "end": end * QUARTER_MS}
        sums: dict[int, int] = {}
        question = questions.count_session_quarters(condition.text)
        for quarter, calls in self._ask(question, **bounds, **condition.values):
            span = days.of_quarter(quarter) if grain else quarter
            sums[span] = sums.get(span, 0) + calls
        return [SpanCount(*entry) for entry in sums.items()]

    def projects(self) -> list[tuple[str, str]]:
        """See `Store.projects`."""
        return [(path, folder) for _, path, folder in self._every_project()]

    def _condition(self, wanted: Wanted) -> _Condition:
        """The calls themselves that are meant."""
        parts: list[str] = []
        values: dict[str, Any] = {}
        for name, kind, column in NAMED:
            text: str | None = getattr(wanted, name)
            if text is not None:
                parts.append(f" AND {column} = :{name}::bigint")
                values[name] = self._name_id(kind, text)
        if wanted.projects is not None:
            parts.append(" AND project_id = ANY(:projects::bigint[])")
            values["projects"] = self._project_ids(wanted.projects)
        if wanted.source is not None:
            parts.append(" AND (traits >> 7 & 7) = :source::bigint")
            values["source"] = _source_id(wanted.source) or _TRANSCRIPT
        if wanted.status is not None:
            # Literally the condition of the index that holds every other status.
            parts.append(" AND status_code = :status::bigint" + ("" if wanted.status == _USUAL_STATUS else _UNUSUAL))
            values["status"] = wanted.status
        if wanted.success is not None:
            parts.append(" AND outcome = 0" if wanted.success else " AND outcome > 0")
        return _Condition("".join(parts), values)

    def _key_condition(self, wanted: Wanted) -> tuple[int, _Condition]:
        """The dimension whose sums tell most of the calls that are meant, and which of its rows are meant."""
        text, values = "", dict[str, Any]()
        if wanted.model is not None:
            text, values["model"] = " AND model_id = :model::bigint", self._name_id(Kind.MODEL, wanted.model)
        for name, kind, dimension in KEYED:
            if key := getattr(wanted, name):
                values["key"] = self._name_id(kind, key)
                return dimension, _Condition(f"{text} AND key_id = :key::bigint", values)
        if wanted.projects is not None and ("", "") not in wanted.projects:
            values["projects"] = self._project_ids(wanted.projects)
            return _PROJECT, _Condition(f"{text} AND key_id = ANY(:projects::bigint[])", values)
        if wanted.source is not None and (key := _source_id(wanted.source)):
            return _SOURCE, _Condition(f"{text} AND key_id = :key::bigint", values | {"key": key})
        return _ALL, _Condition(text, values)

    def _name_id(self, kind: int, text: str) -> int:
        return self._ids_of(kind, [text]).get(text, _NOBODY) if text else 0

    def _project_ids(self, projects: frozenset[tuple[str, str]]) -> list[int]:
        every = [(0, "", ""), *self._every_project()]
        return [number for number, path, folder in every if (path, folder) in projects]


def first_id(at: int) -> int:
    """The first id that a call which ran when its id says can have, if it started at a time or later."""
    return min(max(at - FIRST_MS, 0), _IDS_MS) << 20


def bounds_of(start: int, end: int) -> dict[str, int]:
    """A time, and the ids that calls can have whose ids lie in it: the first, and the one after the last."""
    return {"start": start, "end": end, "first": first_id(start), "until": first_id(end)}


def _sizes(size: int) -> Iterator[int]:
    """How many rows each page has, the first one so many."""
    while True:
        size = min(size, _LARGEST_PAGE)
        yield size
        size *= 4


def _when(call: "Call") -> tuple[int, int]:
    return call.fact.timing.started_at, call.id


def _source_id(name: str) -> int:
    """A source as the roll-ups tell it apart; transcripts are 0."""
    from ccledger.ledger.rows import SOURCES

    return next((number for number, known in SOURCES.items() if known == name), _NOBODY)
