from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.tui.chart import chart_lines
from ccledger.cli.tui.figures import Screen, figures
from ccledger.cli.tui.lines import ACCENT, Room, bar, beside, ends, entry, line
from ccledger.cli.tui.view import View
from tests.cli.tui import views

TEXTS = st.text("abc 文档", max_size=30)


@given(TEXTS, TEXTS, st.integers(1, 60))
def test_two_ends_fill_a_line_and_never_more(left: str, right: str, width: int) -> None:
    drawn = ends(line(left), line(right), width)
    assert drawn.cell_length <= width
    if len(right) * 2 <= width:
        assert drawn.plain.endswith(right)


@given(st.floats(-1, 2), st.integers(1, 60))
def test_a_bar_is_as_long_as_it_should_be(share: float, width: int) -> None:
    drawn = bar(share, width, ACCENT).plain
    assert len(drawn) == width
    assert abs(drawn.count("━") + drawn.count("╸") / 2 - min(max(share, 0), 1) * width) <= 0.5


def test_of_several_notes_the_first_that_fits_is_shown() -> None:
    notes = ["84.2k tokens/min", "84.2k/min"]
    assert entry("Burn", "$1/h", 40, notes).plain.split() == ["Burn", "84.2k", "tokens/min", "$1/h"]
    assert entry("Burn", "$1/h", 24, notes).plain.split() == ["Burn", "84.2k/min", "$1/h"]
    assert entry("Burn", "$1/h", 12, notes).plain == "Burn    $1/h"


def test_blocks_of_unequal_height_stand_side_by_side() -> None:
    lines = beside([line("a")], [line("b"), line("c")], 3, 2)
    assert [text.plain for text in lines] == ["a    b", "     c"]


@pytest.mark.parametrize("view", [views.BUSY, views.EMPTY, views.STALE, views.SUBSCRIBED, views.UNPRICED])
@given(width=st.integers(1, 200), height=st.integers(1, 70))
def test_no_line_is_wider_than_the_screen(view: View, width: int, height: int) -> None:
    assert all(text.cell_length <= width for text in figures(view, Screen(width, height)))


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30), st.integers(1, 80))
def test_whatever_cost_something_is_seen_in_the_chart(costs: list[int], width: int) -> None:
    chart = views.BUSY._replace(
        bars=tuple(views.BUSY.bars[0]._replace(cost_nano=cost) for cost in costs), span=views.BUSY.span
    )
    *_, lowest, _ = [text.plain for text in chart_lines(chart, Room(width, roomy=True))]
    if width >= len(costs) * 3:
        edges = [width * number // len(costs) for number in range(len(costs) + 1)]
        cells = [lowest[start:end] for start, end in pairwise(edges)]
        assert [bool(part.strip()) for part in cells] == [cost > 0 for cost in costs]
