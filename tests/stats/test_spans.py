"""Where calls are: days and quarter-hours hold them all, none twice, and open to finer ones."""

from pathlib import Path

import pytest

from ccledger.ledger.retention import let_go
from ccledger.ledger.store import Wanted
from ccledger.stats.spans import Asked, Span, fine_spans, from_the_first, kept, spans_of, sum_of, touch
from tests.stats.facts import fact, ledger

AT = 1_795_168_800_000
"""2026-11-20 10:00 UTC."""
HOUR, DAY = 3_600_000, 86_400_000


def test_spans_hold_every_call_once_and_are_in_order(tmp_path: Path) -> None:
    store = ledger(tmp_path, "Asia/Kathmandu")
    at = [AT - number * 7 * HOUR for number in range(40)]
    store.append([fact(str(number), start) for number, start in enumerate(at)], {}, now=1)
    asked = Asked(AT - 200 * HOUR - 1, AT - 3, Wanted())
    spans = spans_of(store, asked)
    inside = [start for start in at if asked.start <= start < asked.end]
    assert sum_of(spans) == len(inside) == 28
    fine = [part for span in spans for part in fine_spans(store, span, asked.wanted)]
    assert [part.calls for part in fine] == [1] * 28
    assert all(part.start <= start < part.end for part, start in zip(fine, sorted(inside), strict=True))
    store.close()


@pytest.mark.parametrize(
    ("skip", "calls", "left"), [(0, [2, 3], 0), (1, [2, 3], 1), (2, [3], 0), (4, [3], 2), (5, [], 0)]
)
def test_what_is_passed_over_is_counted_off(skip: int, calls: list[int], left: int) -> None:
    rest, remaining = from_the_first([Span(2, 7), Span(3, 8)], skip)
    assert ([span.calls for span in rest], remaining) == (calls, left)


@pytest.mark.parametrize(("span", "touches"), [((0, 5), True), ((9, 12), True), ((10, 12), False), ((0, 4), False)])
def test_spans_touch_on_either_side(span: tuple[int, int], touches: bool) -> None:
    assert touch((5, 9), Span(1, None, *span)) is touches


def test_time_whose_calls_are_gone_is_left_out(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([fact("1", AT - 5 * DAY), fact("2", AT)], {}, now=1)
    everything = Asked(0, AT + 1, Wanted())
    assert kept(store, everything) == everything
    let_go(store, AT - DAY)
    assert kept(store, everything).start == AT - DAY
    assert kept(store, Asked(0, AT - 3 * DAY, Wanted())) == Asked(AT - 3 * DAY, AT - 3 * DAY, Wanted())
    store.close()
