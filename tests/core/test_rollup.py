"""Checks that folded roll-ups say what counting the calls one by one says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Billing, Call, Cost, Fact, Origin, Outcome, Place, Reading, Source, Timing, Usage
from ccledger.core.measures import MEASURES, Dimension, Grain, Measures
from ccledger.core.rollup import Fold, Group, Roll, measure
from tests.core.made_facts import facts

Sums = dict[tuple[int, ...], dict[str, int]]

ids = st.integers(0, 2)
groups = st.tuples(st.integers(0, 200), ids, ids, ids, ids, ids, ids, ids, ids)
costs = st.none() | st.builds(Cost, *[st.integers(0, 9)] * 4)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Draw a call whose searches cost something exactly when there are any."""
    fact, cost = draw(facts()), draw(costs)
    if fact.reading is None or cost is None:
        return Call(1, fact, None)
    return Call(1, fact, cost._replace(web_search=10 * fact.reading.usage.web_searches))


counted = st.lists(st.tuples(groups, calls()), max_size=12)


def day_of(quarter: int) -> int:
    """Name the day of a quarter-hour in a zone five quarters east of UTC."""
    return (quarter + 5) // 96


def named(measures: Measures) -> dict[str, int]:
    """Give numbers their names; what is zero is left out."""
    return {name: int(value) for name, value in zip(MEASURES, measures, strict=False) if value}


def count(call: Call) -> dict[str, int]:
    """Count one call by reading off what it says."""
    timing, reading, cost = call.fact.timing, call.fact.reading, call.cost
    numbers = {
        "calls": 1,
        "error_calls": timing.outcome == Outcome.ERROR,
        "aborted_calls": timing.outcome == Outcome.ABORTED,
        "duration_ms": timing.duration_ms or 0,
        "timed_calls": timing.duration_ms is not None,
        "first_token_ms": timing.first_token_ms or 0,
        "first_token_calls": timing.first_token_ms is not None,
    }
    exchange = call.fact.exchange
    asked_a_model = exchange is None or exchange.endpoint in ("messages", "chat")
    numbers |= {"unknown_calls": asked_a_model} if reading is None else count_reading(reading, cost)
    if reading is not None and cost is not None and is_subscribed(call.fact):
        numbers["equivalent_cost"] = cost.total
    return {name: int(value) for name, value in numbers.items() if value}


def is_subscribed(fact: Fact) -> bool:
    return fact.place is not None and fact.place.billing == Billing.SUBSCRIPTION


def count_reading(reading: Reading, cost: Cost | None) -> dict[str, int]:
    numbers = dict[str, int](reading.usage._asdict())
    numbers["estimated_calls"] = reading.origin == Origin.ESTIMATED
    numbers["unknown_calls"] = reading.origin == Origin.UNKNOWN
    numbers["partial_calls"] = not reading.complete
    if cost is None:
        return numbers | {"unpriced_calls": 1}
    return numbers | {f"{name}_cost": value for name, value in cost._asdict().items()}


def sum_by(
    group_calls: Iterable[tuple[Group, Call]], keys_of: Callable[[Group], Iterable[tuple[int, ...]]]
) -> dict[tuple[int, ...], dict[str, int]]:
    """Sum calls under every key that their group gives."""
    sums: dict[tuple[int, ...], Counter[str]] = {}
    for group, call in group_calls:
        for key in keys_of(group):
            sums.setdefault(key, Counter()).update(count(call))
    return {key: {name: value for name, value in numbers.items() if value} for key, numbers in sums.items()}


def span_keys(group: Group) -> list[tuple[int, ...]]:
    quarter, token, account, user, project, _, _, source, model = group
    own = {
        Dimension.ALL: 0,
        Dimension.ACCESS_TOKEN: token,
        Dimension.ACCOUNT: account,
        Dimension.USER: user,
        Dimension.PROJECT: project,
        Dimension.SOURCE: source,
    }
    kept = [(int(dimension), key) for dimension, key in own.items() if key or dimension == Dimension.ALL]
    starts = ((int(Grain.QUARTER), quarter), (int(Grain.DAY), day_of(quarter)))
    return [(grain, dimension, key, start, model) for grain, start in starts for dimension, key in kept]


