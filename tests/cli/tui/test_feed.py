from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccledger import app
from ccledger.cli.tui.asks import asks_of
from ccledger.cli.tui.feed import LedgerFeed
from ccledger.cli.tui.news import News
from ccledger.cli.tui.view import SPANS, TODAY, Question
from ccledger.core.periods import zone
from ccledger.ledger.lock import hold
from ccledger.settings import Settings, read_settings
from tests.cli.program import History, Run, write_lines
from tests.cli.test_serve import serving

NOON = 1_794_312_000_000
"""2026-11-10 12:00 UTC; the lines of `write_lines` are of 10:00."""


class Told:
    """A feed that a test turns by hand, and what it told."""

    def __init__(self, settings: Settings, surroundings: app.Surroundings) -> None:
        self.now = NOON
        self.news: list[News] = []
        question = Question("UTC", zone("UTC"), TODAY, asks_of(list))
        self.feed = LedgerFeed(settings, surroundings, question, lambda: self.now)
        self.feed.hear(self.news.append)

    def turn(self) -> News:
        self.feed.turn()
        return self.news[-1]

    def calls(self) -> int:
        view = self.turn().view
        assert view is not None
        return view.ever_calls


def told_of(own: History, home: Path, **environment: str) -> Told:
    surroundings = app.Surroundings({**own.environment, **environment}, home)
    return Told(read_settings(surroundings.environment, home), surroundings)


@pytest.fixture
def told(own: History, tmp_path: Path) -> Iterator[Told]:
    made = told_of(own, tmp_path)
    yield made
    made.feed.stop()
    made.feed.close()


def test_it_books_what_is_new_and_shows_it(told: Told, own: History) -> None:
    write_lines(own.root, {})
    first = told.turn()
    assert first.view is not None
    assert (first.problem, first.activity) == ("", "")
    assert (first.view.ever_calls, first.view.spend.calls, len(first.view.sessions)) == (1, 1, 1)
    write_lines(own.root, {}, {}, session="s2")
    assert told.calls() == 3


def test_the_ledger_is_free_between_two_looks(told: Told, own: History) -> None:
    write_lines(own.root, {})
    told.turn()
    with hold(own.data):
        assert told.turn().problem == ""


def test_while_another_process_writes_it_shows_what_that_one_has_booked(told: Told, own: History) -> None:
    write_lines(own.root, {})
    assert told.calls() == 1
    with hold(own.data):
        write_lines(own.root, {}, session="s2")
        assert told.calls() == 1
    assert told.calls() == 2


def test_before_there_is_a_ledger_it_says_what_it_waits_for(told: Told, own: History) -> None:
    with hold(own.data):
        news = told.turn()
    assert news.view is None
    assert news.problem
    assert told.turn().view is not None
    assert told.news[-1].problem == ""


def test_with_a_server_it_only_reads(told: Told, own: History, tmp_path: Path, ccledger: Run) -> None:
    write_lines(own.root, {})
    with serving(own, tmp_path):
        for calls, session in ((2, "s2"), (3, "s3")):
            write_lines(own.root, {}, session=session)
            ccledger("import", history=own)
            assert told.calls() == calls
    write_lines(own.root, {}, session="s4")
    assert told.calls() == 4


def test_nothing_new_is_no_new_view_until_time_has_passed(told: Told, own: History) -> None:
    write_lines(own.root, {})
    first = told.turn().view
    told.now += 4_000
    assert told.turn().view is first
    told.now += 1_000
    later = told.turn().view
    assert later is not None
    assert later.now_ms == NOON + 5_000


def test_what_is_asked_for_comes_with_the_next_look(told: Told, own: History) -> None:
    write_lines(own.root, {})
    told.turn()
    told.feed.look_at(SPANS[1])
    view = told.turn().view
    assert view is not None
    assert view.span == SPANS[1]
    told.now += 1
    told.feed.refresh()
    again = told.turn().view
    assert again is not None
    assert again.now_ms == NOON + 1


def test_trouble_is_told_and_gone_when_it_is_mended(told: Told, own: History) -> None:
    write_lines(own.root, {})
    own.data.mkdir(mode=0o700)
    ledger = own.data / "ledger.db"
    ledger.write_bytes(b"this is no database, whatever its name says" * 100)
    assert "is no ledger; move it away" in told.turn().problem
    ledger.unlink()
    assert told.calls() == 1
    assert told.news[-1].problem == ""


def test_a_ledger_in_memory_can_not_be_followed(own: History, tmp_path: Path) -> None:
    made = told_of(own, tmp_path, CCLEDGER_DATABASE_URL="memory://")
    assert "set CCLEDGER_DATABASE_URL to sqlite:///" in made.turn().problem


def test_it_tells_how_far_a_long_read_is(told: Told, own: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccledger.cli.tui.feed._TELL_SECONDS", 0.0)
    write_lines(own.root, {}, {})
    told.turn()
    assert any(news.activity.startswith("reading ") for news in told.news)
    assert told.news[-1].activity == ""


def test_it_runs_in_a_thread_of_its_own_until_it_is_stopped(told: Told, own: History) -> None:
    write_lines(own.root, {})
    heard: queue.SimpleQueue[News] = queue.SimpleQueue()
    told.feed.start(heard.put)
    while heard.get(timeout=20).view is None:
        pass
    told.feed.pause(paused=True)
    told.feed.refresh()
    told.feed.stop()
    assert not told.feed.is_running
    with hold(own.data):
        pass


def test_stopped_while_it_reads_it_tells_nothing_more(told: Told, own: History) -> None:
    write_lines(own.root, {})
    told.feed.stop()
    told.feed.turn()
    assert told.news == []
