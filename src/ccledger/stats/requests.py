"""Lists of calls by anything that is known of them, a page at a time or all; it reads them in steps and changes none.

Roll-ups tell where calls are. Where they can't tell a filter's calls, those that may be are looked at, as many as there
is time for: a list then has what was found, and a cursor to go on from.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.core.errors import UsageError
from ccledger.ledger.ids import FIRST_MS
from ccledger.ledger.store import Ranking
from ccledger.stats.history import Cursor, cursor_text, read_cursor
from ccledger.stats.spans import Asked, Span, fine_days, from_the_first, in_milliseconds, kept, spans_of, sum_of, touch

if TYPE_CHECKING:
    from ccledger.core.call import Call
    from ccledger.ledger.store import Store, Wanted

MOST_ROWS: Final = 1000
"""Of a page."""
_MOST_PASSED: Final = 10_000
"""Rows before a page that is asked for by number, where they have to be read to be passed over."""
_MOST_RANKED: Final = 200_000
"""Calls that are looked at to put some of them in order."""
_MOST_COUNTED: Final = 10_000
_AT_ONCE: Final = 1_000
"""Calls that are looked at before somebody asks what time it is."""
_AT_ONCE_BY_STATUS: Final = 100_000
"""The same where an index passes over all others."""
_DAYS_AT_ONCE: Final = 8
"""Days whose quarter-hours are asked for together."""
_USUAL_STATUS: Final = 200
_LONGEST_ID: Final = 19

IsLate = Callable[[], bool]
"""Whether there is no more time to look for calls."""


class Sort(NamedTuple):
    """The order of a list: by time, or by a ranking."""

    ranking: Ranking | None = None
    falling: bool = True


class Place(NamedTuple):
    """Which part of a list is meant: a page by its number (the first is 0), or what comes after or before a call."""

    page: int = 0
    limit: int = 50
    after: str | None = None
    before: str | None = None


class Requests(NamedTuple):
    """A part of a list, and what lies beside it."""

    calls: "list[Call]"
    total: int
    """How many calls the whole list has, or, if that is not exact, at least has."""
    total_is_exact: bool
    next: str | None
    """Where the rest begins; None where there is none."""
    previous: str | None


class _Walk(NamedTuple):
    """What was found on the way through spans, and where there was no more time."""

    calls: "list[Call]"
    reached: Cursor | None


def read_sort(text: str) -> Sort:
    """The order that a text such as `time` or `-cost` means; with a minus the largest or newest first."""
    name = text.removeprefix("-")
    known = ["time", *(ranking.value for ranking in Ranking)]
    if name not in known:
        raise UsageError(f"sort is {', '.join(known)}, with a minus for the largest first; not {text!r}")
    return Sort(None if name == "time" else Ranking(name), text.startswith("-"))


def list_requests(store: "Store", asked: Asked, sort: Sort, place: Place, is_late: IsLate) -> Requests:
    """A part of the list of the calls that are asked for, all of it of one moment."""
    with store.snapshot() as view:
        asked = kept(view, asked)
        if sort.ranking is not None:
            return _ranked(view, asked, sort.ranking, place, falling=sort.falling)
        return _in_time(view, asked, place, is_late, newest_first=sort.falling)


def every_request(view: "Store", asked: Asked) -> "Iterator[Call]":
    """All of them, newest first, read one by one. Given a snapshot, they are those of one moment."""
    asked = kept(view, asked)
    spans = _fine(view, asked.wanted, reversed(spans_of(view, asked)), newest_first=True)
    for start, end in _steps(spans, asked.wanted):
        yield from view.newest(start, end, asked.wanted)


def _in_time(view: "Store", asked: Asked, place: Place, is_late: IsLate, *, newest_first: bool) -> Requests:
    backwards = place.before is not None
    goes_down = newest_first != backwards
    named = place.before if backwards else place.after
    cursor = None if named is None else _cursor(view, named)
    skip = 0 if cursor else place.page * place.limit
    if skip > _MOST_PASSED and not asked.wanted.is_summed:
        raise UsageError(f"page is too deep for these filters: go on with after, or narrow them to {_MOST_PASSED} rows")
    if asked.wanted.is_summed:
        is_late = _never
    found = _walk(view, asked, cursor, skip, place.limit + 1, is_late, goes_down=goes_down)
    calls, far, near = found.calls[: place.limit], _far(found, place.limit), None
    total, is_exact = skip + len(found.calls), True
    if cursor is not None or far is not None or (skip and not calls):
        total, is_exact = _total(view, asked, total if found.calls else 0, is_late)
    if calls and (cursor or skip):
        near = str(calls[0].id)
    if backwards:
        return Requests(calls[::-1], total, is_exact, near, far)
    return Requests(calls, total, is_exact, far, near)


def _never() -> bool:
    return False


def _far(found: _Walk, limit: int) -> str | None:
    if len(found.calls) > limit:
        return str(found.calls[limit - 1].id)
    return None if found.reached is None else cursor_text(found.reached)


def _cursor(view: "Store", text: str) -> Cursor:
    """The place of a call by its id, or one that an answer named."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID and int(text) < 1 << 63):
        return read_cursor(text)
    number = int(text)
    call = view.call(number)
    # A call that is gone still says by its id where it was.
    return Cursor((number >> 20) + FIRST_MS, number) if call is None else Cursor(call.fact.timing.started_at, call.id)


