"""What every storage engine has to do about prices that change and calls that are kept no longer."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccledger.core.call import Cost, Fact, Reading
from ccledger.core.measures import MEASURES, Dimension, Grain, Measures, total
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger.past import LATE_MS
from ccledger.ledger.store import Slice, Step, Store, engines
from tests.conformance.stores import fresh_store, price
from tests.conformance.test_store import (
    MORNING,
    QUARTER_MS,
    assert_roll_ups_equal_calls,
    everything,
    expected_cost,
    facts,
    make_fact,
)

DAY_MS = 86_400_000
ALL = Slice(0, 1 << 42)
CARD = Card(tuple(map(Decimal, ("2", "10", "2.5", "4", "0.000001"))))
LONG = Card(tuple(map(Decimal, ("20", "100", "25", "40", "0.1"))))


@pytest.fixture(params=engines())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as opened:
        yield opened


class Prices:
    """A price that tests change."""

    def __init__(self) -> None:
        self.factor = 1
        self.asked = 0

    def __call__(self, reading: Reading, started_at: int) -> Cost | None:
        cost = price(reading, started_at)
        return None if cost is None or not self.factor else Cost(*(self.factor * part for part in cost))


def override(model: str = "claude-x", start: int = MORNING, end: int = FOREVER, *, long: bool = False) -> Override:
    period = Period(start, end, CARD, "a mail", 100_000 if long else None, LONG if long else None)
    return Override(model, period, MORNING, "somebody")


def reprice(store: Store, part: Slice = ALL, limit: int = 1000) -> list[Step]:
    change = store.begin_repricing("everything", by="somebody", now=5)
    steps = [store.reprice(change, part, -1, limit, now=6)]
    while steps[-1].reached is not None:
        steps.append(store.reprice(change, part, steps[-1].reached, limit, now=7))
    return steps


def sums(store: Store) -> Measures:
    return total(row.measures for row in store.spans(Grain.DAY, Dimension.ALL, 0, 1 << 42))


def remove_all(store: Store, horizon: int, limit: int = 1000) -> int:
    removed = 0
    while some := store.remove(horizon, limit):
        removed += some
    after: str | None = ""
    while after is not None:
        after = store.sweep(after, limit)
    return removed


def test_overrides_come_back_in_order_as_they_were_set(store: Store) -> None:
    asked = [override(), override("claude-y", end=MORNING + 1, long=True), override()]
    for one in asked:
        store.override(one)
    assert store.overrides() == asked


def test_overrides_are_withdrawn_by_model_or_by_when_they_begin(store: Store) -> None:
    for model, start in (("a", 1), ("a", 2), ("a", 3), ("b", 1)):
        store.override(override(model, start))
    assert store.withdraw("a", 2, by="me", now=9) == 1
    assert [(one.model, one.period.start) for one in store.overrides()] == [("a", 1), ("a", 3), ("b", 1)]
    assert store.withdraw("a", None, by="me", now=9) == 2
    assert store.withdraw("a", None, by="me", now=9) == 0
    assert [one.model for one in store.overrides()] == ["b"]


@pytest.mark.parametrize("engine", engines())
def test_prices_are_asked_for_anew_when_overrides_changed(engine: str, tmp_path: Path) -> None:
    asked: list[int] = []
    urls = fresh_store(engine, tmp_path, prices=price)
    with urls as store:
        vars(store)["_prices"] = lambda: asked.append(1) or price
        store.append([make_fact("msg:1")], {}, now=1)
        store.append([make_fact("msg:2")], {}, now=1)
        assert len(asked) == 1
        store.override(override())
        store.append([make_fact("msg:3")], {}, now=1)
        assert len(asked) == 2
        store.withdraw("claude-x", None, by="me", now=1)
        store.append([make_fact("msg:4")], {}, now=1)
        assert len(asked) == 3


def test_changes_of_prices_are_noted(store: Store) -> None:
    store.override(override())
    store.withdraw("claude-x", None, by="me", now=9)
    assert [change[1:] for change in store.price_changes()] == [
        (MORNING, "somebody", "set prices of claude-x", 0, 0, 0, MORNING),
        (9, "me", "withdrew 1 set prices of claude-x", 0, 0, 0, 9),
    ]


@pytest.mark.parametrize("engine", engines())
@given(batch=st.lists(facts(), max_size=12), factor=st.sampled_from([0, 1, 3]), limit=st.integers(1, 20))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_pricing_anew_is_as_if_the_price_had_been_that_from_the_start(
    engine: str, batch: list[Fact], factor: int, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    prices = Prices()
    with fresh_store(engine, tmp_path_factory.mktemp("ledger"), "Asia/Kathmandu", prices) as store:
        store.append(batch, {}, now=1)
        old = store.calls(0, 1 << 42)
        before = {model: measures for batch in store.batches(0, 9) for model, measures in batch.models.items()}
        prices.factor = factor
        steps = reprice(store, limit=limit)
        calls = store.calls(0, 1 << 42)
        assert [call.cost for call in calls] == [expected_cost(call.fact, prices) for call in calls]
        assert [call.fact for call in calls] == [call.fact for call in old]
        assert_roll_ups_equal_calls(store, calls, "Asia/Kathmandu")
        for step in steps:
            for model, measures in step.batch.models.items() if step.batch else ():
                before[model] = tuple(map(sum, zip(before[model], measures, strict=True)))
        assert total(before.values()) == sums(store)
        (change,) = store.price_changes()
        changed = [(a.cost, b.cost) for a, b in zip(old, calls, strict=True) if a.cost != b.cost]
        assert (change.calls, change.old_cost, change.new_cost) == (
            len(changed),
            sum(a.total for a, _ in changed if a),
            sum(b.total for _, b in changed if b),
        )
        assert change.finished_at is not None
        assert [step.batch for step in reprice(store, limit=limit) if step.batch] == []


@pytest.mark.parametrize("engine", engines())
def test_only_the_slice_is_priced_anew_in_steps_of_bounded_size(engine: str, tmp_path: Path) -> None:
    prices = Prices()
    with fresh_store(engine, tmp_path, prices=prices) as store:
        made = [make_fact(f"msg:{n}", at=MORNING + n * 1000, model=f"m{n % 2}") for n in range(10)]
        store.append(made, {}, now=1)
        prices.factor = 2
        steps = reprice(store, Slice(MORNING + 2000, MORNING + 8000, frozenset(["m1"])), limit=3)
        calls = store.calls(0, 1 << 42)
        dearest = max(call.cost.total for call in calls if call.cost)
        changed = [c.fact.timing.started_at - MORNING for c in calls if c.cost and c.cost.total == dearest]
        assert changed == [3000, 5000, 7000]
        assert len(steps) in (3, 4)  # an engine may look beside the slice, too
        assert all(len(step.batch.ids) <= 3 for step in steps if step.batch)
        assert [batch.sequence for batch in store.batches(1, 10)] == [s.batch.sequence for s in steps if s.batch]


@pytest.mark.parametrize("engine", engines())
def test_a_call_whose_start_was_known_late_is_priced_anew_where_it_belongs(engine: str, tmp_path: Path) -> None:
    prices = Prices()
    with fresh_store(engine, tmp_path, prices=prices) as store:
        for days_ago in (0, 3):
            store.append([make_fact("msg:1", at=MORNING - days_ago * DAY_MS)], {}, now=1)
        store.append([make_fact("msg:2", at=MORNING)], {}, now=1)
        prices.factor = 2
        reprice(store, Slice(MORNING - 3 * DAY_MS, MORNING - 3 * DAY_MS + 1), limit=1)
        reprice(store, Slice(MORNING - DAY_MS, MORNING), limit=1)
        assert [change.calls for change in store.price_changes()] == [1, 0]


@pytest.mark.parametrize("engine", engines())
def test_an_abandoned_pricing_says_what_it_did_and_the_next_one_does_the_rest(engine: str, tmp_path: Path) -> None:
    prices = Prices()
    with fresh_store(engine, tmp_path, prices=prices) as store:
        store.append([make_fact(f"msg:{n}", at=MORNING + n) for n in range(4)], {}, now=1)
        prices.factor = 2
        store.reprice(store.begin_repricing("x", by="me", now=2), ALL, -1, 3, now=3)
        reprice(store)
        first, second = store.price_changes()
        assert (first.calls, first.finished_at, second.calls, second.finished_at) == (3, None, 1, 6)


def test_removed_calls_leave_every_sum_as_it_was(store: Store) -> None:
    store.append([make_fact(f"msg:{n}", at=MORNING + n * DAY_MS) for n in range(5)], {}, now=1)
    before, extent = everything(store), store.summary()
    assert remove_all(store, MORNING + 3 * DAY_MS, 2) == 3
    assert [call.fact.timing.started_at for call in store.calls(0, 1 << 42)] == [
        MORNING + 3 * DAY_MS,
        MORNING + 4 * DAY_MS,
    ]
    assert everything(store) == before
    assert store.summary() == extent
    assert store.horizon() == MORNING + 3 * DAY_MS
    assert remove_all(store, 1 << 42) == 2
    assert everything(store) == before
    assert store.summary() == extent


def test_the_horizon_never_goes_back(store: Store) -> None:
    assert store.horizon() == 0
    store.remove(MORNING, 10)
    store.remove(MORNING - 5, 10)
    assert store.horizon() == MORNING


def test_removed_calls_are_not_booked_again(store: Store) -> None:
    seen = [make_fact(f"msg:{n}", f"req:{n}", at=MORNING + n * DAY_MS) for n in range(5)]
    store.append(seen, {}, now=1)
    before = everything(store)
    remove_all(store, MORNING + 2 * DAY_MS)
    store.append(seen, {"file": b"1"}, now=2)
    store.append([*seen[:1], make_fact("req:0", at=MORNING)], {}, now=3)
    assert everything(store) == before
    assert store.positions() == {"file": b"1"}
    assert store.append([make_fact("msg:new", at=MORNING + 6 * DAY_MS), *seen], {}, now=4) is not None
    assert sums(store)[0] == 6


def test_a_later_line_of_a_removed_call_is_not_taken_for_a_new_one(store: Store) -> None:
    store.append([make_fact("msg:1", at=MORNING - 1)], {}, now=1)
    remove_all(store, MORNING)
    assert store.append([make_fact("msg:1", at=MORNING + LATE_MS - 1, output=99)], {}, now=2) is None
    assert store.append([make_fact("msg:2", at=MORNING + LATE_MS, output=99)], {}, now=2) is not None


def test_calls_near_the_horizon_that_are_still_there_go_on_growing(store: Store) -> None:
    store.append([make_fact("msg:1", at=MORNING + 5, output=1)], {}, now=1)
    store.append([make_fact("msg:old", at=MORNING - 5)], {}, now=1)
    remove_all(store, MORNING)
    store.append([make_fact("msg:1", at=MORNING + 5, output=50)], {}, now=2)
    (call,) = store.calls(MORNING, 1 << 42)
    assert call.fact.reading is not None
    assert call.fact.reading.usage.output_tokens == 50


def test_sessions_whose_calls_were_removed_are_still_known(store: Store) -> None:
    def at(n: int, agent: str | None, session: str = "s1") -> Fact:
        return make_fact(f"msg:{session}{n}", at=MORNING + n * DAY_MS, agent=agent, session=session)

    store.append([at(0, "a"), at(1, "b"), at(1, None, "gone"), at(2, "b"), at(3, None)], {}, now=1)
    before = sorted(store.session_infos(["s1", "gone", "nobody"]))
    remove_all(store, MORNING + 2 * DAY_MS, 1)
    assert sorted(store.session_infos(["s1", "gone", "nobody"])) == before
    remove_all(store, MORNING + 9 * DAY_MS)
    assert sorted(store.session_infos(["s1", "gone", "nobody"])) == before


@pytest.mark.parametrize("engine", engines())
@given(
    batch=st.lists(facts(), max_size=12),
    horizon=st.integers(0, 4 * 96),
    zones=st.lists(st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns"]), min_size=2, max_size=3),
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_another_time_zone_loses_nothing_of_what_was_removed(
    engine: str, batch: list[Fact], horizon: int, zones: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        fresh_store(engine, tmp_path_factory.mktemp("kept"), zones[0]) as kept,
        fresh_store(engine, tmp_path_factory.mktemp("removed"), zones[0]) as store,
    ):
        for one in (kept, store):
            one.append(batch, {}, now=1)
        remove_all(store, (MORNING // QUARTER_MS + horizon) * QUARTER_MS)
        for zone in zones[1:]:
            for one in (kept, store):
                one.rebuild(zone)
            for grain in Grain:
                for dimension in Dimension:
                    found = sorted(store.spans(grain, dimension, 0, 1 << 42))
                    assert found == sorted(kept.spans(grain, dimension, 0, 1 << 42))
            assert by_session(store) == by_session(kept)


def by_session(store: Store) -> dict[tuple[str, str], Measures]:
    found: dict[tuple[str, str], list[Measures]] = {}
    for row in store.sessions(0, 1 << 40):
        found.setdefault((row.session, row.model), []).append(row.measures)
    return {name: total(rows) for name, rows in found.items()}


def test_calls_booked_after_a_removal_are_summed_where_they_belong(store: Store) -> None:
    chooser = random.Random(7)
    made = [make_fact(f"msg:{n}", at=MORNING + chooser.randrange(9 * DAY_MS)) for n in range(60)]
    store.append(made[:40], {}, now=1)
    remove_all(store, MORNING + 4 * DAY_MS, 7)
    store.append(made, {}, now=2)
    late = [fact for fact in made[40:] if fact.timing.started_at < MORNING + 4 * DAY_MS + LATE_MS]
    assert sums(store)[MEASURES.index("calls")] == 60 - len(late)
