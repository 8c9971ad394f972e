"""Checks that the made-up ledger in PostgreSQL is one that the engine itself could have written."""

from __future__ import annotations

from pathlib import Path

from bench.ledger import ZONE, Plan, write_ledger
from bench.ledger_postgresql import write_database
from ccledger.ledger.store import open_store
from tests.postgres import fetch, fresh_database

PLAN = Plan(calls=3_000, days=70, sessions=40)


def sums(url: str) -> list[list[tuple[object, ...]]]:
    return [sorted(fetch(url, f"SELECT * FROM {table}")) for table in ("usage_rollup", "usage_day", "usage_month")]


def test_its_sums_are_those_the_engine_makes_of_its_calls(tmp_path: Path) -> None:
    write_ledger(PLAN, tmp_path / "ledger.db")
    with fresh_database() as url:
        write_database(PLAN, url, tmp_path / "ledger.db")
        made = sums(url)
        assert all(made)
        assert fetch(url, "SELECT count(*) FROM request_logs_other") == [(0,)]
        store = open_store(url, lambda: lambda _reading, _at: None, ZONE)
        assert 0.9 < store.summary().calls / PLAN.calls < 1.1
        store.rebuild(ZONE)
        store.close()
        assert made == sums(url)
