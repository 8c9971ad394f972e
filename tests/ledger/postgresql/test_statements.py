"""Rows as they go over: flat, in one order, with every column."""

from ccledger.core.measures import MEASURES, ZERO
from ccledger.core.rollup import Roll
from ccledger.ledger.postgresql import statements
from ccledger.ledger.rows import COLUMNS


def test_rows_that_everybody_needs_come_last() -> None:
    spans = [(grain, dimension, 1, 5, 1) for grain in (0, 1) for dimension in range(6)]
    sums = statements.sums_of(Roll(dict.fromkeys(spans, ZERO), {}, {}), {})
    assert [row[1] for row in sums.spans] == [1, 1, 3, 3, 4, 4, 2, 2, 5, 5, 0, 0]
    assert [row[0] for row in sums.spans] == [0, 1] * 6


def test_numbers_left_out_are_zero() -> None:
    assert statements.flat([(1, 2, 3), (4, 5, 6, 7)], 4) == [1, 2, 3, 0, 4, 5, 6, 7]


def test_numbers_are_written_as_postgresql_reads_them() -> None:
    assert statements.written([1, -2, True]) == "{1,-2,1}".replace(",", ", ")
    assert statements.written([]) == "{}"


def test_numbers_go_as_far_as_a_column() -> None:
    assert statements.clipped([1 << 70, -(1 << 70), 5]) == [(1 << 63) - 1, 1 - (1 << 63), 5]


def test_a_row_has_every_column() -> None:
    lean = tuple(range(18))
    assert len(statements.whole(lean)) == len(COLUMNS)
    assert statements.is_lean([lean])
    assert not statements.is_lean([lean, statements.whole(lean)])


def test_lean_statements_leave_out_what_they_may() -> None:
    lean = statements.book(statements.ENTERING, statements.EXACT, lean=True)
    full = statements.book(statements.ENTERING, statements.EXACT, lean=False)
    assert MEASURES[-1] in full
    assert MEASURES[-1] not in lean
