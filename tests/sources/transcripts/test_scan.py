"""Real files that grow, shrink and vanish under the reader; whatever happens, the calls are those in the files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count, permutations
from pathlib import Path
from random import Random

import pytest

from ccledger.core.call import Billing, Place
from ccledger.sources.transcripts import scan
from ccledger.sources.transcripts.position import decode
from ccledger.sources.transcripts.roots import list_files
from ccledger.sources.transcripts.scan import Progress, Scan
from tests.corpora import reference
from tests.corpora.growing import replay
from tests.corpora.made import roots_of, write_corpus
from tests.sources.transcripts.recording import Claude, DiskFull, Recorder, answer, answers
from tests.wire.lines import encode, in_lines
from tests.wire.made_lines import value_by_reference, values_of

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")


@pytest.fixture
def claude(tmp_path: Path) -> Claude:
    return Claude(tmp_path / "claude")


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


def offset(sink: Recorder, path: Path) -> int:
    return decode(sink.kept[str(path)]).offset


def unreadable(sink: Recorder, path: Path) -> int:
    return decode(sink.kept[str(path)]).unreadable


# Files that grow.


def test_what_was_read_is_not_read_again(claude: Claude, sink: Recorder) -> None:
    path = claude.write(answers("msg_1", "msg_2"))
    claude.scan(sink)
    claude.append(answers("msg_3"))
    claude.scan(sink)
    assert [[fact.keys[0] for fact in batch] for batch in sink.batches] == [
        ["msg:msg_1", "msg:msg_2"],
        ["msg:msg_3"],
    ]
    assert offset(sink, path) == path.stat().st_size


def test_nothing_is_opened_booked_or_told_when_nothing_changed(claude: Claude, sink: Recorder) -> None:
    claude.write(answers("msg_1"))
    claude.scan(sink)
    files = claude.files()
    claude.path().unlink()
    told: list[Progress] = []
    assert claude.scan(sink, files, report=told.append) == Progress()
    assert (len(sink.batches), told) == (1, [])


@pytest.mark.parametrize("cut", [1, 40, 200, -1])
def test_a_line_in_the_making_is_read_when_it_is_whole(claude: Claude, sink: Recorder, cut: int) -> None:
    done, line = answers("msg_1"), answers("msg_2")
    path = claude.write(done + line[:cut])
    claude.scan(sink)
    assert set(sink.calls) == ({"msg_1", "msg_2"} if cut == -1 else {"msg_1"})
    assert (offset(sink, path), unreadable(sink, path)) == (len(done), 0)
    claude.append(line[cut:] + answers("msg_3"))
    claude.scan(sink)
    assert sink.outputs == {"msg_1": 100, "msg_2": 100, "msg_3": 100}
    assert (offset(sink, path), unreadable(sink, path)) == (path.stat().st_size, 0)


def test_an_answer_that_grows_between_two_readings_has_its_last_count(claude: Claude, sink: Recorder) -> None:
    claude.write(in_lines([answer("msg_1", 1)]))
    claude.scan(sink)
    claude.append(in_lines([answer("msg_1", 70), answer("msg_1", 412)]))
    claude.scan(sink)
    assert sink.outputs == {"msg_1": 412}


def test_an_empty_file_is_remembered_and_read_when_it_fills(claude: Claude, sink: Recorder) -> None:
    path = claude.write(b"")
    claude.scan(sink)
    assert offset(sink, path) == 0
    claude.append(answers("msg_1"))
    claude.scan(sink)
    assert sink.outputs == {"msg_1": 100}


def test_a_file_that_grows_while_it_is_read_loses_nothing(claude: Claude, sink: Recorder) -> None:
    claude.write(answers("msg_0"))
    numbers = count(1)

    def grow(_: Progress) -> None:
        number = next(numbers)
        if number < 6:
            claude.append(answers(f"msg_{number}"))

    claude.scan(sink, report=grow)
    for _ in range(6):
        claude.scan(sink, report=grow)
    assert sink.outputs == {f"msg_{number}": 100 for number in range(6)}


@pytest.mark.parametrize("chunk", [8, 100, 451, 4096])
def test_chunks_of_any_size_say_the_same(
    claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    lines = [answer(f"msg_{number}", number, pad="x" * (37 * number)) for number in range(40)]
    claude.write(b"\n".join(lines))
    monkeypatch.setattr(scan, "CHUNK_BYTES", chunk)
    claude.scan(sink)
    assert sink.outputs == {f"msg_{number}": number for number in range(40)}


# Files that are no longer what they were.


def rotate(claude: Claude, data: bytes) -> None:
    """Write a new file beside the old one and put it in its place."""
    beside = claude.path("new").with_suffix(".tmp")
    beside.write_bytes(data)
    beside.replace(claude.path())


def write_in_place(claude: Claude, data: bytes) -> None:
    """Write over the same file, and see to it that its date tells."""
    before = claude.path().stat()
    claude.write(data)
    os.utime(claude.path(), ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def write_shorter_first(claude: Claude, data: bytes) -> None:
    """Truncate, and write anew what then is as long as before or longer."""
    os.truncate(claude.path(), 3)
    write_in_place(claude, data)


@pytest.mark.parametrize("change", [rotate, write_in_place, write_shorter_first])
@pytest.mark.parametrize(
    "after",
    [
        ("msg_5",),
        ("msg_5", "msg_6", "msg_7", "msg_8"),
        ("msg_5", "msg_6", "msg_7", "msg_8", "msg_9"),
        ("msg_1", "msg_6"),
        ("msg_1", "msg_2", "msg_3", "msg_8"),
        ("msg_5", "msg_2", "msg_3", "msg_4"),
        ("msg_1", "msg_2", "msg_3", "msg_8", "msg_9"),
        ("msg_1", "msg_2", "msg_3", "msg_4", "msg_5"),
        (),
    ],
)
def test_a_file_with_another_text_is_read_from_its_start(
    claude: Claude, sink: Recorder, change: Callable[[Claude, bytes], None], after: tuple[str, ...]
) -> None:
    before = ("msg_1", "msg_2", "msg_3", "msg_4")
    path = claude.write(answers(*before))
    claude.scan(sink)
    change(claude, answers(*after))
    claude.scan(sink)
    assert set(sink.outputs) == {*before, *after}
    assert offset(sink, path) == path.stat().st_size


def test_a_file_that_was_put_back_as_it_was_goes_on_where_it_was(claude: Claude, sink: Recorder) -> None:
    claude.write(answers("msg_1"))
    claude.scan(sink)
    rotate(claude, answers("msg_1", "msg_2"))
    claude.scan(sink)
    assert [fact.keys[0] for fact in sink.batches[1]] == ["msg:msg_2"]


def test_a_file_cut_back_and_grown_again_is_read_again(claude: Claude, sink: Recorder) -> None:
    path = claude.write(answers("msg_1", "msg_2", "msg_3"))
    claude.scan(sink)
    os.truncate(path, len(answers("msg_1")) + 9)
    claude.scan(sink)
    assert offset(sink, path) == len(answers("msg_1"))
    os.truncate(path, len(answers("msg_1")))
    claude.append(answers("msg_4", "msg_5", "msg_6"))
    claude.scan(sink)
    assert set(sink.outputs) == {f"msg_{number}" for number in range(1, 7)}


def test_a_file_dated_before_1970_is_read(claude: Claude, sink: Recorder) -> None:
    os.utime(claude.write(answers("msg_1")), ns=(-1, -1))
    claude.scan(sink)
    assert set(sink.outputs) == {"msg_1"}


def test_a_file_that_vanished_after_the_listing_stops_no_other(claude: Claude, sink: Recorder) -> None:
    for name in ("s1", "s2", "s3"):
        claude.write(answers(f"msg_{name}"), name)
    files = claude.files()
    claude.path("s2").unlink()
    claude.path("s3").unlink()
    claude.path("s3").mkdir()
    progress = claude.scan(sink, files)
    assert set(sink.outputs) == {"msg_s1"}
    assert set(sink.kept) == {str(claude.path("s1"))}
    assert progress.files_done == 3


def test_a_file_that_became_a_link_is_not_followed(claude: Claude, sink: Recorder, tmp_path: Path) -> None:
    path = claude.write(answers("msg_1"))
    files = claude.files()
    path.rename(tmp_path / "elsewhere.jsonl")
    path.symlink_to(tmp_path / "elsewhere.jsonl")
    claude.scan(sink, files)
    assert sink.facts == []


@not_root
def test_a_file_that_is_closed_stops_no_other_and_is_read_once_it_is_open(claude: Claude, sink: Recorder) -> None:
    closed = claude.write(answers("msg_1"))
    claude.write(answers("msg_2"), "s2")
    closed.chmod(0)
    claude.scan(sink)
    assert set(sink.outputs) == {"msg_2"}
    closed.chmod(0o600)
    claude.scan(sink)
    assert set(sink.outputs) == {"msg_1", "msg_2"}


# Long lines, and lines that can't be read.


def test_a_line_that_is_too_long_is_passed_over_and_counted(
    claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "CHUNK_BYTES", 512)
    monkeypatch.setattr(scan, "LONGEST_LINE", 1024)
    long = answer("msg_2", pad="x" * 5000)
    path = claude.write(answers("msg_1") + in_lines([long, answer("msg_3"), long]) + answers("msg_4"))
    claude.scan(sink)
    assert set(sink.outputs) == {"msg_1", "msg_3", "msg_4"}
    assert (offset(sink, path), unreadable(sink, path)) == (path.stat().st_size, 2)


@pytest.mark.parametrize("cut", [700, 1024, 2000, 4096, 5300])
def test_a_long_line_in_the_making_spoils_nothing_after_it(
    claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    monkeypatch.setattr(scan, "CHUNK_BYTES", 512)
    monkeypatch.setattr(scan, "LONGEST_LINE", 1024)
    long = answers("msg_1") + in_lines([answer("msg_2", pad="x" * 5000)])
    claude.write(long[:cut])
    claude.scan(sink)
    claude.append(long[cut:] + answers("msg_3"))
    claude.scan(sink)
    assert set(sink.outputs) == {"msg_1", "msg_3"}


def test_a_line_just_short_enough_is_read(claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "CHUNK_BYTES", 512)
    monkeypatch.setattr(scan, "LONGEST_LINE", 8192)
    claude.write(in_lines([answer(f"msg_{size}", pad="x" * size) for size in (5000, 100, 7000)]))
    claude.scan(sink)
    assert set(sink.outputs) == {"msg_5000", "msg_100", "msg_7000"}


def test_unreadable_lines_are_counted_once_however_often_the_file_is_read(claude: Claude, sink: Recorder) -> None:
    bad = b'{"usage"\n'
    path = claude.write(bad + answers("msg_1") + bad)
    claude.scan(sink)
    assert unreadable(sink, path) == 2
    claude.append(bad + answers("msg_2")[:-30])
    claude.scan(sink)
    assert unreadable(sink, path) == 3
    rotate(claude, bad + answers("msg_9"))
    claude.scan(sink)
    assert unreadable(sink, path) == 1


# Ends in the middle.


def many(claude: Claude) -> dict[str, int]:
    """Write three files of seven answers and tell what is in them."""
    for name in ("s1", "s2", "s3"):
        claude.write(answers(*(f"msg_{name}_{number}" for number in range(7))), name)
    return {f"msg_{name}_{number}": 100 for name in ("s1", "s2", "s3") for number in range(7)}


@pytest.mark.parametrize("room", range(8))
def test_a_program_that_is_killed_between_two_batches_goes_on_where_it_was(
    claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(scan, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(scan, "BATCH_FACTS", 3)
    expected = many(claude)
    sink.room = room
    with suppress(DiskFull):
        claude.scan(sink)
    assert len(sink.batches) == room or sink.outputs == expected
    sink.room = 1 << 30
    claude.scan(sink)
    assert sink.outputs == expected
    assert len(sink.facts) <= len(expected) + 2 * 3


@pytest.mark.parametrize("steps", range(0, 40, 3))
def test_a_program_that_is_stopped_goes_on_where_it_was(
    claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(scan, "CHUNK_BYTES", 1000)
    expected = many(claude)
    left = iter(range(steps))
    claude.scan(sink, stopped=lambda: next(left, None) is None)
    claude.scan(sink)
    assert sink.outputs == expected
    assert len(sink.facts) == len(expected)


def test_a_stop_is_heeded_before_each_file_and_between_chunks(
    claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "CHUNK_BYTES", 1000)
    many(claude)
    assert claude.scan(sink, stopped=lambda: True).files_done == 0
    assert sink.kept == {}
    looks = count()
    claude.scan(sink, stopped=lambda: next(looks) > 1)
    assert 0 < len(sink.facts) < 7


def test_who_keeps_the_positions_has_those_of_what_was_booked(claude: Claude, sink: Recorder) -> None:
    claude.write(answers("msg_1"))
    kept: dict[str, bytes] = {}
    for _ in range(2):
        Scan(sink, kept, {}, lambda _: None).run(claude.files())
    assert kept == sink.kept
    assert len(sink.batches) == 1
    sink.room = 0
    claude.append(answers("msg_2"))
    with pytest.raises(DiskFull):
        Scan(sink, kept, {}, lambda _: None).run(claude.files())
    assert kept == sink.kept


def test_batches_stay_small(claude: Claude, sink: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(scan, "BATCH_FACTS", 3)
    many(claude)
    claude.scan(sink)
    assert max(map(len, sink.batches)) <= 3 + 2


def test_progress_ends_where_it_was_going(claude: Claude, sink: Recorder) -> None:
    many(claude)
    told: list[Progress] = []
    progress = claude.scan(sink, report=told.append)
    size = sum(found.size for found in claude.files())
    assert progress == told[-1] == Progress(3, 3, size, size, 21)
    assert told == sorted(told)
    claude.append(answers("msg_more"))
    assert claude.scan(sink) == Progress(1, 1, len(answers("msg_more")), len(answers("msg_more")), 1)


# Where calls belong.


def place(sink: Recorder, call: str) -> Place:
    found = sink.calls[call].place
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "session", "agent"),
    [
        ("s1", "s1", None),
        ("agent-a7", "agent-a7", "a7"),
        ("s1/subagents/agent-a7", "s1", "a7"),
        ("s1/subagents/workflows/wf_1/agent-a7", "s1", "a7"),
        ("s1/subagents/agent-a7/subagents/agent-a8", "s1", "a8"),
    ],
)
def test_a_files_place_tells_session_and_agent(
    claude: Claude, sink: Recorder, name: str, session: str, agent: str | None
) -> None:
    claude.write(in_lines([answer("msg_1", sessionId=None)]), name)
    claude.scan(sink)
    found = place(sink, "msg_1")
    assert (found.session, found.agent, found.folder) == (session, agent, "-home-app-x")


def test_a_session_keeps_its_project_when_it_moves(claude: Claude, sink: Recorder) -> None:
    claude.write(in_lines([answer("msg_1", cwd="/home/app/x")]))
    claude.scan(sink)
    claude.append(in_lines([answer("msg_2", cwd="/home/app/x/inside")]))
    claude.scan(sink)
    assert [place(sink, name).project for name in ("msg_1", "msg_2")] == ["/home/app/x"] * 2


MAIN = encode({"type": "user", "cwd": "/home/app/x", "sessionId": "s1"}) + b"\n" + answers("msg_main")
AGENT = in_lines([answer("msg_agent", cwd="/home/app/x/inside", isSidechain=True)])
SUB_AGENTS = ("s1/subagents/agent-a7", "s1/subagents/workflows/wf_1/agent-a7")


@pytest.mark.parametrize("agent", SUB_AGENTS)
def test_a_sub_agents_calls_belong_to_its_sessions_project(claude: Claude, sink: Recorder, agent: str) -> None:
    claude.write(AGENT, agent)
    claude.write(MAIN)
    claude.scan(sink)
    assert place(sink, "msg_agent").project == "/home/app/x"


@pytest.mark.parametrize("agent", SUB_AGENTS)
@pytest.mark.parametrize("gone", [True, False])
def test_a_sub_agent_that_starts_later_belongs_to_its_sessions_project(
    claude: Claude, sink: Recorder, agent: str, gone: bool
) -> None:
    main = claude.write(MAIN)
    claude.scan(sink)
    if gone:
        main.unlink()
    claude.write(AGENT, agent)
    claude.scan(sink)
    assert place(sink, "msg_agent").project == "/home/app/x"


def test_a_sub_agent_whose_session_is_nowhere_belongs_where_it_worked(claude: Claude, sink: Recorder) -> None:
    claude.write(AGENT, SUB_AGENTS[0])
    claude.scan(sink)
    assert place(sink, "msg_agent").project == "/home/app/x/inside"


def test_a_sub_agent_keeps_its_project_while_its_file_grows(claude: Claude, sink: Recorder) -> None:
    claude.write(MAIN)
    claude.write(AGENT, SUB_AGENTS[0])
    claude.scan(sink)
    claude.path().unlink()
    claude.append(in_lines([answer("msg_more", cwd="/home/app/x/inside")]), SUB_AGENTS[0])
    claude.scan(sink)
    assert place(sink, "msg_more").project == "/home/app/x"


def test_a_sub_agent_that_is_read_first_belongs_to_its_sessions_project(claude: Claude, sink: Recorder) -> None:
    claude.write(AGENT, SUB_AGENTS[0])
    claude.write(MAIN)
    claude.scan(sink, sorted(claude.files(), key=lambda found: -len(found.path)))
    assert place(sink, "msg_agent").project == "/home/app/x"


def test_a_sub_agent_without_its_sessions_file_belongs_where_it_worked(claude: Claude, sink: Recorder) -> None:
    claude.write(AGENT, SUB_AGENTS[0])
    claude.scan(sink)
    assert place(sink, "msg_agent").project != "/home/app/x"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_sessions_does_not_matter(claude: Claude, sink: Recorder, order: tuple[int, ...]) -> None:
    claude.write(answers("msg_1", "msg_2"), "s1")
    fork = [answer(name, sessionId="s2", forkedFrom={"sessionId": "s1"}) for name in ("msg_1", "msg_2")]
    claude.write(in_lines(fork) + in_lines([answer("msg_3", sessionId="s2")]), "s2")
    claude.write(in_lines([answer("msg_2", 700, isSidechain=True, sessionId="s1")]), "s1/subagents/agent-btw")
    files = claude.files()
    claude.scan(sink, [files[index] for index in order])
    assert sink.outputs == {"msg_1": 100, "msg_2": 100, "msg_3": 100}
    assert [place(sink, f"msg_{number}").session for number in (1, 2, 3)] == ["s1", "s1", "s2"]


def test_how_a_directory_pays_is_told_with_each_of_its_calls(tmp_path: Path, sink: Recorder) -> None:
    one, other = Claude(tmp_path / "one"), Claude(tmp_path / "other")
    one.write(answers("msg_1"))
    other.write(answers("msg_2"))
    one.scan(sink, [*one.files(), *other.files()], billing={str(one.root): Billing.SUBSCRIPTION})
    assert [place(sink, name).billing for name in ("msg_1", "msg_2")] == [Billing.SUBSCRIPTION, Billing.API]


# Against the plain reader.


def read_roots(roots: tuple[Path, ...], sink: Recorder) -> None:
    for root in roots:
        Claude(root).scan(sink)


def expected_values(roots: tuple[Path, ...]) -> list[tuple[object, ...]]:
    return sorted(map(value_by_reference, reference.calls(roots).values()))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(root, seed=11, sessions=6)
    return root


def test_a_made_up_corpus_is_counted_as_the_plain_reader_does(corpus: Path, sink: Recorder) -> None:
    read_roots(roots_of(corpus), sink)
    assert values_of(sink.facts) == expected_values(roots_of(corpus))


def test_a_made_up_corpus_is_counted_alike_in_any_order(corpus: Path, sink: Recorder) -> None:
    files = [found for root in roots_of(corpus) for found in list_files(str(root))]
    Random(5).shuffle(files)
    Claude(corpus).scan(sink, files)
    assert values_of(sink.facts) == expected_values(roots_of(corpus))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_corpus_that_grows_cut_anywhere_and_set_back_ends_with_the_same_calls(
    tmp_path: Path, sink: Recorder, seed: int
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    traps = ("growing_output", "bad_utf8", "tail_cut", "second_root", "forks", "resumes", "advisor", "no_ids", "crlf")
    write_corpus(source, seed=seed, sessions=8, traps=traps)
    for _ in replay(source, target, seed=seed, steps=12):
        read_roots(roots_of(target), sink)
    assert values_of(sink.facts) == expected_values(roots_of(source))
