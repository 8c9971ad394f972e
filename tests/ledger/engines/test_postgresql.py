"""What only the PostgreSQL engine has to do: several nodes, broken connections, databases that do not fit."""

# pyright: reportPrivateUsage=false

import random
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from ccledger.core.call import Call, Cost, Fact, Party, Reading, Source
from ccledger.core.errors import StoreError
from ccledger.core.measures import MEASURES, Dimension, Grain
from ccledger.core.prices import FOREVER
from ccledger.ledger.engines.postgresql import PostgresqlStore
from ccledger.ledger.postgresql import statements, writing
from ccledger.ledger.rows import COLUMNS
from ccledger.ledger.store import Slice, open_reader, open_store
from tests.conformance.stores import price
from tests.conformance.test_store import (
    MORNING,
    assert_roll_ups_equal_calls,
    everything,
    expected,
    make_fact,
    said,
)
from tests.postgres import execute, fetch, fresh_database

ALL = 1 << 42
NODES = 3
pytestmark = pytest.mark.postgresql


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as made:
        yield made


@contextmanager
def opened(url: str, count: int = 1) -> Generator[list[PostgresqlStore]]:
    with ExitStack() as stack:
        stores: list[PostgresqlStore] = []
        for number in range(count):
            store = open_store(url, lambda: price, "UTC")
            assert isinstance(store, PostgresqlStore)
            store.node = number
            stack.callback(store.close)
            stores.append(store)
        yield stores


def together(*tasks: Callable[[], object]) -> None:
    """Runs everything at once; the first failure is the test's."""
    failures: list[BaseException] = []
    ready = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> None:
        try:
            ready.wait()
            task()
        except BaseException as error:  # noqa: BLE001 - the failure is reported in the main thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def some_facts(seed: int, count: int = 120) -> list[Fact]:
    """Facts of few calls, many of them of the same one: some grow, some join two calls, some know a request id only."""
    chooser = random.Random(seed)
    facts: list[Fact] = []
    for _ in range(count):
        number = chooser.randrange(40)
        keys = [f"msg:{number}"]
        if chooser.random() < 0.2:
            keys.append(f"own:{number % 7}")
        if chooser.random() < 0.3:
            keys.append(f"req:{number}")
        if chooser.random() < 0.05:
            keys = [f"req:{number}"]
        at = MORNING + number * 50_000 - chooser.randrange(3) * 900_000
        facts.append(make_fact(*keys, at=at, output=chooser.randrange(1000), session=f"s{number % 5}"))
    return facts


def batches(facts: list[Fact], seed: int) -> list[list[Fact]]:
    chooser = random.Random(seed)
    found: list[list[Fact]] = []
    while facts:
        size = chooser.randint(1, 12)
        found.append(facts[:size])
        facts = facts[size:]
    return found


def book_all(store: PostgresqlStore, parts: list[list[Fact]]) -> Callable[[], None]:
    def book() -> None:
        for part in parts:
            store.append(part, {f"position-{store.node}": b"x"}, now=1)

    return book


@pytest.mark.parametrize("seed", range(4))
def test_nodes_that_book_facts_of_the_same_calls_at_once_book_each_call_once(url: str, seed: int) -> None:
    facts = some_facts(seed)
    with opened(url, NODES) as stores:
        shuffled = [random.Random(seed * 10 + store.node).sample(facts, len(facts)) for store in stores]
        together(*(book_all(store, batches(part, seed)) for store, part in zip(stores, shuffled, strict=True)))
        calls = stores[0].calls(0, ALL)
        assert said(calls) == said(expected(facts))
        assert_roll_ups_equal_calls(stores[0], calls, "UTC")
        assert len(stores[1].positions()) == NODES
    assert fetch(url, "SELECT count(*) FROM call_key WHERE call_id = -1") == [(0,)]


def test_new_calls_of_many_nodes_add_up(url: str) -> None:
    party = Party(Source.GATEWAY, "token", "account", "user", "api")
    with opened(url, NODES) as stores:

        def book(store: PostgresqlStore) -> Callable[[], None]:
            made = [make_fact(f"msg:{store.node}-{n}", at=MORNING + n) for n in range(600)]
            with_party = [Fact(f.keys, f.timing, f.reading, f.place, f.placed_at, party, f.sources) for f in made]
            return book_all(store, [with_party[start : start + 20] for start in range(0, 600, 20)])

        together(*map(book, stores))
        calls = stores[0].calls(0, ALL)
        assert len(calls) == 600 * NODES
        assert_roll_ups_equal_calls(stores[0], calls, "UTC")
        followed = stores[0].batches(0, 1000)
        assert sorted(number for batch in followed for number in batch.ids) == sorted(call.id for call in calls)
    assert fetch(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]


