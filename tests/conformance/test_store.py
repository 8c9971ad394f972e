"""What every storage engine has to do, run over every engine found."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Never
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ccledger.core.call import (
    Billing,
    Call,
    Cost,
    Exchange,
    Fact,
    Failer,
    Origin,
    Outcome,
    Party,
    Place,
    Reading,
    Source,
    Timing,
    Usage,
)
from ccledger.core.measures import MEASURES, Axis, Cut, Dimension, Grain, Measures, plus, widen
from ccledger.core.merge import join
from ccledger.core.periods import Days
from ccledger.core.rollup import measure
from ccledger.ledger.plan import Price
from ccledger.ledger.store import Ranking, Slice, SpanCount, Store, SumRow, Wanted, engines
from tests.conformance.stores import fresh_store, price

MORNING = 1_795_160_000_000
QUARTER_MS = 900_000
FOREVER = 1 << 42


@pytest.fixture(params=engines())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as opened:
        yield opened


def make_fact(
    *keys: str,
    at: int = MORNING,
    model: str = "claude-opus-5",
    output: int = 10,
    source: Source = Source.TRANSCRIPT,
    session: str | None = "s1",
    project: str | None = "/home/u/app",
    agent: str | None = None,
) -> Fact:
    return Fact(
        tuple(sorted(keys or ("msg:msg_1",))),
        Timing(source, at),
        Reading(model, Usage(1, output, 2, 3, 4, 0)),
        Place(Source.TRANSCRIPT, session, project, "-home-u-app", "main", agent),
        at,
        None,
        1 << source,
    )


texts = st.sampled_from(["a", "b", "数据", "x/y"])
counts = st.integers(0, 10**7)
usages = st.just(Usage()) | st.builds(Usage, counts, counts, counts, counts, counts, st.integers(0, 3))
readings = st.builds(
    Reading,
    st.sampled_from(["claude-opus-5", "claude-haiku-5-5", "unpriced-1"]),
    usages,
    st.integers(0, 7),
    st.sampled_from([o.value for o in Origin]),
    st.booleans(),
    st.booleans(),
)
times = st.integers(MORNING, MORNING + 3 * 86_400_000)
timings = st.builds(
    Timing,
    st.sampled_from([s.value for s in Source]),
    times,
    st.sampled_from([o.value for o in Outcome]),
    st.none() | st.integers(200, 599),
    st.none() | st.integers(0, 10**6),
    st.none() | st.integers(0, 10**5),
)
places = st.builds(
    Place,
    st.sampled_from([s.value for s in Source]),
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.booleans(),
    st.sampled_from([b.value for b in Billing]),
)
parties = st.builds(
    Party,
    st.sampled_from([s.value for s in Source]),
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
)
exchanges = st.builds(
    Exchange,
    st.sampled_from(["messages", "chat", "count_tokens", "v1/files"]),
    st.booleans(),
    st.sampled_from([f.value for f in Failer]),
    st.none() | st.sampled_from(["", "overloaded", "数据"]),
    st.integers(0, 3),
)
keys = st.lists(
    st.sampled_from(["msg:1", "msg:2", "msg:3", "own:x", "req:1", "req:2"]), min_size=1, max_size=3, unique=True
)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    place = draw(st.none() | places)
    source = draw(st.sampled_from(list(Source)))
    return Fact(
        tuple(sorted(draw(keys))),
        draw(timings),
        draw(st.none() | readings),
        place,
        draw(times) if place is not None else 0,
        draw(st.none() | parties),
        1 << source,
        draw(st.none() | exchanges),
    )


def said(calls: Iterable[Call]) -> list[bytes]:
    """What calls say, without the ids and keys that depend on the order of arrival."""
    return sorted(
        msgspec.json.encode((f.timing, f.reading, f.place, f.placed_at, f.party, f.sources, f.exchange, call.cost))
        for call in calls
        for f in [call.fact]
    )


def expected(all_facts: Sequence[Fact]) -> list[Call]:
    return [Call(n, fact, expected_cost(fact)) for n, (fact, _) in enumerate(join(all_facts))]


def expected_cost(fact: Fact, price: Price = price) -> Cost | None:
    if fact.reading is None:
        return None
    failed_for_nothing = fact.timing.outcome != Outcome.OK and fact.reading.usage == Usage()
    return Cost() if failed_for_nothing else price(fact.reading, fact.timing.started_at)


def split(items: Sequence[Fact], seed: int) -> Iterator[Sequence[Fact]]:
    chooser = random.Random(seed)
    rest = list(items)
    while rest:
        size = chooser.randint(1, len(rest))
        yield rest[:size]
        rest = rest[size:]


@pytest.mark.parametrize("engine", engines())
@given(
    batch=st.lists(facts(), max_size=12),
    seed=st.integers(0, 10**6),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns"]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_any_order_repetition_and_split_gives_the_same_calls_and_roll_ups(
    engine: str, batch: list[Fact], seed: int, zone: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shuffled = [*batch, *random.Random(seed).sample(batch, len(batch) // 2)]
    random.Random(seed).shuffle(shuffled)
    with fresh_store(engine, tmp_path_factory.mktemp("ledger"), zone) as store:
        for part in split(shuffled, seed):
            store.append(part, {}, now=1)
        calls = store.calls(0, FOREVER)
        assert said(calls) == said(expected(batch))
        assert_roll_ups_equal_calls(store, calls, zone)
        before = everything(store)
        store.rebuild(zone)
        assert everything(store) == before


def everything(store: Store) -> list[object]:
    parts: list[object] = [sorted(store.sessions(0, 100_000))]
    parts.extend(sorted(store.spans(grain, dimension, 0, FOREVER)) for grain in Grain for dimension in Dimension)
    return parts


def assert_roll_ups_equal_calls(store: Store, calls: Sequence[Call], zone: str) -> None:
    tz = ZoneInfo(zone)
    for grain in Grain:
        for dimension in Dimension:
            counted: dict[tuple[int, str, str], Measures] = {}
            for call in calls:
                start = call.fact.timing.started_at // QUARTER_MS
                if grain == Grain.DAY:
                    start = (
                        datetime.fromtimestamp(start * 900, tz).date() - datetime(1970, 1, 1, tzinfo=UTC).date()
                    ).days
                value = value_of(call, dimension)
                if value is not None:
                    model = "" if call.fact.reading is None else call.fact.reading.model
                    key = (start, value, model)
                    counted[key] = plus(counted.get(key, widen(())), measure(call.fact, call.cost))
            kept: dict[tuple[int, str, str], Measures] = defaultdict(lambda: widen(()))
            for row in store.spans(grain, dimension, 0, FOREVER):
                value = f"{row.key}|{row.folder}" if dimension == Dimension.PROJECT else row.key
                kept[row.start, value, row.model] = plus(kept[row.start, value, row.model], row.measures)
            assert {key: tuple(map(int, m)) for key, m in counted.items()} == dict(kept)


def on_axis(call: Call, axis: Axis) -> str:
    """What a call has on an axis, read off plainly."""
    place, party, reading = call.fact.place, call.fact.party, call.fact.reading
    match axis:
        case Axis.MODEL:
            found = None if reading is None else reading.model
        case Axis.PROJECT:
            found = None if place is None else place.project or place.folder
        case Axis.SESSION:
            found = None if place is None else place.session
        case Axis.SOURCE:
            found = Source(call.fact.timing.source).name.lower()
        case _:
            found = None if party is None else getattr(party, axis.value)
    return found or ""


def plain_sums(
    calls: Iterable[Call], at: Callable[[Call], int], stretches: Sequence[tuple[int, int]], cut: Cut
) -> dict[tuple[int, tuple[str, ...]], Measures]:
    """Sums by stretch and values, each call looked at by itself."""
    sums: dict[tuple[int, tuple[str, ...]], Measures] = {}
    for call in calls:
        if all(on_axis(call, axis) in only for axis, only in cut.only.items()) and not any(
            on_axis(call, axis) in without for axis, without in cut.without.items()
        ):
            for number, (first, last) in enumerate(stretches):
                if first <= at(call) <= last:
                    key = (number, tuple(on_axis(call, axis) for axis in cut.by))
                    sums[key] = plus(sums.get(key, widen(())), measure(call.fact, call.cost))
    return {key: tuple(map(int, measures)) for key, measures in sums.items()}


def summed(rows: Iterable[SumRow]) -> dict[tuple[int, tuple[str, ...]], Measures]:
    sums: dict[tuple[int, tuple[str, ...]], Measures] = {}
    for row in rows:
        key = (row.stretch, row.values)
        sums[key] = plus(sums.get(key, widen(())), row.measures)
    return sums


values_on = {
    Axis.MODEL: st.sampled_from(["claude-opus-5", "unpriced-1", "nobody", ""]),
    Axis.SOURCE: st.sampled_from(["transcript", "gateway", "runner", "nobody"]),
}


def filters_on(axes: Iterable[Axis]) -> st.SearchStrategy[dict[Axis, frozenset[str]]]:
    """Some values for some of the axes; none at all is a filter, too."""
    names = st.sampled_from(["a", "b", "数据", "nobody", ""])
    return st.fixed_dictionaries(
        {}, optional={axis: st.frozensets(values_on.get(axis, names), max_size=3) for axis in axes}
    )


@st.composite
def cuts(draw: st.DrawFn, axes: Sequence[Axis] = tuple(Axis)) -> Cut:
    by = draw(st.lists(st.sampled_from(axes), unique=True, max_size=3))
    return Cut(tuple(by), draw(filters_on(axes)), draw(filters_on(axes)))


@pytest.mark.parametrize("engine", engines())
@given(
    batch=st.lists(facts(), max_size=12),
    cut=cuts(),
    bounds=st.lists(st.integers(-1, 4 * 96), min_size=2, max_size=6),
    data=st.data(),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_sums_are_plain_counts(
    engine: str,
    batch: list[Fact],
    cut: Cut,
    bounds: list[int],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    first_quarter = MORNING // QUARTER_MS
    quarters = [(first_quarter + a, first_quarter + b) for a, b in pairwise(bounds)]
    days = [(a // 96, b // 96) for a, b in quarters]
    times = [(a * QUARTER_MS + 1, b * QUARTER_MS) for a, b in quarters]
    dimension = data.draw(st.sampled_from(Dimension))
    own = [Axis.MODEL] if dimension == Dimension.ALL else [Axis.MODEL, Axis[dimension.name]]
    by_dimension = data.draw(cuts(own))
    with fresh_store(engine, tmp_path_factory.mktemp("sums")) as store:
        store.append(batch, {}, now=1)
        calls = store.calls(0, FOREVER)
        assert summed(store.sum_calls(times, cut)) == plain_sums(calls, started, times, cut)
        assert summed(store.sum_days(days, cut)) == plain_sums(calls, lambda c: started(c) // 86_400_000, days, cut)
        kept = [call for call in calls if value_of(call, dimension) is not None]
        for grain, spans, ms in ((Grain.QUARTER, quarters, QUARTER_MS), (Grain.DAY, days, 86_400_000)):
            found = summed(store.sum_spans(grain, dimension, spans, by_dimension))
            assert found == plain_sums(kept, lambda c, ms=ms: started(c) // ms, spans, by_dimension)


@pytest.mark.parametrize("length", [1, 4])
def test_sums_of_stretches_in_a_row_are_those_of_each(store: Store, length: int) -> None:
    quarters = [0, 0, 3, 4, 9, 11, 12]
    store.append(
        [
            make_fact(f"msg:{n}", model=f"m-{n % 2}", at=MORNING + quarter * QUARTER_MS + n)
            for n, quarter in enumerate(quarters)
        ],
        {},
        now=1,
    )
    first = MORNING // QUARTER_MS
    row = [(first + at, first + at + length - 1) for at in range(0, 12, length)]
    for by in ((), (Axis.MODEL,)):
        cut = Cut(by)
        found = summed(store.sum_spans(Grain.QUARTER, Dimension.ALL, row, cut))
        assert found == plain_sums(store.calls(0, FOREVER), lambda c: started(c) // QUARTER_MS, row, cut)
        assert sum(measures[0] for measures in found.values()) == len(quarters) - 1, "the last one comes after"


def started(call: Call) -> int:
    return call.fact.timing.started_at


def test_sums_too_large_for_an_integer_are_no_reason_to_give_no_answer(store: Store) -> None:
    huge = [make_fact(f"msg:{n}", model=f"unpriced-{n}", output=1 << 61) for n in range(5)]
    store.append(huge, {}, now=1)
    for rows in (
        store.sum_calls([(0, FOREVER)], Cut()),
        store.sum_days([(0, 100_000)], Cut()),
        store.sum_spans(Grain.DAY, Dimension.ALL, [(0, 100_000)], Cut()),
    ):
        [row] = summed(rows).values()
        assert row[0] == 5
        assert row[MEASURES.index("output_tokens")] >= (1 << 63) - 1


def value_of(call: Call, dimension: Dimension) -> str | None:
    party, place = call.fact.party, call.fact.place
    match dimension:
        case Dimension.ALL:
            return ""
        case Dimension.ACCESS_TOKEN:
            return party and party.access_token
        case Dimension.ACCOUNT:
            return party and party.account
        case Dimension.USER:
            return party and party.user
        case Dimension.PROJECT:
            known = place is not None and (place.project or place.folder)
            return f"{place.project or ''}|{place.folder or ''}" if place is not None and known else None
        case Dimension.SOURCE:
            source = Source(call.fact.timing.source)
            return None if source == Source.TRANSCRIPT else source.name.lower()


def test_a_new_ledger_is_empty(store: Store) -> None:
    assert store.summary() == (0, 0, None, None)
    assert store.positions() == {}
    assert store.batches(0, 10) == []
    assert store.spans(Grain.DAY, Dimension.ALL, 0, FOREVER) == []
    assert store.zone() == "UTC"


def test_a_call_comes_back_as_it_was_booked(store: Store) -> None:
    fact = make_fact("msg:msg_1", "req:r1", agent="a7")
    store.append([fact], {}, now=5)
    (call,) = store.calls(0, FOREVER)
    assert said([call]) == said(expected([fact]))


def test_a_repeated_fact_changes_nothing_and_makes_no_batch(store: Store) -> None:
    assert store.append([make_fact()], {}, now=1) is not None
    assert store.append([make_fact()], {}, now=2) is None
    assert [batch.sequence for batch in store.batches(0, 10)] == [1]


def test_an_exchange_that_grows_is_a_change(store: Store) -> None:
    before = replace(make_fact(source=Source.GATEWAY), exchange=Exchange(attempts=1))
    after = replace(before, exchange=Exchange("chat", True, Failer.UPSTREAM, "overloaded", 2))
    store.append([before], {}, now=1)
    assert store.append([after], {}, now=2) is not None
    assert [call.fact.exchange for call in store.calls(0, FOREVER)] == [after.exchange]


def test_a_call_that_failed_before_it_used_anything_costs_nothing(store: Store) -> None:
    reading = Reading("unpriced-1", Usage())
    failed = replace(make_fact(), timing=Timing(Source.GATEWAY, MORNING, Outcome.ERROR, 529), reading=reading)
    store.append([failed], {}, now=1)
    store.append([replace(failed, keys=("msg:msg_1", "own:2"))], {}, now=2)
    assert [call.cost for call in store.calls(0, FOREVER)] == [Cost()]
    change = store.begin_repricing("all", by="test", now=3)
    assert store.reprice(change, Slice(0, FOREVER), -1, 10, now=4).batch is None
    for row in (*store.sum_calls([(0, FOREVER)], Cut()), *store.sum_days([(0, 100_000)], Cut())):
        assert row.measures[MEASURES.index("unpriced_calls")] == 0
    store.append([replace(failed, reading=Reading("unpriced-1", Usage(1)))], {}, now=5)
    assert [call.cost for call in store.calls(0, FOREVER)] == [None]


@pytest.mark.parametrize(("endpoint", "unknown"), [(None, 1), ("messages", 1), ("chat", 1), ("count_tokens", 0)])
def test_a_call_that_asks_no_model_is_not_unknown(store: Store, endpoint: str | None, unknown: int) -> None:
    exchange = None if endpoint is None else Exchange(endpoint)
    store.append([replace(make_fact(source=Source.GATEWAY), reading=None, exchange=exchange)], {}, now=1)
    for row in (*store.sum_calls([(0, FOREVER)], Cut()), *store.sum_days([(0, 100_000)], Cut())):
        assert row.measures[MEASURES.index("unknown_calls")] == unknown


def test_which_keys_lead_to_a_call_that_a_gateway_reported(store: Store) -> None:
    gateway = [make_fact("msg:1", source=Source.GATEWAY), make_fact("own:2", source=Source.GATEWAY)]
    store.append([*gateway, make_fact("msg:3"), make_fact("msg:4")], {}, now=1)
    assert store.exchanged(["msg:1", "own:2", "msg:3", "nobody"]) == {"msg:1", "own:2"}
    assert store.exchanged([]) == set()
    store.append([make_fact("msg:1", "msg:3"), make_fact("own:2", "msg:4", source=Source.GATEWAY)], {}, now=2)
    assert store.exchanged(["msg:1", "own:2", "msg:3", "msg:4"]) == {"msg:1", "own:2", "msg:3", "msg:4"}


def test_a_grown_message_moves_the_roll_ups_by_the_difference(store: Store) -> None:
    store.append([make_fact(output=10)], {}, now=1)
    batch = store.append([make_fact(output=25)], {}, now=2)
    assert batch is not None
    moved = dict(zip(MEASURES, batch.models["claude-opus-5"], strict=True))
    assert (moved["calls"], moved["output_tokens"], moved["output_cost"]) == (0, 15, 45)
    (row,) = store.spans(Grain.DAY, Dimension.ALL, 0, FOREVER)
    assert row.measures[MEASURES.index("output_tokens")] == 25


def test_a_call_that_moves_to_another_quarter_hour_leaves_no_empty_row_behind(store: Store) -> None:
    store.append([make_fact(at=MORNING + QUARTER_MS)], {}, now=1)
    store.append([make_fact(at=MORNING)], {}, now=2)
    assert [row.start for row in store.spans(Grain.QUARTER, Dimension.ALL, 0, FOREVER)] == [MORNING // QUARTER_MS]


def test_a_fact_with_the_keys_of_two_calls_makes_them_one_and_the_older_id_stays(store: Store) -> None:
    first = store.append([make_fact("msg:1", at=MORNING)], {}, now=1)
    second = store.append([make_fact("own:2", at=MORNING + 5)], {}, now=2)
    assert first is not None
    assert second is not None
    store.append([make_fact("msg:1", "own:2", at=MORNING + 9)], {}, now=3)
    assert [call.id for call in store.calls(0, FOREVER)] == [min(*first.ids, *second.ids)]
    later = store.append([make_fact("own:2", output=99)], {}, now=4)
    assert later is not None
    assert later.ids == first.ids


def test_request_ids_join_only_what_has_nothing_else(store: Store) -> None:
    store.append([make_fact("msg:1", "req:r"), make_fact("msg:2", "req:r")], {}, now=1)
    assert store.summary().calls == 2
    store.append([make_fact("req:r")], {}, now=2)
    assert store.summary().calls == 1
    store.append([make_fact("msg:3", "req:r")], {}, now=3)
    assert store.summary().calls == 1


def test_calls_of_one_millisecond_get_ids_of_their_own(store: Store) -> None:
    for part in range(3):
        store.append([make_fact(f"msg:{part}-{n}") for n in range(50)], {}, now=part)
    assert len({call.id for call in store.calls(0, FOREVER)}) == 150


def test_positions_are_kept_replaced_and_forgotten(store: Store) -> None:
    store.append([], {"a": b"1", "b": b"2"}, now=1)
    store.append([], {"a": b"\x00\xff", "b": None}, now=2)
    assert store.positions() == {"a": b"\x00\xff"}


def test_facts_and_positions_are_booked_both_or_neither(store: Store) -> None:
    class Broken(dict[str, bytes]):
        def items(self) -> Never:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.append([make_fact()], Broken(), now=1)
    assert store.summary().calls == 0
    assert store.spans(Grain.DAY, Dimension.ALL, 0, FOREVER) == []
    store.append([make_fact()], {"a": b"1"}, now=2)
    assert (store.summary().calls, store.positions()) == (1, {"a": b"1"})


def test_batches_are_followed_by_sequence_not_by_id(store: Store) -> None:
    late = store.append([make_fact("msg:new", at=MORNING)], {}, now=1)
    early = store.append([make_fact("msg:old", at=MORNING - 10**9)], {}, now=2)
    assert late is not None
    assert early is not None
    assert [batch.ids for batch in store.batches(0, 10)] == [late.ids, early.ids]
    assert store.batches(1, 10) == [early]
    assert store.batches(0, 1) == [late]


def test_sessions_know_their_project_branch_agents_and_extent(store: Store) -> None:
    store.append(
        [
            make_fact("msg:1", at=MORNING),
            make_fact("msg:2", at=MORNING + 60_000, agent="a1"),
            make_fact("msg:3", at=MORNING + 90_000, agent="a2"),
            make_fact("msg:4", at=MORNING - 60_000, session="other", project="/p2"),
        ],
        {},
        now=1,
    )
    (info,) = store.session_infos(["s1", "nobody"])
    assert info == ("s1", "/home/u/app", "-home-u-app", "main", 2, MORNING, MORNING + 90_000)
    assert store.recent_sessions(MORNING, 10) == ["s1"]
    assert store.recent_sessions(MORNING - 60_000, 10) == ["s1", "other"]
    assert store.recent_sessions(MORNING - 60_000, 1) == ["s1"]
    assert {row.session for row in store.sessions(0, 100_000)} == {"s1", "other"}
    assert {row.session for row in store.sessions_named(["other"])} == {"other"}


def test_texts_of_any_kind_come_back(store: Store) -> None:
    names = ["", "数据/项目", "a'b\"c", "\x00nul", "🙂", "x" * 5000]
    store.append(
        [make_fact(f"msg:{n}", session=name or None, project=name or None) for n, name in enumerate(names)], {}, now=1
    )
    found = {call.fact.place.session for call in store.calls(0, FOREVER) if call.fact.place is not None}
    assert found == {*names[1:], None}


def test_a_ledger_can_change_its_days(store: Store) -> None:
    store.append([make_fact(at=1_795_120_000_000)], {}, now=1)
    (utc,) = store.spans(Grain.DAY, Dimension.ALL, 0, FOREVER)
    store.rebuild("Pacific/Kiritimati")
    (kiritimati,) = store.spans(Grain.DAY, Dimension.ALL, 0, FOREVER)
    assert (store.zone(), kiritimati.start - utc.start, kiritimati.measures) == ("Pacific/Kiritimati", 1, utc.measures)


def test_every_identifying_key_of_a_new_call_leads_to_it(store: Store) -> None:
    store.append([make_fact("msg:1", "own:2")], {}, now=1)
    store.append([make_fact("own:2", output=50)], {}, now=2)
    assert [call.fact.reading.usage.output_tokens for call in store.calls(0, FOREVER) if call.fact.reading] == [50]


def test_the_id_of_a_call_that_became_part_of_another_is_never_given_again(store: Store) -> None:
    store.append([make_fact("msg:y", at=MORNING)], {}, now=1)
    store.append([make_fact("own:x", at=MORNING + 5)], {}, now=2)
    store.append([make_fact("msg:y", "own:x", at=MORNING)], {}, now=3)
    store.append([make_fact("msg:new", at=MORNING + 5)], {}, now=4)
    store.append([make_fact("msg:new", at=MORNING + 5, output=77)], {}, now=5)
    outputs = [call.fact.reading.usage.output_tokens for call in store.calls(0, FOREVER) if call.fact.reading]
    assert sorted(outputs) == [10, 77]


def when(call: Call) -> tuple[int, int]:
    return call.fact.timing.started_at, call.id


def keyless(call: Call) -> Call:
    """Without the keys, which engines need not answer."""
    return replace(call, fact=replace(call.fact, keys=()))


def project_of(call: Call) -> tuple[str, str]:
    place = call.fact.place
    return ("", "") if place is None else (place.project or "", place.folder or "")


def is_wanted(call: Call, wanted: Wanted) -> bool:
    place = call.fact.place
    return (
        (wanted.model is None or (call.fact.reading.model if call.fact.reading else "") == wanted.model)
        and (wanted.session is None or (place is not None and place.session == wanted.session))
        and (
            wanted.projects is None
            or ((place and place.project) or "", (place and place.folder) or "") in wanted.projects
        )
        and all(
            value is None or on_axis(call, Axis(axis)) == value
            for axis, value in (
                ("access_token", wanted.access_token),
                ("account", wanted.account),
                ("user", wanted.user),
                ("source", wanted.source),
            )
        )
        and is_exchange_wanted(call, wanted)
    )


def is_exchange_wanted(call: Call, wanted: Wanted) -> bool:
    party, exchange, timing = call.fact.party, call.fact.exchange, call.fact.timing
    return (
        (wanted.mode is None or ((party and party.mode) or "") == wanted.mode)
        and (wanted.endpoint is None or (exchange.endpoint if exchange else "") == wanted.endpoint)
        and (wanted.status is None or timing.status_code == wanted.status)
        and (wanted.success is None or (timing.outcome == Outcome.OK) == wanted.success)
    )


def maybe(*values: str) -> st.SearchStrategy[str | None]:
    return st.none() | st.none() | st.sampled_from(values)


wishes = st.builds(
    Wanted,
    maybe("claude-opus-5", "unpriced-1", "", "nobody"),
    st.none()
    | st.frozensets(st.tuples(st.sampled_from(["a", "b", "", "x/y"]), st.sampled_from(["a", "数据", ""])), max_size=4),
    maybe("a", "数据", "nobody"),
    maybe("a", "数据", "", "nobody"),
    maybe("a", "数据", "", "nobody"),
    maybe("a", "数据", "", "nobody"),
    maybe("a", "数据", "", "nobody"),
    maybe("transcript", "gateway", "runner", "nobody"),
    maybe("messages", "count_tokens", "", "nobody"),
    st.none() | st.none() | st.sampled_from([200, 529]),
    st.none() | st.booleans(),
)
ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe")


@pytest.mark.parametrize("engine", engines())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(facts(), max_size=8), max_size=4),
    wanted=wishes,
    limits=st.tuples(times, times),
    skip=st.integers(0, 3),
    zone=st.sampled_from(ZONES),
)
def test_calls_are_found_in_order_and_counted(
    engine: str,
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Fact]],
    wanted: Wanted,
    limits: tuple[int, int],
    skip: int,
    zone: str,
) -> None:
    """Facts that join later move calls to other times than their ids say; they are found all the same."""
    start, end = sorted(limits)
    with fresh_store(engine, tmp_path_factory.mktemp("s"), zone) as store:
        for number, batch in enumerate(batches):
            store.append(batch, {}, now=number)
        everything = [keyless(call) for call in store.oldest(0, FOREVER, Wanted())]
        assert everything == sorted(everything, key=when)
        assert len(everything) == store.summary().calls
        asked = [call for call in everything if is_wanted(call, wanted)]
        inside = [call for call in asked if start <= call.fact.timing.started_at < end]
        assert [*map(keyless, store.oldest(start, end, wanted, skip))] == inside[skip:]
        assert [*map(keyless, store.newest(start, end, wanted, skip))] == inside[::-1][skip:]
        assert store.count(start, end, wanted) == len(inside)
        days = Days(ZoneInfo(zone))
        quarters = Counter(call.fact.timing.started_at // QUARTER_MS for call in asked)
        first, last = start // QUARTER_MS, end // QUARTER_MS
        counted = sorted((quarter, calls) for quarter, calls in quarters.items() if first <= quarter <= last)
        assert_counted(store.counts(Grain.QUARTER, first, last, wanted), counted, wanted)
        by_day: Counter[int] = Counter()
        for quarter, calls in quarters.items():
            by_day[days.of_quarter(quarter)] += calls
        assert_counted(store.counts(Grain.DAY, 0, 100_000, wanted), sorted(by_day.items()), wanted)
        some_day = start // 86_400_000
        one = [(day, calls) for day, calls in by_day.items() if day == some_day]
        assert_counted(store.counts(Grain.DAY, some_day, some_day, wanted), one, wanted)


def assert_counted(found: Sequence[SpanCount], counted: Sequence[tuple[int, int]], wanted: Wanted) -> None:
    """Exact where roll-ups tell, else no span is left out and none has too few."""
    assert [span.start for span in found] == sorted({span.start for span in found})
    if wanted.is_summed:
        assert found == counted
    at_most = dict(found)
    assert all(calls <= at_most.get(span, 0) for span, calls in counted)


@pytest.mark.parametrize("engine", engines())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(facts(), max_size=8), max_size=3),
    wanted=wishes,
    limits=st.tuples(times, times),
    ranking=st.sampled_from(Ranking),
    falling=st.booleans(),
    limit=st.integers(1, 9),
)
def test_calls_are_ranked_as_a_plain_sort_would(
    engine: str,
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Fact]],
    wanted: Wanted,
    limits: tuple[int, int],
    ranking: Ranking,
    falling: bool,
    limit: int,
) -> None:
    start, end = sorted(limits)
    with fresh_store(engine, tmp_path_factory.mktemp("ranked")) as store:
        for number, batch in enumerate(batches):
            store.append(batch, {}, now=number)
        inside = [keyless(call) for call in store.newest(start, end, wanted)]
        valued = [call for call in inside if ranked_by(call, ranking) is not None]
        valued.sort(key=lambda call: ranked_by(call, ranking) or 0, reverse=falling)
        expected = [*valued, *(call for call in inside if ranked_by(call, ranking) is None)]
        found = store.ranked(start, end, wanted, ranking, limit, falling=falling)
        assert [*map(keyless, found)] == expected[:limit]


def ranked_by(call: Call, ranking: Ranking) -> int | None:
    reading = call.fact.reading
    values = {
        Ranking.STATUS: call.fact.timing.status_code,
        Ranking.TOKENS: reading.usage.total_tokens if reading else 0,
        Ranking.COST: call.cost and call.cost.total,
    }
    return values[ranking]


def test_a_call_is_found_by_its_id_and_by_those_of_calls_that_became_part_of_it(store: Store) -> None:
    store.append([make_fact("msg:1"), make_fact("msg:2", at=MORNING + 1)], {}, now=1)
    first, second = [call.id for call in store.oldest(0, FOREVER, Wanted())]
    third = store.append([make_fact("msg:3", at=MORNING + 2)], {}, now=2)
    store.append([make_fact("msg:2", "msg:3")], {}, now=3)
    store.append([make_fact("msg:1", "msg:2")], {}, now=4)
    assert third is not None
    assert [found and found.id for found in map(store.call, (first, second, third.ids[0]))] == [first] * 3
    assert store.call(1) is None


def test_calls_of_far_clocks_are_found(store: Store) -> None:
    moments = [5, 1_500_000_000_000, MORNING, 8_000_000_000_000, 10_500_000_000_000]
    store.append([make_fact(f"msg:{at}", at=at) for at in moments], {}, now=1)
    assert [call.fact.timing.started_at for call in store.newest(0, 1 << 45, Wanted())] == moments[::-1]
    assert [store.count(at, at + 1, Wanted()) for at in moments] == [1] * len(moments)


def test_more_calls_than_ids_in_a_millisecond_stay_in_order(store: Store) -> None:
    store.append([make_fact(f"msg:{number}") for number in range(4200)], {}, now=1)
    store.append([make_fact("msg:next", at=MORNING + 1)], {}, now=2)
    found = [*store.newest(MORNING, MORNING + 2, Wanted())]
    assert len({call.id for call in found}) == 4201
    assert found == sorted(found, key=when, reverse=True)
    assert store.count(MORNING, MORNING + 1, Wanted()) == 4200


def test_projects_are_named_by_path_and_folder(store: Store) -> None:
    assert store.projects() == []
    store.append([make_fact(), make_fact("msg:2", project="/x"), make_fact("msg:3", project="/x")], {}, now=1)
    assert sorted(store.projects()) == [("/home/u/app", "-home-u-app"), ("/x", "-home-u-app")]


def test_a_snapshot_stays_as_it_was(store: Store) -> None:
    store.append([make_fact("msg:1", output=1), make_fact("msg:2")], {}, now=1)
    with store.snapshot() as view, view.snapshot() as again:
        reading = view.newest(0, FOREVER, Wanted())
        first = next(reading)
        store.append(
            [make_fact("msg:1", output=500, model="claude-haiku-5-5"), make_fact("msg:0", at=MORNING - 1)], {}, now=2
        )
        store.append([make_fact("msg:9", session="later", project="/later")], {}, now=3)
        rest = list(reading)
        assert [call.fact.reading.usage.output_tokens for call in [first, *rest] if call.fact.reading] == [10, 1]
        assert view.summary().calls == again.summary().calls == 2
        assert view.counts(Grain.QUARTER, 0, FOREVER, Wanted()) == [(MORNING // QUARTER_MS, 2)]
        assert [batch.sequence for batch in view.batches(0, 9)] == [1]
        assert ("/later", "-home-u-app") not in view.projects()
    assert store.summary().calls == 4
    assert store.count(0, FOREVER, Wanted()) == 4


def test_an_order_left_early_holds_nothing_up(store: Store) -> None:
    store.append([make_fact(f"msg:{number}", at=MORNING + number) for number in range(50)], {}, now=1)
    for number in range(20):
        with closing(store.newest(0, FOREVER, Wanted())) as reading:
            assert next(reading).fact.timing.started_at == MORNING + 49 + number
        store.append([make_fact(f"msg:more-{number}", at=MORNING + 50 + number)], {}, now=2)


def test_the_first_and_the_last_call_of_a_time_are_found_whatever_their_ids_say(store: Store) -> None:
    chooser = random.Random(7)
    at = [MORNING + chooser.randrange(6 * 3_600_000) for _ in range(60)]
    store.append([make_fact(f"msg:{n}", at=start) for n, start in enumerate(at)], {}, now=1)
    for n in range(0, 60, 3):  # a later fact knows another start; the id stays
        at[n] -= chooser.randrange(50 * 60_000)
        store.append([make_fact(f"msg:{n}", at=at[n])], {}, now=2)
    assert sorted(call.fact.timing.started_at for call in store.calls(0, FOREVER)) == sorted(at)
    edges = [*at, *(start + 1 for start in at), MORNING - 86_400_000, MORNING + 86_400_000]
    for _ in range(200):
        start, end = chooser.choice(edges), chooser.choice(edges)
        inside = [moment for moment in at if start <= moment < end]
        assert store.first_call_at(start, end) == min(inside, default=None)
        assert store.last_call_at(start, end) == max(inside, default=None)


def test_one_position_is_found_by_its_name(store: Store) -> None:
    store.append([], {"a": b"1", "b": b"2"}, now=1)
    assert (store.position("b"), store.position("c")) == (b"2", None)


def test_keys_that_lead_to_calls_are_told_from_others(store: Store) -> None:
    store.append([make_fact("msg:1", "own:2"), make_fact("msg:3")], {}, now=1)
    assert store.booked(["msg:1", "own:2", "msg:3", "msg:4", "own:1"]) == {"msg:1", "own:2", "msg:3"}
    assert store.booked([]) == set()


@pytest.mark.parametrize("axis", list(Axis))
def test_a_name_that_nothing_can_have_fits_no_call(store: Store, axis: Axis) -> None:
    store.append([make_fact()], {}, now=1)
    day = [(MORNING // 86_400_000, MORNING // 86_400_000)]
    odd = frozenset({"a\0b"})
    assert sum(row.measures[0] or 0 for row in store.sum_days(day, Cut(only={axis: odd}))) == 0
    assert [row.measures[0] for row in store.sum_days(day, Cut(without={axis: odd}))] == [1]


def test_nobody_is_found_by_a_name_that_no_store_holds(store: Store) -> None:
    store.append([make_fact()], {}, now=1)
    nobody = ["s1\0", "\0"]
    assert store.session_infos(nobody) == []
    assert store.sessions_named(nobody) == []
    assert store.booked(nobody) == store.exchanged(nobody) == set()
    assert [info.session for info in store.session_infos([*nobody, "s1"])] == ["s1"]
