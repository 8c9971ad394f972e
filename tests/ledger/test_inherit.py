"""Spools that share a folder: a dead node's is booked once by another, and a living one's is left alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccledger.core.errors import LedgerBusy
from ccledger.ledger.inherit import Heir, book_left, holding, position_of
from ccledger.ledger.spool import SpoolWriter, segments
from ccledger.ledger.store import Store, open_store
from ccledger.ledger.writer import Writer
from tests.ledger.test_spool import fact


@pytest.fixture
def store() -> Iterator[Store]:
    found = open_store("memory://", lambda: lambda _reading, _at: None, "UTC")
    yield found
    found.close()


def left_behind(folder: Path, first: int, last: int) -> SpoolWriter:
    """What a node has written down; it is not closed, as nobody closes what is killed."""
    writer = SpoolWriter(folder, os.urandom, first=first + 1)
    for number in range(first, last):
        assert writer.reserve()
        writer.write([fact(number)])
    return writer


def heir(root: Path, store: Store, living: frozenset[str] = frozenset()) -> Heir:
    return Heir(root, "own", store, Writer(store, lambda: 0), lambda home: home not in living)


def test_a_dead_nodes_calls_are_booked_and_its_spool_is_gone(tmp_path: Path, store: Store) -> None:
    with holding(tmp_path / "dead"):
        left_behind(tmp_path / "dead", 0, 50)
    assert heir(tmp_path, store).look() == 50
    assert store.summary().calls == 50
    assert not (tmp_path / "dead").exists()
    assert store.position(position_of("dead")) is None
    assert heir(tmp_path, store).look() == 0


def test_what_it_had_booked_itself_is_not_booked_again(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "dead"
    with holding(folder):
        left_behind(folder, 0, 50)
        assert book_left(folder, position_of("dead"), store, Writer(store, lambda: 0)) == 50
        assert segments(folder) == []
        left_behind(folder, 50, 60)
    assert heir(tmp_path, store).look() == 10
    assert store.summary().calls == 60


@pytest.mark.parametrize("is_held", [True, False])
def test_a_living_nodes_spool_is_left_alone(tmp_path: Path, store: Store, is_held: bool) -> None:
    """It holds its lock, or its lease, where locks do not reach."""
    folder = tmp_path / "living"
    with holding(folder):
        left_behind(folder, 0, 5)
        if is_held:
            assert heir(tmp_path, store).look() == 0
    assert heir(tmp_path, store, frozenset(["living"])).look() == 0
    assert store.summary().calls == 0
    assert len(segments(folder)) == 1


def test_own_spool_is_not_inherited(tmp_path: Path, store: Store) -> None:
    with holding(tmp_path / "own"):
        left_behind(tmp_path / "own", 0, 5)
    assert heir(tmp_path, store).look() == 0


def test_a_spool_is_held_by_one(tmp_path: Path) -> None:
    with holding(tmp_path / "a"), pytest.raises(LedgerBusy, match="CCLEDGER_SPOOL_DIR"), holding(tmp_path / "a", 0):
        pass


def test_who_was_taken_for_dead_goes_on_in_a_new_segment(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "paused"
    with holding(folder):
        writer = left_behind(folder, 0, 5)
    assert heir(tmp_path, store).look() == 5
    writer.look()
    for number in range(5, 8):
        assert writer.reserve()
        writer.write([fact(number)])
    assert book_left(folder, position_of("paused"), store, Writer(store, lambda: 0)) == 3
    assert store.summary().calls == 8
