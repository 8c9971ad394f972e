"""The calls themselves, one row each, newest first: pages of them, and all of them; it only reads.

A page is found through the counts of days and quarter-hours, so that the last one costs no more than the first.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BrokenBase64
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice
from struct import Struct as Form
from typing import TYPE_CHECKING, Annotated, NamedTuple

from msgspec import Struct

from ccledger.core.call import Origin, Source, Usage
from ccledger.core.errors import UsageError
from ccledger.core.money import usd
from ccledger.core.periods import iso
from ccledger.ledger.store import Wanted
from ccledger.stats.report import is_project
from ccledger.stats.spans import Asked, Span, fine_spans, from_the_first, kept, spans_of, sum_of, touch
from ccledger.stats.words import Moment, Nano, about, nano_text

if TYPE_CHECKING:
    from ccledger.core.call import Call
    from ccledger.ledger.store import Store

MOST_ROWS = 100
"""Of a page."""
_ALL_MODELS = "all"
_CURSOR = Form(">qq")
_NEVER = 1 << 62
"""No call starts then, and calculating with later times leads out of what a store can compare."""
SOURCE_NAMES = {source.value: source.name.lower() for source in Source}
"""What sources are called, by number."""
_NO_USAGE = Usage()
ORIGINS = {origin.value: origin.name.lower() for origin in Origin}
"""What origins are called, by number."""

_Read = Callable[[int, int, Wanted, int], "Generator[Call]"]


class CallRow(Struct, frozen=True, gc=False):
    """One call: a request to a model, with its answer."""

    id: Annotated[str, about("The call's number in the ledger; it never changes.")]
    timestamp: Annotated[Moment, about("When it started.")]
    model: Annotated[str, about("Empty when nobody has seen what the call used.")]
    input_tokens: int
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_creation_tokens: Annotated[int, about("Both kinds of cache writes.")]
    cache_read_tokens: int
    total_tokens: Annotated[int, about("Every token, cache included.")]
    total_cost: Annotated[float | None, about("In USD; null when the model has no price.")]
    total_cost_nano: Annotated[Nano | None, about("The same exactly, in nano-USD.")]
    session_id: str | None
    project: str | None
    source: Annotated[str, about("Who knows best when it ran: transcript, gateway or runner.")]
    origin: Annotated[str, about("How the counts are known: measured, estimated or unknown.")]


class Cursor(NamedTuple):
    """A place in the order of calls: when one started, and its id."""

    at: int
    id: int


class Page(NamedTuple):
    """A part of a list, and what lies beside it."""

    rows: list[CallRow]
    total: int
    """Calls in the whole list."""
    next: Cursor | None
    """Where the older ones begin; None where there are none."""
    previous: Cursor | None
    """Where the newer ones end."""


def wanted_calls(store: "Store", model: str | None, project: str | None, session: str | None) -> Wanted:
    """What a person asks for by names: a project by its path, the end of it, or its folder; `all` is every model."""
    projects = None
    if project is not None:
        projects = frozenset(known for known in store.projects() if is_project(project, *known))
    return Wanted(None if model == _ALL_MODELS else model, projects, session)


def page_by_number(store: "Store", asked: Asked, page: int, limit: int) -> Page:
    """The page of that number; the first one is 1."""
    skip = (page - 1) * limit
    with store.snapshot() as view:
        asked = kept(view, asked)
        spans = spans_of(view, asked)
        calls = _newest(view, asked.wanted, spans, skip, limit)
    total = sum_of(spans)
    return _page(calls, total, newer=page > 1, older=skip + len(calls) < total)


def page_after(store: "Store", asked: Asked, cursor: Cursor, limit: int) -> Page:
    """The calls that come after one in the list: the next older ones."""
    with store.snapshot() as view:
        asked = kept(view, asked)
        rest = asked._replace(end=max(asked.start, min(asked.end, cursor.at + 1)))
        passed = sum(call.id >= cursor.id for call in view.newest(cursor.at, rest.end, asked.wanted))
        calls = _newest(view, asked.wanted, spans_of(view, rest), passed, limit + 1)
        total = sum_of(spans_of(view, asked))
    return _page(calls[:limit], total, newer=True, older=len(calls) > limit)


def page_before(store: "Store", asked: Asked, cursor: Cursor, limit: int) -> Page:
    """The calls that come before one in the list: the next newer ones, newest first as always."""
    with store.snapshot() as view:
        asked = kept(view, asked)
        rest = asked._replace(start=min(asked.end, max(asked.start, cursor.at)))
        passed = sum(call.id <= cursor.id for call in view.oldest(rest.start, cursor.at + 1, asked.wanted))
        calls = _oldest(view, asked.wanted, spans_of(view, rest), passed, limit + 1)
        total = sum_of(spans_of(view, asked))
    return _page(calls[:limit][::-1], total, newer=len(calls) > limit, older=True)


def every_call(view: "Store", asked: Asked) -> Iterator[CallRow]:
    """All of them, newest first, read one by one. Given a snapshot, they are those of one moment."""
    start, end, wanted = kept(view, asked)
    return map(_row, view.newest(start, end, wanted))


def how_many(view: "Store", asked: Asked) -> int:
    """How many calls are meant."""
    return sum_of(spans_of(view, kept(view, asked)))


def cursor_text(cursor: Cursor) -> str:
    """A cursor as clients keep it; nothing is to be read from it."""
    return urlsafe_b64encode(_CURSOR.pack(*cursor)).rstrip(b"=").decode()


def read_cursor(text: str) -> Cursor:
    """The inverse of `cursor_text`. Raises `UsageError` for a text that never was one."""
    try:
        packed = urlsafe_b64decode(text.encode("ascii") + b"==")
        if len(packed) == _CURSOR.size and abs((cursor := Cursor(*_CURSOR.unpack(packed))).at) < _NEVER:
            return cursor
    except (BrokenBase64, UnicodeEncodeError):
        pass
    raise UsageError(f"after and before take what an answer gave as next or previous, not {text!r}")


def _page(calls: "list[Call]", total: int, *, newer: bool, older: bool) -> Page:
    following = _cursor(calls[-1]) if calls and older else None
    preceding = _cursor(calls[0]) if calls and newer else None
    return Page([_row(call) for call in calls], total, following, preceding)


def _cursor(call: "Call") -> Cursor:
    return Cursor(call.fact.timing.started_at, call.id)


def _row(call: "Call") -> CallRow:
    fact, cost = call.fact, None if call.cost is None else call.cost.total
    reading, place = fact.reading, fact.place
    plain, output, write_5m, write_1h, read, _ = _NO_USAGE if reading is None else reading.usage
    return CallRow(
        id=str(call.id),
        timestamp=iso(fact.timing.started_at),
        model="" if reading is None else reading.model,
        input_tokens=plain,
        output_tokens=output,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        cache_creation_tokens=write_5m + write_1h,
        cache_read_tokens=read,
        total_tokens=plain + output + write_5m + write_1h + read,
        total_cost=None if cost is None else usd(cost),
        total_cost_nano=nano_text(cost),
        session_id=None if place is None else place.session,
        project=None if place is None else place.project or place.folder,
        source=SOURCE_NAMES[fact.timing.source],
        origin=ORIGINS[origin_of(call)],
    )


def origin_of(call: "Call") -> int:
    """How the counts of a call are known."""
    reading = call.fact.reading
    return Origin.UNKNOWN if reading is None else reading.origin


def _newest(view: "Store", wanted: Wanted, spans: list[Span], skip: int, limit: int) -> "list[Call]":
    coarse, skip = from_the_first(reversed(spans), skip)
    fine, skip = from_the_first((part for span in coarse for part in reversed(fine_spans(view, span, wanted))), skip)
    return _read(view.newest, wanted, _runs(fine, skip + limit), skip, limit)


def _oldest(view: "Store", wanted: Wanted, spans: list[Span], skip: int, limit: int) -> "list[Call]":
    coarse, skip = from_the_first(spans, skip)
    fine, skip = from_the_first((part for span in coarse for part in fine_spans(view, span, wanted)), skip)
    return _read(view.oldest, wanted, _runs(fine, skip + limit), skip, limit)


def _runs(spans: Iterable[Span], needed: int) -> list[tuple[int, int]]:
    """The stretches that hold the first `needed` calls; spans that touch are one."""
    runs: list[tuple[int, int]] = []
    for span in spans:
        start, end = runs.pop() if runs and touch(runs[-1], span) else (span.start, span.end)
        runs.append((min(start, span.start), max(end, span.end)))
        needed -= span.calls
        if needed <= 0:
            break
    return runs


def _read(read: _Read, wanted: Wanted, runs: list[tuple[int, int]], skip: int, limit: int) -> "list[Call]":
    found: list[Call] = []
    for start, end in runs:
        with closing(read(start, end, wanted, skip)) as calls:
            found += islice(calls, limit - len(found))
        skip = 0
    return found
