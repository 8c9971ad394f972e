"""How SQLite answers each question: by an index, never by reading every call."""

# apsw's type stubs leave the types of bindings open, so every call of it looks partially unknown.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from ccledger.core.measures import Axis
from ccledger.ledger import sqlite_questions as questions
from tests.conformance.stores import fresh_store

AXES = [Axis.ACCESS_TOKEN, Axis.ACCOUNT, Axis.USER, Axis.PROJECT, Axis.SOURCE]


def all_questions() -> dict[str, str]:
    """Every text by name; a new constant joins by being there."""
    found = {
        name: text
        for name, text in vars(questions).items()
        if isinstance(text, str) and text.lstrip().startswith("SELECT")
    }
    found["calls by id"] = questions.select_calls("WHERE id IN (SELECT value FROM carray(?)) ORDER BY id")
    found["calls between"] = questions.select_calls(questions.BETWEEN)
    tables = {
        "days": questions.DAYS,
        "calls": questions.CALLS,
        "spans": questions.spans_table(None),
        "months": questions.months_table(None),
    }
    for name, table in tables.items():
        both = (Axis.MODEL,)
        found[f"sums of {name}"] = questions.sums(table, both, both, both, questions.EXACT)
        found[f"whole sums of {name}"] = questions.sums(table, (), (), (), questions.ROUGH)
    for axis in AXES:
        for name, table in (("spans", questions.spans_table(axis)), ("months", questions.months_table(axis))):
            found[f"sums of {name} by {axis}"] = questions.sums(
                table, (axis, Axis.MODEL), (axis,), (axis,), questions.EXACT
            )
    return found


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    folder: Path = tmp_path_factory.mktemp("plans")
    with fresh_store("sqlite", folder):
        opened = apsw.Connection(str(folder / "ledger.db"))
        yield opened
        opened.close()


@pytest.mark.parametrize("name", all_questions())
def test_no_question_reads_every_call(connection: apsw.Connection, name: str) -> None:
    text = all_questions()[name]
    bindings = (None,) * text.count("?")
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", bindings)]
    assert steps
    scans = [step for step in steps if step.startswith("SCAN") and "carray" not in step and "VIRTUAL" not in step]
    assert [step for step in scans if step not in SMALL] == []


SMALL = {"SCAN project", "SCAN CONSTANT ROW"}
"""What may be read whole: as many rows as there are folders people worked in."""