def test_work_on_the_whole_ledger_and_booking_at_once_leave_every_sum_right(url: str) -> None:
    facts = [make_fact(f"msg:{n}", at=MORNING + n * 3_600_000, session=f"s{n % 4}") for n in range(400)]
    with opened(url, NODES) as stores:
        first, second, third = stores
        first.append(facts[:50], {}, now=1)

        def rebuild() -> None:
            for zone in ("Asia/Kathmandu", "America/St_Johns", "Asia/Shanghai"):
                first.rebuild(zone)
                change = first.begin_repricing("all", by="me", now=2)
                after: int | None = -1
                while after is not None:
                    after = first.reprice(change, Slice(0, ALL), after, 30, now=3).reached

        together(
            rebuild,
            book_all(second, batches(facts[50:250], 1)),
            book_all(third, batches(facts[200:], 2)),
        )
        calls = second.calls(0, ALL)
        assert said(calls) == said(expected(facts))
        for store in stores:
            assert_roll_ups_equal_calls(store, calls, "Asia/Shanghai")
        before = everything(first)
        first.rebuild("Asia/Shanghai")
        assert everything(first) == before


def test_what_is_removed_by_one_node_is_not_booked_again_by_another(url: str) -> None:
    with opened(url, 2) as (first, second):
        facts = [make_fact(f"msg:{n}", at=MORNING + n * 86_400_000) for n in range(5)]
        first.append(facts, {}, now=1)
        second.append(facts[4:], {}, now=1)
        assert first.remove(MORNING + 3 * 86_400_000, 100) == 3
        assert first.sweep("", 100) is not None
        assert second.append(facts[:2], {}, now=2) is None
        assert second.append([make_fact("msg:late", at=MORNING)], {}, now=2) is None


def test_prices_that_one_node_sets_are_those_of_all(url: str) -> None:
    from tests.conformance.test_upkeep import override

    with opened(url, 2) as (first, second):
        asked: list[int] = []
        vars(second)["_prices"] = lambda: asked.append(1) or price
        second.append([make_fact("msg:1")], {}, now=1)
        first.override(override())
        second.append([make_fact("msg:2")], {}, now=1)
        second.append([make_fact("msg:3")], {}, now=1)
        assert len(asked) == 2


def test_calls_found_by_request_ids_are_found_by_every_node(url: str) -> None:
    with opened(url, 2) as (first, second):
        first.append([make_fact("msg:1", "req:r")], {}, now=1)
        second.append([make_fact("msg:2", "req:other")], {}, now=1)
        first.append([make_fact("req:r", output=50)], {}, now=2)
        second.append([make_fact("msg:3", "req:r")], {}, now=3)
        assert first.summary().calls == 2


def test_sequences_go_on_after_a_ledger_came_from_a_server_that_counted_further(url: str) -> None:
    with opened(url) as (store,):
        store.append([make_fact("msg:1")], {}, now=1)
    execute(url, "UPDATE batch SET sequence = 1000000000")
    with opened(url) as (store,):
        batch = store.append([make_fact("msg:2")], {}, now=2)
        assert batch is not None
        assert batch.sequence > 1_000_000_000
        assert [found.sequence for found in store.batches(0, 9)] == [1_000_000_000, batch.sequence]


def test_a_batch_is_followed_only_when_no_earlier_one_can_still_come(url: str) -> None:
    with opened(url, 2) as (first, second):
        first.append([make_fact("msg:1")], {}, now=1)
        with first._transaction() as pen:
            pen.run("SELECT pg_current_xact_id()")
            second.append([make_fact("msg:2", at=MORNING + 1)], {}, now=2)
            assert len(second.batches(0, 9)) == 1
        assert len(second.batches(0, 9)) == 2


def test_only_the_newest_batches_are_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_KEPT_BATCHES", 3)
    monkeypatch.setattr(writing, "_PRUNE_AFTER", 1)
    with opened(url) as (store,):
        made = [store.append([make_fact(f"msg:{n}", at=MORNING + n)], {}, now=n) for n in range(6)]
        assert store.batches(0, 10) == made[-3:]


