"""The end of a transcript: what was added since it was booked, and never more than the bound."""

from pathlib import Path

import pytest

from ccledger.sources.transcripts.roots import Found, look_at
from ccledger.sources.transcripts.tail import read_tail
from tests.sources.transcripts.recording import Claude, Recorder, answer, answers

MOST = 1 << 16


@pytest.fixture
def claude(tmp_path: Path) -> Claude:
    return Claude(tmp_path / "claude")


def found(path: Path) -> Found:
    seen = look_at(str(path), str(path).partition("/projects/")[0])
    assert seen is not None
    return seen


def messages(path: Path, kept: bytes | None, most: int = MOST) -> list[str]:
    return [fact.keys[0].removeprefix("msg:") for fact in read_tail(found(path), kept, most)]


def test_of_a_file_that_nobody_read_all_is_new(claude: Claude) -> None:
    path = claude.write(answers("msg_1", "msg_2"))
    assert messages(path, None) == ["msg_1", "msg_2"]


def test_only_what_was_added_is_new(claude: Claude) -> None:
    sink = Recorder()
    path = claude.write(answers("msg_1", "msg_2"))
    claude.scan(sink)
    assert messages(path, sink.kept[str(path)]) == []
    claude.append(answers("msg_3") + answer("msg_4"))
    assert messages(path, sink.kept[str(path)]) == ["msg_3", "msg_4"]


def test_a_file_that_was_replaced_is_new_as_a_whole(claude: Claude) -> None:
    sink = Recorder()
    path = claude.write(answers("msg_1", "msg_2"))
    claude.scan(sink)
    kept = sink.kept[str(path)]
    claude.write(answers("msg_8", "msg_9", "msg_10"))
    assert messages(path, kept) == ["msg_8", "msg_9", "msg_10"]


def test_no_more_is_read_than_the_bound_and_no_half_line(claude: Claude) -> None:
    path = claude.write(answers(*(f"msg_{number}" for number in range(1000))))
    line = len(answers("msg_999"))
    assert messages(path, None, 3 * line + 10) == ["msg_997", "msg_998", "msg_999"]
    assert messages(path, None, line // 2) == []


def test_lines_without_usage_cost_no_parser(claude: Claude, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccledger.wire.transcript.TranscriptReader", None)
    path = claude.write(b'{"type":"user"}\n' * 50)
    assert messages(path, None) == []


def test_a_file_that_is_gone_is_told(claude: Claude) -> None:
    path = claude.write(answers("msg_1"))
    seen = found(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_tail(seen, None, MOST)
