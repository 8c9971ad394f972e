"""Waiting for the follower: until all is booked, and not a moment longer when that can't come about."""

import json
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from ccledger.ledger.store import Store
from ccledger.ledger.writer import Writer
from ccledger.sources.transcripts.follow import Follower
from ccledger.sources.transcripts.roots import Root
from tests.stats.facts import ledger


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = ledger(tmp_path)
    yield opened
    opened.close()


def follower(store: Store, roots: Callable[[], list[Root]]) -> Follower:
    def clock() -> int:
        return time.time_ns() // 1_000_000

    return Follower(roots, lambda _: 0, Writer(store, clock), clock, lambda _: None, watch=False)


def test_what_is_on_disk_is_booked_when_it_says_so(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "claude" / "projects" / "-app"
    folder.mkdir(parents=True)
    following = follower(store, lambda: [Root(str(tmp_path / "claude"), found=True)])
    following.start()
    usage = {"input_tokens": 1, "output_tokens": 2}
    for number in range(3):
        record = {
            "type": "assistant",
            "timestamp": "2026-11-20T10:00:00.000Z",
            "sessionId": "s",
            "message": {"id": f"msg_{number}", "role": "assistant", "model": "claude-opus-4-5", "usage": usage},
        }
        with (folder / "s.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        assert following.sync(20)
        assert store.summary().calls == number + 1
    following.stop()


def test_what_else_is_in_the_directories_is_looked_at_in_every_pass(store: Store, tmp_path: Path) -> None:
    roots = [Root(str(tmp_path), found=True)]
    looked: list[list[Root]] = []
    following = Follower(
        lambda: roots,
        lambda _: 0,
        Writer(store, lambda: 1),
        lambda: 1,
        lambda _: None,
        watch=False,
        beside=looked.append,
    )
    following.start()
    for _ in range(2):
        before = len(looked)
        assert following.sync(20)
        assert len(looked) > before
    following.stop()
    assert all(entry == roots for entry in looked)


def test_an_import_that_fails_is_not_waited_for(store: Store) -> None:
    def look() -> list[Root]:
        raise OSError(5, "the disk is gone")

    following = follower(store, look)
    following.start()
    begun = time.monotonic()
    assert following.sync(20) is False
    assert time.monotonic() - begun < 10
    following.stop()


def test_an_import_that_ends_is_not_waited_for(store: Store, tmp_path: Path) -> None:
    begun, held = threading.Event(), threading.Event()

    def look() -> list[Root]:
        begun.set()
        held.wait(20)
        return [Root(str(tmp_path), found=True)]

    following = follower(store, look)
    following.start()
    assert begun.wait(20)
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(following.sync(60)))
    waiting.start()
    threading.Timer(0.1, held.set).start()
    following.stop()
    waiting.join(20)
    assert answers == [False]
    assert following.sync(20) is False
