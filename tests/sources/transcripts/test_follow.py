"""A real follower over real directories: what is written is booked soon, whatever happens to files and ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from ccledger.core.call import Fact
from ccledger.sources.transcripts import follow
from ccledger.sources.transcripts.follow import Follower, ImportStatus
from ccledger.sources.transcripts.roots import Root, find_roots
from tests.corpora import reference
from tests.corpora.growing import replay
from tests.corpora.made import roots_of, write_corpus
from tests.sources.transcripts.recording import Claude, Recorder, answer, answers
from tests.wire.lines import in_lines
from tests.wire.made_lines import value_by_reference, values_of

SECONDS = 20
"""How long to wait for what has to happen; only a failure takes as long."""

POLL_EVERY_SECONDS = cast("float", vars(follow)["_POLL_EVERY_SECONDS"])
"""As it is outside of tests, most of which have no time for it."""

both_ways = pytest.mark.parametrize("watch", [True, False], ids=["watching", "polling"])


@dataclass
class Following:
    """Starts followers and ends them with the test."""

    sink: Recorder
    folders: Sequence[Path]
    told: list[ImportStatus] = field(default_factory=list[ImportStatus])
    started: list[Follower] = field(default_factory=list[Follower])

    def roots(self) -> list[Root]:
        return find_roots({}, self.folders[0], list(map(str, self.folders)))

    def make(self, *, watch: bool = True, roots: Callable[[], list[Root]] | None = None) -> Follower:
        """Make a follower for whom time stands still, so that it can't lean on the clock."""
        follower = Follower(
            roots or self.roots, lambda _: 1, self.sink, lambda: 1_790_000_000_000, self.told.append, watch=watch
        )
        self.started.append(follower)
        return follower

    def start(self, *, watch: bool = True, roots: Callable[[], list[Root]] | None = None) -> Follower:
        """Start a follower."""
        follower = self.make(watch=watch, roots=roots)
        follower.start()
        return follower


@pytest.fixture
def claude(tmp_path: Path) -> Claude:
    claude = Claude(tmp_path / "claude")
    claude.write(answers("msg_1"))
    return claude


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
def following(claude: Claude, sink: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    monkeypatch.setattr(follow, "_POLL_EVERY_SECONDS", 0.1)
    following = Following(sink, [claude.root, tmp_path / "later"])
    yield following
    sink.room = 1 << 30
    for follower in following.started:
        follower.stop()


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for something that wakes nobody."""
    end = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@both_ways
def test_what_is_there_is_imported_first(claude: Claude, sink: Recorder, following: Following, watch: bool) -> None:
    claude.write(answers("msg_2", "msg_3"), "s2")
    follower = following.make(watch=watch)
    assert (follower.status.state, follower.status.started_at) == ("starting", 1_790_000_000_000)
    follower.start()
    assert follower.sync(SECONDS)
    assert set(sink.outputs) == {"msg_1", "msg_2", "msg_3"}
    states = [status.state for status in following.told]
    assert states == sorted(states, key=["importing", "following"].index)
    last = follower.status
    assert (last.state, last.error, last.finished_at) == ("following", None, 1_790_000_000_000)
    assert (last.progress.files_done, last.progress.facts) == (2, 3)
    assert last.files == {str(claude.root): 2, str(following.folders[1]): 0}


def test_every_call_says_how_its_directory_pays(sink: Recorder, following: Following) -> None:
    following.start()
    assert sink.wait_for(["msg_1"], SECONDS)
    assert [fact.place and fact.place.billing for fact in sink.facts] == [1]


@both_ways
def test_a_line_that_is_added_is_booked_within_a_second(
    claude: Claude, sink: Recorder, following: Following, monkeypatch: pytest.MonkeyPatch, watch: bool
) -> None:
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600.0)
    monkeypatch.setattr(follow, "_POLL_EVERY_SECONDS", POLL_EVERY_SECONDS)
    assert following.start(watch=watch).sync(SECONDS)
    taken: list[float] = []
    for number in range(2, 5):
        begun = time.monotonic()
        claude.append(answers(f"msg_{number}"))
        assert sink.wait_for([f"msg_{number}"], SECONDS)
        taken.append(time.monotonic() - begun)
    assert min(taken) < 1


def test_a_directory_moved_into_place_with_all_its_files_is_found(
    claude: Claude, sink: Recorder, following: Following, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600.0)
    assert following.start().sync(SECONDS)
    other = Claude(tmp_path / "other")
    other.write(answers("msg_2"))
    (other.root / "projects" / "-home-app-x").rename(claude.root / "projects" / "-home-app-moved")
    assert sink.wait_for(["msg_2"], SECONDS)


@pytest.mark.parametrize(("watch", "look_every"), [(True, 0.5), (False, 3600.0)], ids=["watching", "polling"])
def test_looking_now_and_then_finds_what_no_event_told(
    claude: Claude,
    sink: Recorder,
    following: Following,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    watch: bool,
    look_every: float,
) -> None:
    """What is written under a file's other name is told where that name is."""
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", look_every)
    (tmp_path / "other-name").hardlink_to(claude.path())
    assert following.start(watch=watch).sync(SECONDS)
    with (tmp_path / "other-name").open("ab") as file:
        file.write(answers("msg_2"))
    assert sink.wait_for(["msg_2"], SECONDS)


NEW = ("s2", "s1/subagents/agent-a", "../-home-app-y/s3", "../-home-app-z/s4/subagents/workflows/w/agent-b")


@both_ways
def test_new_directories_and_files_are_found(
    claude: Claude, sink: Recorder, following: Following, monkeypatch: pytest.MonkeyPatch, watch: bool
) -> None:
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600.0)
    assert following.start(watch=watch).sync(SECONDS)
    for number, name in enumerate(NEW):
        claude.write(answers(f"msg_new_{number}"), name)
        assert sink.wait_for([f"msg_new_{number}"], SECONDS)


