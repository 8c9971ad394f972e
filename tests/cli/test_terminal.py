from __future__ import annotations

import io
import os
import pty
import termios
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

import pytest

from ccledger.cli.terminal import takes_colour, width


@contextmanager
def terminal(columns: int) -> Generator[TextIO]:
    """A real terminal of that width."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with os.fdopen(theirs, "w") as stream:
        yield stream
    os.close(ours)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_the_width_is_the_terminals() -> None:
    with terminal(132) as stream:
        assert width(stream) == 132


def test_columns_in_the_environment_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    with terminal(132) as stream:
        assert width(stream) == 90


@pytest.mark.parametrize("nonsense", ["", "0", "-1", "wide", "９０"])
def test_nonsense_in_columns_is_not_heard(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", nonsense)
    assert width(io.StringIO()) is None


def test_a_pipe_has_no_width_nor_has_a_terminal_that_does_not_know() -> None:
    assert width(io.StringIO()) is None
    with terminal(0) as stream:
        assert width(stream) is None


def test_nothing_is_narrower_than_a_few_words() -> None:
    with terminal(5) as stream:
        assert width(stream) == 20


def test_a_terminal_takes_colours_and_a_pipe_does_not() -> None:
    with terminal(80) as stream:
        assert takes_colour(None, stream)
        assert not takes_colour(asked=False, stream=stream)
    assert not takes_colour(None, io.StringIO())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_can_be_told_to_be_plain(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with terminal(80) as stream:
        assert not takes_colour(None, stream)
