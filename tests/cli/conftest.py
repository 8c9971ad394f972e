from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

import pytest

from ccledger.cli import run
from tests.cli.program import History, Ran, Run, clean_environment
from tests.corpora.made import write_corpus


@pytest.fixture
def ccledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; without a history of its own, on an empty machine."""
    nothing = History(tmp_path / "nothing", tmp_path / "data")

    def call(*arguments: str, history: History | None = None, **environment: str) -> Ran:
        place = history or nothing
        wanted = {**clean_environment(tmp_path), **place.environment, **environment}
        with monkeypatch.context() as patch:
            for name in set(os.environ) - set(wanted):
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = run(arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., History]:
    """Makes histories; the same one, with the same ledger, whenever the same is asked for."""

    @cache
    def make(seed: int, sessions: int = 5, traps: Collection[str] | None = None) -> History:
        place = tmp_path_factory.mktemp("history")
        write_corpus(place / "claude", seed=seed, sessions=sessions, traps=traps)
        return History(place / "claude", place / "data")

    return make


@pytest.fixture
def plain(tmp_path: Path) -> History:
    """A small history without surprises that belongs to one test alone."""
    write_corpus(tmp_path / "claude", seed=1, sessions=4, traps=[])
    return History(tmp_path / "claude", tmp_path / "ledger")


@pytest.fixture
def own(tmp_path: Path) -> History:
    """A history that a test writes itself."""
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    return History(tmp_path / "claude", tmp_path / "ledger")