@both_ways
def test_a_root_that_appears_later_is_followed(
    sink: Recorder, following: Following, monkeypatch: pytest.MonkeyPatch, watch: bool
) -> None:
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 0.2)
    follower = following.start(watch=watch)
    assert follower.sync(SECONDS)
    later = Claude(following.folders[1])
    later.write(answers("msg_2"))
    assert sink.wait_for(["msg_2"], SECONDS)
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600.0)
    assert follower.sync(SECONDS)
    later.append(answers("msg_3"))
    assert sink.wait_for(["msg_3"], SECONDS)
    assert wait_until(lambda: follower.status.files == {str(folder): 1 for folder in following.folders})


def test_a_watch_begins_when_the_first_root_appears(
    sink: Recorder, following: Following, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600.0)
    following.folders = [tmp_path / "nothing-yet"]
    assert following.start().sync(SECONDS)
    first = Claude(following.folders[0])
    first.write(answers("msg_2"))
    assert sink.wait_for(["msg_2"], SECONDS)
    first.append(answers("msg_3"))
    assert sink.wait_for(["msg_3"], SECONDS)


def test_directories_that_can_not_be_watched_are_looked_at(
    claude: Claude, sink: Recorder, following: Following
) -> None:
    (claude.root / "projects" / "\udcff").mkdir()
    assert following.start().sync(SECONDS)
    claude.append(answers("msg_2"))
    assert sink.wait_for(["msg_2"], SECONDS)
    claude.write(answers("msg_3"), "s2")
    assert sink.wait_for(["msg_3"], SECONDS)
    assert {status.state for status in following.told} == {"importing", "following"}


def test_a_root_that_is_said_to_be_there_and_is_not_disturbs_no_other(
    claude: Claude, sink: Recorder, following: Following, tmp_path: Path
) -> None:
    roots = [Root(str(claude.root), found=True), Root(str(tmp_path / "gone"), found=True)]
    assert following.start(roots=lambda: roots).sync(SECONDS)
    claude.append(answers("msg_2"))
    assert sink.wait_for(["msg_2"], SECONDS)
    assert {status.state for status in following.told} == {"importing", "following"}


@both_ways
def test_files_that_are_rotated_cut_back_or_removed_are_followed(
    claude: Claude, sink: Recorder, following: Following, watch: bool
) -> None:
    follower = following.start(watch=watch)
    assert follower.sync(SECONDS)
    beside = claude.path("beside").with_suffix(".tmp")
    beside.write_bytes(answers("msg_2"))
    beside.replace(claude.path())
    assert sink.wait_for(["msg_2"], SECONDS)
    claude.write(answers("msg_3", "msg_4"))
    assert sink.wait_for(["msg_3", "msg_4"], SECONDS)
    claude.path().unlink()
    assert follower.sync(SECONDS)
    claude.write(answers("msg_5"))
    assert sink.wait_for(["msg_5"], SECONDS)


