"""The ledger in this process's memory, gone with it: for trials and tests; it knows no other engine."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from typing import cast

from ccledger.core.call import Call, Fact, Source
from ccledger.core.errors import StoreError
from ccledger.core.measures import Axis, Cut, Dimension, Grain, Measures, widen
from ccledger.core.merge import is_weak, join
from ccledger.core.periods import QUARTER_MS, Days
from ccledger.core.periods import zone as zone_named
from ccledger.core.rollup import Part, measure
from ccledger.ledger.booking import (
    Booking,
    bare_keys,
    book,
    days_of_quarters,
    fold_calls,
    give_ids,
    moved,
    moved_days,
    without_removed,
)
from ccledger.ledger.ids import call_id
from ccledger.ledger.kinds import AXES, Kind, project_name
from ccledger.ledger.memory_access import AccessRows
from ccledger.ledger.memory_accounts import KeptAccounts
from ccledger.ledger.memory_state import State, add_up
from ccledger.ledger.memory_upkeep import Upkeep
from ccledger.ledger.past import Past
from ccledger.ledger.plan import Price
from ccledger.ledger.rows import SOURCES, Names, decode, encode
from ccledger.ledger.selection import first_ranked, is_wanted
from ccledger.ledger.store import (
    Batch,
    Ranking,
    SessionInfo,
    SessionRow,
    SpanCount,
    SpanRow,
    Summary,
    SumRow,
    Wanted,
)

_NODE = 0


def open_writer(_url: str, prices: Callable[[], Price], zone_name: str, _backups: object = None) -> "MemoryStore":
    """A new, empty ledger."""
    return MemoryStore(prices, zone_name)


def open_reader(_url: str, _patience_ms: int = 0) -> "MemoryStore":
    """There is none: only the process that writes a memory ledger can read it."""
    raise StoreError("a ledger in memory belongs to the process that writes it; use sqlite:/// to share one")


class MemoryStore(Upkeep, AccessRows, KeptAccounts):
    """Fulfils `ledger.store.Store` with dictionaries."""

    def __init__(self, prices: Callable[[], Price], zone_name: str) -> None:
        super().__init__(prices)
        self._zone = zone_name
        self._days = Days(zone_named(zone_name))
        self._ids: dict[tuple[int, str], int] = {}
        self._texts: dict[int, str] = {0: ""}
        self._project_ids: dict[tuple[str, str], int] = {}
        self._projects: dict[int, tuple[str | None, str | None]] = {0: (None, None)}
        self._names = Names(self._intern, self._intern_project)

    def _intern(self, kind: int, text: str) -> int:
        number = self._ids.setdefault((kind, text), len(self._ids) + 1)
        self._texts[number] = text
        return number

    def _intern_project(self, path: str, folder: str) -> int:
        number = self._project_ids.setdefault((path, folder), len(self._project_ids) + 1)
        self._projects[number] = (path or None, folder or None)
        return number

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None], *, now: int) -> Batch | None:
        """See `Store.append`."""
        moves = list(positions.items())
        with self._lock:
            booking = self._book(facts) if facts else None
            batch = None if booking is None else self._write(booking, now)
            self._keep_positions(moves)
            return batch

    def _book(self, facts: Sequence[Fact]) -> Booking | None:
        state = self._state
        bare = bare_keys(facts)
        stored = self._find({key for fact in facts for key in fact.keys}, bare)
        joined = without_removed(
            join(facts, known=[call.fact for call in stored], bare=state.bare | bare), state.horizon
        )
        new = [fact for fact, known in joined if not known]
        ids = give_ids(new, _NODE, state.rows.__contains__)
        booking = book(joined, stored, ids, self._price, self._names, self._days.of_quarter)
        booking.keys.extend((number, fact.keys) for fact, number in zip(new, ids, strict=True))
        state.bare |= bare
        for number, keys in booking.keys:
            self._lead(number, keys)
        return booking if booking.ids else None

    def _find(self, keys: set[str], bare: frozenset[str]) -> list[Call]:
        state = self._state
        found = {state.owners[key] for key in keys if key in state.owners}
        for key in keys:
            if key in bare or key in state.bare:
                found |= state.requests.get(key, set())
        return [self._call(number) for number in sorted(found)]

    def _call(self, number: int) -> Call:
        keys = tuple(sorted(self._state.keys_of[number]))
        return decode(self._state.rows[number], keys, self._text, self._projects.__getitem__)

    def _text(self, number: int) -> str | None:
        return self._texts[number] if number else None

    def _lead(self, number: int, keys: Iterable[str]) -> None:
        state = self._state
        for key in keys:
            state.keys_of.setdefault(number, set()).add(key)
            if is_weak(key):
                state.requests.setdefault(key, set()).add(number)
            else:
                state.owners[key] = number

    def _write(self, booking: Booking, now: int) -> Batch:
        state = self._state
        for gone, successor in booking.aliases:
            led_here = [number for number, leads_to in state.aliases.items() if leads_to == gone]
            state.aliases |= dict.fromkeys([*led_here, gone], successor)
            keys = state.keys_of.pop(gone)
            for key in keys:
                state.requests.get(key, set()).discard(gone)
            self._lead(successor, keys)
        for number in booking.removed:
            del state.rows[number]
        state.rows.update((cast("int", row[0]), row) for row in booking.rows)
        add_up(state.roll, booking.roll)
        batch = Batch(len(state.batches) + 1, now, tuple(booking.ids), moved(booking.roll, self._texts.__getitem__))
        state.batches.append(batch)
        return batch

    def _keep_positions(self, positions: Iterable[tuple[str, bytes | None]]) -> None:
        for name, position in positions:
            if position is None:
                self._state.positions.pop(name, None)
            else:
                self._state.positions[name] = position

    def positions(self) -> dict[str, bytes]:
        """See `Store.positions`."""
        with self._lock:
            return dict(self._state.positions)

    def position(self, name: str) -> bytes | None:
        """See `Store.position`."""
        with self._lock:
            return self._state.positions.get(name)

    def zone(self) -> str:
        """See `Store.zone`."""
        return self._zone

    def rebuild(self, zone: str) -> None:
        """See `Store.rebuild`."""
        with self._lock:
            before, self._zone, self._days = self._days, zone, Days(zone_named(zone))
            fold = fold_calls((self._call(number) for number in self._state.rows), self._names)
            if not self._state.horizon:
                self._state.roll = fold.roll(self._days.of_quarter)
                return
            spans = self._state.roll.spans
            quarters = {name: measures for name, measures in spans.items() if name[0] == Grain.QUARTER}
            days = days_of_quarters(quarters.items(), self._days.of_quarter)
            self._state.roll = self._state.roll._replace(spans={**quarters, **days.spans})
            add_up(self._state.roll, moved_days(fold, before.of_quarter, self._days.of_quarter))

    def spans(self, grain: Grain, dimension: Dimension, first: int, last: int) -> list[SpanRow]:
        """See `Store.spans`."""
        with self._lock:
            rows = sorted(self._state.roll.spans.items(), key=lambda row: (row[0][3], row[0][2], row[0][4]))
        found: list[SpanRow] = []
        for (row_grain, row_dimension, key, start, model), measures in rows:
            if row_grain == grain and row_dimension == dimension and first <= start <= last:
                text, folder = self._value(dimension, key)
                found.append(SpanRow(start, text, folder, self._texts[model], widen(measures)))
        return found

    def _value(self, dimension: Dimension, key: int) -> tuple[str, str]:
        if dimension == Dimension.PROJECT:
            path, folder = self._projects[key]
            return path or "", folder or ""
        if dimension == Dimension.SOURCE:
            return SOURCES[key], ""
        return self._texts[key], ""

    def sum_spans(
        self, grain: Grain, dimension: Dimension, stretches: Sequence[tuple[int, int]], cut: Cut
    ) -> list[SumRow]:
        """See `Store.sum_spans`."""
        with self._lock:
            rows = list(self._state.roll.spans.items())
        meant = [
            (start, {**_NO_VALUES, AXES.get(dimension, Axis.MODEL): key, Axis.MODEL: model}, measures)
            for (row_grain, row_dimension, key, start, model), measures in rows
            if row_grain == grain and row_dimension == dimension
        ]
        return self._sums(meant, stretches, cut)

    def sum_days(self, stretches: Sequence[tuple[int, int]], cut: Cut) -> list[SumRow]:
        """See `Store.sum_days`."""
        with self._lock:
            rows = list(self._state.roll.days.items())
        return self._sums([(key[0], _by_axis(key[1:]), measures) for key, measures in rows], stretches, cut)

    def sum_calls(self, stretches: Sequence[tuple[int, int]], cut: Cut) -> list[SumRow]:
        """See `Store.sum_calls`."""
        with self._lock:
            calls = [self._call(number) for number in self._state.rows]
        rows: list[_Row] = []
        for call in calls:
            _, part = encode(call.id, call.fact, call.cost, self._names)
            rows.append((call.fact.timing.started_at, _by_axis(part), measure(call.fact, call.cost)))
        return self._sums(rows, stretches, cut)

    def _sums(self, rows: "Iterable[_Row]", stretches: Sequence[tuple[int, int]], cut: Cut) -> list[SumRow]:
        found: list[SumRow] = []
        for start, ids, measures in rows:
            values = {axis: self._text_on(axis, ids[axis]) for axis in cut.axes}
            if not all(cut.takes(axis, value) for axis, value in values.items()):
                continue
            own = tuple(values[axis] for axis in cut.by)
            found.extend(
                SumRow(number, own, widen(measures))
                for number, (first, last) in enumerate(stretches)
                if first <= start <= last
            )
        return found

    def _text_on(self, axis: Axis, number: int) -> str:
        if axis == Axis.SOURCE:
            return SOURCES[number]
        return project_name(*self._projects[number]) if axis == Axis.PROJECT else self._texts[number]

    def calls(self, start: int, end: int) -> list[Call]:
        """See `Store.calls`."""
        with self._lock:
            found = [self._call(number) for number in self._state.rows]
        in_time = [call for call in found if start <= call.fact.timing.started_at < end]
        return sorted(in_time, key=lambda call: (call.fact.timing.started_at, call.id))

    def newest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> Generator[Call]:
        """See `Store.newest`."""
        yield from self._wanted(start, end, wanted)[::-1][skip:]

    def oldest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> Generator[Call]:
        """See `Store.oldest`."""
        yield from self._wanted(start, end, wanted)[skip:]

    def _wanted(self, start: int, end: int, wanted: Wanted) -> list[Call]:
        return [call for call in self.calls(start, end) if is_wanted(call, wanted)]

    def ranked(
        self, start: int, end: int, wanted: Wanted, ranking: Ranking, limit: int, *, falling: bool
    ) -> list[Call]:
        """See `Store.ranked`."""
        return first_ranked(self._wanted(start, end, wanted), ranking, limit, falling=falling)

    def call(self, number: int) -> Call | None:
        """See `Store.call`."""
        with self._lock:
            number = self._state.aliases.get(number, number)
            return self._call(number) if number in self._state.rows else None

    def count(self, start: int, end: int, wanted: Wanted) -> int:
        """See `Store.count`."""
        return len(self._wanted(start, end, wanted))

    def counts(self, grain: Grain, first: int, last: int, wanted: Wanted) -> list[SpanCount]:
        """See `Store.counts`."""
        quarters = (call.fact.timing.started_at // QUARTER_MS for call in self._wanted(0, _FAR << 8, wanted))
        spans = Counter(self._days.of_quarter(quarter) if grain == Grain.DAY else quarter for quarter in quarters)
        return [SpanCount(span, calls) for span, calls in sorted(spans.items()) if first <= span <= last]

    def projects(self) -> list[tuple[str, str]]:
        """See `Store.projects`."""
        with self._lock:
            return list(self._project_ids)

    @contextmanager
    def snapshot(self) -> "Generator[MemoryStore]":
        """See `Store.snapshot`."""
        with self._lock:
            view = copy(self)
            vars(view).update(_state=deepcopy(self._state), _ids=dict(self._ids), _project_ids=dict(self._project_ids))
        yield view

    def first_call_at(self, start: int, end: int) -> int | None:
        """See `Store.first_call_at`."""
        return min(self._starts(start, end), default=None)

    def last_call_at(self, start: int, end: int) -> int | None:
        """See `Store.last_call_at`."""
        return max(self._starts(start, end), default=None)

    def _starts(self, start: int, end: int) -> list[int]:
        return [call.fact.timing.started_at for call in self.calls(start, end)]

    def booked(self, keys: Iterable[str]) -> set[str]:
        """See `Store.booked`."""
        with self._lock:
            return {key for key in keys if key in self._state.owners}

    def exchanged(self, keys: Iterable[str]) -> set[str]:
        """See `Store.exchanged`."""
        booked = self.booked(keys)
        with self._lock:
            sources = {key: self._call(self._state.owners[key]).fact.sources for key in booked}
        return {key for key, bits in sources.items() if bits & 1 << Source.GATEWAY}

    def sessions(self, first_day: int, last_day: int) -> list[SessionRow]:
        """See `Store.sessions`."""
        with self._lock:
            rows = sorted(self._state.roll.days.items())
        return [
            SessionRow(day, self._texts[session], self._texts[model], widen(measures))
            for (day, *_, session, _, _, model), measures in rows
            if session and first_day <= day <= last_day
        ]

    def sessions_named(self, sessions: Iterable[str]) -> list[SessionRow]:
        """See `Store.sessions_named`."""
        wanted = set(sessions)
        return [row for row in self.sessions(-_FAR, _FAR) if row.session in wanted]

    def session_infos(self, sessions: Iterable[str]) -> list[SessionInfo]:
        """See `Store.session_infos`."""
        by_session = self._calls_by_session()
        infos = {name: _info(name, calls) for name, calls in by_session.items()}
        with self._lock:
            for past in self._state.pasts.values():
                name = self._texts[past.session]
                infos[name] = self._with_past(name, past, infos.get(name))
        return [infos[name] for name in dict.fromkeys(sessions) if name in infos]

    def _with_past(self, name: str, past: Past, info: SessionInfo | None) -> SessionInfo:
        if info is not None:
            return info._replace(agents=info.agents + past.agents, first_at=past.first_at)
        path, folder = self._projects[past.project]
        branch = self._texts[past.branch]
        return SessionInfo(name, path or "", folder or "", branch, past.agents, past.first_at, past.last_at)

    def _calls_by_session(self) -> dict[str, list[Call]]:
        with self._lock:
            calls = [self._call(number) for number in sorted(self._state.rows)]
        by_session: dict[str, list[Call]] = {}
        for call in calls:
            if call.fact.place is not None and call.fact.place.session is not None:
                by_session.setdefault(call.fact.place.session, []).append(call)
        return by_session

    def recent_sessions(self, since: int, limit: int) -> list[str]:
        """See `Store.recent_sessions`."""
        first = call_id(since, 0, 0)
        newest = {name: calls[-1].id for name, calls in self._calls_by_session().items() if calls[-1].id >= first}
        return sorted(newest, key=lambda name: -newest[name])[:limit]

    def summary(self) -> Summary:
        """See `Store.summary`."""
        with self._lock:
            ids = sorted(self._state.rows)
            sessions = sum(kind == Kind.SESSION for kind, _ in self._ids)
            calls = sum(
                measures[0]
                for name, measures in self._state.roll.spans.items()
                if name[:2] == (Grain.DAY, Dimension.ALL)
            )
            removed = self._state.removed
        first, last = removed or (None, None)
        if ids:
            first = self._started_at(ids[0]) if removed is None else first
            last = self._started_at(ids[-1])
        return Summary(calls, sessions, first, last)

    def _started_at(self, number: int) -> int:
        return self._call(number).fact.timing.started_at

    def batches(self, after: int, limit: int) -> list[Batch]:
        """See `Store.batches`."""
        with self._lock:
            return self._state.batches[after : after + limit]

    def close(self) -> None:
        """See `Store.close`."""
        self._state = State()


_FAR = 1 << 40
_NO_VALUES = dict.fromkeys(Axis, 0)
_Row = tuple[int, Mapping[Axis, int], Measures]
"""When, what, how much."""


def _by_axis(part: Part) -> Mapping[Axis, int]:
    token, account, user, project, session, _, source, model = part
    return {
        Axis.MODEL: model,
        Axis.PROJECT: project,
        Axis.SESSION: session,
        Axis.SOURCE: source,
        Axis.ACCESS_TOKEN: token,
        Axis.ACCOUNT: account,
        Axis.USER: user,
    }


def _info(name: str, calls: Sequence[Call]) -> SessionInfo:
    place = calls[-1].fact.place
    assert place is not None
    agents = {call.fact.place.agent for call in calls if call.fact.place is not None} - {None}
    first, last = calls[0].fact.timing.started_at, calls[-1].fact.timing.started_at
    return SessionInfo(name, place.project or "", place.folder or "", place.branch or "", len(agents), first, last)
