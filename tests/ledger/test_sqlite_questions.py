# apsw's type stubs leave the types of bindings open, so every call of it looks partially unknown.
# pyright: reportUnknownMemberType=false
"""No question looks at every call: each finds what it needs by a key or an index."""

import inspect
import re
from collections.abc import Iterator
from itertools import chain, combinations

import apsw
import pytest

from ccledger.core.measures import Axis
from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.rows import COLUMNS
from ccledger.ledger.schema import steps as schema_steps
from ccledger.ledger.store import Ranking

OF_PROJECTS = "project_id IN (SELECT value FROM carray(:projects))"
AXES = (Axis.ACCESS_TOKEN, Axis.ACCOUNT, Axis.USER, Axis.PROJECT, Axis.SOURCE)
FEW = ("carray", "VIRTUAL", "(subquery")
"""Not a table's rows, but few that are made of them."""
SMALL = {"SCAN project", "SCAN CONSTANT ROW"}
"""What may be read whole: as many rows as there are folders people worked in."""
CONDITIONS = (" AND model_id = :model", " AND session_id = :session", f" AND {OF_PROJECTS}")
STATUS = " AND status_code = :status AND status_code <> 200"
EXCHANGES = (
    " AND token_id = :token",
    " AND traits >> 7 & 7 = :source AND mode_id = :mode",
    " AND endpoint_id = :endpoint AND outcome > 0",
    STATUS,
    f"{STATUS} AND token_id = :token",
)
FILTERS = ["".join(some) for some in chain.from_iterable(combinations(CONDITIONS, number) for number in range(4))]


def named() -> Iterator[tuple[str, str]]:
    """Every question that is written down, and those that are put together, with each filter."""
    for name, text in vars(questions).items():
        if isinstance(text, str) and text.lstrip().startswith("SELECT"):
            yield name, text
    for order in ("ASC", "DESC"):
        yield f"edge_start {order}", questions.edge_start(order)
    for number, filters in enumerate(FILTERS):
        for order in ("ASC", "DESC"):
            yield f"calls_in_place {order} {number}", questions.calls_in_place(filters, order)
            yield f"calls_moved {order} {number}", questions.calls_moved(filters, order)
        yield f"count_calls {number}", questions.count_calls(filters)
        if ":session" in filters:
            yield f"count_session_quarters {number}", questions.count_session_quarters(filters)
    for filters in EXCHANGES:
        for order in ("ASC", "DESC"):
            yield f"calls_in_place {order} {filters}", questions.calls_in_place(filters, order)
            yield f"calls_moved {order} {filters}", questions.calls_moved(filters, order)
            for ranking in Ranking:
                in_place, moved = questions.ranked_calls(filters, ranking, order)
                yield f"ranked {ranking} {order} {filters}", in_place
                yield f"ranked moved {ranking} {order} {filters}", moved
        yield f"count_calls {filters}", questions.count_calls(filters)
    yield "call", questions.select_calls(questions.CALL)
    for axis in (Axis.ACCESS_TOKEN, Axis.ACCOUNT, Axis.USER):
        yield f"last_starts {axis}", questions.last_starts(axis)
    of_projects = f" AND {OF_PROJECTS}".replace("project", "key", 1)
    for dimension, condition in ((0, ""), (0, CONDITIONS[0]), (4, of_projects), (1, " AND key_id = :key")):
        for success in (None, True, False):
            name = f"count_spans {dimension} {condition} {success}"
            yield name, questions.count_spans(dimension, condition, success=success)
    yield from sums()


def sums() -> Iterator[tuple[str, str]]:
    """The sums of every table, with and without groups."""
    model = (Axis.MODEL,)
    for table in (
        questions.DAYS,
        questions.CALLS_IN_PLACE,
        questions.CALLS_MOVED,
        questions.spans_table(None),
        questions.months_table(None),
    ):
        yield f"sums of {table.name} {table.time}", questions.sums(table, model, model, model, questions.EXACT)
        yield f"whole sums of {table.name} {table.time}", questions.sums(table, (), (), (), questions.ROUGH)
        if table.span:
            in_row = questions.sums_in_row(table, model, model, model, questions.EXACT)
            yield f"sums in a row of {table.name} {table.time}", in_row
    for axis in AXES:
        for table in (questions.spans_table(axis), questions.months_table(axis)):
            both = (axis, Axis.MODEL)
            yield f"sums of {table.name} by {axis}", questions.sums(table, both, (axis,), (axis,), questions.EXACT)


QUESTIONS = dict(named())


@pytest.fixture(scope="module")
def connection() -> apsw.Connection:
    empty = apsw.Connection(":memory:")
    for step in schema_steps("sqlite"):
        empty.execute(step.text)
    return empty


def plan(connection: apsw.Connection, question: str) -> list[str]:
    """How a question would be answered; what it binds makes no difference."""
    bound = re.sub(r"\?|:[a-z]+", "1", question)
    return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {bound}")]


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_looks_at_every_call(connection: apsw.Connection, name: str) -> None:
    steps = plan(connection, QUESTIONS[name])
    assert steps
    scans = [step for step in steps if step.startswith("SCAN") and not any(some in step for some in FEW)]
    assert [step for step in scans if step not in SMALL] == []


def test_every_question_of_the_module_is_looked_at() -> None:
    asked = inspect.getsource(named) + inspect.getsource(sums)
    written = {
        name
        for name, each in vars(questions).items()
        if inspect.isfunction(each) and each.__module__ == questions.__name__ and not name.startswith("_")
    }
    assert [name for name in sorted(written) if f"questions.{name}(" not in asked] == []


def test_calls_are_read_in_the_order_in_which_they_lie(connection: apsw.Connection) -> None:
    for name, question in QUESTIONS.items():
        if name.startswith("calls_"):
            assert [step for step in plan(connection, question) if "TEMP B-TREE" in step] == [], name


def test_an_unusual_status_is_looked_up(connection: apsw.Connection) -> None:
    for name, question in QUESTIONS.items():
        if STATUS in name and "moved" not in name:
            assert any("request_logs_status (status_code=? AND id" in step for step in plan(connection, question))


def test_what_one_key_counts_is_looked_up_span_by_span(connection: apsw.Connection) -> None:
    for name, question in QUESTIONS.items():
        if name.startswith(("count_spans 1", "count_spans 4")):
            wanted = "PRIMARY KEY (grain=? AND dimension=? AND start=? AND key_id=?)"
            assert any(wanted in step for step in plan(connection, question)), name


def test_the_ids_epoch_is_the_plans() -> None:
    from ccledger.ledger.ids import FIRST_MS

    assert f"(id >> 20) + {FIRST_MS}" in questions.calls_in_place("", "ASC")
    assert f"(id >> 20) + {FIRST_MS}" in "".join(step.text for step in schema_steps("sqlite"))
    assert questions.calls_in_place("", "ASC").count(", ") >= len(COLUMNS) - 1
