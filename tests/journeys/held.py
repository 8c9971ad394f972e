"""Holds a file so that whoever opens it waits, on file systems that grant leases; it never changes the file."""

import os
import signal
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


@contextmanager
def lease(path: Path) -> Generator[None]:
    """Let nobody else open a file while this lasts, 45 seconds at most. Raises OSError where that is refused."""
    if sys.platform != "linux":
        raise OSError("only Linux grants leases")
    import fcntl

    file = os.open(path, os.O_RDWR)
    try:
        # The holder is told of who waits by a signal; this one does nothing unless asked to.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(file)


@contextmanager
def held(path: Path) -> Generator[None]:
    """The same for a test, which is skipped where the file system grants no leases."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lease(path))
        except OSError as reason:
            pytest.skip(f"no lease on {path}: {reason}")
        yield
