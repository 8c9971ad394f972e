"""Checks the made-up corpus itself: the same for the same seed, each trap apart; it reads no totals."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from .made import TRAPS, main, roots_of, write_corpus


def fingerprint(root: Path) -> dict[str, str]:
    """Hash every file below a root."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_corpus(tmp_path / name, seed=5, sessions=10)
    write_corpus(tmp_path / "other", seed=6, sessions=10)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    assert fingerprint(tmp_path / "one") != fingerprint(tmp_path / "other")


@pytest.fixture(scope="module")
def all_traps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("all")
    write_corpus(root, seed=2, sessions=0)
    return fingerprint(root)


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_alone_is_the_same_as_among_the_others(trap: str, tmp_path: Path, all_traps: dict[str, str]) -> None:
    write_corpus(tmp_path, seed=2, sessions=0, traps=[trap])
    assert fingerprint(tmp_path).items() <= all_traps.items()


def test_a_second_root_stands_beside_the_first(tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=1, sessions=1, traps=["second_root"])
    assert roots_of(tmp_path) == (tmp_path, tmp_path / "second-root")


def test_the_command_line_writes_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--seed", "4", "--sessions", "3", "--traps"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"
    assert len(list(tmp_path.rglob("*.jsonl"))) >= 3
