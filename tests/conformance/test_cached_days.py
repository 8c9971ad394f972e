"""What every storage engine has to do with the days of Claude Code's own statistics."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Cost, Usage
from ccledger.core.measures import Dimension, Grain
from ccledger.ledger.cached import KeptDay
from ccledger.ledger.store import Store, engines
from tests.conformance.stores import fresh_store

USAGE = Usage(1, 2, 0, 3, 4)
COST = Cost(2, 6, 21, 44)


@pytest.fixture(params=engines())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as opened:
        yield opened


def file(root: str = "/home/u/.claude", computed_on: int = 100, seen: bytes = b"1", problem: str = "") -> CachedFile:
    return CachedFile(root, seen, 3, computed_on, 0, problem)


def day(number: int, model: str = "claude-opus-5", tokens: int = 1) -> CachedDay:
    return CachedDay(number, model, Usage(tokens))


def told(store: Store, first: int = 0, last: int = 1000) -> list[tuple[str, int, str, int]]:
    return [
        (row.root, row.told.day, row.told.model, row.told.usage.input_tokens) for row in store.cached_days(first, last)
    ]


def test_a_new_ledger_knows_no_such_days(store: Store) -> None:
    assert (store.cached_files(), store.cached_days(0, 1000)) == ([], [])


def test_a_day_comes_back_as_it_was_told_with_its_cost(store: Store) -> None:
    days = [CachedDay(7, "claude-opus-5", USAGE, with_cache=False), CachedDay(7, "unpriced-数据", USAGE)]
    store.keep_cached_days(file(), days)
    assert store.cached_files() == [file()]
    assert store.cached_days(7, 7) == [
        KeptDay("/home/u/.claude", days[0], COST, COST.total - 21 + 15, 100),
        KeptDay("/home/u/.claude", days[1], None, None, 100),
    ]


def test_days_are_found_by_date_and_come_in_order(store: Store) -> None:
    store.keep_cached_days(file("/b"), [day(3), day(1, "z"), day(1, "a")])
    store.keep_cached_days(file("/a"), [day(1), day(9)])
    assert [row[:3] for row in told(store, 1, 3)] == [
        ("/a", 1, "claude-opus-5"),
        ("/b", 1, "a"),
        ("/b", 1, "z"),
        ("/b", 3, "claude-opus-5"),
    ]
    assert [entry.root for entry in store.cached_files()] == ["/a", "/b"]


def test_a_newer_file_replaces_its_days_whole_and_leaves_those_it_forgot(store: Store) -> None:
    store.keep_cached_days(file(), [day(1), day(2), day(2, "other")])
    store.keep_cached_days(file(computed_on=101, seen=b"2"), [day(2, tokens=5), day(3)])
    assert [row[1:] for row in told(store)] == [
        (1, "claude-opus-5", 1),
        (2, "claude-opus-5", 5),
        (3, "claude-opus-5", 1),
    ]
    assert store.cached_files() == [file(computed_on=101, seen=b"2")]


def test_an_older_file_only_adds_what_is_missing(store: Store) -> None:
    store.keep_cached_days(file(computed_on=101), [day(2, tokens=5)])
    store.keep_cached_days(file(computed_on=90), [day(1), day(2), day(2, "other")])
    assert [row[1:] for row in told(store)] == [(1, "claude-opus-5", 1), (2, "claude-opus-5", 5)]


def test_the_same_file_twice_changes_nothing(store: Store) -> None:
    for _ in range(2):
        store.keep_cached_days(file(), [day(1), day(2)])
    assert len(told(store)) == 2


def test_a_file_that_can_not_be_read_any_more_keeps_what_it_told(store: Store) -> None:
    store.keep_cached_days(file(), [day(1)])
    store.keep_cached_days(file(computed_on=0, problem="it is empty"), [])
    assert len(told(store)) == 1
    assert store.cached_files()[0].problem == "it is empty"


def test_counts_as_large_as_a_file_can_tell_are_kept_and_have_no_cost(store: Store) -> None:
    store.keep_cached_days(file(), [day(1, tokens=1 << 62)])
    (row,) = store.cached_days(1, 1)
    assert (row.told.usage.input_tokens, row.cost, row.cost_low) == (1 << 62, None, None)


def test_such_days_are_no_calls(store: Store) -> None:
    store.keep_cached_days(file(), [day(1)])
    assert store.summary() == (0, 0, None, None)
    assert store.spans(Grain.DAY, Dimension.ALL, 0, 1000) == []
    assert store.batches(0, 10) == []
