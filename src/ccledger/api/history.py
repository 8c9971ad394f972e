"""Calls over HTTP: `stats/history` page by page, `export/…` all at once; it chooses no rows itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Struct

from ccledger.api.ranges import AskedRange, asked_range
from ccledger.core.errors import UsageError
from ccledger.core.periods import moment
from ccledger.stats.export import CALLS, Format, encode
from ccledger.stats.history import (
    MOST_ROWS,
    Asked,
    CallRow,
    Page,
    cursor_text,
    every_call,
    page_after,
    page_before,
    page_by_number,
    read_cursor,
    wanted_calls,
)
from ccledger.stats.ranges import Range
from ccledger.stats.words import about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_MOST_PAGES = 1 << 40

Model = Annotated[str | None, QueryParameter(description="Only this model; `all`, as nothing, is every model.")]
Project = Annotated[
    str | None, QueryParameter(description="Only this project: its path, the last part of it, or its folder's name.")
]
Session = Annotated[str | None, QueryParameter(description="Only this session.")]
PageNumber = Annotated[
    int | None, QueryParameter(description="Which page, from 1; without it the first.", schema_extra={"minimum": 1})
]
Limit = Annotated[int, QueryParameter(description="Rows of a page.", schema_extra={"minimum": 1, "maximum": MOST_ROWS})]
After = Annotated[str | None, QueryParameter(description="What an answer gave as `next`, instead of `page`.")]
Before = Annotated[str | None, QueryParameter(description="What an answer gave as `previous`, instead of `page`.")]


AS_IT_IS = "as_it_is"
"""Marks routes whose answers are not compressed on their way: they stream, or lie there compressed."""


class Pagination(Struct, frozen=True):
    """Where a page is in its list. One goes on by number, or from its ends, which no new call moves."""

    page: Annotated[int | None, about("Its number; null when it was asked for with `after` or `before`.")]
    limit: int
    total: Annotated[int, about("Rows of the whole list.")]
    total_pages: int
    after: Annotated[str | None, about("As it was asked for.")]
    before: Annotated[str | None, about("As it was asked for.")]
    next: Annotated[str | None, about("For `after`: the older rows. Null when there are none.")]
    previous: Annotated[str | None, about("For `before`: the newer rows. Null when there are none.")]


class History(Struct, frozen=True):
    """Calls, newest first."""

    data: list[CallRow]
    pagination: Pagination


class _Filter(NamedTuple):
    """Which calls a request is about."""

    time: Range
    model: str | None
    project: str | None
    session: str | None

    def look_up(self, store: "Store") -> Asked:
        """The same in the ledger's words."""
        wanted = wanted_calls(store, self.model, self.project, self.session)
        return Asked(self.time.start, self.time.end, wanted)


_Chosen = NamedDependency[_Filter]


class _Place(NamedTuple):
    """Which part of a list a request is about."""

    page: int | None
    limit: int
    after: str | None
    before: str | None


def history_routes(store: "Store", now: Callable[[], int], default_zone: str) -> list[Any]:
    """`stats/history` and `export/csv`, `export/json`, `export/jsonl`."""

    def read_filter(
        asked: AskedRange, model: Model = None, project: Project = None, session: Session = None
    ) -> _Filter:
        return _Filter(asked, model or None, project or None, session or None)

    @get("/stats/history", operation_id="getHistory", sync_to_thread=True)
    def stats_history(
        chosen: _Chosen, page: PageNumber = None, limit: Limit = 50, after: After = None, before: Before = None
    ) -> History:
        """The calls themselves, newest first, a page at a time."""
        place = _read_place(page, limit, after, before)
        return _history(place, _look_up(store, chosen.look_up(store), place))

    @get("/export/csv", operation_id="exportCsv", opt={AS_IT_IS: True}, media_type="text/csv", sync_to_thread=False)
    def export_csv(chosen: _Chosen) -> Stream:
        """All calls as CSV, newest first, without a limit."""
        return _download(store, chosen, Format.CSV, "text/csv")

    @get("/export/json", operation_id="exportJson", opt={AS_IT_IS: True}, sync_to_thread=False)
    def export_json(chosen: _Chosen) -> Stream:
        """All calls as one JSON array, newest first, without a limit."""
        return _download(store, chosen, Format.JSON, "application/json")

    @get(
        "/export/jsonl",
        operation_id="exportJsonLines",
        opt={AS_IT_IS: True},
        media_type="application/x-ndjson",
        sync_to_thread=False,
    )
    def export_jsonl(chosen: _Chosen) -> Stream:
        """All calls as JSON, one a line, newest first, without a limit."""
        return _download(store, chosen, Format.JSONL, "application/x-ndjson")

    handlers = [stats_history, export_csv, export_json, export_jsonl]
    dependencies = {"asked": asked_range(now, default_zone), "chosen": Provide(read_filter, sync_to_thread=False)}
    return [Router("", route_handlers=handlers, dependencies=dependencies)]


def _read_place(page: int | None, limit: int, after: str | None, before: str | None) -> _Place:
    if not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"limit is 1 to {MOST_ROWS}, not {limit}")
    if sum(given is not None for given in (page, after, before)) > 1:
        raise UsageError("page, after and before each say where to begin; give one of them")
    if page is not None and not 1 <= page <= _MOST_PAGES:
        raise UsageError(f"page is a whole number from 1, not {page}")
    return _Place(1 if after is None and before is None and page is None else page, limit, after, before)


def _look_up(store: "Store", asked: Asked, place: _Place) -> Page:
    if place.after is not None:
        return page_after(store, asked, read_cursor(place.after), place.limit)
    if place.before is not None:
        return page_before(store, asked, read_cursor(place.before), place.limit)
    return page_by_number(store, asked, place.page or 1, place.limit)


def _history(place: _Place, found: Page) -> History:
    pagination = Pagination(
        page=place.page,
        limit=place.limit,
        total=found.total,
        total_pages=-(-found.total // place.limit),
        after=place.after,
        before=place.before,
        next=None if found.next is None else cursor_text(found.next),
        previous=None if found.previous is None else cursor_text(found.previous),
    )
    return History(found.rows, pagination)


def _download(store: "Store", chosen: _Filter, form: Format, media_type: str) -> Stream:
    name = f"ccledger-{file_range(chosen.time)}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Stream(sent(_pieces(store, chosen, form)), headers=headers, media_type=media_type)


def file_range(time: Range) -> str:
    """A range as a part of a file's name: its first and last day."""
    first, last = (moment(ms).astimezone(time.tz).date() for ms in (time.start, time.end - 1))
    return f"{first}-to-{last}"


def _pieces(store: "Store", chosen: _Filter, form: Format) -> Generator[bytes]:
    with store.snapshot() as view:
        yield from encode(form, every_call(view, chosen.look_up(view)), CALLS)


async def sent(pieces: Generator[bytes]) -> AsyncGenerator[bytes]:
    """The pieces of a download, each made when the client has taken the one before.

    They are made in a thread of their own, which also puts the ledger's snapshot away, whenever and however this ends:
    the client may be gone while a piece is in the making.
    """
    own = ThreadPoolExecutor(1, "export")
    loop = asyncio.get_running_loop()
    try:
        while piece := await loop.run_in_executor(own, next, pieces, b""):
            yield piece
    finally:
        own.submit(pieces.close)
        own.shutdown(wait=False)
