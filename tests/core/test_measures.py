"""Checks that numbers of groups add up by name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.measures import MEASURES, USUAL, ZERO, Measures, pack, plus, total, unpack, widen

rows = st.lists(st.integers(-(1 << 60), 1 << 60), min_size=len(MEASURES), max_size=len(MEASURES)).map(tuple)


@given(rows, rows)
def test_both_groups_together_hold_each_sum(a: Measures, b: Measures) -> None:
    assert plus(a, b) == plus(b, a) == tuple(x + y for x, y in zip(a, b, strict=True))
    assert plus(a, ZERO) == a


@given(st.lists(rows, max_size=5))
def test_all_groups_together_hold_each_sum(groups: list[Measures]) -> None:
    assert total(groups) == tuple(sum(row[index] for row in groups) for index in range(len(MEASURES)))


def test_no_measure_is_named_twice() -> None:
    assert len(set(MEASURES)) == len(MEASURES) == len(ZERO)


numbers = st.integers(0, 10**6) | st.integers(0, (1 << 63) - 1)
packable = st.lists(numbers, min_size=USUAL, max_size=USUAL) | st.lists(
    numbers, min_size=len(MEASURES), max_size=len(MEASURES)
)


@given(st.lists(st.tuples(packable.map(tuple), st.booleans()), max_size=6))
def test_packed_measures_add_up_and_subtract_like_the_rows_they_hold(calls: list[tuple[Measures, bool]]) -> None:
    packed = sum(pack(row) if added else -pack(row) for row, added in calls)
    expected = total(row if added else tuple(-number for number in row) for row, added in calls)
    assert widen(unpack(packed)) == expected
