from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from ccledger.cli.progress import ProgressLine
from ccledger.sources.transcripts.scan import Progress

DRAW = """
import sys, time
from ccledger.cli import progress
from ccledger.sources.transcripts.scan import Progress
line = progress.ProgressLine()
line(Progress(files_total=4, bytes_total=8_000_000))
time.sleep(progress.AFTER_SECONDS)
line(Progress(files_done=1, files_total=4, bytes_done=2_000_000, bytes_total=8_000_000))
line(Progress(files_done=2, files_total=4, bytes_done=4_000_000, bytes_total=8_000_000))
line.end()
"""


def on_terminal(columns: str) -> str:
    """What a terminal shows of an import that is a quarter done."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", DRAW], stderr=theirs, env={**os.environ, "COLUMNS": columns}, timeout=60, check=False
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    return shown


def test_nobody_watches_so_nothing_is_drawn(capsys: object) -> None:
    line = ProgressLine()
    line(Progress(files_total=1))
    line.end()


def test_a_terminal_sees_how_far_it_is_and_no_trace_of_it_afterwards() -> None:
    shown = on_terminal("100")
    drawn = re.findall(r"\r([^\r\x1b]*)\x1b\[K", shown)
    assert drawn[0].split() == [
        "importing",
        "25%",
        "███████░░░░░░░░░░░░░░░░░░░░░",
        *["1", "of", "4", "files"],
        *["2", "of", "8", "MB"],
    ]
    assert drawn[-1] == ""


def test_the_line_never_wraps(tmp_path: Path) -> None:
    (drawn, *_) = re.findall(r"\r([^\r\x1b]*)\x1b\[K", on_terminal("40"))
    assert len(drawn) < 40
    assert "25%" in drawn
