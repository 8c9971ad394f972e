from pathlib import Path

from ccledger.ledger.store import Batch
from ccledger.ledger.writer import Writer
from tests.conformance.stores import fresh_store
from tests.conformance.test_store import make_fact


def test_what_is_booked_is_told_to_followers_with_the_time_of_the_clock(tmp_path: Path) -> None:
    heard: list[Batch] = []
    with fresh_store("memory", tmp_path) as store:
        Writer(store, lambda: 42, heard.append).append([make_fact()], {"a": b"1"})
    assert [(batch.sequence, batch.committed_at) for batch in heard] == [(1, 42)]


def test_nobody_is_told_when_nothing_new_was_said(tmp_path: Path) -> None:
    heard: list[Batch] = []
    with fresh_store("memory", tmp_path) as store:
        writer = Writer(store, lambda: 42, heard.append)
        writer.append([make_fact()], {})
        writer.append([make_fact()], {"a": b"1"})
        assert writer.positions() == {"a": b"1"}
    assert len(heard) == 1
