"""Checks that the made-up ledger is one that the engine itself could have written."""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from random import Random

import apsw

from bench.ledger import ZONE, Plan, write_ledger
from bench.queries import KINDS, percentile
from ccledger.ledger.store import open_store

PLAN = Plan(calls=3_000, days=70, sessions=40)


def sums(path: Path) -> list[list[object]]:
    connection = apsw.Connection(str(path))
    found = [list(connection.execute(f"SELECT * FROM {table}")) for table in ("usage_rollup", "usage_day")]
    connection.close()
    return found


def test_its_sums_are_those_the_engine_makes_of_its_calls(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    write_ledger(PLAN, path)
    made = sums(path)
    store = open_store(f"sqlite:///{path}", lambda: lambda _reading, _at: None, ZONE)
    assert 0.9 < store.summary().calls / PLAN.calls < 1.1
    store.rebuild(ZONE)
    store.close()
    assert made == sums(path)
    assert all(made)


def test_every_question_asks_for_days_that_are_in_the_ledger() -> None:
    rng = Random(1)
    for kind in KINDS:
        asked = kind.ask(rng, Plan())
        days = [str(value) for name, value in asked.items() if name.endswith("_date")]
        assert days == sorted(days)
        assert all("2024-11-20" <= day <= "2026-11-20" for day in days)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0] * 99 + [50.0]) == 50.0
