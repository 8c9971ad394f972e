"""Compares the reference with the pinned ccusage where that is installed; it needs no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from .against_ccusage import PEERS, explain
from .made import TRAPS, write_corpus

pytestmark = pytest.mark.skipif(not list(PEERS.glob("ccusage-*")), reason="run npm ci in bench/peers")


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_without_traps_both_agree(timezone: str, tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=11, sessions=40, traps=())
    assert explain(tmp_path, timezone=timezone) == []


@pytest.mark.parametrize("trap", TRAPS)
def test_every_difference_of_a_trap_has_a_reason(trap: str, tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=12, sessions=0, traps=[trap])
    assert [str(one) for one in explain(tmp_path) if not one.explained] == []


@pytest.mark.parametrize("seed", range(3))
def test_every_difference_of_all_traps_together_has_a_reason(seed: int, tmp_path: Path) -> None:
    write_corpus(tmp_path, seed=seed, sessions=30)
    assert [str(one) for one in explain(tmp_path) if not one.explained] == []
