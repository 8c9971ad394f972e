"""Finding and taking Claude Code's own statistics, with the same care as transcripts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.errors import NotReadable
from ccledger.sources.stats_cache import LARGEST, NAME, import_changed, look_at, take

NOW = 1_795_160_000_000
"""2026-11-20."""


def now() -> int:
    return NOW


@dataclass
class Kept:
    """Keeps what it is handed."""

    files: dict[str, CachedFile] = field(default_factory=dict[str, CachedFile])
    days: list[CachedDay] = field(default_factory=list[CachedDay])

    def keep_cached_days(self, file: CachedFile, days: Sequence[CachedDay]) -> None:
        self.files[file.root] = file
        self.days.extend(days)

    def cached_files(self) -> list[CachedFile]:
        return list(self.files.values())


def write(root: Path, day: str = "2026-10-01", tokens: int = 40) -> Path:
    root.mkdir(exist_ok=True)
    path = root / NAME
    days = [{"date": day, "tokensByModel": {"claude-opus-5": tokens}}]
    path.write_text(json.dumps({"version": 3, "lastComputedDate": day, "dailyModelTokens": days}))
    return path


def test_every_directory_is_read_once_and_again_when_its_file_changed(tmp_path: Path) -> None:
    kept, roots = Kept(), [str(tmp_path / name) for name in ("a", "b", "nothing")]
    path = write(tmp_path / "a")
    write(tmp_path / "b", tokens=50)
    assert import_changed(roots, kept, now) == 2
    assert [day.usage.total_tokens for day in kept.days] == [40, 50]
    assert import_changed(roots, kept, now) == 0
    write(tmp_path / "a", tokens=60)
    os.utime(path, ns=(1, 1))
    assert import_changed(roots, kept, now) == 1
    assert kept.days[-1].usage.total_tokens == 60
    assert [import_changed(roots, kept, now, edition="2.0") for _ in range(2)] == [2, 0]


def test_a_file_that_can_not_be_read_is_remembered_with_the_reason(tmp_path: Path) -> None:
    kept = Kept()
    path = write(tmp_path / "a")
    path.write_text('{"version": 3, "dailyMod')
    assert import_changed([str(tmp_path / "a")], kept, now) == 1
    assert kept.files[str(tmp_path / "a")].problem.startswith("it is not JSON")
    assert import_changed([str(tmp_path / "a")], kept, now) == 0
    assert kept.days == []


def test_links_pipes_and_directories_are_no_such_file(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside")
    for name in ("link", "pipe", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / NAME).symlink_to(outside)
    os.mkfifo(tmp_path / "pipe" / NAME)
    (tmp_path / "folder" / NAME).mkdir()
    for name in ("link", "pipe", "folder"):
        assert look_at(str(tmp_path / name)) is None
        with pytest.raises(NotReadable):
            take(str(tmp_path / name / NAME), "", now)


def test_a_directory_whose_name_can_not_be_kept_is_passed_over(tmp_path: Path) -> None:
    root = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    write(Path(root))
    assert look_at(root) is None
    assert look_at("\0") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_file_that_may_be_read_after_all_is_read_then(tmp_path: Path) -> None:
    kept, path = Kept(), write(tmp_path / "a")
    path.chmod(0)
    import_changed([str(tmp_path / "a")], kept, now)
    assert kept.files[str(tmp_path / "a")].problem == "Permission denied"
    path.chmod(0o600)
    import_changed([str(tmp_path / "a")], kept, now)
    assert len(kept.days) == 1


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a")
    os.truncate(path, LARGEST + 1)
    with pytest.raises(NotReadable, match="larger than 16 MB"):
        take(str(path), "", now)


def test_counts_without_a_day_are_of_the_day_the_file_was_written_and_never_of_tomorrow(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text('{"claude-opus-5": {"input_tokens": 5}}')
    for seconds, day in ((1_790_000_000, 20_717), (1 << 33, NOW // 86_400_000)):
        os.utime(path, (seconds, seconds))
        assert take(str(path), "", now).days[0].day == day


def test_it_writes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a")
    path.chmod(0o400)
    before = path.read_bytes(), path.stat().st_mtime_ns
    import_changed([str(tmp_path / "a")], Kept(), now)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list((tmp_path / "a").iterdir()) == [path]
