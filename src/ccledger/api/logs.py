"""Request logs over HTTP: `logs/requests` page by page, one by one, all at once, and letting go; it chooses no rows."""

import time
from collections.abc import Callable, Generator
from datetime import tzinfo
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

from litestar import Request, Router, delete, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Struct
from msgspec.structs import replace

from ccledger.api.guards import administrators_only, is_administrator
from ccledger.api.history import AS_IT_IS, sent
from ccledger.api.stats import Timezone
from ccledger.api.system import Transcripts
from ccledger.core.access import Mode
from ccledger.core.errors import UsageError
from ccledger.core.periods import moment, zone
from ccledger.ledger.retention import horizon_of, let_go
from ccledger.ledger.store import Wanted
from ccledger.stats.export import Format, encode
from ccledger.stats.history import wanted_calls
from ccledger.stats.pricing import Prices
from ccledger.stats.ranges import read_ends, read_range
from ccledger.stats.recent import RecentRequests, recent_requests
from ccledger.stats.request_rows import (
    REQUESTS,
    RequestDetail,
    RequestLog,
    Titles,
    request_detail,
    request_log,
    without_quotes,
)
from ccledger.stats.requests import MOST_ROWS, Place, every_request, list_requests, read_sort
from ccledger.stats.spans import Asked
from ccledger.stats.words import about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_AnyRow = TypeVar("_AnyRow", bound=RequestLog)

_PATIENCE_SECONDS = 0.012
"""How long calls are looked for that no roll-up tells of."""
_MOST_PAGES = 1 << 40
_MOST_DAYS = 36_600
_SOURCES = ("transcript", "gateway", "runner")
_MODES = (Mode.API.value, Mode.WEB.value)
_STATUSES = range(100, 600)
_MEDIA_TYPES = {Format.CSV: "text/csv", Format.JSON: "application/json", Format.JSONL: "application/x-ndjson"}


def _only(what: str) -> QueryParameter:
    return QueryParameter(description=f"Only calls {what}.")


_Text = str | None
_TokenId = Annotated[_Text, _only("made with the access token of this id")]
_AccountId = Annotated[_Text, _only("that the account of this id served")]
_UserName = Annotated[_Text, _only("of this user")]
_Mode = Annotated[_Text, _only("of this mode: api or web")]
_Model = Annotated[_Text, _only("of this model")]
_Success = Annotated[bool | None, _only("that ended well (true), or did not (false)")]
_Status = Annotated[int | None, _only("answered with this HTTP status")]
_Session = Annotated[_Text, _only("of this session")]
_Project = Annotated[_Text, _only("of this project: its path, the last part of it, or its folder's name")]
_Source = Annotated[
    _Text, QueryParameter(description="Only calls of this source.", schema_extra={"enum": list(_SOURCES)})
]
_Endpoint = Annotated[_Text, _only("of this endpoint: messages, chat, count_tokens, models or another path")]
_FromDate = Annotated[_Text, QueryParameter(description="First date or time. Without it: from the first call on.")]
_ToDate = Annotated[
    _Text, QueryParameter(description="Last date, included, or the time before which calls count. Without it: all.")
]
_Sort = Annotated[
    str,
    QueryParameter(
        description="time, status, tokens or cost; with a minus the newest or largest first. All but time look at "
        "each call, so they take short times only."
    ),
]
_PageNumber = Annotated[int, QueryParameter(description="Which page, from 0.", schema_extra={"minimum": 0})]
_Limit = Annotated[
    int,
    QueryParameter(description=f"Rows of a page; more than {MOST_ROWS} are {MOST_ROWS}.", schema_extra={"minimum": 1}),
]
_After = Annotated[
    _Text, QueryParameter(description="A call's id, or what an answer gave as `next`; instead of `page`.")
]
_Before = Annotated[
    _Text, QueryParameter(description="A call's id, or what an answer gave as `previous`; instead of `page`.")
]
_Days = Annotated[int, QueryParameter(description="How many days, today included.", schema_extra={"minimum": 1})]
_KeptDays = Annotated[
    int, QueryParameter(description="Calls of today and so many days before it stay.", schema_extra={"minimum": 1})
]


_RequestId = Annotated[str, PathParameter(description="The id of a call.")]
_Form = Annotated[
    str, QueryParameter(name="format", description="csv, json or jsonl.", schema_extra={"enum": [*Format]})
]


