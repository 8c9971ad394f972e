# apsw's type stubs leave the types of bindings open, so every call of it looks partially unknown.
# pyright: reportUnknownMemberType=false
import threading
from decimal import Decimal
from pathlib import Path
from typing import Never

import apsw
import pytest

from ccledger.core.call import Cost, Reading
from ccledger.core.errors import StoreError
from ccledger.core.measures import MEASURES, Dimension, Grain
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger.engines import sqlite
from ccledger.ledger.rows import COLUMNS
from ccledger.ledger.schema import steps
from ccledger.ledger.store import open_reader, open_store
from tests.conformance.stores import fresh_store, price
from tests.conformance.test_store import MORNING, make_fact

OVERRIDE = Override("claude-opus-5", Period(0, FOREVER, Card((Decimal(1),) * 5), "by hand"), 1, "me")


def columns(connection: apsw.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with fresh_store("sqlite", tmp_path) as store:
        store.append([make_fact()], {"f": b"1"}, now=1)
    return tmp_path / "ledger.db"


def test_the_schema_has_every_column_that_is_written(path: Path) -> None:
    connection = apsw.Connection(str(path))
    assert set(columns(connection, "request_logs")) == set(COLUMNS)
    for table in ("usage_rollup", "usage_day", "usage_month"):
        assert columns(connection, table)[-len(MEASURES) :] == list(MEASURES)


def test_the_schema_is_what_the_migrations_make(path: Path, tmp_path: Path) -> None:
    fresh = apsw.Connection(str(tmp_path / "fresh.db"))
    for step in steps("sqlite"):
        fresh.execute(step.text)
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
    assert list(fresh.execute(schema)) == list(apsw.Connection(str(path)).execute(schema))


FIRST_SCHEMAS = [("CREATE TABLE request_logs",), ("CREATE TABLE request_logs", "CREATE TABLE cached_day")]
"""What tells the migrations apart that ledgers had which know no sums by month."""


@pytest.mark.parametrize("schema", FIRST_SCHEMAS)
def test_an_older_ledger_is_summed_up_anew_when_it_is_opened(
    path: Path, tmp_path: Path, schema: tuple[str, ...]
) -> None:
    older = tmp_path / "older.db"
    connection = apsw.Connection(str(older))
    for part in schema:
        connection.execute(next(step.text for step in steps("sqlite") if part in step.text))
    connection.pragma("user_version", len(schema))
    connection.execute("ATTACH ? AS newer", (str(path),))
    for table in ("setting", "name", "project", "request_logs", "call_key"):
        told = ", ".join(columns(connection, table))
        connection.execute(f"INSERT INTO main.{table} SELECT {told} FROM newer.{table}")
    connection.close()
    ledgers = [open_store(f"sqlite:///{each}", lambda: price, "UTC") for each in (older, path)]
    found, expected = (
        [*each.sessions(0, 100_000), *each.spans(Grain.DAY, Dimension.ALL, 0, 100_000)] for each in ledgers
    )
    assert found == expected != []
    for each in ledgers:
        each.close()


def test_money_and_counts_are_stored_as_integers(path: Path) -> None:
    connection = apsw.Connection(str(path))
    kinds = connection.execute("SELECT typeof(input_cost), typeof(request_at), typeof(traits) FROM request_logs")
    assert kinds.fetchall() == [("integer", "integer", "integer")]


def test_the_file_belongs_to_its_owner_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        assert isinstance(store, sqlite.SqliteStore)
        connection = store._writer  # pyright: ignore[reportPrivateUsage]
        assert connection is not None
        assert (connection.pragma("journal_mode"), connection.pragma("synchronous")) == ("wal", 2)


def test_the_ledger_is_whole_after_its_writer_died(path: Path) -> None:
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"


def test_readers_see_commits_and_can_not_write(path: Path) -> None:
    reader = open_reader(f"sqlite:///{path}")
    with fresh_store("sqlite", path.parent) as store:
        store.append([make_fact("msg:2", at=MORNING + 5)], {}, now=2)
        assert reader.summary().calls == 2
        with pytest.raises(StoreError, match="read"):
            reader.append([make_fact("msg:3")], {}, now=3)
    reader.close()


def test_many_readers_at_once_while_the_writer_writes(path: Path) -> None:
    reader = open_reader(f"sqlite:///{path}")
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(50):
                days = reader.spans(Grain.DAY, Dimension.ALL, 0, 100_000)
                quarters = reader.spans(Grain.QUARTER, Dimension.ALL, 0, 1 << 40)
                assert sum(row.measures[0] for row in days) <= sum(row.measures[0] for row in quarters)
        except BaseException as error:  # noqa: BLE001 - the failure is reported in the main thread
            failures.append(error)

    with fresh_store("sqlite", path.parent) as store:
        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for number in range(30):
            store.append([make_fact(f"msg:w{number}", at=MORNING + number)], {}, now=number)
        for thread in threads:
            thread.join()
    reader.close()
    assert failures == []


def test_reading_before_anything_was_imported_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ccledger import"):
        open_reader(f"sqlite:///{tmp_path / 'none.db'}")


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is not a database, it is a letter to a friend" * 50)
    with pytest.raises(StoreError, match="no ledger"):
        open_store(f"sqlite:///{path}", lambda: price, "UTC")
    assert path.read_bytes().startswith(b"this is not")


def test_a_ledger_of_a_newer_version_is_left_alone(path: Path) -> None:
    apsw.Connection(str(path)).execute("UPDATE setting SET value = '999' WHERE name = 'oldest_reader'")
    with pytest.raises(StoreError, match="newer ccledger"):
        open_store(f"sqlite:///{path}", lambda: price, "UTC")
    with pytest.raises(StoreError, match="newer ccledger"):
        open_reader(f"sqlite:///{path}").summary()


def test_a_ledger_that_never_said_who_may_read_it_is_for_those_who_know_all_of_it(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM setting WHERE name = 'oldest_reader'")
    open_store(f"sqlite:///{path}", lambda: price, "UTC").close()
    connection.pragma("user_version", 999)
    with pytest.raises(StoreError, match="newer ccledger"):
        open_store(f"sqlite:///{path}", lambda: price, "UTC")


def test_a_url_without_a_path_is_explained() -> None:
    with pytest.raises(StoreError, match="sqlite:///"):
        open_reader("sqlite://relative.db")


def test_prices_are_read_only_when_a_call_has_to_be_priced(tmp_path: Path) -> None:
    def prices() -> object:
        raise AssertionError("nobody needs a price yet")

    store = open_store(f"sqlite:///{tmp_path / 'ledger.db'}", prices, "UTC")  # pyright: ignore[reportArgumentType]
    store.append([], {"a": b"1"}, now=1)
    assert store.positions() == {"a": b"1"}
    store.close()


def test_only_the_newest_batches_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_KEPT_BATCHES", 3)
    with fresh_store("sqlite", tmp_path) as store:
        for number in range(6):
            store.append([make_fact(f"msg:{number}", at=MORNING + number)], {}, now=number)
        assert [batch.sequence for batch in store.batches(0, 10)] == [4, 5, 6]


def test_a_failed_batch_leaves_names_that_can_be_used_again(tmp_path: Path) -> None:
    class Broken(dict[str, bytes]):
        def items(self) -> Never:
            raise OSError

    with fresh_store("sqlite", tmp_path) as store:
        with pytest.raises(OSError):  # noqa: PT011 - any failure will do
            store.append([make_fact(session="lost", model="m1")], Broken(), now=1)
        store.append([make_fact("msg:a", session="kept", model="m2")], {}, now=2)
        store.append([make_fact("msg:b", session="lost", model="m1", at=MORNING + 1)], {}, now=3)
        found = {(row.session, row.model) for row in store.sessions(0, 100_000)}
    assert found == {("kept", "m2"), ("lost", "m1")}


def test_sums_too_large_for_a_column_do_not_stop_the_import(tmp_path: Path) -> None:
    def dear(_reading: Reading, _started_at: int) -> Cost | None:
        return Cost(4 * 10**18, 0, 0, 0, 0)

    facts = [make_fact(f"msg:{number}", at=MORNING + number) for number in range(8)]
    with fresh_store("sqlite", tmp_path, prices=dear) as store:
        store.append(facts, {}, now=1)
        store.append([make_fact("msg:last", at=MORNING)], {}, now=2)
        assert store.summary().calls == 9


def test_after_a_full_disk_everything_has_its_own_name(path: Path) -> None:
    with fresh_store("sqlite", path.parent) as store:
        assert isinstance(store, sqlite.SqliteStore)
        connection = store._writer  # pyright: ignore[reportPrivateUsage]
        assert connection is not None
        connection.pragma("max_page_count", connection.pragma("page_count") + 2)
        lost = [make_fact(f"msg:l{n}", model="lost", session=f"lost-{n}", at=MORNING + n) for n in range(500)]
        with pytest.raises(apsw.FullError):
            store.append(lost, {}, now=2)
        connection.pragma("max_page_count", 1 << 20)
        batch = store.append([make_fact("msg:k", model="kept", session="kept", at=MORNING + 999)], {}, now=3)
        assert batch is not None
        assert set(batch.models) == {"kept"}
        last = store.calls(MORNING + 999, MORNING + 1000)[0].fact
    assert last.reading is not None
    assert last.place is not None
    assert (last.reading.model, last.place.session) == ("kept", "kept")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite"
    apsw.Connection(str(path)).execute("CREATE TABLE orders (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(f"sqlite:///{path}", lambda: price, "UTC")
    assert path.read_bytes() == before


def test_a_ledger_that_lacks_what_is_asked_for_is_not_read(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 1)
    connection.close()
    with pytest.raises(StoreError, match="run 'ccledger migrate'"):
        open_reader(f"sqlite:///{path}").summary()


@pytest.mark.parametrize("change", ["override", "withdraw", "remove"])
def test_what_a_change_makes_stale_is_forgotten_before_anybody_else_writes(tmp_path: Path, change: str) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        assert isinstance(store, sqlite.SqliteStore)
        store.override(OVERRIDE)
        store.append([make_fact()], {}, now=1)
        assert {"_price", "_horizon"} <= vars(store).keys()
        kept: list[bool] = []
        connection = store._writer  # pyright: ignore[reportPrivateUsage]
        assert connection is not None
        connection.set_commit_hook(lambda: kept.append("_price" in vars(store) and "_horizon" in vars(store)) or False)
        match change:
            case "override":
                store.override(OVERRIDE)
            case "withdraw":
                store.withdraw(OVERRIDE.model, None, by="me", now=2)
            case _:
                store.remove(MORNING + 1, 10)
        assert kept == [False]