def day_keys(group: Group) -> list[tuple[int, ...]]:
    return [(day_of(group[0]), *group[1:])]


def plain(rows: Mapping[tuple[int, ...], Measures]) -> Sums:
    """Name the numbers of rows; rows without any are left out."""
    return {key: named(row) for key, row in rows.items() if any(row)}


def fold_calls(group_calls: Iterable[tuple[Group, Call]]) -> Fold:
    fold = Fold()
    for group, call in group_calls:
        fold.add(group, measure(call.fact, call.cost))
    return fold


@given(calls())
def test_a_call_is_measured_as_it_reads(call: Call) -> None:
    assert named(measure(call.fact, call.cost)) == count(call)


@given(counted)
def test_roll_ups_hold_what_counting_calls_one_by_one_gives(group_calls: list[tuple[Group, Call]]) -> None:
    roll = fold_calls(group_calls).roll(day_of)
    assert plain(roll.spans) == sum_by(group_calls, span_keys)
    assert plain(roll.days) == sum_by(group_calls, day_keys)
    models = sum_by(group_calls, lambda group: [(group[8],)])
    assert {(model,): named(row) for model, row in roll.models.items()} == models


@given(counted)
def test_adding_and_then_taking_leaves_nothing(group_calls: list[tuple[Group, Call]]) -> None:
    fold = fold_calls(group_calls)
    for group, call in reversed(group_calls):
        fold.take(group, measure(call.fact, call.cost))
    assert fold.roll(day_of) == Roll({}, {}, {})


@given(counted, counted)
def test_taking_some_leaves_the_others(kept: list[tuple[Group, Call]], gone: list[tuple[Group, Call]]) -> None:
    fold = fold_calls([*gone, *kept])
    for group, call in gone:
        fold.take(group, measure(call.fact, call.cost))
    roll = fold.roll(day_of)
    assert plain(roll.spans) == sum_by(kept, span_keys)
    assert plain(roll.days) == sum_by(kept, day_keys)


@given(counted, counted)
def test_a_correction_is_the_difference(before: list[tuple[Group, Call]], after: list[tuple[Group, Call]]) -> None:
    """Rows of the old state plus the differences are the rows of the new state, in whatever order both were folded."""
    fold = fold_calls(before)
    first = fold.roll(day_of)
    change = fold_calls(after)
    for group, call in before:
        change.take(group, measure(call.fact, call.cost))
    difference = change.roll(day_of)
    keys = {*first.spans, *difference.spans}
    sums = {key: Counter(named(first.spans.get(key, ()))) for key in keys}
    for key in keys:
        sums[key].update(named(difference.spans.get(key, ())))
    found = {key: {name: value for name, value in numbers.items() if value} for key, numbers in sums.items()}
    assert {key: numbers for key, numbers in found.items() if numbers} == sum_by(after, span_keys)


def test_a_fold_can_be_asked_twice() -> None:
    fold = fold_calls([((1, 0, 0, 0, 0, 0, 0, 0, 1), make_call())])
    assert fold.roll(day_of) == fold.roll(day_of)


def make_call(billing: int = Billing.API) -> Call:
    timing = Timing(Source.TRANSCRIPT, 5)
    place = Place(Source.TRANSCRIPT, billing=billing)
    return Call(1, Fact(("msg:msg_a",), timing, Reading("m", Usage(1, 2)), place), Cost(3, 4))


@pytest.mark.parametrize(("billing", "equivalent"), [(Billing.API, None), (Billing.SUBSCRIPTION, 7)])
def test_only_what_a_subscription_covers_is_equivalent_money(billing: Billing, equivalent: int | None) -> None:
    call = make_call(billing)
    assert named(measure(call.fact, call.cost)).get("equivalent_cost") == equivalent


def test_calls_without_a_dimension_are_in_all_but_not_in_that_dimension() -> None:
    roll = fold_calls([((1, 0, 0, 0, 4, 0, 0, 0, 1), make_call())]).roll(day_of)
    assert {(dimension, key) for _, dimension, key, _, _ in roll.spans} == {(Dimension.ALL, 0), (Dimension.PROJECT, 4)}
