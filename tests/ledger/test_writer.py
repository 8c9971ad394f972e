from pathlib import Path

from ccledger.ledger.store import Batch, Slice
from ccledger.ledger.writer import Writer
from tests.conformance.stores import fresh_store
from tests.conformance.test_store import MORNING, make_fact


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


def test_pricing_anew_is_told_to_followers_step_by_step(tmp_path: Path) -> None:
    heard: list[Batch] = []
    with fresh_store("memory", tmp_path) as store:
        writer = Writer(store, lambda: 42, heard.append)
        writer.append([make_fact(f"msg:{n}", at=MORNING + n) for n in range(3)], {})
        vars(store)["_price"] = lambda *_: None  # pyright: ignore[reportUnknownLambdaType]
        change = writer.begin_repricing("everything", "me")
        step = writer.reprice(change, Slice(0, 1 << 42), -1, 2)
        assert step.reached is not None
        assert writer.reprice(change, Slice(0, 1 << 42), step.reached, 2).reached is None
        assert writer.reprice(change, Slice(0, 1 << 42), step.reached, 2).batch is None
        assert store.price_changes()[0][1:4] == (42, "me", "everything")
    assert [len(batch.ids) for batch in heard] == [3, 2, 1]
