"""The ledger in one SQLite file (through apsw): one connection writes, a few read; it knows no other engine."""

# apsw's type stubs leave the types of bindings and values open, so whatever comes from it looks partially unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import apsw

from ccledger.core.errors import StoreError
from ccledger.core.periods import Days
from ccledger.core.periods import zone as zone_named
from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.months import in_closed_months
from ccledger.ledger.past import is_possibly_removed
from ccledger.ledger.sqlite_access import AccessRows
from ccledger.ledger.sqlite_accounts import KeptAccounts
from ccledger.ledger.sqlite_cached import CachedDays
from ccledger.ledger.sqlite_history import CallReader
from ccledger.ledger.sqlite_months import close_months, closed_before
from ccledger.ledger.sqlite_names import KeptNames
from ccledger.ledger.sqlite_opening import (
    PATIENCE_MS,
    connect,
    migrate,
    migrate_empty,
    open_file,
    path_of,
    refuse_half_moved,
    refuse_lone_log,
    refuse_unfit,
)
from ccledger.ledger.sqlite_sums import CallSums, integers
from ccledger.ledger.sqlite_upkeep import Upkeep
from ccledger.ledger.sqlite_writing import (
    LEAD_KEY,
    MARK_BARE,
    add_up,
    by_length,
    insert_all,
    keep_positions,
    move_days,
    sum_anew,
)
from ccledger.ledger.store import Batch, SessionInfo, SessionRow, Slice, Step, Summary

if TYPE_CHECKING:
    from ccledger.core.call import Call, Fact
    from ccledger.ledger.backups import Backups
    from ccledger.ledger.booking import Booking

    _Book = Callable[[apsw.Connection, Sequence[Fact], int], Batch | None]
    from ccledger.ledger.plan import Price
    from ccledger.ledger.schema import Outlook
    from ccledger.ledger.sqlite_tables import SqliteTables

_KEPT_BATCHES: Final = 10_000
_NODE: Final = 0
_READERS: Final = 4


def open_writer(
    url: str, prices: "Callable[[], Price]", zone_name: str, backups: "Backups | None" = None
) -> "SqliteStore":
    """The store that may write, its schema brought up to date. The caller holds the data directory's lock."""
    path = path_of(url)
    connection = open_file(path)
    refuse_half_moved(connection, path)
    migrate(connection, path, backups)
    connection.execute("INSERT OR IGNORE INTO setting VALUES ('zone', ?), ('format', '1')", (zone_name,))
    store = SqliteStore(path, connection, prices)
    if connection.execute("SELECT 1 FROM setting WHERE name = 'sums'").fetchall():
        store.rebuild(store.zone())
    store.close_months()
    return store


def open_reader(url: str, patience_ms: int = PATIENCE_MS) -> "SqliteStore":
    """A store that only reads."""
    path = path_of(url)
    if not path.exists():
        raise StoreError(f"there is no ledger at {path} yet; run 'ccledger import' first")
    return SqliteStore(path, None, None, patience_ms)


def outlook(url: str) -> "Outlook":
    """What opening the ledger to write it would do to its schema."""
    from ccledger.ledger.sqlite_opening import outlook_of

    return outlook_of(path_of(url))


def open_source(url: str, _data_dir: Path) -> "SqliteTables":
    """The ledger to be read table by table, as it is now."""
    from ccledger.ledger.sqlite_tables import SqliteTables

    path = path_of(url)
    if not path.exists():
        raise StoreError(f"there is no ledger at {path}, so there is nothing to move")
    connection = connect(path, apsw.SQLITE_OPEN_READONLY)
    refuse_unfit(connection, path)
    connection.execute("BEGIN")
    if connection.execute("SELECT 1 FROM setting WHERE name = 'sums'").fetchall():
        raise StoreError(f"the sums of {path} are not up to date; run 'ccledger migrate' first")
    return SqliteTables(connection)


