"""Checks that a corpus grown in pieces ends as it was; it reads no program's ledger."""

from __future__ import annotations

from pathlib import Path

from .growing import replay
from .made import roots_of, write_corpus
from .reference import daily
from .test_made import fingerprint


def test_the_last_step_is_the_whole_corpus(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    write_corpus(source, seed=8, sessions=5, traps=("growing_output", "bad_utf8", "tail_cut", "second_root"))
    totals: list[int] = []
    for _ in replay(source, target, seed=1, steps=6):
        days = daily(roots_of(target), timezone="UTC")
        totals.append(sum(one.output for models in days.values() for one in models.values()))
    assert fingerprint(target) == fingerprint(source)
    assert len(set(totals)) > 3


def test_the_same_seed_takes_the_same_steps(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source", seed=8, sessions=5, traps=())
    steps = [
        [fingerprint(tmp_path / name) for _ in replay(tmp_path / "source", tmp_path / name, seed=2, steps=4)]
        for name in ("one", "two")
    ]
    assert steps[0] == steps[1]