class RequestLogs(Struct, frozen=True):
    """A page of calls."""

    logs: list[RequestLog]
    total: Annotated[int, about("Rows of the whole list; at least so many where `total_is_exact` is false.")]
    total_is_exact: bool
    page: Annotated[int | None, about("As it was used; null with `after` or `before`.")]
    limit: Annotated[int, about("As it was used.")]
    next: Annotated[
        str | None,
        about("For `after`: the rest. There may be one after fewer rows than `limit`: more time is needed to look."),
    ]
    previous: Annotated[str | None, about("For `before`: the rows that come first.")]


class LetGo(Struct, frozen=True):
    """What was deleted. Sums, trends and totals keep it."""

    deleted: Annotated[int, about("Calls that were removed.")]
    days: int


class _Filter(NamedTuple):
    """Which calls a request is about, in its words."""

    stretch: tuple[int, int]
    tz: tzinfo
    wanted: Wanted
    project: str | None

    def look_up(self, store: "Store") -> Asked:
        """The same in the ledger's words."""
        projects = wanted_calls(store, None, self.project, None).projects
        return Asked(*self.stretch, self.wanted._replace(projects=projects))


_Chosen = NamedDependency[_Filter]


def log_routes(
    store: "Store",
    prices: Prices,
    titles: Titles,
    transcripts: Transcripts,
    now: Callable[[], int],
    default_zone: str,
) -> list[Any]:
    """`logs/requests`, `logs/requests/{id}`, `logs/requests/export`, `logs/requests/old`, and `stats/requests`."""

    @get("/logs/requests/{request_id:str}", operation_id="getRequest", sync_to_thread=True)
    def logs_request(request: Request[Any, Any, Any], request_id: _RequestId) -> RequestDetail:
        """One call, and how its cost came about."""
        call = store.call(int(request_id)) if _is_id(request_id) else None
        if call is None:
            raise NotFoundException(f"there is no call {request_id!r}; it may have been deleted")
        return _told(request)(request_detail(call, titles, prices.book()))

    @delete(
        "/logs/requests/old",
        operation_id="deleteOldRequests",
        guards=[administrators_only],
        status_code=HTTPStatus.OK,
        sync_to_thread=True,
    )
    def logs_old(days: _KeptDays = 90) -> LetGo:
        """Deletes calls that are older than so many days. Sums keep what they were."""
        if not 1 <= days <= _MOST_DAYS:
            raise UsageError(f"days is 1 to {_MOST_DAYS}, not {days}")
        if transcripts.state().state == "importing":
            raise HTTPException("transcripts are still being read; try again in a moment", status_code=409)
        return LetGo(let_go(store, horizon_of(now(), zone(store.zone()), days)), days)

    @get("/stats/requests", operation_id="getRecentRequests", sync_to_thread=True)
    def stats_requests(
        request: Request[Any, Any, Any], days: _Days = 7, timezone: Timezone = None, source: _Source = None
    ) -> RecentRequests:
        """How the last days went, call by call: today, every day, and the newest calls."""
        asked = read_range(None, None, days, timezone or default_zone, now())
        found = recent_requests(store, asked, _read_source(source), titles)
        return replace(found, latest=[*map(_told(request), found.latest)])

    return [_list_routes(store, titles, now, default_zone), logs_request, logs_old, stats_requests]


def _list_routes(store: "Store", titles: Titles, now: Callable[[], int], default_zone: str) -> Router:
    @get("/logs/requests", operation_id="getRequests", sync_to_thread=True)
    def logs_requests(
        request: Request[Any, Any, Any],
        chosen: _Chosen,
        sort: _Sort = "-time",
        page: _PageNumber = 0,
        limit: _Limit = 50,
        after: _After = None,
        before: _Before = None,
    ) -> RequestLogs:
        """Calls with everything that is known of them, a page at a time."""
        place = _read_place(page, limit, after, before)
        found = list_requests(store, chosen.look_up(store), read_sort(sort), place, _patience())
        return RequestLogs(
            [_told(request)(request_log(call, titles)) for call in found.calls],
            found.total,
            found.total_is_exact,
            None if place.after or place.before else place.page,
            place.limit,
            found.next,
            found.previous,
        )

    @get("/logs/requests/export", operation_id="exportRequests", opt={AS_IT_IS: True}, sync_to_thread=False)
    def logs_export(request: Request[Any, Any, Any], chosen: _Chosen, form: _Form = "csv") -> Stream:
        """All these calls as a file, newest first, without a limit."""
        kind = _read_form(form)
        name = f"ccledger-requests-{moment(now()).astimezone(chosen.tz).date()}.{kind}"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        rows = _Rows(store, chosen, titles, _told(request))
        return Stream(sent(rows.pieces(kind)), headers=headers, media_type=_MEDIA_TYPES[kind])

    readers = {"party": _read_party, "wanted": _read_place_of_call, "chosen": _filter_reader(default_zone)}
    dependencies = {name: Provide(read, sync_to_thread=False) for name, read in readers.items()}
    handlers = [logs_requests, logs_export]
    return Router("", route_handlers=handlers, dependencies=dependencies, before_request=_drop_empty)