def cut_off(url: str) -> None:
    """Ends all connections to a database, as a server does that stops."""
    execute(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_after_the_server_went_away_and_came_back_everything_goes_on(url: str) -> None:
    reader = open_reader(url)
    with opened(url) as (store,):
        store.append([make_fact("msg:1")], {}, now=1)
        assert reader.summary().calls == 1
        cut_off(url)
        assert reader.summary().calls == 1
        with pytest.raises(StoreError, match="can't be reached") if is_cut(store) else ExitStack():
            store.append([make_fact("msg:2")], {}, now=2)
        store.append([make_fact("msg:2"), make_fact("msg:3", at=MORNING + 1)], {}, now=3)
        assert store.summary().calls == 3
    reader.close()


def is_cut(store: PostgresqlStore) -> bool:
    """Whether a store has yet to find out that its connection is gone."""
    assert store._pen is not None
    return not store._pen.is_broken


def test_what_was_asked_for_on_a_connection_that_broke_can_not_happen_later(url: str) -> None:
    with opened(url, 2) as (store, other):
        store.append([make_fact("msg:0")], {}, now=1)
        pen = store._pen
        assert pen is not None
        failures: list[StoreError] = []

        def book() -> None:
            try:
                store.append([make_fact("msg:1", at=MORNING + 1)], {"spool": b"9"}, now=2)
            except StoreError as error:
                failures.append(error)

        with other._alone():
            thread = threading.Thread(target=book)
            thread.start()
            while not fetch(
                url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1", name(url)
            ):
                pass
            connection = pen._connection
            assert connection is not None
            store._link.drop(connection)
            thread.join()
            assert store.position("spool") is None
        assert [str(error)[-1:] for error in failures] != []
        assert (store.position("spool"), store.summary().calls) == (None, 1)


def name(url: str) -> str:
    return urlsplit(url).path[1:]


def test_a_transaction_whose_connection_broke_does_not_go_on_on_another(url: str) -> None:
    def write_on(store: PostgresqlStore) -> None:
        with store._transaction() as pen:
            cut_off(url)
            with pytest.raises(StoreError):
                pen.run("SELECT 1")
            pen.run("DELETE FROM request_logs")

    with opened(url) as (store,):
        store.append([make_fact("msg:0")], {}, now=1)
        with pytest.raises(StoreError):
            write_on(store)
        assert store.summary().calls == 1


def test_sums_too_large_for_a_column_do_not_stop_the_import(url: str) -> None:
    def dear(_reading: Reading, _started_at: int) -> Cost | None:
        return Cost(4 * 10**18, 0, 0, 0, 0)

    facts = [make_fact(f"msg:{number}", at=MORNING + number) for number in range(8)]
    store = open_store(url, lambda: dear, "UTC")
    store.append(facts, {}, now=1)
    for number in range(3):
        store.append([make_fact(f"msg:last-{number}", at=MORNING)], {}, now=2)
    (row,) = store.spans(Grain.DAY, Dimension.ALL, 0, ALL)
    assert (row.measures[0], row.measures[MEASURES.index("input_cost")]) == (11, (1 << 63) - 1)
    store.close()


def test_keys_and_names_longer_than_an_index_holds_are_kept(url: str) -> None:
    long = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz数据", k=9000))
    with opened(url) as (store,):
        for output in (1, 2):
            store.append(
                [make_fact(f"msg:{long}", f"req:{long}", session=long, project=long, output=output)], {}, now=1
            )
        (call,) = store.calls(0, ALL)
    assert call.fact.place is not None
    assert (call.fact.place.session, call.fact.place.project) == (long, long)


def test_the_schema_has_every_column_that_is_written(url: str) -> None:
    columns = (
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert {row[0] for row in fetch(url, columns, "request_logs")} == set(COLUMNS)
    for table, key in statements.ROLLUPS:
        found = [row[0] for row in fetch(url, columns, table)]
        assert found[-len(MEASURES) :] == list(MEASURES)
        assert set(found[: -len(MEASURES)]) == set(key)


def test_calls_lie_in_the_partition_of_their_month_or_with_all_others(url: str) -> None:
    with opened(url) as (store,):
        moments = [5, 1_700_000_000_000, 8_000_000_000_000]
        store.append([make_fact(f"msg:{at}", at=at) for at in moments], {}, now=1)
    found = fetch(url, "SELECT request_at, tableoid::regclass::text FROM request_logs ORDER BY 1")
    assert [table for _, table in found] == ["request_logs_other", "request_logs_2023_11", "request_logs_other"]


def test_a_month_whose_calls_lie_elsewhere_already_gets_no_partition(url: str) -> None:
    execute(url, "ALTER TABLE request_logs ADD CONSTRAINT c CHECK (true)")
    with opened(url) as (store,):
        store.append([make_fact("msg:1", at=MORNING)], {}, now=1)
        assert store.summary().calls == 1


def test_a_reader_can_not_write(url: str) -> None:
    with opened(url) as (store,):
        store.append([make_fact()], {}, now=1)
        reader = open_reader(url)
        with pytest.raises(StoreError, match="read"):
            reader.append([make_fact("msg:2")], {}, now=2)
        reader.close()


def test_reading_before_anything_was_imported_says_what_to_do() -> None:
    with fresh_database(migrated=False) as empty, pytest.raises(StoreError, match="ccledger import"):
        open_reader(empty)


def test_a_database_that_does_not_exist_is_named(url: str) -> None:
    with pytest.raises(StoreError, match=r"nowhere.* does not exist"):
        open_reader(urlsplit(url)._replace(path="/nowhere").geturl())


def test_another_programs_database_is_left_alone() -> None:
    with fresh_database(migrated=False) as taken:
        execute(taken, "CREATE TABLE orders (id INTEGER)")
        with pytest.raises(StoreError, match="another program"):
            open_store(taken, lambda: price, "UTC")
        assert fetch(taken, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


def test_a_ledger_of_a_newer_version_is_left_alone_unless_it_only_added(url: str) -> None:
    execute(url, "INSERT INTO migration (name) VALUES ('9998_pre_more')")
    with opened(url) as (store,):
        store.append([make_fact()], {}, now=1)
    execute(url, "INSERT INTO migration (name) VALUES ('9999_post_less')")
    for open_it in (lambda: open_store(url, lambda: price, "UTC"), lambda: open_reader(url)):
        with pytest.raises(StoreError, match="newer ccledger"):
            open_it()


def test_two_nodes_that_open_a_new_ledger_at_once_make_one() -> None:
    with fresh_database(migrated=False) as empty:
        stores: list[PostgresqlStore] = []

        def open_it() -> None:
            store = open_store(empty, lambda: price, "UTC")
            assert isinstance(store, PostgresqlStore)
            stores.append(store)

        together(open_it, open_it, open_it)
        for store in stores:
            assert store.zone() == "UTC"
            store.close()


def test_missing_rights_are_named(url: str) -> None:
    role = f"r{name(url)}"
    execute(url, f"CREATE ROLE {role} LOGIN PASSWORD 'hidden-word'")
    address = urlsplit(url)
    weak = address._replace(netloc=f"{role}:hidden-word@").geturl()
    try:
        with pytest.raises(StoreError, match="GRANT") as refused:
            open_store(weak, lambda: price, "UTC")
        assert "hidden-word" not in str(refused.value)
        with fresh_database(migrated=False) as empty, pytest.raises(StoreError, match="make tables"):
            open_store(urlsplit(empty)._replace(netloc=f"{role}:hidden-word@").geturl(), lambda: price, "UTC")
        execute(url, f"ALTER ROLE {role} CONNECTION LIMIT 0")
        with pytest.raises(StoreError, match="no connection left"):
            open_reader(weak)
    finally:
        execute(url, f"DROP ROLE {role}")


def test_a_database_of_another_encoding_is_refused(url: str) -> None:
    other = f"{name(url)}_ascii"
    execute(url, f"CREATE DATABASE {other} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match="encoding=UTF8"):
            open_store(urlsplit(url)._replace(path=f"/{other}").geturl(), lambda: price, "UTC")
    finally:
        execute(url, f"DROP DATABASE {other} WITH (FORCE)")


def test_connections_that_others_share_are_left_as_they_are(url: str) -> None:
    shared = f"{url}&statement_cache_size=0"
    store = open_store(shared, lambda: price, "UTC")
    store.append([make_fact()], {}, now=1)
    assert [keyless.id for keyless in store.calls(0, FOREVER)] == ids_of(store.calls(0, ALL))
    store.close()


def ids_of(calls: list[Call]) -> list[int]:
    return [call.id for call in calls]
