"""Holds a file so that whoever opens it waits, on file systems that grant leases; it never changes the file."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def held(path: Path) -> Generator[None]:
    """Let nobody else open a file while this lasts. The kernel gives up after 45 seconds."""
    fcntl = pytest.importorskip("fcntl")
    file = os.open(path, os.O_RDWR)
    try:
        # The holder is told of who waits by a signal; this one does nothing unless asked to.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except (AttributeError, OSError) as reason:
        os.close(file)
        pytest.skip(f"no leases on {path}: {reason}")
    try:
        yield
    finally:
        os.close(file)