def open_target(url: str, _data_dir: Path) -> "SqliteTables":
    """A ledger to be filled table by table; its file is made if it is not there."""
    from ccledger.ledger.sqlite_tables import SqliteTables

    path = path_of(url)
    refuse_lone_log(path)
    connection = open_file(path)
    migrate_empty(connection, path)
    return SqliteTables(connection)


class SqliteStore(KeptNames, CallSums, CallReader, Upkeep, CachedDays, AccessRows, KeptAccounts):
    """One SQLite file. Fulfils `ledger.store.Store`."""

    def __init__(
        self,
        path: Path,
        writer: apsw.Connection | None,
        prices: "Callable[[], Price] | None",
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        Upkeep.__init__(self, prices)
        KeptNames.__init__(self)
        self._path = path
        self._patience_ms = patience_ms
        self._writer = writer
        self._writing = threading.Lock()
        self._idle: list[apsw.Connection] = []

    def append(self, facts: "Sequence[Fact]", positions: Mapping[str, bytes | None], *, now: int) -> Batch | None:
        """See `Store.append`."""
        try:
            return self._append(facts, positions, now, self._book_new)
        except apsw.ConstraintError:
            return self._append(facts, positions, now, self._book_known)

    def _append(
        self, facts: "Sequence[Fact]", positions: Mapping[str, bytes | None], now: int, book: "_Book"
    ) -> Batch | None:
        with self._transaction() as connection:
            batch = book(connection, facts, now) if facts else None
            keep_positions(connection, positions)
        return batch

    @contextmanager
    def _transaction(self) -> Generator[apsw.Connection]:
        connection = self._writer
        if connection is None:
            raise StoreError("this ledger was opened to be read; the writing process has to do that")
        with self._writing:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._forget()
                raise

    @cached_property
    def _days(self) -> Days:
        return Days(zone_named(self.zone()))

    def _forget(self) -> None:
        """After a transaction that did not happen, ids given in it are free again, and nothing it set holds."""
        self._forget_names()
        for name in ("_finds_requests", "_has_aliases", "_closed_months", "_horizon"):
            vars(self).pop(name, None)

    @cached_property
    def _finds_requests(self) -> bool:
        """Whether calls have to be found by request ids, too: only once a fact knew nothing else."""
        assert self._writer is not None
        return bool(self._writer.execute("SELECT 1 FROM setting WHERE name = 'finds_requests'").fetchall())

    def _find_requests(self, connection: apsw.Connection) -> None:
        """From now on keeps request ids where calls are found by them, those of the calls there are included."""
        connection.execute("INSERT INTO setting VALUES ('finds_requests', '1')")
        connection.execute(
            "INSERT OR IGNORE INTO request_key (key, call_id, bare) "
            "SELECT 'req:' || request_id, id, 0 FROM request_logs WHERE request_id IS NOT NULL"
        )
        self._finds_requests = True

    def _book_new(self, connection: apsw.Connection, facts: "Sequence[Fact]", now: int) -> Batch | None:
        """Books calls on the guess that all are new, which a `ConstraintError` disproves: most are, and then nothing
        has to be looked up.
        """
        from ccledger.core.merge import fold_plain
        from ccledger.ledger.booking import book_new, give_ids

        folded = None if self._finds_requests or self._are_late(facts) else fold_plain(facts)
        if folded is None:
            return self._book_known(connection, facts, now)
        calls = folded.values()
        ids = give_ids(calls, _NODE)
        if self._led_away(connection, ids):
            return self._book_known(connection, facts, now)
        insert_all(connection, "call_key", ("key", "call_id"), sorted(zip(folded, ids, strict=True)))
        booking = book_new(calls, ids, self._price, self._names, self._days.of_quarter)
        return self._write(connection, booking, frozenset(), now)

    def _are_late(self, facts: "Iterable[Fact]") -> bool:
        """Whether some facts may be of calls that were removed."""
        return bool(self._horizon) and any(is_possibly_removed(fact.timing.started_at, self._horizon) for fact in facts)

    def _led_away(self, connection: apsw.Connection, ids: Iterable[int]) -> bool:
        """Whether one of these ids was a call that is part of another now: it is never given again."""
        if not self._has_aliases:
            return False
        query = "SELECT 1 FROM call_alias WHERE id IN (SELECT value FROM carray(?)) LIMIT 1"
        return bool(connection.execute(query, (integers(ids),)).fetchall())

    @cached_property
    def _has_aliases(self) -> bool:
        return bool(self._rows("SELECT 1 FROM call_alias LIMIT 1"))

    def _book_known(self, connection: apsw.Connection, facts: "Sequence[Fact]", now: int) -> Batch | None:
        """Books calls that may be known already, in part or whole."""
        from ccledger.core.merge import join
        from ccledger.ledger.booking import bare_keys, book, give_ids, without_removed

        def taken(number: int) -> bool:
            query = "SELECT 1 FROM request_logs WHERE id = ?1 UNION ALL SELECT 1 FROM call_alias WHERE id = ?1"
            return bool(connection.execute(query, (number,)).fetchall())

        bare = bare_keys(facts)
        if bare and not self._finds_requests:
            self._find_requests(connection)
        stored, joining = self._find(connection, {key for fact in facts for key in fact.keys}, bare)
        joined = without_removed(join(facts, known=[call.fact for call in stored], bare=joining | bare), self._horizon)
        new = [fact for fact, known in joined if not known]
        ids = give_ids(new, _NODE, taken)
        booking = book(joined, stored, ids, self._price, self._names, self._days.of_quarter)
        booking.keys.extend((number, fact.keys) for fact, number in zip(new, ids, strict=True))
        owned = [(key, number) for number, keys in booking.keys for key in keys if not key.startswith("req:")]
        insert_all(connection, "call_key", ("key", "call_id"), owned, LEAD_KEY)
        return self._write(connection, booking, bare, now) if booking.ids else None

    def _find(
        self, connection: apsw.Connection, keys: "AbstractSet[str]", bare: frozenset[str]
    ) -> "tuple[list[Call], set[str]]":
        """The calls that may be meant by these keys, and which of the keys join calls by themselves."""
        found: dict[int, list[str]] = {}
        joining: set[str] = set()
        wanted = (apsw.carray(tuple(keys)),)
        for key, number in connection.execute(questions.FIND, wanted):
            found.setdefault(number, []).append(key)
        for key, number, is_bare in connection.execute(questions.FIND_REQUESTS, wanted) if self._finds_requests else ():
            if is_bare:
                joining.add(key)
            if is_bare or key in bare or number in found:
                found.setdefault(number, []).append(key)
        return self._calls(connection, found), joining

    def _calls(self, connection: apsw.Connection, keys: Mapping[int, Sequence[str]]) -> "list[Call]":
        if not keys:
            return []
        from ccledger.ledger.rows import decode

        query = questions.select_calls("WHERE id IN (SELECT value FROM carray(?)) ORDER BY id")
        rows: list[Any] = connection.execute(query, (integers(keys),)).fetchall()
        return [
            decode(row, tuple(sorted(keys[row[0]])), self._text_reader(connection), self._project_reader(connection))
            for row in rows
        ]

    def _write(self, connection: apsw.Connection, booking: "Booking", bare: frozenset[str], now: int) -> Batch:
        import msgspec

        from ccledger.ledger.booking import moved, pack_ids
        from ccledger.ledger.rows import COLUMNS

        self._keep_names(connection)
        if booking.removed:
            connection.executemany("DELETE FROM request_logs WHERE id = ?", ((number,) for number in booking.removed))
        booking.rows.sort()
        for columns, rows in by_length(COLUMNS, booking.rows):
            insert_all(connection, "request_logs", columns, rows)
        self._keep_requests(connection, booking, bare)
        if booking.aliases:
            self._has_aliases = True
        for gone, successor in booking.aliases:
            connection.execute("UPDATE call_alias SET call_id = ? WHERE call_id = ?", (successor, gone))
            connection.execute("INSERT OR REPLACE INTO call_alias (id, call_id) VALUES (?, ?)", (gone, successor))
        add_up(connection, booking.roll, in_closed_months(booking.roll, self._closed_months))
        text_of = self._text_reader(connection)
        models = moved(booking.roll, lambda model: text_of(model) or "")
        connection.execute(
            "INSERT INTO batch (node, committed_at, ids, models) VALUES (?, ?, ?, ?)",
            (_NODE, now, pack_ids(booking.ids), msgspec.json.encode(models)),
        )
        sequence = connection.last_insert_rowid()
        connection.execute("DELETE FROM batch WHERE sequence <= ?", (sequence - _KEPT_BATCHES,))
        return Batch(sequence, now, tuple(booking.ids), models)

    def _keep_requests(self, connection: apsw.Connection, booking: "Booking", bare: frozenset[str]) -> None:
        """Keeps request ids that do not fit a call's row, or all once calls are found by them."""
        kept: list[tuple[str, int, bool]] = []
        for number, keys in booking.keys:
            if self._finds_requests or len(keys) > 2:
                requests = [key for key in keys if key.startswith("req:")]
                if self._finds_requests or len(requests) > 1:
                    kept.extend((key, number, key in bare) for key in requests)
        insert_all(connection, "request_key", ("key", "call_id", "bare"), sorted(kept), MARK_BARE)

    def rebuild(self, zone: str) -> None:
        """See `Store.rebuild`."""
        from ccledger.ledger.booking import fold_calls
        from ccledger.ledger.rows import decode

        days = Days(zone_named(zone))
        with self._transaction() as connection:
            rows = connection.execute(questions.select_calls("ORDER BY id"))
            text_of, project_of = self._text_reader(connection), self._project_reader(connection)
            fold = fold_calls((decode(row, (), text_of, project_of) for row in rows), self._names)
            if self._horizon:
                move_days(connection, fold, self._days.of_quarter, days.of_quarter)
            else:
                sum_anew(connection, fold.roll(days.of_quarter))
            connection.execute("INSERT OR REPLACE INTO setting VALUES ('zone', ?)", (zone,))
            connection.execute("DELETE FROM setting WHERE name IN ('sums', 'months')")
        self._days = days
        self.close_months()

    def close_months(self) -> None:
        """Sums up months that are over, so that long ranges are answered fast."""
        with self._transaction() as connection:
            close_months(connection)
        vars(self).pop("_closed_months", None)

    @cached_property
    def _closed_months(self) -> int:
        assert self._writer is not None
        return closed_before(self._writer)

    @contextmanager
    def snapshot(self) -> "Generator[SqliteStore]":
        """See `Store.snapshot`."""
        with self._reader() as connection:
            connection.execute("BEGIN")
            try:
                connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
                yield _Snapshot(self._path, connection, self._texts, self._projects)
            finally:
                connection.execute("ROLLBACK")

    def reprice(self, change: int, part: Slice, after: int, limit: int, *, now: int) -> Step:
        """See `Store.reprice`."""
        from ccledger.ledger.booking import in_slice, reprice
        from ccledger.ledger.sqlite_prices import add_to_note, look

        with self._transaction() as connection:
            looked = look(connection, part, after, limit)
            calls = in_slice(self._calls(connection, dict.fromkeys(looked, ())), part)
            booking, moved = reprice(calls, self._price, self._names, self._days.of_quarter)
            reached = looked[-1] if len(looked) == limit else None
            batch = self._write(connection, booking, frozenset(), now) if booking.ids else None
            add_to_note(connection, change, moved, now if reached is None else None)
        return Step(reached, batch)

    @contextmanager
    def _reader(self) -> Generator[apsw.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect(self._path, apsw.SQLITE_OPEN_READONLY, self._patience_ms)
            connection.pragma("query_only", True)
            refuse_unfit(connection, self._path)
        try:
            yield connection
        finally:
            if len(self._idle) < _READERS:
                self._idle.append(connection)
            else:
                connection.close()

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._reader() as connection:
            return connection.execute(query, values).fetchall()

    def positions(self) -> dict[str, bytes]:
        """See `Store.positions`."""
        return dict(self._rows("SELECT name, position FROM source_position"))

    def position(self, name: str) -> bytes | None:
        """See `Store.position`."""
        rows = self._rows("SELECT position FROM source_position WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def booked(self, keys: Iterable[str]) -> set[str]:
        """See `Store.booked`."""
        return self._keys_of(questions.BOOKED, keys)

    def exchanged(self, keys: Iterable[str]) -> set[str]:
        """See `Store.exchanged`."""
        return self._keys_of(questions.EXCHANGED, keys)

    def _keys_of(self, question: str, keys: Iterable[str]) -> set[str]:
        wanted = _findable(keys)
        found = self._rows(question, (apsw.carray(wanted),)) if wanted else []
        return {key for (key,) in found}

    def sessions(self, first_day: int, last_day: int) -> list[SessionRow]:
        """See `Store.sessions`."""
        rows = self._rows(questions.SESSIONS, (first_day, last_day))
        return [SessionRow(row[0], row[1], row[2] or "", row[3:]) for row in rows]

    def sessions_named(self, sessions: Iterable[str]) -> list[SessionRow]:
        """See `Store.sessions_named`."""
        wanted = _findable(sessions)
        rows = self._rows(questions.SESSIONS_NAMED, (apsw.carray(wanted),)) if wanted else []
        return [SessionRow(row[0], row[1], row[2] or "", row[3:]) for row in rows]

    def session_infos(self, sessions: Iterable[str]) -> list[SessionInfo]:
        """See `Store.session_infos`."""
        wanted = _findable(sessions)
        return (
            [SessionInfo(*row) for row in self._rows(questions.SESSION_INFOS, (apsw.carray(wanted),))] if wanted else []
        )

    def recent_sessions(self, since: int, limit: int) -> list[str]:
        """See `Store.recent_sessions`."""
        from ccledger.ledger.ids import call_id

        return [row[0] for row in self._rows(questions.RECENT_SESSIONS, (call_id(since, 0, 0), limit))]

    def summary(self) -> Summary:
        """See `Store.summary`."""
        return Summary(*self._rows(questions.SUMMARY)[0])

    def batches(self, after: int, limit: int) -> list[Batch]:
        """See `Store.batches`."""
        import msgspec

        from ccledger.ledger.booking import unpack_ids

        query = "SELECT sequence, committed_at, ids, models FROM batch WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [
            Batch(sequence, at, unpack_ids(ids), {name: tuple(m) for name, m in msgspec.json.decode(models).items()})
            for sequence, at, ids, models in self._rows(query, (after, limit))
        ]

    def close(self) -> None:
        """See `Store.close`."""
        while self._idle:
            self._idle.pop().close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class _Snapshot(SqliteStore):
    """The file as one read transaction sees it."""

    def __init__(
        self,
        path: Path,
        connection: apsw.Connection,
        texts: dict[int, str | None],
        projects: dict[int, tuple[str | None, str | None]],
    ) -> None:
        """`texts` and `projects` are what is known of ids: that is true in any state."""
        super().__init__(path, None, None)
        self._held, self._texts, self._projects = connection, texts, projects

    @contextmanager
    def snapshot(self) -> "Generator[SqliteStore]":
        yield self

    @contextmanager
    def _reader(self) -> Generator[apsw.Connection]:
        yield self._held


def _findable(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts that may be stored: no stored one holds a NUL, and `carray` takes none."""
    return tuple(text for text in texts if "\0" not in text)
