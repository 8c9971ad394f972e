"""Five-hour blocks against a plain reference that reads every call, for chance calls and for weeks of activity."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.call import Fact, Usage
from ccledger.core.measures import widen
from ccledger.core.rollup import measure
from ccledger.ledger.store import Store
from ccledger.stats.blocks import Asked, Block, blocks, extended, highest_past, newest_block, pace, project
from ccledger.stats.totals import cost_nano, count, total_tokens
from tests.stats.facts import UNPRICED, fact, ledger, price

MINUTE = 60_000
HOUR = 60 * MINUTE
MONDAY = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp()) * 1000
MODELS = ("claude-opus-4-5", "claude-haiku-4-5", UNPRICED)


class Plain(NamedTuple):
    """A block as a person would work it out with pen and paper."""

    start: int
    end: int
    first: int | None
    last: int | None
    active: bool
    gap: bool
    calls: int
    tokens: int
    cost: int | None
    models: frozenset[str]


def plain_blocks(facts: Sequence[Fact], now: int, hours: int = 5) -> list[Plain]:
    """The rule, word by word: sort, walk, begin anew after five hours, put gaps between."""
    length, found, current = hours * HOUR, list[Plain](), list[Fact]()
    start = 0
    for one in sorted(facts, key=lambda one: one.timing.started_at):
        at = one.timing.started_at
        last = current[-1].timing.started_at if current else at
        if current and (at - start > length or at - last > length):
            found.append(summed(current, start, length, now))
            if at - last > length:
                found.append(Plain(last + length, at, None, None, False, True, 0, 0, 0, frozenset()))
            current = []
        if not current:
            moment = datetime.fromtimestamp(at / 1000, UTC).replace(minute=0, second=0, microsecond=0)
            start = int(moment.timestamp()) * 1000
        current.append(one)
    return [*found, summed(current, start, length, now)] if current else found


def summed(calls: Sequence[Fact], start: int, length: int, now: int) -> Plain:
    first, last = calls[0].timing.started_at, calls[-1].timing.started_at
    readings = [one.reading for one in calls if one.reading is not None]
    costs = [cost.total for one in readings if (cost := price(one, 0)) is not None]
    return Plain(
        start,
        start + length,
        first,
        last,
        now - last < length and now < start + length,
        False,
        len(calls),
        sum(one.usage.total_tokens for one in readings),
        sum(costs) if costs else None,
        frozenset(one.model for one in readings),
    )


def shown(block: Block) -> Plain:
    spent = block.sum
    return Plain(
        block.start,
        block.end,
        block.first_at,
        block.last_at,
        block.is_active,
        block.is_gap,
        count(spent, "calls"),
        total_tokens(spent),
        cost_nano(spent),
        frozenset(block.models),
    )


def calls_at(times: Sequence[int], seed: int = 0) -> list[Fact]:
    chance = random.Random(seed)
    return [
        fact(
            str(number),
            at,
            model=chance.choice(MODELS),
            usage=Usage._make(chance.randrange(most) for most in (1000, 1000, 1000, 1000, 1000, 2)),
        )
        for number, at in enumerate(times)
    ]


def filled(folder: str | Path, facts: Sequence[Fact]) -> Store:
    store = ledger(Path(folder))
    store.append(facts, {}, now=MONDAY)
    return store


def on_the_edge(hours: int, off: int) -> int:
    return hours * HOUR + off


edges = st.builds(on_the_edge, st.integers(0, 60), st.sampled_from([-1, 0, 0, 1, 15 * MINUTE, 20 * MINUTE]))
times = st.lists(st.one_of(edges, st.integers(0, 60 * HOUR)), max_size=30)


@settings(max_examples=80, deadline=None)
@given(times, st.integers(-HOUR, 70 * HOUR), st.sampled_from([5, 5, 5, 1, 2, 8]), st.integers(0, 70 * HOUR))
def test_blocks_are_what_the_rule_says(offsets: list[int], now: int, hours: int, since: int) -> None:
    facts = calls_at([MONDAY + offset for offset in offsets])
    with TemporaryDirectory() as folder:
        store = filled(folder, facts)
        expected = plain_blocks(facts, MONDAY + now, hours)
        assert [shown(block) for block in blocks(store, Asked(MONDAY + now, 0, hours))] == expected
        late = [block for block in expected if block.start >= MONDAY + since or block.active]
        assert [shown(block) for block in blocks(store, Asked(MONDAY + now, MONDAY + since, hours))] == late
        newest = newest_block(store, MONDAY + now) if hours == 5 else None
        assert newest is not None or hours != 5 or not any(block.active for block in expected)
        assert newest is None or shown(newest) == [block for block in expected if not block.gap][-1]
        store.close()


def week(seed: int) -> Iterator[int]:
    """Calls of a working week: mornings and afternoons, some nights through, one day off, calls on the full hour."""
    chance = random.Random(seed)
    for day in range(7):
        if day == chance.randrange(7):
            continue
        at = MONDAY + day * 24 * HOUR + chance.randrange(6, 11) * HOUR + chance.randrange(HOUR)
        until = at + chance.choice((3, 8, 13, 20)) * HOUR
        while at < until:
            yield at
            at += chance.choice((1500, 20_000, 40_000, 5 * MINUTE, 50 * MINUTE, HOUR - at % HOUR))
        at += chance.choice((0, 5 * HOUR, 5 * HOUR + 1, 6 * HOUR))


@pytest.mark.parametrize("seed", range(6))
def test_a_week_of_activity_has_the_blocks_of_the_rule(seed: int, tmp_path: Path) -> None:
    times = list(week(seed))
    facts = calls_at(times, seed)
    store = filled(tmp_path, facts)
    chance = random.Random(seed)
    moments = [chance.choice(times) + chance.randrange(2 * HOUR) for _ in range(25)]
    for now in moments:
        expected = plain_blocks(facts, now)
        assert [shown(block) for block in blocks(store, Asked(now))] == expected
    store.close()


def assert_projected(found: Block, expected: Plain, now: int) -> None:
    """Burn and projection, in floating point as the original has them."""
    speed, ahead = pace(found), project(found, now)
    assert expected.first is not None
    assert expected.last is not None
    if expected.last == expected.first:
        assert (speed, ahead) == (None, None)
        return
    assert speed is not None
    assert ahead is not None
    minutes = (expected.last - expected.first) / MINUTE
    per_minute = expected.tokens / minutes
    remaining = (expected.end - now) / MINUTE
    assert speed.tokens_per_minute == pytest.approx(per_minute)
    assert ahead.remaining_ms == expected.end - now
    assert ahead.tokens == pytest.approx(expected.tokens + per_minute * remaining, abs=0.51)
    if expected.cost is not None:
        assert speed.cost_per_hour == pytest.approx(expected.cost / minutes * 60, abs=0.51)
        assert ahead.cost == pytest.approx(expected.cost * (1 + remaining / minutes), rel=1e-12, abs=0.51)


@pytest.mark.parametrize("seed", range(4))
def test_a_week_of_activity_has_the_projections_of_the_rule(seed: int, tmp_path: Path) -> None:
    times = list(week(seed))
    for cut in (len(times) // 3, len(times) // 2, len(times)):
        facts = calls_at(times[:cut], seed)
        now = times[cut - 1] + 7 * MINUTE
        (tmp_path / str(cut)).mkdir()
        store = filled(tmp_path / str(cut), facts)
        found, running = newest_block(store, now), [block for block in plain_blocks(facts, now) if block.active]
        if found is not None and found.is_active:
            assert [shown(found)] == running
            assert_projected(found, running[0], now)
        else:
            assert running == []
        store.close()


def test_months_without_a_pause_are_walked_from_their_beginning(tmp_path: Path) -> None:
    times = [MONDAY + 7 * MINUTE + number * 4 * HOUR + number % 3 for number in range(400)]
    facts = calls_at(times)
    store = filled(tmp_path, facts)
    now = times[-1] + MINUTE
    [found] = [block for block in blocks(store, Asked(now, now)) if block.is_active]
    assert [shown(found)] == [block for block in plain_blocks(facts, now) if block.active]
    assert newest_block(store, now) is None
    window = (now - HOUR, now + 4 * HOUR)
    official = newest_block(store, now, window)
    assert official == blocks(store, Asked(now, window=window))[-1]
    store.close()


def test_one_call_has_no_pace(tmp_path: Path) -> None:
    store = filled(tmp_path, calls_at([MONDAY]))
    [block] = blocks(store, Asked(MONDAY + HOUR))
    assert (block.is_active, pace(block), project(block, MONDAY + HOUR)) == (True, None, None)
    store.close()


def test_the_limit_is_the_highest_finished_block(tmp_path: Path) -> None:
    def use(key: str, at: int, tokens: int) -> Fact:
        return fact(key, at, usage=Usage(tokens))

    facts = [use("a", MONDAY, 50), use("b", MONDAY + 20 * HOUR, 70), use("c", MONDAY + 40 * HOUR, 900)]
    store = filled(tmp_path, facts)
    assert highest_past(blocks(store, Asked(MONDAY + 41 * HOUR))) == 70
    assert highest_past(blocks(store, Asked(MONDAY + 60 * HOUR))) == 900
    assert highest_past([]) is None
    store.close()


@settings(max_examples=50, deadline=None)
@given(times, st.integers(0, 60 * HOUR), st.integers(0, 5 * HOUR - 1))
def test_the_official_window_takes_the_place_of_the_guess(offsets: list[int], start: int, into: int) -> None:
    facts = calls_at([MONDAY + offset for offset in offsets])
    window = (MONDAY + start, MONDAY + start + 5 * HOUR)
    now = window[0] + into
    with TemporaryDirectory() as folder:
        store = filled(folder, facts)
        found = blocks(store, Asked(now, window=window))
        *before, official = found
        store.close()
    inside = [one for one in facts if window[0] <= one.timing.started_at < window[1]]
    earlier = [one for one in facts if one.timing.started_at < window[0]]
    assert (official.start, official.end, official.rule, official.is_active) == (*window, "official", True)
    assert count(official.sum, "calls") == len(inside)
    assert official.first_at == min((one.timing.started_at for one in inside), default=None)
    assert official.last_at == max((one.timing.started_at for one in inside), default=None)
    assert all(block.rule == "estimated" and not block.is_active for block in before if not block.is_gap)
    plain = [block for block in plain_blocks(earlier, now) if not block.gap]
    kept = [shown(block) for block in before if not block.is_gap]
    assert [block._replace(active=False, end=0) for block in plain] == [block._replace(end=0) for block in kept]
    assert all(block.end <= window[0] for block in kept)


def test_a_window_without_calls_runs_all_the_same(tmp_path: Path) -> None:
    store = filled(tmp_path, [])
    [block] = blocks(store, Asked(MONDAY + HOUR, window=(MONDAY, MONDAY + 5 * HOUR)))
    assert (block.is_active, block.first_at, dict(block.models)) == (True, None, {})
    assert pace(block) is None
    store.close()


def test_a_reference_day() -> None:
    """The reference itself, on a day worked out by hand."""
    at = [
        MONDAY + timedelta(hours=h, minutes=m) // timedelta(milliseconds=1)
        for h, m in ((9, 40), (14, 0), (14, 1), (20, 2))
    ]
    found = plain_blocks(calls_at(at), at[-1])
    hours = [(block.start - MONDAY) / HOUR for block in found]
    assert [block.gap for block in found] == [False, False, True, False]
    assert [block.calls for block in found] == [2, 1, 0, 1]
    assert hours == [9, 14, pytest.approx(19 + 1 / 60), 20]


@settings(max_examples=60, deadline=None)
@given(times, times, st.integers(0, 60 * HOUR))
def test_calls_that_are_not_booked_yet_count_in_the_active_block(early: list[int], late: list[int], at: int) -> None:
    """Calls after all that are booked, as a transcript's end has them, and none in the future."""
    now = MONDAY + max([*early, *late, at], default=at)
    after = max(early, default=0)
    facts = calls_at([MONDAY + offset for offset in [*early, *(offset for offset in late if offset > after)]])
    loose = [
        (one.timing.started_at, one.reading.model, widen(measure(one, price(one.reading, 0))))
        for one in facts[len(early) :]
        if one.reading is not None
    ]
    with TemporaryDirectory() as folder:
        store = filled(folder, facts[: len(early)])
        found = extended(newest_block(store, now), loose, now)
        store.close()
    expected = [block for block in plain_blocks(facts, now) if block.active]
    assert ([] if found is None else [shown(found)]) == expected