def test_only_transcripts_are_booked(claude: Claude, sink: Recorder, following: Following) -> None:
    follower = following.start()
    assert follower.sync(SECONDS)
    claude.write(answers("msg_no"), "w/journal")
    claude.path("notes").with_suffix(".txt").write_bytes(answers("msg_no"))
    claude.append(answers("msg_2"))
    assert follower.sync(SECONDS)
    assert set(sink.outputs) == {"msg_1", "msg_2"}


@both_ways
def test_what_is_written_while_the_watch_is_being_set_up_is_not_missed(
    claude: Claude, sink: Recorder, following: Following, monkeypatch: pytest.MonkeyPatch, watch: bool
) -> None:
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600.0)
    numbers = iter(range(2, 8))

    def roots() -> list[Root]:
        for number in numbers:
            claude.append(answers(f"msg_{number}"))
            break
        return following.roots()

    following.start(watch=watch, roots=roots)
    assert sink.wait_for(["msg_2", "msg_3", "msg_4"], SECONDS)


@both_ways
def test_whoever_has_waited_leaves_the_follower_at_rest(
    following: Following, monkeypatch: pytest.MonkeyPatch, watch: bool
) -> None:
    monkeypatch.setattr(follow, "_LOOK_EVERY_SECONDS", 3600.0)
    monkeypatch.setattr(follow, "_POLL_EVERY_SECONDS", 3600.0)
    asked = count()

    def roots() -> list[Root]:
        next(asked)
        return following.roots()

    follower = following.start(watch=watch, roots=roots)
    assert follower.sync(SECONDS)
    time.sleep(0.3)
    assert next(asked) < 20


# Waiting for what is on disk.


@both_ways
def test_after_a_sync_everything_that_was_on_disk_is_booked(
    claude: Claude, sink: Recorder, following: Following, watch: bool
) -> None:
    follower = following.start(watch=watch)
    for number in range(2, 8):
        claude.append(answers(f"msg_{number}"))
        assert follower.sync(SECONDS)
        assert f"msg_{number}" in sink.outputs


def test_many_may_wait_at_once(claude: Claude, sink: Recorder, following: Following) -> None:
    follower = following.start()
    seen: list[bool] = []
    waiting = [threading.Thread(target=lambda: seen.append(follower.sync(SECONDS))) for _ in range(8)]
    claude.append(answers("msg_2"))
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(SECONDS)
    assert seen == [True] * 8
    assert "msg_2" in sink.outputs


def test_other_files_that_change_all_the_time_keep_nobody_waiting(claude: Claude, following: Following) -> None:
    follower = following.start()
    assert follower.sync(SECONDS)
    quiet = threading.Event()

    def make_noise() -> None:
        while not quiet.wait(0.01):
            claude.path("noise").with_suffix(".txt").write_text("x")

    noise = threading.Thread(target=make_noise)
    noise.start()
    try:
        assert [follower.sync(5) for _ in range(3)] == [True] * 3
    finally:
        quiet.set()
        noise.join()


