"""From the spool into the ledger: each call once, in spite of crashes, outages and calls that nobody can book."""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from ccledger.core.call import Fact
from ccledger.core.errors import StoreError
from ccledger.ledger.drain import POSITION, Booker, Drain
from ccledger.ledger.spool import Position, SpoolWriter, segments
from ccledger.ledger.store import Store, open_store
from ccledger.ledger.writer import Writer
from tests.ledger.test_spool import fact
from tests.upstream.gateway import until


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    found = open_store(f"sqlite:///{path}", lambda: lambda _reading, _at: None, "UTC")
    yield found
    found.close()


class Failing:
    """A sink that fails as often as it is told, or for one fact for ever."""

    def __init__(self, writer: Writer, failures: int = 0, poison: str = "") -> None:
        self._writer = writer
        self.failures = failures
        self.poison = poison

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        if any(self.poison in one.keys for one in facts):
            raise ValueError("nobody can book this")
        self._writer.append(facts, positions)

    def positions(self) -> Mapping[str, bytes]:
        return self._writer.positions()


@contextmanager
def draining(folder: Path, store: Store, failures: int = 0, poison: str = "") -> Generator[tuple[SpoolWriter, Drain]]:
    start = Position.decode(store.position(POSITION))
    drain = Drain(Booker(folder, Failing(Writer(store, lambda: 0), failures, poison), store.exchanged, start))
    writer = SpoolWriter(folder, os.urandom, drain.tell, first=start.segment + 1)
    drain.start(writer)
    try:
        yield writer, drain
    finally:
        drain.stop()
        writer.close(drain.read_to)


def write(writer: SpoolWriter, facts: Iterable[Fact]) -> None:
    for one in facts:
        assert writer.reserve()
        writer.write([one])


def count(store: Store) -> int:
    return store.summary().calls


def test_what_is_written_is_booked(tmp_path: Path, store: Store) -> None:
    with draining(tmp_path, store) as (writer, _):
        write(writer, map(fact, range(250)))
        until(lambda: count(store) == 250)
        write(writer, [fact(250)])
        until(lambda: count(store) == 251)
    assert segments(tmp_path) == []


def test_what_a_dead_process_left_behind_is_booked_once(tmp_path: Path, store: Store) -> None:
    write(SpoolWriter(tmp_path, os.urandom), map(fact, range(20)))
    with draining(tmp_path, store):
        until(lambda: count(store) == 20)
    with draining(tmp_path, store) as (writer, _):
        write(writer, [fact(20)])
    assert count(store) == 21


def test_calls_wait_while_the_ledger_cant_be_written(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with draining(tmp_path, store, failures=3) as (writer, drain):
        write(writer, map(fact, range(5)))
        until(lambda: drain.failure == "the disk is full")
        until(lambda: count(store) == 5)
        until(lambda: drain.failure is None)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


class AlmostFull(Failing):
    """A ledger with room for a position, but for no call until some is made."""

    is_full = True

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None]) -> None:
        if facts and self.is_full:
            raise apsw.FullError("database or disk is full")
        super().append(facts, positions)


def test_calls_wait_for_a_ledger_that_only_has_room_for_less(tmp_path: Path, store: Store) -> None:
    sink = AlmostFull(Writer(store, lambda: 0))
    drain = Drain(Booker(tmp_path, sink, store.exchanged, Position(0, 0)))
    writer = SpoolWriter(tmp_path, os.urandom, drain.tell)
    write(writer, map(fact, range(3)))
    drain.start(writer)
    until(lambda: drain.failure is not None)
    sink.is_full = False
    until(lambda: count(store) == 3)
    drain.stop()
    writer.close(drain.read_to)
    assert not (tmp_path / "unbooked.jsonl").exists()


class Away(Failing):
    """A ledger that books, but is gone before it says so, and for a moment longer."""

    lost = 1

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None]) -> None:
        super().append(facts, positions)
        if facts and self.lost:
            raise StoreError("the connection broke")

    def positions(self) -> Mapping[str, bytes]:
        if self.lost:
            self.lost -= 1
            raise StoreError("the database system is starting up")
        return super().positions()


@pytest.mark.parametrize("lost", [1, 3])
def test_what_was_booked_before_the_ledger_went_away_is_not_booked_again(
    tmp_path: Path, store: Store, lost: int
) -> None:
    sink = Away(Writer(store, lambda: 0))
    sink.lost = lost
    drain = Drain(Booker(tmp_path, sink, store.exchanged, Position(0, 0)))
    writer = SpoolWriter(tmp_path, os.urandom, drain.tell)
    write(writer, map(fact, range(3)))
    drain.start(writer)
    until(lambda: drain.read_to >= writer.end)
    write(writer, [fact(3)])
    until(lambda: drain.read_to >= writer.end)
    drain.stop()
    writer.close(drain.read_to)
    assert count(store) == 4


def test_a_call_that_cant_be_booked_is_laid_aside_and_holds_up_no_other(tmp_path: Path, store: Store) -> None:
    with draining(tmp_path, store, poison="msg:msg_3") as (writer, _):
        write(writer, map(fact, range(10)))
        until(lambda: count(store) == 9)
    aside = (tmp_path / "unbooked.jsonl").read_text()
    assert aside.count("\n") == 1
    assert "msg:msg_3" in aside


def test_two_answers_with_the_same_message_are_two_calls(tmp_path: Path, store: Store) -> None:
    same = replace(fact(1), keys=("msg:same", "req:a"))
    with draining(tmp_path, store) as (writer, _):
        write(writer, [same, replace(same, keys=("msg:same", "req:b"))])
        until(lambda: count(store) == 2)
        write(writer, [same])
        until(lambda: count(store) == 3)


def test_a_transcripts_line_joins_the_call_that_the_gateway_saw(tmp_path: Path, store: Store) -> None:
    seen = fact(1)
    assert seen.place is not None
    timing = replace(seen.timing, source=1, duration_ms=None, first_token_ms=None, status_code=None)
    line = replace(seen, timing=timing, party=None, sources=2, exchange=None)
    store.append([line], {}, now=0)
    with draining(tmp_path, store) as (writer, _):
        write(writer, [seen])
        until(lambda: store.exchanged(["msg:msg_1"]) == {"msg:msg_1"})
    assert count(store) == 1


def test_a_position_of_nothing_is_the_beginning() -> None:
    assert Position.decode(None) == Position(0, 0)
