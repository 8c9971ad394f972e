from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path

import pytest

from ccledger.ledger.lock import hold
from tests.cli.program import History, Run, clean_environment, command, write_lines

PATIENCE_SECONDS = 40.0


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, own: History, home: Path, columns: int = 100, lines: int = 30) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {**clean_environment(home), **own.environment, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(command("live"), env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.said = b""

    def wait_for(self, text: str) -> None:
        """Reads until a text was shown."""
        end = time.monotonic() + PATIENCE_SECONDS
        while text.encode() not in self.said:
            assert time.monotonic() < end, self.said[-2000:]
            if select.select([self._ours], [], [], 1.0)[0]:
                self.said += os.read(self._ours, 65536)

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def end(self) -> tuple[int, bytes]:
        """Reads to the end: how it ended, and what it said after the screen from before was back."""
        try:
            while chunk := os.read(self._ours, 65536):
                self.said += chunk
        except OSError:
            pass  # Linux says so when the other side has closed
        os.close(self._ours)
        _, back, rest = self.said.rpartition(b"\x1b[?1049l")
        assert back
        return self.process.wait(PATIENCE_SECONDS), re.sub(rb"\x1b\[[?<]\w+|\s", b"", rest)


ENDS: dict[str, Callable[[Terminal], None]] = {
    "q": lambda terminal: terminal.press("q"),
    "ctrl-c": lambda terminal: terminal.press("\x03"),
    "SIGTERM": lambda terminal: terminal.process.send_signal(signal.SIGTERM),
    "SIGHUP": lambda terminal: terminal.process.send_signal(signal.SIGHUP),
}


@pytest.mark.parametrize("way", ENDS)
def test_it_shows_the_ledger_and_ends_in_order(way: str, own: History, tmp_path: Path) -> None:
    write_lines(own.root, {}, {})
    terminal = Terminal(own, tmp_path)
    terminal.wait_for("● live")
    ENDS[way](terminal)
    assert terminal.end() == (0, b"")
    with hold(own.data):
        pass


def test_it_books_what_is_written_while_it_runs(own: History, tmp_path: Path, ccledger: Run) -> None:
    write_lines(own.root, {})
    terminal = Terminal(own, tmp_path)
    terminal.wait_for("● live")
    write_lines(own.root, {"timestamp": stamp(), "cwd": "/home/app/newcomer"}, session="s2")
    terminal.wait_for("newcomer")
    assert ccledger("doctor", "--json", history=own).json["ledger"]["calls"] == 2
    terminal.press("q")
    assert terminal.end() == (0, b"")


def stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def test_without_a_terminal_it_says_what_else_there_is(ccledger: Run) -> None:
    ran = ccledger("live")
    assert (ran.code, ran.out) == (2, "")
    assert "'live' needs a terminal to draw on; 'ccledger daily' prints" in ran.err


def test_a_zone_that_is_none_is_wrong_usage(ccledger: Run) -> None:
    ran = ccledger("live", "--timezone", "Mars/Olympus")
    assert (ran.code, ran.out) == (2, "")
    assert "is not a time zone" in ran.err


def test_nobody_else_pays_for_the_view() -> None:
    asked = "import sys, ccledger.cli.live, ccledger.cli.completion; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)
    assert not {"textual", "rich", "shtab"} & set(done.stdout.split())