class Gate(Recorder):
    """Takes nothing in until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.open = threading.Event()

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None]) -> None:
        self.reached.set()
        assert self.open.wait(SECONDS)
        super().append(facts, positions)


def test_a_sync_says_when_it_took_too_long(following: Following) -> None:
    following.sink = gate = Gate()
    follower = following.start()
    assert gate.reached.wait(SECONDS)
    assert not follower.sync(0.01)
    gate.open.set()
    assert follower.sync(SECONDS)
    assert set(gate.outputs) == {"msg_1"}


def test_a_sync_ends_with_the_import_and_says_that_it_is_not_done(following: Following) -> None:
    following.sink = gate = Gate()
    follower = following.start()
    assert gate.reached.wait(SECONDS)
    seen: list[bool] = []
    waiting = threading.Thread(target=lambda: seen.append(follower.sync(100 * SECONDS)), daemon=True)
    waiting.start()
    stopping = threading.Thread(target=follower.stop)
    stopping.start()
    waiting.join(SECONDS)
    assert seen == [False]
    gate.open.set()
    stopping.join(SECONDS)
    assert not follower.sync(SECONDS)


# The end, and failures on the way.


@both_ways
def test_a_stop_ends_the_thread_and_nothing_is_booked_any_more(
    claude: Claude, sink: Recorder, following: Following, watch: bool
) -> None:
    follower = following.start(watch=watch)
    assert follower.sync(SECONDS)
    begun = time.monotonic()
    follower.stop()
    assert time.monotonic() - begun < SECONDS
    assert "transcripts" not in {thread.name for thread in threading.enumerate()}
    claude.append(answers("msg_2"))
    assert not follower.sync(0.01)
    assert set(sink.outputs) == {"msg_1"}


def test_a_stop_books_what_was_read_and_the_next_start_goes_on(claude: Claude, following: Following) -> None:
    claude.write(answers(*(f"msg_{number}" for number in range(100))))
    following.sink = gate = Gate()
    follower = following.start()
    assert gate.reached.wait(SECONDS)
    gate.open.set()
    follower.stop()
    assert following.start().sync(SECONDS)
    assert len(gate.outputs) == 100
    assert len(gate.facts) == 100


def test_what_never_began_can_be_stopped(following: Following) -> None:
    following.make().stop()


def test_a_second_follower_reads_only_what_is_new(claude: Claude, sink: Recorder, following: Following) -> None:
    first = following.start()
    assert first.sync(SECONDS)
    first.stop()
    claude.append(answers("msg_2"))
    assert following.start().sync(SECONDS)
    assert [fact.keys[0] for fact in sink.facts] == ["msg:msg_1", "msg:msg_2"]


def test_a_ledger_that_is_full_is_tried_again(
    claude: Claude, sink: Recorder, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_PAUSE_SECONDS", 0.05)
    sink.room = 0
    follower = following.start()
    assert wait_until(lambda: follower.status.state == "failed")
    assert follower.status.error == "DiskFull; the server's log says more"
    assert not follower.sync(SECONDS)
    sink.room = 1 << 30
    assert sink.wait_for(["msg_1"], SECONDS)
    assert wait_until(lambda: (follower.status.state, follower.status.error) == ("following", None))
    sink.room = 0
    claude.append(answers("msg_2"))
    assert wait_until(lambda: follower.status.state == "failed")
    sink.room = 1 << 30
    assert sink.wait_for(["msg_2"], SECONDS)
    assert wait_until(lambda: follower.status.error is None)
    assert [fact.keys[0] for fact in sink.facts] == ["msg:msg_1", "msg:msg_2"]


class Locked(Recorder):
    """Can't be asked the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def positions(self) -> dict[str, bytes]:
        self.asked += 1
        if self.asked == 1:
            raise OSError("locked")
        return super().positions()


def test_a_ledger_that_is_not_ready_yet_is_asked_again(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_PAUSE_SECONDS", 0.05)
    following.sink = sink = Locked()
    follower = following.start()
    assert sink.wait_for(["msg_1"], SECONDS)
    assert "failed" in {status.state for status in following.told}
    assert follower.sync(SECONDS)
    assert (sink.asked, follower.status.error) == (2, None)
    assert set(sink.outputs) == {"msg_1"}


@both_ways
def test_a_corpus_that_grows_live_ends_with_the_calls_in_it(
    sink: Recorder, following: Following, tmp_path: Path, watch: bool
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    traps = ("growing_output", "bad_utf8", "tail_cut", "second_root", "forks", "subagents_never_final", "no_ids")
    write_corpus(source, seed=4, sessions=5, traps=traps)
    following.folders = [target, target / "second-root"]
    follower = following.start(watch=watch)
    for _ in replay(source, target, seed=4, steps=8):
        sink.changed.acquire()
        sink.changed.wait(0.05)
        sink.changed.release()
    assert follower.sync(SECONDS)
    expected = sorted(map(value_by_reference, reference.calls(roots_of(source)).values()))
    assert values_of(sink.facts) == expected


def test_a_growing_answer_is_followed_to_its_last_count(claude: Claude, sink: Recorder, following: Following) -> None:
    follower = following.start()
    for output in (1, 60, 412):
        claude.append(in_lines([answer("msg_2", output)]))
        assert follower.sync(SECONDS)
        assert sink.outputs["msg_2"] == output
