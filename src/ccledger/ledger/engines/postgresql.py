"""The ledger in a PostgreSQL database (through asyncpg), written by any number of nodes; it knows no other engine."""

from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ccledger.ledger.postgresql.access import AccessRows
from ccledger.ledger.postgresql.cached import CachedDays
from ccledger.ledger.postgresql.dump import dump
from ccledger.ledger.postgresql.history import CallReader
from ccledger.ledger.postgresql.joining import Joining
from ccledger.ledger.postgresql.link import Connection, Link, Row, bind, fresh_name, in_words
from ccledger.ledger.postgresql.opening import address_of, outlook_of, prepare, prepare_empty, refuse_older
from ccledger.ledger.postgresql.pen import Pen
from ccledger.ledger.postgresql.questions import BATCHES_SEEN
from ccledger.ledger.postgresql.sessions import SessionReader
from ccledger.ledger.postgresql.sums import CallSums
from ccledger.ledger.postgresql.upkeep import Upkeep

if TYPE_CHECKING:
    from pathlib import Path

    from ccledger.ledger.backups import Backups
    from ccledger.ledger.plan import Price
    from ccledger.ledger.postgresql.tables import PostgresqlTables
    from ccledger.ledger.schema import Outlook


def open_writer(
    url: str, prices: "Callable[[], Price]", zone_name: str, backups: "Backups | None" = None
) -> "PostgresqlStore":
    """The store that may write, its schema brought up to date."""
    link = Link(address_of(url))
    try:
        name = fresh_name()
        connection = link.connect(name)
        copy = None if backups is None else partial(dump, link.address, backups)
        with in_words(link.address):
            link.ask(prepare(connection, link.address.shown, zone_name, copy))
    except BaseException:
        link.close()
        raise
    store = PostgresqlStore(link, Pen(link, connection, name), prices)
    store.prepare()
    return store


def open_source(url: str, data_dir: "Path") -> "PostgresqlTables":
    """The ledger to be read table by table, as it is now; nobody writes it meanwhile."""
    return _open_tables(url, data_dir, refuse_older, lambda tables: tables.hold())


def open_target(url: str, data_dir: "Path") -> "PostgresqlTables":
    """A ledger to be filled table by table; it is made if it is not there, and nobody writes it meanwhile."""
    return _open_tables(url, data_dir, prepare_empty, lambda tables: tables.refuse_nodes())


def _open_tables(
    url: str,
    data_dir: "Path",
    look: "Callable[[Connection, str], Coroutine[Any, Any, None]]",
    begin: "Callable[[PostgresqlTables], None]",
) -> "PostgresqlTables":
    from ccledger.ledger.cluster import home_of
    from ccledger.ledger.postgresql.tables import PostgresqlTables

    link = Link(address_of(url))
    try:
        connection = link.connect()
        with in_words(link.address):
            link.ask(look(connection, link.address.shown))
        tables = PostgresqlTables(link, connection, home_of(data_dir))
        begin(tables)
    except BaseException:
        link.close()
        raise
    return tables


def outlook(url: str) -> "Outlook":
    """What opening the ledger to write it would do to its schema."""
    link = Link(address_of(url))
    try:
        with link.reader() as connection, in_words(link.address):
            return link.ask(outlook_of(connection, link.address.shown))
    finally:
        link.close()


def open_reader(url: str, _patience_ms: int = 0) -> "PostgresqlStore":
    """A store that only reads."""
    link = Link(address_of(url))
    try:
        with link.reader() as connection, in_words(link.address):
            link.ask(refuse_older(connection, link.address.shown))
    except BaseException:
        link.close()
        raise
    return PostgresqlStore(link, None, None)


class PostgresqlStore(Joining, Upkeep, CachedDays, AccessRows, CallReader, CallSums, SessionReader):
    """One PostgreSQL database. Fulfils `ledger.store.Store`."""

    def __init__(self, link: Link, pen: Pen | None, prices: "Callable[[], Price] | None") -> None:
        super().__init__(pen, prices)
        self._link = link

    def prepare(self) -> None:
        """Makes what is better made before it is needed."""
        with self._own() as pen:
            self._months.make_ahead(pen)
        self.close_months()

    def _rows(self, query: str, *values: Any) -> list[Row]:
        if self._pen is not None and self._pen.is_broken:
            with self._writing:
                self._pen.settle()
        return self._link.rows(query, *values)

    @contextmanager
    def snapshot(self) -> "Generator[PostgresqlStore]":
        """See `Store.snapshot`."""
        with self._link.state() as connection:
            yield _Snapshot(self._link, connection, self._texts, self._projects, self._known_names)

    def close(self) -> None:
        """See `Store.close`."""
        if self._pen is not None:
            self._pen.close()
            self._pen = None
        self._link.close()


class _Snapshot(PostgresqlStore):
    """The ledger as one transaction sees it."""

    _batches_question = BATCHES_SEEN

    def __init__(
        self,
        link: Link,
        connection: Connection,
        texts: dict[int, str | None],
        projects: dict[int, tuple[str | None, str | None]],
        names: dict[tuple[int, str], int],
    ) -> None:
        """`texts`, `projects` and `names` are what is known of ids: that is true in any state."""
        super().__init__(link, None, None)
        self._connection, self._texts, self._projects, self._known_names = connection, texts, projects, names

    def _settings(self) -> Mapping[str, str]:
        return self._kept_settings

    def _moved_between(self) -> tuple[int | None, int | None]:
        return self._kept_moved

    @cached_property
    def _kept_moved(self) -> tuple[int | None, int | None]:
        return super()._moved_between()

    @cached_property
    def _kept_settings(self) -> Mapping[str, str]:
        return super()._settings()

    @contextmanager
    def snapshot(self) -> "Generator[PostgresqlStore]":
        yield self

    def _rows(self, query: str, *values: Any) -> list[Row]:
        with in_words(self._link.address):
            return self._link.ask(self._connection.fetch(query, *bind(values)))
