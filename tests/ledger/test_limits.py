"""The file of limit readings: nothing is lost that matters, nothing in it does harm, and it stays small."""

import json
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from ccledger.core.limits import Limit, LimitReading
from ccledger.ledger.limits import FILE_NAME, keep_limits, kept_limits

NOW = 1_795_168_800_000
HOME = "/home/u/.claude"
FIVE = Limit("five_hour", 23.5, NOW + 3_600_000)
SEVEN = Limit("seven_day", 40.0, None)


def test_what_was_told_comes_back(tmp_path: Path) -> None:
    keep_limits(tmp_path, HOME, [FIVE, SEVEN], NOW)
    keep_limits(tmp_path, "/数据/.claude", [FIVE], NOW + 1)
    assert kept_limits(tmp_path) == [
        LimitReading(NOW, HOME, FIVE),
        LimitReading(NOW, HOME, SEVEN),
        LimitReading(NOW + 1, "/数据/.claude", FIVE),
    ]


def test_nothing_was_told_yet(tmp_path: Path) -> None:
    assert kept_limits(tmp_path) == []
    keep_limits(tmp_path, HOME, [], NOW)
    assert not (tmp_path / FILE_NAME).exists()


def test_only_the_owner_may_read_it_and_its_directory_is_made(tmp_path: Path) -> None:
    keep_limits(tmp_path / "a" / "b", HOME, [FIVE], NOW)
    path = tmp_path / "a" / "b" / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_same_is_not_repeated_at_once_though_sessions_take_turns(tmp_path: Path) -> None:
    other = FIVE._replace(used_percentage=22)
    for moment in range(0, 60_000, 300):
        keep_limits(tmp_path, HOME, [FIVE], NOW + moment)
        keep_limits(tmp_path, HOME, [other], NOW + moment + 1)
    assert kept_limits(tmp_path) == [LimitReading(NOW, HOME, FIVE), LimitReading(NOW + 1, HOME, other)]
    keep_limits(tmp_path, HOME, [FIVE], NOW + 60_000)
    assert len(kept_limits(tmp_path)) == 3


def test_a_clock_that_was_set_back_does_not_silence_it(tmp_path: Path) -> None:
    keep_limits(tmp_path, HOME, [FIVE], NOW)
    keep_limits(tmp_path, HOME, [FIVE], NOW - 5_000)
    assert [reading.read_at for reading in kept_limits(tmp_path)] == [NOW, NOW - 5_000]


@pytest.mark.parametrize(
    "torn",
    [
        b'{"at":1,"dir":"x","win',
        b"\xff\xfe\n",
        b"null\n7\n[]\n",
        b'{"at":1}\n',
        b'{"at":Infinity,"dir":"","window":"w","used":1,"resets_at":null}\n',
        b'{"at":1,"dir":"","window":"w","used":NaN,"resets_at":null}\n',
        b"[" * 5000 + b"\n",
        b"\0" * 500,
    ],
)
def test_torn_lines_are_passed_over(torn: bytes, tmp_path: Path) -> None:
    keep_limits(tmp_path, HOME, [FIVE], NOW)
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(torn + b"\n")
    keep_limits(tmp_path, HOME, [SEVEN], NOW)
    assert kept_limits(tmp_path) == [LimitReading(NOW, HOME, FIVE), LimitReading(NOW, HOME, SEVEN)]


def test_it_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    for number in range(6000):
        keep_limits(tmp_path, HOME, [FIVE._replace(used_percentage=number)], NOW + number)
    kept = kept_limits(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_size <= 1 << 18
    assert kept[-1].limit.used_percentage == 5999
    assert [reading.limit.used_percentage for reading in kept] == [*range(6000 - len(kept), 6000)]
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def write_many(folder: str, writer: int) -> None:
    for number in range(200):
        keep_limits(folder, f"dir-{writer}", [FIVE._replace(used_percentage=number)], NOW + number)


def test_many_may_write_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(write_many, [str(tmp_path)] * 4, range(4)))
    lines = (tmp_path / FILE_NAME).read_bytes().splitlines()
    assert len([json.loads(line) for line in lines]) == 800
    for writer in range(4):
        own = [reading for reading in kept_limits(tmp_path) if reading.directory == f"dir-{writer}"]
        assert [reading.limit.used_percentage for reading in own] == [*range(200)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="Permission"):
        keep_limits(tmp_path, HOME, [FIVE], NOW)


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no directory")
    with pytest.raises(OSError):  # noqa: PT011 - systems word it differently
        keep_limits(tmp_path / "data", HOME, [FIVE], NOW)
    assert kept_limits(tmp_path / "data") == []
