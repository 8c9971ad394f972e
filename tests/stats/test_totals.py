"""Arithmetic on measures, and the words they leave the program in."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.measures import MEASURES, ZERO, Measures
from ccledger.stats.totals import cache_hit_rate, cost_nano, count, is_complete, is_unpriced, total_tokens
from ccledger.stats.words import totals


def measures(**known: int) -> Measures:
    assert set(known) <= set(MEASURES)
    return tuple(known.get(name, 0) for name in MEASURES)


amounts = st.tuples(*[st.integers(0, 10**15)] * len(MEASURES))


def test_nothing_costs_nothing() -> None:
    assert cost_nano(ZERO) == 0
    assert not is_unpriced(ZERO)
    assert is_complete(ZERO)
    assert cache_hit_rate(ZERO) == 0.0


def test_without_any_price_there_is_no_cost_and_never_zero() -> None:
    group = measures(calls=2, unpriced_calls=2, input_tokens=5)
    assert cost_nano(group) is None
    answer = msgspec.to_builtins(totals(group))
    assert {name for name, value in answer.items() if value is None} == {
        f"{kind}_cost{suffix}"
        for kind in ("input", "output", "cache_creation", "cache_read", "web_search", "total")
        for suffix in ("", "_nano")
    }
    assert answer["complete"] is False
    assert answer["equivalent_cost_nano"] == "0"


def test_with_some_prices_the_cost_is_a_lower_bound() -> None:
    group = measures(calls=2, unpriced_calls=1, input_cost=7)
    assert cost_nano(group) == 7
    assert totals(group).total_cost_nano == "7"
    assert not totals(group).complete


def test_calls_without_counts_make_a_lower_bound_too() -> None:
    assert not totals(measures(calls=1, unknown_calls=1)).complete


def test_the_part_from_the_cache_is_of_what_could_have_come_from_it() -> None:
    assert cache_hit_rate(measures(cache_read_tokens=3, input_tokens=1, cache_write_5m_tokens=100)) == 0.75


@given(amounts)
def test_totals_are_the_sums_of_their_parts(group: Measures) -> None:
    answer = totals(group)
    assert answer.cache_creation_tokens == answer.cache_write_5m_tokens + answer.cache_write_1h_tokens
    assert answer.total_tokens == total_tokens(group)
    assert answer.total_tokens == (
        answer.input_tokens + answer.output_tokens + answer.cache_creation_tokens + answer.cache_read_tokens
    )
    if is_unpriced(group):
        return
    parts = [
        answer.input_cost_nano,
        answer.output_cost_nano,
        answer.cache_creation_cost_nano,
        answer.cache_read_cost_nano,
        answer.web_search_cost_nano,
    ]
    assert sum(int(part or "x") for part in parts) == int(answer.total_cost_nano or "x") == cost_nano(group)
    assert answer.total_cost == int(answer.total_cost_nano or "x") / 10**9
    assert answer.input_cost == count(group, "input_cost") / 10**9
    assert msgspec.json.decode(msgspec.json.encode(answer)) == msgspec.to_builtins(answer)
