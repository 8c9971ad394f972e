"""The spool: what was written is read again whatever happened meanwhile, and no room is promised twice."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.call import Exchange, Fact, Party, Place, Reading, Timing, Usage
from ccledger.ledger.spool import BODY_START, HEAD, Limits, Position, SpoolWriter, forget, read, segments

START = Position(0, 0)
SMALL = Limits(segment=1 << 14, room=1024, spare=0)


def fact(number: int) -> Fact:
    return Fact(
        (f"msg:msg_{number}", f"req:req_{number}"),
        Timing(2, 1_795_000_000_000 + number, 0, 200, 1234, 56),
        Reading("claude-opus-5", Usage(number, 2, 3, 4, 5, 6)),
        Place(2, session="s"),
        1_795_000_000_000 + number,
        Party(2, "token", "account", "owner", "api"),
        4,
        Exchange(stream=True),
    )


def write(writer: SpoolWriter, *numbers: int) -> None:
    for number in numbers:
        assert writer.reserve()
        writer.write([fact(number)])


def numbers_in(folder: Path, start: Position = START, written: Position | None = None) -> list[int]:
    taken = read(folder, start, 100_000, written)
    return [one.reading.usage.input_tokens for kept in taken.kept for one in kept.facts if one.reading is not None]


def test_what_was_written_is_read_by_another_process(tmp_path: Path) -> None:
    write(SpoolWriter(tmp_path, os.urandom), 1, 2, 3)
    taken = read(tmp_path, START, 10)
    assert [kept.facts for kept in taken.kept] == [[fact(1)], [fact(2)], [fact(3)]]
    assert taken.damaged == 0
    assert len({kept.name for kept in taken.kept}) == 3


def test_nothing_is_made_before_the_first_call(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", os.urandom)
    writer.close()
    assert list(tmp_path.iterdir()) == []
    assert numbers_in(tmp_path / "spool") == []


def test_a_segment_that_is_begun_meanwhile_is_not_taken_for_a_finished_one(tmp_path: Path) -> None:
    write(SpoolWriter(tmp_path, os.urandom), 1)
    writer = SpoolWriter(tmp_path, os.urandom)
    known = writer.end
    assert writer.reserve()
    taken = read(tmp_path, START, 10, known)
    writer.write([fact(2)])
    forget(tmp_path, taken.end)
    assert numbers_in(tmp_path, taken.end, writer.end) == [2]


def _write_one_byte(file: int, data: bytes, offset: int) -> int:
    return 1


def test_a_write_that_fails_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SpoolWriter(tmp_path, os.urandom, limits=SMALL)
    assert writer.reserve()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", _write_one_byte)
        with pytest.raises(OSError, match="No space"):
            writer.write([fact(1)])
    write(writer, 2)
    assert numbers_in(tmp_path) == [2]


def test_a_segment_without_a_call_is_taken_away(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, os.urandom)
    assert writer.reserve()
    writer.release()
    writer.close()
    assert segments(tmp_path) == []


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, os.urandom)
    write(writer, *range(5))
    first = read(tmp_path, START, 2, writer.end)
    second = read(tmp_path, first.end, 100, writer.end)
    third = read(tmp_path, second.end, 100, writer.end)
    assert [len(taken.kept) for taken in (first, second, third)] == [2, 3, 0]
    assert third.end == second.end == writer.end
    write(writer, 5)
    assert numbers_in(tmp_path, third.end, writer.end) == [5]


def test_a_new_process_begins_a_segment_of_its_own_behind_all_others(tmp_path: Path) -> None:
    write(SpoolWriter(tmp_path, os.urandom), 1)
    write(SpoolWriter(tmp_path, os.urandom), 2)
    assert [number for number, _ in segments(tmp_path)] == [1, 2]
    assert numbers_in(tmp_path) == [1, 2]
    write(SpoolWriter(tmp_path, os.urandom, first=9), 3)
    assert [number for number, _ in segments(tmp_path)] == [1, 2, 9]


def test_segments_are_turned_and_forgotten_once_they_are_read(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, os.urandom, limits=SMALL)
    write(writer, *range(200))
    assert len(segments(tmp_path)) > 3
    taken = read(tmp_path, START, 1000, writer.end)
    assert len(taken.kept) == 200
    forget(tmp_path, taken.end)
    assert [number for number, _ in segments(tmp_path)] == [writer.end.segment]
    write(writer, 200)
    assert numbers_in(tmp_path, taken.end, writer.end) == [200]


def test_room_is_there_for_everyone_who_was_promised_some(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, os.urandom, limits=SMALL)
    for _ in range(100):
        assert writer.reserve()
    sizes = {path: path.stat().st_size for _, path in segments(tmp_path)}
    for number in range(100):
        writer.write([fact(number)])
    assert {path: path.stat().st_size for _, path in segments(tmp_path)} == sizes
    assert numbers_in(tmp_path) == list(range(100))


def test_a_disk_without_room_makes_no_promise(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, os.urandom, limits=Limits(spare=1 << 62))
    assert not writer.reserve()
    enough = SpoolWriter(tmp_path / "other", os.urandom)
    assert enough.reserve()
    missing = SpoolWriter(Path("/proc/spool"), os.urandom)
    assert not missing.reserve()


def test_a_call_of_many_facts_gets_the_room_it_needs(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, os.urandom, limits=SMALL)
    for _ in range(3):
        assert writer.reserve()
    writer.write([fact(number) for number in range(100)])
    writer.write([fact(100)])
    writer.write([fact(101)])
    assert sorted(numbers_in(tmp_path)) == list(range(102))


def tear(data: bytearray, at: int) -> None:
    data[at] ^= 0xFF


def cut(data: bytearray, at: int) -> None:
    data[at:] = bytes(len(data) - at)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 1500), damage=st.sampled_from([tear, cut]))
def test_damage_costs_no_more_than_what_it_hit(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: Callable[[bytearray, int], None]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    writer = SpoolWriter(folder, os.urandom)
    ends = [BODY_START]
    for number in range(5):
        write(writer, number)
        ends.append(writer.end.offset)
    ((_, path),) = segments(folder)
    at = BODY_START + at % (ends[-1] - BODY_START)
    data = bytearray(path.read_bytes())
    damage(data, at)
    path.write_bytes(data)
    hit = next(number for number in range(5) if at < ends[number + 1])
    lost = {hit} if damage is tear else set(range(hit, 5))
    found = numbers_in(folder)
    assert set(range(5)) - lost <= set(found) <= set(range(5))


def test_a_strange_file_is_no_segment(tmp_path: Path) -> None:
    (tmp_path / "000000000001.spool").write_bytes(b"something else" * 100)
    (tmp_path / "notes.txt").write_text("hello")
    assert numbers_in(tmp_path) == []


def test_nobody_reads_behind_what_was_written(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, os.urandom)
    write(writer, 1)
    end = writer.end
    write(writer, 2)
    assert numbers_in(tmp_path, START, end) == [1]


def test_the_spool_is_its_owners_alone(tmp_path: Path) -> None:
    write(SpoolWriter(tmp_path / "spool", os.urandom), 1)
    ((_, path),) = segments(tmp_path / "spool")
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    assert HEAD.size == 12


def test_a_position_is_kept_as_bytes() -> None:
    assert Position.decode(Position(7, 99).encode()) == Position(7, 99)
    assert Position.decode(None) == START


def test_a_segment_that_is_begun_meanwhile_is_left_for_later(tmp_path: Path) -> None:
    write(SpoolWriter(tmp_path, os.urandom), 1)
    writer = SpoolWriter(tmp_path, os.urandom, limits=SMALL)
    before = writer.end
    write(writer, *range(2, 200))
    taken = read(tmp_path, START, 1000, before)
    assert len(taken.kept) == 1
    assert taken.end <= before
    assert numbers_in(tmp_path, taken.end, writer.end) == list(range(2, 200))


def test_a_full_disk_is_known_by_the_next_look_and_room_on_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [1 << 30]

    def told(_: int) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=free[0], f_frsize=1)

    monkeypatch.setattr(os, "fstatvfs", told)
    writer = SpoolWriter(tmp_path, os.urandom)
    assert writer.reserve()
    free[0] = 0
    assert not writer.look()
    assert not writer.reserve()
    free[0] = 1 << 30
    assert writer.reserve()