def _drop_empty(request: Request[Any, Any, Any]) -> None:
    """Takes parameters that say nothing out of the question: forms send every field, empty ones too."""
    given: bytes = request.scope["query_string"]
    request.scope["query_string"] = b"&".join(part for part in given.split(b"&") if part.partition(b"=")[2])


def _read_party(
    token_id: _TokenId = None, account_id: _AccountId = None, user_name: _UserName = None, mode: _Mode = None
) -> Wanted:
    return Wanted(
        access_token=token_id or None, account=account_id or None, user=user_name or None, mode=_read_mode(mode)
    )


def _read_place_of_call(
    party: NamedDependency[Wanted],
    model: _Model = None,
    session: _Session = None,
    source: _Source = None,
    endpoint: _Endpoint = None,
) -> Wanted:
    model = None if model == "all" else model
    return party._replace(
        model=model or None, session=session or None, source=_read_source(source), endpoint=endpoint or None
    )


def _filter_reader(default_zone: str) -> Callable[..., _Filter]:
    def read_filter(
        wanted: NamedDependency[Wanted],
        project: _Project = None,
        status: _Status = None,
        success: _Success = None,
        from_date: _FromDate = None,
        to_date: _ToDate = None,
        timezone: Timezone = None,
    ) -> _Filter:
        name = timezone or default_zone
        stretch = read_ends(from_date, to_date, ("from_date", "to_date"), name)
        return _Filter(
            stretch, zone(name), wanted._replace(status=_read_status(status), success=success), project or None
        )

    return read_filter


def _read_mode(text: str | None) -> str | None:
    if text and text not in _MODES:
        raise UsageError(f"mode is {' or '.join(_MODES)}, not {text!r}")
    return text or None


def _read_status(status: int | None) -> int | None:
    if status is not None and status not in _STATUSES:
        raise UsageError(f"status is an HTTP status, {_STATUSES[0]} to {_STATUSES[-1]}, not {status}")
    return status


def _read_source(text: str | None) -> str | None:
    if text and text not in _SOURCES:
        raise UsageError(f"source is {', '.join(_SOURCES)}, not {text!r}")
    return text or None


def _read_form(text: str) -> Format:
    if text not in set(Format):
        raise UsageError(f"format is {', '.join(Format)}, not {text!r}")
    return Format(text)


def _read_place(page: int, limit: int, after: str | None, before: str | None) -> Place:
    if limit < 1:
        raise UsageError(f"limit is 1 to {MOST_ROWS}, not {limit}")
    if not 0 <= page <= _MOST_PAGES:
        raise UsageError(f"page is a whole number from 0, not {page}")
    if (after and before) or (page and (after or before)):
        raise UsageError("page, after and before each say where to begin; give one of them")
    return Place(page, min(limit, MOST_ROWS), after or None, before or None)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 1 << 63


def _patience() -> Callable[[], bool]:
    until = time.monotonic() + _PATIENCE_SECONDS
    return lambda: time.monotonic() >= until


def _told(request: Request[Any, Any, Any]) -> "Callable[[_AnyRow], _AnyRow]":
    """How a row is told to whoever asks."""
    return _whole if is_administrator({**request.scope}) else without_quotes


def _whole(row: "_AnyRow") -> "_AnyRow":
    return row


class _Rows(NamedTuple):
    """The rows of an export."""

    store: "Store"
    chosen: _Filter
    titles: Titles
    told: Callable[[RequestLog], RequestLog]

    def pieces(self, form: Format) -> Generator[bytes]:
        """The file, a piece at a time, of calls of one moment."""
        with self.store.snapshot() as view:
            calls = every_request(view, self.chosen.look_up(view))
            yield from encode(form, (self.told(request_log(call, self.titles)) for call in calls), REQUESTS)
