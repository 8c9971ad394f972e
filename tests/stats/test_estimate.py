from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccledger.core.measures import Measures, plus, widen
from ccledger.core.rollup import measure
from ccledger.ledger.store import Store, open_store
from ccledger.stats.estimate import estimate_period, spent_by_model
from tests.stats.facts import UNPRICED, fact, price

AUTUMN = 1_793_350_000_000
"""30 October 2026: New York and St John's turn their clocks back two days later, Lord Howe changed by half an hour."""
DAY_MS = 86_400_000
times = st.integers(AUTUMN, AUTUMN + 5 * DAY_MS)
rough = times.map(lambda ms: ms // 900_000 * 900_000)


def counted(store: Store, start: int, end: int) -> dict[str, Measures]:
    sums: dict[str, Measures] = {}
    for call in store.calls(start, end):
        assert call.fact.reading is not None
        name = call.fact.reading.model
        measures = widen(measure(call.fact, call.cost))
        sums[name] = plus(sums[name], measures) if name in sums else measures
    return {name: tuple(map(int, measures)) for name, measures in sums.items()}


@given(
    starts=st.lists(st.tuples(times | rough, st.sampled_from(["claude-opus-4-5", UNPRICED])), max_size=40),
    bounds=st.lists(st.tuples(times | rough, times | rough), min_size=1, max_size=6),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "America/New_York"]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_stretch_of_time_is_the_sum_of_its_calls(
    starts: Sequence[tuple[int, str]],
    bounds: Sequence[tuple[int, int]],
    zone: str,
) -> None:
    store = open_store("memory://", lambda: price, zone)
    store.append([fact(str(n), at, model=model) for n, (at, model) in enumerate(starts)], {}, now=1)
    for pair in bounds:
        start, end = sorted(pair)
        assert spent_by_model(store, start, end) == counted(store, start, end)
    assert spent_by_model(store, 0, AUTUMN * 2) == counted(store, 0, AUTUMN * 2)


def test_an_estimate_without_calls_that_have_a_price_has_no_cost() -> None:
    store = open_store("memory://", lambda: price, "UTC")
    store.append([fact("1", AUTUMN, model=UNPRICED)], {}, now=1)
    answer = estimate_period(store, "UTC", AUTUMN - 1, AUTUMN + 1, None)
    assert (answer.total_cost, answer.total_cost_nano, answer.complete) == (None, None, False)
