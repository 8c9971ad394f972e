"""Lets a finished corpus grow again from nothing as live files do, cut at any byte; it ends as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

REPLACED_SHARE = 0.1
"""Of the files that change in a step: written anew beside the old one and renamed over it, so the inode changes."""

CUT_BACK_SHARE = 0.05
"""Of the files that change in a step: truncated to an earlier length, from which they grow again."""


def replay(source: Path, target: Path, *, seed: int, steps: int) -> Iterator[int]:
    """Copy a corpus piece by piece, yielding after each step; after the last one both are equal byte for byte."""
    rng = Random(f"{seed}:replay")
    files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    for step in range(1, steps + 1):
        for name in files:
            if step == steps or rng.random() < 1 / 2:
                advance(source / name, target / name, rng, last=step == steps)
        yield step


def advance(whole: Path, part: Path, rng: Random, *, last: bool) -> None:
    """Bring one file forward, or now and then back."""
    data = whole.read_bytes()
    done = part.stat().st_size if part.exists() else 0
    chance = 1.0 if last else rng.random()
    end = len(data) if last else rng.randint(done, len(data))
    part.parent.mkdir(parents=True, exist_ok=True)
    if chance < CUT_BACK_SHARE and done:
        os.truncate(part, rng.randrange(done))
    elif chance < CUT_BACK_SHARE + REPLACED_SHARE:
        replace(part, data[:end])
    else:
        append(part, data[done:end])


def append(part: Path, data: bytes) -> None:
    """Write at a file's end."""
    with part.open("ab") as file:
        file.write(data)


def replace(part: Path, data: bytes) -> None:
    """Put a new file in the place of an old one."""
    beside = part.with_name(f"{part.name}.new")
    beside.write_bytes(data)
    beside.replace(part)
