"""What is exported reads back as the rows it was, and harms no spreadsheet."""

import csv
import json
from io import StringIO
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from ccledger.core.money import exact_usd, usd
from ccledger.stats.export import CALLS, Format, encode
from ccledger.stats.history import CallRow

names = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
counts = st.integers(0, 10**15)
nanos = st.none() | st.integers(0, 10**15)
COUNTS = [name for name in CALLS.columns if name.endswith("_tokens")]


def row(text: str | None, nano: int | None = None, **more: Any) -> CallRow:
    """A row with the same text wherever there is one."""
    fields: dict[str, Any] = {
        "id": "1",
        "timestamp": "2026-11-20T10:00:00.000Z",
        "model": text or "",
        **dict.fromkeys(COUNTS, 0),
        "total_cost": None if nano is None else usd(nano),
        "total_cost_nano": None if nano is None else str(nano),
        "session_id": text,
        "project": text,
        "source": "transcript",
        "origin": "measured",
    }
    return CallRow(**fields | more)


@st.composite
def rows(draw: st.DrawFn) -> CallRow:
    counted = {name: draw(counts) for name in COUNTS}
    return row(draw(names), draw(nanos), session_id=draw(names), **counted)


def written(form: Format, *exported: CallRow) -> str:
    return b"".join(encode(form, exported, CALLS)).decode()


def read_csv(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


@given(st.lists(rows(), max_size=5))
def test_json_is_the_rows(exported: list[CallRow]) -> None:
    plain: list[Any] = msgspec.to_builtins(exported)
    assert json.loads(written(Format.JSON, *exported)) == plain
    lines = written(Format.JSONL, *exported).split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == plain


@given(st.lists(rows(), max_size=5))
def test_csv_is_the_rows(exported: list[CallRow]) -> None:
    head, *lines = read_csv(written(Format.CSV, *exported))
    assert head == list(CallRow.__struct_fields__)
    for one, cells in zip(exported, lines, strict=True):
        expected = {name: "" if value is None else str(value) for name, value in asdict(one).items()}
        nano = one.total_cost_nano
        expected["total_cost"] = "" if nano is None else exact_usd(int(nano))
        found = dict(zip(head, cells, strict=True))
        for name in ("model", "session_id", "project"):
            assert found[name].removeprefix("'") == expected[name].removeprefix("'")
            assert not found[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
            del found[name], expected[name]
        assert found == expected


@pytest.mark.parametrize("text", ["=1+1", "+1", "-home-u-app", "@sum(a1)", "\tx", "\rx", "\n=1", '=cmd|"/c calc"!a1'])
def test_a_formula_is_a_text(text: str) -> None:
    [_, cells] = read_csv(written(Format.CSV, row(text)))
    assert [cells[CALLS.columns.index(name)] for name in ("model", "session_id", "project")] == [f"'{text}"] * 3


def test_csv_keeps_to_its_standard() -> None:
    text = written(Format.CSV, row('a"b', 1, timestamp="t", session_id="数据, x", project="two\nlines"))
    assert text.endswith('\r\n1,t,"a""b",0,0,0,0,0,0,0,0.000000001,1,"数据, x","two\nlines",transcript,measured\r\n')


def test_nothing_is_still_a_whole_file() -> None:
    assert written(Format.CSV) == ",".join(CALLS.columns) + "\r\n"
    assert json.loads(written(Format.JSON)) == []
    assert written(Format.JSONL) == ""


@pytest.mark.parametrize("form", list(Format))
def test_rows_are_asked_for_as_they_are_taken(form: Format) -> None:
    asked = 0

    def endless() -> Any:
        nonlocal asked
        while True:
            asked += 1
            yield row("m")

    pieces = list(islice(encode(form, endless(), CALLS), 4))
    assert all(pieces)
    assert asked < 4000
