import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccledger.core.call import Fact
from ccledger.sources.transcripts import follow
from ccledger.sources.transcripts.follow import Follower, ImportStatus
from ccledger.sources.transcripts.roots import Root
from tests.journeys.history import Project, Transcript

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FOLDERS = 40


class Counting:
    """A sink that counts calls and wakes whoever waits for a number of them."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.grown = threading.Condition()

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None]) -> None:
        with self.grown:
            self.keys.update(fact.keys[0] for fact in facts)
            self.grown.notify_all()

    def positions(self) -> Mapping[str, bytes]:
        return {}

    def wait_for(self, number: int) -> None:
        with self.grown:
            assert self.grown.wait_for(lambda: len(self.keys) >= number, 20), f"{len(self.keys)} of {number} calls"


def test_a_file_written_while_its_directory_is_made_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the look around at intervals, nothing but events can find the files.
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600)
    Transcript(tmp_path, "first").answer(NOW)
    sink = Counting()

    def report(status: ImportStatus) -> None: ...

    follower = Follower(
        lambda: [Root(str(tmp_path), found=True)], lambda _: 0, sink, lambda: 1_795_000_000_000, report, watch=True
    )
    follower.start()
    try:
        sink.wait_for(1)
        for number in range(FOLDERS):
            Transcript(tmp_path, f"s{number}", Project(f"/home/u/project-{number}")).answer(NOW)
            sink.wait_for(2 + number)
    finally:
        follower.stop()
