"""What a move has to look after in PostgreSQL alone: partitions, ids that the database gives, nodes that write."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ccledger.core.errors import StoreError
from ccledger.ledger.keys import short_key
from ccledger.ledger.store import open_source, open_store, open_target
from tests.conformance.stores import price
from tests.conformance.test_store import MORNING, make_fact
from tests.ledger.test_move import DATA, DAY_MS, fill, moved
from tests.postgres import execute, fetch, fresh_database

EVER = 9_000_000_000_000
"""A lease that does not end."""


@pytest.fixture
def full(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'full.db'}"
    with closing(open_store(url, lambda: price, "UTC")) as store:
        fill(store)
    return url


@pytest.fixture
def target() -> Iterator[str]:
    with fresh_database(migrated=False) as url:
        yield url


def test_both_engines_have_the_same_tables(tmp_path: Path, target: str) -> None:
    with (
        closing(open_target(f"sqlite:///{tmp_path / 'a.db'}", Path(DATA.name))) as one,
        closing(open_target(target, Path(DATA.name))) as other,
    ):
        assert [table.name for table in one.tables()] == [table.name for table in other.tables()]
        for ours, theirs in zip(one.tables(), other.tables(), strict=True):
            assert (ours.key, set(ours.columns)) == (theirs.key, set(theirs.columns))


def test_calls_lie_in_the_partitions_of_their_months(full: str, target: str) -> None:
    with closing(open_store(full, lambda: price, "UTC")) as store:
        store.append([make_fact(f"msg:{n}", at=MORNING + n * DAY_MS) for n in range(500, 502)], {}, now=1)
    moved(full, target)
    named = "SELECT tableoid::regclass::text, min(id >> 20) FROM request_logs GROUP BY 1 ORDER BY 2"
    tables = [name for name, _ in fetch(target, named)]
    assert tables[0] == "request_logs_2026_11"
    assert "request_logs_other" in tables[-1:]  # so far ahead that no clock can be right


def test_ids_go_on_behind_those_that_came(full: str, target: str) -> None:
    moved(full, target)
    for table in ("name", "project", "price", "price_change"):
        ((last,),) = fetch(target, f"SELECT max(id) FROM {table}")
        ((following,),) = fetch(target, f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))")
        assert following == last + 1


def test_what_the_storage_keeps_for_itself_stays(full: str, target: str, tmp_path: Path) -> None:
    with closing(open_store(target, lambda: price, "UTC")):
        execute(target, "UPDATE setting SET value = '77' WHERE name = 'epoch'")
    moved(full, target)
    own = dict(fetch(target, "SELECT name, value FROM setting"))
    assert int(own["epoch"]) >= 77
    assert "oldest_reader" not in own
    back = f"sqlite:///{tmp_path / 'back.db'}"
    moved(target, back)
    with closing(open_source(back, Path(DATA.name))) as source:
        (table,) = (each for each in source.tables() if each.name == "setting")
        names = {row[table.columns.index("name")] for row in source.rows(table, None, 100)}
    assert names.isdisjoint({"epoch", "prices", "batch_base"})


def a_node(url: str, until: int) -> None:
    """Says that a server writes the ledger."""
    node = f"holder = 'h', host = 'host-3', version = '0', leased_until = {until}"
    execute(url, f"UPDATE node SET {node} WHERE number = 3")


def test_a_ledger_that_a_node_writes_is_not_moved(full: str, target: str, tmp_path: Path) -> None:
    moved(full, target)
    a_node(target, EVER)
    with pytest.raises(StoreError, match="a ccledger runs on host-3"):
        moved(target, f"sqlite:///{tmp_path / 'back.db'}")
    a_node(target, 5)
    moved(target, f"sqlite:///{tmp_path / 'back.db'}")


def test_nothing_is_moved_to_a_ledger_that_a_node_writes(full: str, target: str) -> None:
    open_store(target, lambda: price, "UTC").close()
    a_node(target, EVER)
    with pytest.raises(StoreError, match="a ccledger runs on host-3"):
        moved(full, target)
    assert fetch(target, "SELECT count(*) FROM request_logs") == [(0,)]


def test_a_move_is_not_completed_while_a_node_writes_there(full: str, target: str) -> None:
    with pytest.raises(StoreError, match="a ccledger runs on host-3"):
        moved(full, target, lambda _: a_node(target, EVER))
    a_node(target, 5)
    with pytest.raises(StoreError, match="move did not complete"):
        open_store(target, lambda: price, "UTC")
    moved(full, target)


def test_what_was_booked_while_it_waited_comes_over_through_a_pooler_too(
    full: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(full, target)
    writing = open_source(target, Path(DATA.name))

    def book(_: float) -> None:
        writing.close()
        execute(target, "INSERT INTO setting VALUES ('booked', 'late')")

    monkeypatch.setattr("ccledger.ledger.postgresql.tables.time.sleep", book)
    with closing(open_source(f"{target}&statement_cache_size=0", Path(DATA.name))) as source:
        (table,) = (each for each in source.tables() if each.name == "setting")
        assert "late" in {value for row in source.rows(table, None, 100) for value in row}


def test_nobody_books_while_a_ledger_is_read(full: str, target: str) -> None:
    moved(full, target)
    with (
        closing(open_store(target, lambda: price, "UTC")),
        closing(open_source(target, Path(DATA.name))),
        pytest.raises(StoreError, match="stop every ccledger"),
    ):
        open_source(target, Path(DATA.name))


def test_a_key_that_no_index_holds_is_known_by_its_digest(full: str, target: str) -> None:
    key = f"msg:{'🦑' * 5000}"
    with closing(open_store(full, lambda: price, "UTC")) as store:
        store.append([make_fact(key, at=MORNING + 50 * DAY_MS)], {}, now=1)
    moved(full, target)
    assert fetch(target, "SELECT count(*) FROM call_key WHERE key = $1", short_key(key)) == [(1,)]


def test_a_database_of_others_is_left_alone(full: str, target: str) -> None:
    execute(target, "CREATE TABLE customers (name TEXT)")
    with pytest.raises(StoreError, match="another program's tables"):
        moved(full, target)
    assert fetch(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


def test_sums_of_prices_that_outgrew_64_bits_come_over_as_the_largest_integer(target: str, tmp_path: Path) -> None:
    with closing(open_store(target, lambda: price, "UTC")) as store:
        store.begin_repricing("all", by="me", now=1)
    execute(target, "UPDATE price_change SET old_cost = 1e30, new_cost = -1e30")
    tables = {each.table: each for each in moved(target, f"sqlite:///{tmp_path / 'back.db'}").tables}
    assert tables["price_change"].sums["old_cost"] == (1 << 63) - 1
    assert tables["price_change"].sums["new_cost"] == 1 - (1 << 63)
