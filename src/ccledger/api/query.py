"""`stats/query`: reads the words of a question and writes those of its answer; it adds nothing up itself."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from litestar import get
from litestar.params import QueryParameter
from msgspec import UNSET, Struct, UnsetType, defstruct, field

from ccledger.api.ranges import AskedRange, asked_range
from ccledger.core.errors import UsageError
from ccledger.core.measures import Axis, Cut, Measures
from ccledger.core.periods import iso
from ccledger.stats.query import Answer, Question, Row, answer
from ccledger.stats.ranges import Bucketing
from ccledger.stats.words import METRICS, Moment, Totals, about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_MOST_GROUPS = 1000
_AXES = [axis.value for axis in Axis]
_GRAINS = [bucketing.value for bucketing in Bucketing]

if TYPE_CHECKING:
    SomeTotals = Totals
else:
    SomeTotals = defstruct(
        "SomeTotals",
        [(name, kind | UnsetType, UNSET) for name, kind in get_type_hints(Totals, include_extras=True).items()],
        namespace={"__doc__": "Those fields of `Totals` that were asked for."},
        frozen=True,
        kw_only=True,
    )


class QueryRow(SomeTotals, frozen=True, kw_only=True):
    """What one group spent, in one span of time where there is a grain. Of the axes, those of `group_by` are there.

    The value on an axis is null for calls that have none.
    """

    start: Annotated[Moment | UnsetType, about("When the span begins.")] = UNSET
    model: str | UnsetType | None = UNSET
    project: str | UnsetType | None = UNSET
    session: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET
    access_token: str | UnsetType | None = UNSET
    account: str | UnsetType | None = UNSET
    user: str | UnsetType | None = UNSET
    previous: Annotated[SomeTotals | UnsetType, about("The same group and span of the range before.")] = UNSET


class QueryAnswer(Struct, frozen=True):
    """What a question found."""

    timezone: str
    from_: Annotated[Moment, about("The first moment that counts.")] = field(name="from")
    to: Annotated[Moment, about("The moment before which everything counts.")]
    grain: Literal["none", "hour", "day", "week", "month"]
    group_by: list[str]
    rows: Annotated[
        list[QueryRow],
        about(
            "By group in the order asked for, then by time. Without groups every span is there, else those with calls."
        ),
    ]
    totals: Annotated[SomeTotals, about("All calls that were asked about, those beyond the limit included.")]
    previous_from: Moment | UnsetType = UNSET
    previous_to: Moment | UnsetType = UNSET
    previous_totals: SomeTotals | UnsetType = UNSET
    rest: Annotated[QueryRow | UnsetType, about("What the groups beyond the limit spent together.")] = UNSET
    rest_rows: Annotated[list[QueryRow] | UnsetType, about("The same by time, where there is a grain.")] = UNSET


_GroupBy = Annotated[
    str, QueryParameter(description=f"What to tell calls apart by, with commas between: {', '.join(_AXES)}.")
]
_Filter = Annotated[
    list[str] | None,
    QueryParameter(
        name="filter",
        description="Which calls: `model:claude-opus-5`, or `-project:/home/x` for all others; may be repeated. "
        "Several values of one field are alternatives, different fields must all fit; nothing after the colon means "
        "calls that have no value.",
    ),
]
_Metrics = Annotated[str, QueryParameter(description="Fields of `Totals` with commas between. Without it: all.")]
_Grain = Annotated[
    str,
    QueryParameter(
        description="Spans of time to tell apart, by the clock and calendar of the time zone; weeks begin on Monday.",
        schema_extra={"enum": _GRAINS},
    ),
]
_Order = Annotated[
    str, QueryParameter(description="A field of `Totals` or of `group_by`; with a minus the largest first.")
]
_Limit = Annotated[
    int,
    QueryParameter(
        description="So many groups; the others come together as `rest`.",
        schema_extra={"minimum": 1, "maximum": _MOST_GROUPS},
    ),
]
_Compare = Annotated[
    str | None,
    QueryParameter(
        description="`previous`: every row also says what it was in the range of the same length just before.",
        schema_extra={"enum": ["previous"]},
    ),
]


def query_routes(store: "Store", now: Callable[[], int], default_zone: str) -> list[Any]:
    """`stats/query`."""

    @get(
        "/stats/query",
        operation_id="getQuery",
        sync_to_thread=True,
        dependencies={"asked": asked_range(now, default_zone)},
    )
    def stats_query(
        asked: AskedRange,
        group_by: _GroupBy = "",
        filters: _Filter = None,
        metrics: _Metrics = "",
        grain: _Grain = "none",
        order: _Order = "-total_cost",
        limit: _Limit = 100,
        compare: _Compare = None,
    ) -> QueryAnswer:
        """What was spent, by anything, of any calls, in any range."""
        axes = _read_axes(group_by)
        only, without = read_filters(filters or ())
        question = Question(
            asked,
            Cut(axes, only, without),
            _read_grain(grain),
            _read_metrics(metrics),
            _read_order(order, axes),
            _read_limit(limit),
            _read_compare(compare),
        )
        return _encode(answer(store, question))

    return [stats_query]


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _read_axes(text: str) -> tuple[Axis, ...]:
    words = _words(text)
    if unknown := [word for word in words if word not in _AXES]:
        raise UsageError(f"group_by takes {', '.join(_AXES)}, not {unknown[0]!r}")
    return tuple(map(Axis, words))


def read_filters(texts: Iterable[str]) -> tuple[dict[Axis, frozenset[str]], dict[Axis, frozenset[str]]]:
    """What calls must have, and what they must not, by axis, from texts such as `model:x` and `-project:/y`.

    Raises `UsageError` for anything else.
    """
    only: dict[Axis, frozenset[str]] = {}
    without: dict[Axis, frozenset[str]] = {}
    for text in texts:
        name, colon, value = text.removeprefix("-").partition(":")
        if not colon or name not in _AXES:
            raise UsageError(
                f"filter is a field and a value such as model:claude-opus-5, with a minus to exclude; the fields are "
                f"{', '.join(_AXES)}; {text!r} is none of that"
            )
        into = without if text.startswith("-") else only
        into[Axis(name)] = into.get(Axis(name), frozenset()) | {value}
    return only, without


def _read_grain(text: str) -> Bucketing:
    if text not in _GRAINS:
        raise UsageError(f"grain is {', '.join(_GRAINS)}, not {text!r}")
    return Bucketing(text)


def _read_metrics(text: str) -> tuple[str, ...]:
    words = _words(text)
    if unknown := [word for word in words if word not in METRICS]:
        raise UsageError(f"metrics takes {', '.join(METRICS)}, not {unknown[0]!r}")
    return tuple(words) or tuple(METRICS)


def _read_order(text: str, axes: Sequence[Axis]) -> str:
    if text.removeprefix("-") not in (*METRICS, *axes):
        raise UsageError(f"order is a metric or a field of group_by, with a minus for the largest first, not {text!r}")
    return text


def _read_limit(limit: int) -> int:
    if not 1 <= limit <= _MOST_GROUPS:
        raise UsageError(f"limit is 1 to {_MOST_GROUPS}, not {limit}")
    return limit


def _read_compare(text: str | None) -> bool:
    if text not in (None, "", "previous"):
        raise UsageError(f"compare is 'previous' or left out, not {text!r}")
    return bool(text)


def _encode(found: Answer) -> QueryAnswer:
    question = found.question
    asked, earlier = question.range, found.previous_range
    has_grain = question.bucketing is not Bucketing.NONE
    moments = {start: iso(start) for start in {row.start for row in (*found.rows, *found.rest)}}
    readers = [(name, METRICS[name]) for name in question.metrics]

    def metrics(measures: Measures) -> dict[str, Any]:
        return {name: read(measures) for name, read in readers}

    def row(each: Row, *, timed: bool) -> QueryRow:
        words: dict[str, Any] = dict(zip(question.cut.by, [value or None for value in each.values], strict=False))
        if timed:
            words["start"] = moments[each.start]
        if earlier is not None:
            words["previous"] = SomeTotals(**metrics(each.previous))
        return QueryRow(**words, **metrics(each.measures))

    return QueryAnswer(
        timezone=asked.zone_name,
        from_=iso(asked.start),
        to=iso(asked.end),
        grain=question.bucketing.value,
        group_by=[axis.value for axis in question.cut.by],
        rows=[row(each, timed=has_grain) for each in found.rows],
        totals=SomeTotals(**metrics(found.whole.measures)),
        previous_from=UNSET if earlier is None else iso(earlier.start),
        previous_to=UNSET if earlier is None else iso(earlier.end),
        previous_totals=UNSET if earlier is None else SomeTotals(**metrics(found.whole.previous)),
        rest=row(found.rest[0], timed=False) if found.rest else UNSET,
        rest_rows=[row(each, timed=True) for each in found.rest[1:]] if found.rest and has_grain else UNSET,
    )