def _walk(
    view: "Store", asked: Asked, cursor: Cursor | None, skip: int, needed: int, is_late: IsLate, *, goes_down: bool
) -> _Walk:
    """Reads calls from one end or a cursor on, until there are enough or it is late."""
    wanted = asked.wanted
    spans = _in_order(spans_of(view, _narrowed(asked, cursor, goes_down=goes_down)), goes_down=goes_down)
    if wanted.is_summed:
        spans, skip = from_the_first(spans, skip)
    spans = _fine(view, wanted, spans, newest_first=goes_down)
    if wanted.is_summed:
        spans, skip = from_the_first(spans, skip)
    found: list[Call] = []
    for start, end in _steps(spans, wanted):
        with closing((view.newest if goes_down else view.oldest)(start, end, wanted)) as calls:
            for call in calls:
                if cursor is not None and not _is_beyond(call, cursor, goes_down=goes_down):
                    continue
                if skip:
                    skip -= 1
                    continue
                found.append(call)
                if len(found) == needed:
                    return _Walk(found, None)
        if is_late():
            return _Walk(found, Cursor(start if goes_down else end, -1))
    return _Walk(found, None)


def _narrowed(asked: Asked, cursor: Cursor | None, *, goes_down: bool) -> Asked:
    if cursor is None:
        return asked
    if goes_down:
        return asked._replace(end=max(asked.start, min(asked.end, cursor.at + 1)))
    return asked._replace(start=min(asked.end, max(asked.start, cursor.at)))


def _is_beyond(call: "Call", cursor: Cursor, *, goes_down: bool) -> bool:
    place = (call.fact.timing.started_at, call.id)
    return place < cursor if goes_down else place > cursor


def _in_order(spans: list[Span], *, goes_down: bool) -> Iterable[Span]:
    return reversed(spans) if goes_down else spans


def _fine(view: "Store", wanted: "Wanted", spans: Iterable[Span], *, newest_first: bool) -> Iterator[Span]:
    if _is_looked_up(wanted):
        yield from (in_milliseconds(view, span) for span in spans)
        return
    for group in _groups(spans):
        days = [span.day for span in group if span.day is not None]
        yield from _in_order(fine_days(view, days, wanted) if days else group, goes_down=newest_first)


def _groups(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Days that are near each other, to be asked about together: one at first, then more and more."""
    group: list[Span] = []
    most = 1
    for span in spans:
        if group and not (len(group) < most and _are_near(group[0].day, span.day)):
            yield group
            group, most = [], min(most * 2, _DAYS_AT_ONCE)
        group.append(span)
    if group:
        yield group


def _are_near(day: int | None, other: int | None) -> bool:
    return day is not None and other is not None and abs(day - other) < _DAYS_AT_ONCE


def _is_looked_up(wanted: "Wanted") -> bool:
    """Whether an index passes over all other calls: then nothing is gained by knowing where they are."""
    return wanted.status not in (None, _USUAL_STATUS)


def _steps(spans: Iterable[Span], wanted: "Wanted") -> Iterator[tuple[int, int]]:
    """Stretches that hold the spans: those that touch are one, as far as it does not become too large.

    So are others where nothing lies between them.
    """
    named = (wanted.projects, wanted.session, wanted.access_token, wanted.account, wanted.user, wanted.source)
    has_empty_gaps = all(value is None for value in named) and wanted.model is None and wanted.success is None
    most = _AT_ONCE_BY_STATUS if _is_looked_up(wanted) else _AT_ONCE
    step: tuple[int, int] | None = None
    calls = 0
    for span in spans:
        if step is not None and (has_empty_gaps or touch(step, span)) and calls < most:
            step = (min(step[0], span.start), max(step[1], span.end))
            calls += span.calls
            continue
        if step is not None:
            yield step
        step, calls = (span.start, span.end), span.calls
    if step is not None:
        yield step


def _total(view: "Store", asked: Asked, least: int, is_late: IsLate) -> tuple[int, bool]:
    """How many calls there are, and whether that is exact: where no roll-up tells they are counted, within reason."""
    wanted = asked.wanted
    if wanted.is_summed:
        return sum_of(spans_of(view, asked)), True
    total = 0
    spans = _fine(view, wanted, reversed(spans_of(view, asked)), newest_first=True)
    for start, end in _steps(spans, wanted):
        if total >= _MOST_COUNTED or is_late():
            return max(total, least), False
        total += view.count(start, end, wanted)
    return total, True


def _ranked(view: "Store", asked: Asked, ranking: Ranking, place: Place, *, falling: bool) -> Requests:
    if place.after is not None or place.before is not None:
        raise UsageError(f"after and before go by time; turn the pages of a list by {ranking.value} with page")
    skip = place.page * place.limit
    if skip > _MOST_PASSED:
        raise UsageError(f"page is too deep for a list by {ranking.value}: narrow it to {_MOST_PASSED} rows")
    start, end, wanted = asked
    looked_at = sum_of(spans_of(view, asked))
    if looked_at > _MOST_RANKED:
        raise UsageError(
            f"a list by {ranking.value} looks at each of {looked_at:,} calls; narrow from_date and to_date or the "
            f"filters to {_MOST_RANKED:,}"
        )
    calls = view.ranked(start, end, wanted, ranking, skip + place.limit, falling=falling)[skip:]
    total = looked_at if wanted.is_summed else view.count(start, end, wanted)
    return Requests(calls, total, True, None, None)
