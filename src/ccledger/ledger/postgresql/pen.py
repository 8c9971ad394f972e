"""The one connection that writes: replaced when it broke, and never before the server let go of what it did last."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ccledger.core.errors import StoreError
from ccledger.ledger.postgresql.link import ANSWER_SECONDS, Connection, Link, Row, bind, fresh_name, in_words, is_lost

_END: Final = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()
"""
_TELL_LEASE: Final = "SELECT set_config('ccledger.lease', $1, false)"


_LONG_SECONDS: Final = 86_400.0


class Pen:
    """Writes for one thread at a time; whoever owns it sees to that."""

    def __init__(self, link: Link, connection: Connection, name: str) -> None:
        self._link = link
        self._connection: Connection | None = connection
        self._name = name
        self._seconds = ANSWER_SECONDS
        self._is_within = False
        self.lease: Callable[[], str] = lambda: ""
        """Under which lease this node writes; empty for whoever is no node."""
        self._told_lease = ""

    def run(self, query: str, *values: Any) -> list[Row]:
        """What the server answers."""
        connection = self._held()
        with in_words(self._link.address), self._dropped_when_lost(connection):
            return self._link.ask(connection.fetch(query, *bind(values), timeout=self._seconds))

    def run_all(self, script: str) -> None:
        """Runs statements that need no values and have no answer."""
        connection = self._held()
        with in_words(self._link.address), self._dropped_when_lost(connection):
            self._link.ask(connection.execute(script, timeout=self._seconds))

    def run_many(self, query: str, values: Sequence[Sequence[Any]]) -> None:
        """Runs one statement for each of some values."""
        if values:
            connection = self._held()
            with in_words(self._link.address), self._dropped_when_lost(connection):
                self._link.ask(connection.executemany(query, [bind(row) for row in values], timeout=self._seconds))

    @contextmanager
    def transaction(self) -> "Generator[Pen]":
        """Everything that is written within, or nothing."""
        self.run_all("BEGIN")
        self._is_within = True
        try:
            yield self
            self.run_all("COMMIT")
        except BaseException:
            if not self.is_broken:
                self.run_all("ROLLBACK")
            raise
        finally:
            self._is_within = False

    @property
    def is_broken(self) -> bool:
        """Whether nobody knows what became of what was asked for last."""
        return self._connection is None or self._connection.is_closed()

    def rows_of(self, query: str, *values: Any) -> Generator[list[Row]]:
        """What the server answers within a transaction, some rows at a time."""
        return self._link.portions(self._held(), query, *values)

    @contextmanager
    def patient(self) -> Generator[None]:
        """Within, the server may take its time to answer."""
        self._seconds = _LONG_SECONDS
        try:
            yield
        finally:
            self._seconds = ANSWER_SECONDS

    def settle(self) -> None:
        """Makes sure that nothing is still being done that was asked for on a connection that broke."""
        self._held()

    def _held(self) -> Connection:
        connection = self._connected()
        lease = self.lease()
        # What is set on a connection that others share would hold for them.
        if lease != self._told_lease and not self._link.address.pooled and not connection.is_in_transaction():
            with in_words(self._link.address), self._dropped_when_lost(connection):
                self._link.ask(connection.execute(_TELL_LEASE, lease))
            self._told_lease = lease
        return connection

    def _connected(self) -> Connection:
        if self._connection is not None and not self.is_broken:
            return self._connection
        if self._is_within:
            raise StoreError(f"the connection to {self._link.address.shown} broke; what was begun did not happen")
        self._told_lease = ""
        name = fresh_name()
        connection = self._link.connect(name)
        try:
            with in_words(self._link.address):
                self._end_last(connection)
        except BaseException:
            self._link.drop(connection)
            raise
        self._connection, self._name = connection, name
        return connection

    @contextmanager
    def _dropped_when_lost(self, connection: Connection) -> Generator[None]:
        try:
            yield
        except BaseException as error:
            # An interrupted wait leaves a connection behind that is still busy.
            if is_lost(error) or not isinstance(error, Exception) or connection.is_closed():
                self._connection = None
                self._link.drop(connection)
            raise

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._link.end(self._connection)
            self._connection = None

    def _end_last(self, connection: Connection) -> None:
        """Ends what the connection before may still be doing. Raises `StoreError` where that takes too long."""
        ended = self._link.ask(connection.fetch(_END, self._name))
        if not all(is_gone for (is_gone,) in ended):
            raise StoreError(f"{self._link.address.shown} is still at what was asked for last; try again")
