"""No question looks at every row: each finds what it needs by an index, whether its values are known or not."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any, NamedTuple

import pytest

from ccledger.core.call import Exchange, Fact, Outcome, Party, Place, Reading, Source, Timing, Usage
from ccledger.core.measures import Axis
from ccledger.ledger.ids import FIRST_MS
from ccledger.ledger.postgresql import questions
from ccledger.ledger.postgresql.history import first_id
from ccledger.ledger.postgresql.link import Link, Row
from ccledger.ledger.postgresql.opening import address_of
from ccledger.ledger.rows import COLUMNS
from ccledger.ledger.store import Ranking, open_store
from tests.conformance.stores import price
from tests.postgres import execute, fetch, fresh_database

DAY_MS = 86_400_000
BEGIN = 20_454 * DAY_MS
"""The first of January 2026."""
DAYS, CALLS = 200, 12_000
START, END = BEGIN + 40 * DAY_MS, BEGIN + 41 * DAY_MS
"""A day in the second of its months."""
LARGE = ("request_logs", "usage_rollup", "usage_day", "usage_month", "call_key")
"""Tables that grow with the calls."""
AXES = (Axis.ACCESS_TOKEN, Axis.ACCOUNT, Axis.USER, Axis.PROJECT, Axis.SOURCE)

TIMES = {"first": first_id(START), "until": first_id(END), "start": START, "end": END, "limit": 50, "after": 5}
KEYS: dict[str, Any] = {
    **dict.fromkeys(("model", "session", "access_token", "endpoint", "mode", "key", "id", "kind"), 7),
    "source": 2,
    "status": 529,
    "dimension": 4,
    "grain": 1,
    "projects": [1, 2],
    "sessions": [8, 9],
    "keys": ["msg:1", "msg:2"],
    "texts": ["a"],
    "name": "a",
}
SPANS = {"first": 20_460, "last": 20_520, "length": 10, "firsts": [20_460, 20_480], "lasts": [20_470, 20_490]}
MOMENTS = {"first": START, "last": END, "length": DAY_MS, "firsts": [START, END], "lasts": [END, END + DAY_MS]}
IDS = {name: [*map(first_id, many)] if isinstance(many, list) else first_id(many) for name, many in MOMENTS.items()}
EACH = {"keys": [5, 6], "firsts": [1], "untils": [9], "starts": [START, START], "ends": [END, END]}

FILTERS = (
    " AND model_id = :model::bigint",
    " AND session_id = :session::bigint",
    " AND project_id = ANY(:projects::bigint[])",
)
STATUS = " AND status_code = :status::bigint AND status_code <> 200"
CONDITIONS = (
    *("".join(some) for some in chain.from_iterable(combinations(FILTERS, number) for number in range(4))),
    " AND token_id = :access_token::bigint",
    " AND (traits >> 7 & 7) = :source::bigint AND mode_id = :mode::bigint",
    " AND endpoint_id = :endpoint::bigint AND outcome > 0",
    STATUS,
    f"{STATUS} AND token_id = :access_token::bigint",
)
ORDERS = ("ASC", "DESC")


class Question(NamedTuple):
    text: str
    values: Mapping[str, Any]


def built() -> Iterator[tuple[Callable[..., Any], str, Question]]:
    """What every function of the module writes, with each filter."""
    times = KEYS | TIMES
    for condition in CONDITIONS:
        for function in (questions.count_in_place, questions.count_moved):
            yield function, condition, Question(function(condition), times)
        for order in ORDERS:
            for reader in (questions.calls_in_place, questions.calls_moved):
                yield reader, f"{order}{condition}", Question(reader(condition, order), times)
            for ranking in Ranking:
                for number, text in enumerate(questions.ranked_calls(condition, ranking, order)):
                    yield questions.ranked_calls, f"{number} {ranking} {order}{condition}", Question(text, times)
        if ":session" in condition:
            text = questions.count_session_quarters(condition)
            yield questions.count_session_quarters, condition, Question(text, times)
    for order in ORDERS:
        yield questions.edge_start, order, Question(questions.edge_start(order), times)
    for axis in (Axis.ACCESS_TOKEN, Axis.ACCOUNT, Axis.USER):
        yield (
            questions.last_starts,
            axis,
            Question(questions.last_starts(axis), EACH | {"firsts": [1, 2], "untils": [9, 9]}),
        )
    yield questions.call, "", Question(questions.call(), times)
    key, keys = " AND key_id = :key::bigint", " AND key_id = ANY(:projects::bigint[])"
    for dimension, condition in ((0, ""), (0, FILTERS[0]), (4, keys), (1, key), (1, f"{FILTERS[0]}{key}")):
        for success in (None, True, False):
            text = questions.count_spans(dimension, condition, success=success)
            yield questions.count_spans, f"{dimension}{condition} {success}", Question(text, KEYS | SPANS)
    yield from sums()


def sums() -> Iterator[tuple[Callable[..., Any], str, Question]]:
    """The sums of every table, with and without groups and filters."""
    for axis in (None, *AXES):
        for table in (questions.spans_table(axis), questions.months_table(axis)):
            values = KEYS | SPANS if table.span == "start" else KEYS | SPANS | {"first": 24_312, "last": 24_314}
            yield from sums_of(table, (Axis.MODEL,) if axis is None else (axis, Axis.MODEL), values)
    yield from sums_of(questions.DAYS, (Axis.MODEL, Axis.SESSION), SPANS)
    yield from sums_of(questions.CALLS_IN_PLACE, (Axis.MODEL, Axis.SOURCE), IDS | {"length": 1 << 30})
    yield from sums_of(questions.CALLS_MOVED, (Axis.MODEL, Axis.SOURCE), MOMENTS)


def sums_of(
    table: questions.Table, axes: Sequence[Axis], values: Mapping[str, Any]
) -> Iterator[tuple[Callable[..., Any], str, Question]]:
    filters = {f"{which}_{axis}": [1, 2] for which in ("only", "without") for axis in axes}
    for function in (questions.sums_of_one, questions.sums_in_row, questions.sums_of_each):
        for by, only, without in (((), (), ()), (axes, (), ()), (axes, axes, ()), ((), axes, axes)):
            name = f"{table.name} {table.time} {by} {only} {without}"
            yield function, name, Question(function(table, by, only, without), {**values, **filters})


def written() -> Iterator[tuple[str, Question]]:
    """Every question that is written down as it is asked."""
    own = {
        "LAST_QUARTERS": EACH | {"firsts": [1_960_000, 1_960_000], "lasts": [1_960_099, 1_960_099]},
        "HAS_MOVED": TIMES,
        "NEXT_IDS": TIMES,
        "RECENT_SESSIONS": TIMES,
        "BATCHES": TIMES,
        "BATCHES_SEEN": TIMES,
    }
    for name, text in vars(questions).items():
        if name.isupper() and isinstance(text, str) and text.split()[0] in ("SELECT", "WITH"):
            yield name, Question(text, KEYS | SPANS | own.get(name, {}))


NAMED = {f"{function.__name__} {name}": question for function, name, question in built()} | dict(written())


@pytest.fixture(autouse=True, scope="module")
def lane() -> None:
    """What is compiled has no part in a plan."""


@pytest.fixture(scope="module")
def asked() -> Iterator[Callable[[str], list[Row]]]:
    """A connection as readers have it, to a ledger with calls in several months."""
    with fresh_database() as url:
        store = open_store(url, lambda: price, "UTC")
        store.append([fact(number) for number in range(CALLS)], {}, now=1)
        store.append([moved(number) for number in range(0, CALLS, 400)], {}, now=2)
        store.close()
        open_store(url, lambda: price, "UTC").close()
        execute(url, "ANALYZE")
        assert fetch(url, "SELECT count(*) > 5 FROM pg_inherits WHERE inhparent = 'request_logs'::regclass") == [
            (True,)
        ]
        link = Link(address_of(url))
        with link.reader() as connection:
            yield lambda query: link.ask(connection.fetch(query))
        link.close()


def fact(number: int) -> Fact:
    """A call of a gateway or a transcript; all of them are spread over the days."""
    at = BEGIN + number * (DAYS * DAY_MS // CALLS)
    model = f"model-{number % 5}"
    session = f"session-{number // 20}"
    project = f"/home/u/project-{number % 30}"
    place = Place(Source.TRANSCRIPT, session, project, project.replace("/", "-"), "main")
    if number % 3:
        timing = Timing(Source.TRANSCRIPT, at)
        return Fact((f"msg:{number}",), timing, Reading(model, Usage(1, 2, 3)), place, at, None, 1 << Source.TRANSCRIPT)
    failed = number % 51 == 0
    timing = Timing(Source.GATEWAY, at, Outcome.ERROR if failed else Outcome.OK, 529 if failed else 200, 900, 200)
    party = Party(Source.GATEWAY, f"key-{number % 90}", f"account-{number % 9}", f"user-{number % 40}", "api")
    sources, exchange = 1 << Source.GATEWAY, Exchange("messages", stream=True, attempts=1)
    return Fact((f"msg:{number}",), timing, Reading(model, Usage(1, 2)), place, at, party, sources, exchange)


def moved(number: int) -> Fact:
    """The same call, known to have begun earlier."""
    known = fact(number)
    return Fact(known.keys, Timing(Source.TRANSCRIPT, known.timing.started_at - 1000), None, known.place, 1, None, 1)


def plan(ask: Callable[[str], list[Row]], name: str, *, values_are_known: bool) -> list[dict[str, Any]]:
    """The steps by which a question is answered, the outermost first."""
    text, names = questions.numbered(NAMED[name].text)
    values = ", ".join(literal(NAMED[name].values[value]) for value in names)
    mode = "custom" if values_are_known else "generic"
    ask(f"SET plan_cache_mode = force_{mode}_plan")
    ask(f"PREPARE question AS {text}")
    try:
        [(told,)] = ask(f"EXPLAIN (FORMAT JSON) EXECUTE question{f'({values})' if values else ''}")
    finally:
        ask("DEALLOCATE question")
    return [*steps(json.loads(told)[0]["Plan"])]


def literal(value: object) -> str:
    if isinstance(value, list):
        return "'{" + ",".join(map(str, value)) + "}'"  # pyright: ignore[reportUnknownArgumentType]
    return f"'{value}'"


def steps(step: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """A step, with the kinds of steps that it is part of, and all that it is made of."""
    yield {**step, "above": above}
    for part in step.get("Plans", ()):
        yield from steps(part, (*above, step["Node Type"]))


def is_bounded(step: dict[str, Any]) -> bool:
    """Whether a step reads only what an index leads to, or just the first of what lies in its order."""
    return "Index Cond" in step or "Recheck Cond" in step or ("Limit" in step["above"] and "Filter" not in step)


def of_large(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [step for step in found if step.get("Relation Name", "").startswith(LARGE)]


@pytest.mark.parametrize("values_are_known", [True, False])
@pytest.mark.parametrize("name", NAMED)
def test_no_question_looks_at_every_row(
    asked: Callable[[str], list[Row]], name: str, *, values_are_known: bool
) -> None:
    for step in of_large(plan(asked, name, values_are_known=values_are_known)):
        assert step["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan"), step
        assert is_bounded(step), step


def test_every_question_of_the_module_is_looked_at() -> None:
    written_by = {
        name for name, each in vars(questions).items() if inspect.isfunction(each) and not name.startswith("_")
    }
    others = {"numbered", "spans_table", "months_table"}
    assert {function.__name__ for function, _, _ in built()} == {
        name for name in written_by - others if getattr(questions, name).__module__ == questions.__name__
    }


def test_calls_of_a_time_are_looked_for_in_its_month_only(asked: Callable[[str], list[Row]]) -> None:
    for name in NAMED:
        if name.startswith(("calls_in_place", "count_in_place", "ranked_calls 0")):
            found = of_large(plan(asked, name, values_are_known=True))
            assert {step["Relation Name"] for step in found} == {"request_logs_2026_02"}, name
            assert any(step.get("Subplans Removed") for step in plan(asked, name, values_are_known=False)), name


def test_calls_are_read_in_the_order_in_which_they_lie(asked: Callable[[str], list[Row]]) -> None:
    for name in NAMED:
        if name.startswith(("calls_in_place", "calls_moved")) and ":session" not in name and ":status" not in name:
            found = plan(asked, name, values_are_known=True)
            assert [step for step in found if "Sort" in step["Node Type"]] == [], name


def test_rows_are_added_up_without_being_sorted(asked: Callable[[str], list[Row]]) -> None:
    for name in NAMED:
        if name.startswith(("sums_", "count_spans")):
            found = plan(asked, name, values_are_known=False)
            assert [step for step in found if "Sort" in step["Node Type"]] == [], name


def test_an_unusual_status_is_looked_up(asked: Callable[[str], list[Row]]) -> None:
    for name in NAMED:
        if name.startswith("calls_in_place") and name.endswith(STATUS):
            [step] = of_large(plan(asked, name, values_are_known=True))
            assert step["Index Name"].endswith("_status_code_id_idx"), step


def test_what_one_key_counts_is_looked_up_span_by_span(asked: Callable[[str], list[Row]]) -> None:
    for name in NAMED:
        if name.startswith(("count_spans 1", "count_spans 4")):
            found = of_large(plan(asked, name, values_are_known=False))
            assert any("key_id = " in step["Index Cond"] and "start = ANY" in step["Index Cond"] for step in found), (
                found
            )


def test_the_ids_epoch_is_the_plans() -> None:
    assert f"(id >> 20) + {FIRST_MS}" in questions.calls_in_place("", "ASC")
    assert questions.calls_in_place("", "ASC").count(", ") >= len(COLUMNS) - 1
