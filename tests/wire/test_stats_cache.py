"""Claude Code's own statistics in every version, and whatever else may lie in their place."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccledger.core.call import Usage
from ccledger.core.errors import NotReadable
from ccledger.core.periods import day_number
from ccledger.wire.stats_cache import StatsCache, read_stats_cache, split_exactly

TODAY = date(2026, 11, 20)
DAY = "2026-10-01"
LIFETIME = {
    "claude-opus-5": {
        "inputTokens": 100,
        "outputTokens": 300,
        "cacheReadInputTokens": 9000,
        "cacheCreationInputTokens": 600,
        "webSearchRequests": 0,
        "costUSD": 0,
        "contextWindow": 0,
    }
}


def statistics(version: int | None, tokens: Any = 40, **more: Any) -> dict[str, Any]:
    """A file as Claude Code writes it."""
    named = {} if version is None else {"version": version}
    return {
        **named,
        "lastComputedDate": "2026-10-02",
        "dailyActivity": [{"date": DAY, "messageCount": 9, "sessionCount": 1, "toolCallCount": 4}],
        "dailyModelTokens": [{"date": DAY, "tokensByModel": {"claude-opus-5": tokens}}],
        "modelUsage": LIFETIME,
        "totalSessions": 1,
        "longestSession": {"sessionId": "s", "duration": 1},
        "firstSessionDate": "2026-10-01T08:00:00.000Z",
        "hourCounts": {"8": 1},
        **more,
    }


def read(tree: Any) -> StatsCache:
    data = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return read_stats_cache(data, today=TODAY, written_on=date(2026, 11, 3))


@pytest.mark.parametrize("version", [None, 1, 2, 3, 4])
def test_old_versions_sum_input_and_output(version: int | None) -> None:
    cache = read(statistics(version))
    assert (cache.version, cache.computed_on, cache.left_out) == (version or 0, day_number(date(2026, 10, 2)), 0)
    (day,) = cache.days
    assert (day.day, day.model, day.with_cache) == (day_number(date(2026, 10, 1)), "claude-opus-5", False)
    assert day.usage == Usage(10, 30)


@pytest.mark.parametrize("version", [5, 6, 99])
def test_new_versions_sum_all_four_kinds(version: int) -> None:
    (day,) = read(statistics(version, 20_000, dailyModelTokensVersion=version)).days
    assert (day.with_cache, day.usage) == (True, Usage(200, 600, 0, 1200, 18_000))


def test_a_file_that_only_moved_to_a_new_version_keeps_its_old_sums() -> None:
    (day,) = read(statistics(5, 40)).days
    assert (day.with_cache, day.usage) == (False, Usage(10, 30))


@pytest.mark.parametrize(("tokens", "with_cache"), [(400, False), (401, True)])
def test_more_than_the_input_and_output_of_all_time_holds_the_cache(tokens: int, with_cache: bool) -> None:
    (day,) = read(statistics(2, tokens)).days
    assert (day.with_cache, day.usage.total_tokens) == (with_cache, tokens)


def test_a_model_without_counts_of_its_own_is_split_like_all_together() -> None:
    tree = statistics(3, dailyModelTokens=[{"date": DAY, "tokensByModel": {"claude-new": 8}}])
    (day,) = read(tree).days
    assert day.usage == Usage(2, 6)
    (day,) = read({**tree, "modelUsage": None}).days
    assert (day.usage, day.with_cache) == (Usage(8), False)


def test_the_simple_form_is_of_the_day_it_was_written() -> None:
    counts = {"input_tokens": 1, "output_tokens": 2, "cache_creation_tokens": 3, "cache_read_tokens": 4}
    for tree in ({"claude-opus-5": counts}, {"models": {"claude-opus-5": counts}, "updated": "yesterday"}):
        cache = read(tree)
        (day,) = cache.days
        assert (cache.version, cache.computed_on) == (0, day_number(date(2026, 11, 3)))
        assert (day.day, day.usage, day.with_cache) == (cache.computed_on, Usage(1, 2, 0, 3, 4), True)


def test_a_day_that_is_there_twice_counts_once_with_its_larger_sum() -> None:
    days = [{"date": DAY, "tokensByModel": {"claude-opus-5": tokens}} for tokens in (8, 40, 12)]
    (day,) = read(statistics(3, dailyModelTokens=days)).days
    assert day.usage.total_tokens == 40


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("9007199254740993", 9007199254740993),
        ("1.5e3", 1500),
        ("12.9", 12),
        ("4611686018427387904", 1 << 62),
        ("4611686018427387905", None),
        ("1e400", None),
        ("NaN", None),
        ("-Infinity", None),
        ("-1", None),
        ("9" * 5000, None),
        ('"40"', None),
        ("true", None),
        ("null", None),
        ("[]", None),
    ],
)
def test_numbers_are_taken_exactly_or_left_out(text: str, tokens: int | None) -> None:
    data = json.dumps(statistics(3)).replace('"claude-opus-5": 40', f'"claude-opus-5": {text}').encode()
    cache = read(data)
    assert [day.usage.total_tokens for day in cache.days] == ([] if tokens is None else [tokens])
    assert cache.left_out == (tokens is None)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        {},
        {"date": DAY},
        {"date": "2026-13-01", "tokensByModel": {"m": 1}},
        {"date": "2026-02-29", "tokensByModel": {"m": 1}},
        {"date": "20261001", "tokensByModel": {"m": 1}},
        {"date": "２０２６-10-01", "tokensByModel": {"m": 1}},
        {"date": "1970-01-01", "tokensByModel": {"m": 1}},
        {"date": "2026-11-22", "tokensByModel": {"m": 1}},
        {"date": 20261001, "tokensByModel": {"m": 1}},
        {"date": DAY, "tokensByModel": {"": 1}},
        {"date": DAY, "tokensByModel": {"m\ud800": 1}},
        {"date": DAY, "tokensByModel": {"m" * 201: 1}},
        {"date": DAY, "tokensByModel": ["m"]},
    ],
)
def test_an_entry_without_sense_costs_that_entry_alone(entry: Any) -> None:
    good = statistics(3)["dailyModelTokens"]
    cache = read(statistics(3, dailyModelTokens=[entry, *good]))
    assert ([day.model for day in cache.days], cache.left_out) == (["claude-opus-5"], 1)


def test_tomorrow_is_a_day_already_somewhere() -> None:
    days = [{"date": "2026-11-21", "tokensByModel": {"m": 1}}]
    assert len(read(statistics(3, dailyModelTokens=days)).days) == 1


def test_without_a_date_of_its_own_it_is_of_its_last_day() -> None:
    for wrong in (None, "soon", 5, "2031-01-01"):
        assert read(statistics(3, lastComputedDate=wrong)).computed_on == day_number(date(2026, 10, 1))
    assert read({"version": 3}).computed_on == 0


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"[]", "it is JSON, but no object"),
        (b"null", "it is JSON, but no object"),
        (b'{"version": 3', "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a": 1}', "it holds neither Claude Code's statistics nor token counts by model"),
        (b'{"a": {"input_tokens": "5"}}', "it holds neither"),
    ],
)
def test_what_is_something_else_says_so(data: bytes, why: str) -> None:
    with pytest.raises(NotReadable) as caught:
        read(data)
    assert str(caught.value).startswith(why)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(DAY)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
days = st.fixed_dictionaries(
    {}, optional={"date": values, "tokensByModel": st.dictionaries(st.text(), values) | values}
)
trees = st.fixed_dictionaries(
    {},
    optional={
        "version": values,
        "lastComputedDate": values,
        "dailyModelTokens": st.lists(days | values) | values,
        "dailyModelTokensVersion": values,
        "modelUsage": st.dictionaries(st.text(), st.dictionaries(st.sampled_from(["inputTokens", "x"]), values))
        | values,
        "models": values,
        "m": values,
    },
)


@given(trees.map(lambda tree: json.dumps(tree).encode()) | st.binary())
@example(b'{"version": 1e400, "dailyModelTokens": [{"date": NaN}], "modelUsage": {"m": {"inputTokens": 1e999}}}')
def test_nothing_raises_anything_but_that_it_is_not_readable(data: bytes) -> None:
    try:
        cache = read(data)
    except NotReadable:
        return
    for day in cache.days:
        assert day.usage.total_tokens > 0
        assert day.model.isprintable()
    assert len({(day.day, day.model) for day in cache.days}) == len(cache.days)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [(1, [1, 2], [0, 1]), (1, [1, 1], [1, 0]), (10, [1, 1, 1], [4, 3, 3]), (3, [0, 7], [0, 3])],
)
def test_what_is_left_goes_where_the_remainder_is_largest(amount: int, weights: list[int], parts: list[int]) -> None:
    assert split_exactly(amount, weights) == parts


@given(st.integers(0, 1 << 62), st.lists(st.integers(0, 1 << 70), min_size=1, max_size=4).filter(any))
def test_parts_add_up_and_each_is_within_one_of_its_share(amount: int, weights: list[int]) -> None:
    parts = split_exactly(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) < sum(weights)
