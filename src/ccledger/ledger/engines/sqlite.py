"""The ledger in one SQLite file (through apsw): one writing connection, a few reading ones; it knows no other engine."""

import os
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import apsw

from ccledger.core.errors import StoreError
from ccledger.core.measures import MEASURES
from ccledger.core.periods import Days, zone
from ccledger.ledger.store import Batch, SessionInfo, SessionRow, SpanRow, Summary

if TYPE_CHECKING:
    from ccledger.core.call import Call, Fact
    from ccledger.core.measures import Dimension, Grain
    from ccledger.ledger.booking import Booking
    from ccledger.ledger.rows import Names

    _Book = Callable[[apsw.Connection, Sequence[Fact], int], Batch | None]
    from ccledger.ledger.plan import Price

_OLDEST_SQLITE: Final = (3, 51, 3)
"""Older releases can corrupt a write-ahead log that two connections reset at once."""
_MIGRATIONS: Final = Path(__file__).parent.parent / "migrations" / "sqlite"
_KEPT_BATCHES: Final = 10_000
_NODE: Final = 0
_BUSY_MS: Final = 10_000
_READERS: Final = 4
_LARGEST: Final = (1 << 63) - 1
_PAGE_BYTES: Final = 8192
_CACHE_KIB: Final = 65_536
"""More than the pages that one large batch touches, so that none has to be written before the batch is complete."""
_CHECKPOINT_PAGES: Final = 4_000
_LATE_MS: Final = 3_600_000
"""How far a call's start may lie from what its id says: a later fact can know an earlier start."""

_SUMS: Final = ", ".join(MEASURES)


def _insert(table: str, columns: Sequence[str], count: int, conflict: str = "") -> str:
    row = f"({', '.join('?' * len(columns))})"
    # A broken constraint ends the transaction: the whole batch is then booked another way, and SQLite needs no journal
    # of its own for every statement.
    return f"INSERT OR ROLLBACK INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * count)} {conflict}"


def _add_to(key: Sequence[str], measures: Sequence[str]) -> str:
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in measures)
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"


def _drop_empty(table: str, key: Sequence[str]) -> str:
    return f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in key)} AND calls = 0"


_ROLLUPS: Final = {
    "spans": ("usage_rollup", ("grain", "dimension", "key_id", "start", "model_id")),
    "days": (
        "usage_day",
        ("day", "token_id", "account_id", "user_id", "project_id", "mode_id", "model_id"),
    ),
    "sessions": ("session_day", ("day", "session_id", "model_id")),
}

_LEAD_KEY: Final = "ON CONFLICT (key) DO UPDATE SET call_id = excluded.call_id"
_MARK_BARE: Final = "ON CONFLICT (key, call_id) DO UPDATE SET bare = 1 WHERE excluded.bare"
_ROWS_AT_ONCE: Final = 32
"""Rows per statement: looking a statement up and starting it costs as much as a row."""
_FIND: Final = """
    SELECT key, coalesce(call_alias.call_id, call_key.call_id)
    FROM carray(?) AS wanted
    CROSS JOIN call_key ON call_key.key = wanted.value
    LEFT JOIN call_alias ON call_alias.id = call_key.call_id
"""
_FIND_REQUESTS: Final = """
    SELECT key, coalesce(call_alias.call_id, request_key.call_id), bare
    FROM carray(?) AS wanted
    CROSS JOIN request_key ON request_key.key = wanted.value
    LEFT JOIN call_alias ON call_alias.id = request_key.call_id
"""
_SPANS_OF_ALL: Final = f"""
    SELECT start, '', '', model.text, {_SUMS}
    FROM usage_rollup LEFT JOIN name AS model ON model.id = model_id
    WHERE grain = ? AND dimension = 0 AND start BETWEEN ? AND ?
    ORDER BY start, model_id
"""
_SPANS_OF_PROJECTS: Final = f"""
    SELECT start, project.path, project.folder, model.text, {_SUMS}
    FROM usage_rollup LEFT JOIN name AS model ON model.id = model_id JOIN project ON project.id = key_id
    WHERE grain = ? AND dimension = 4 AND start BETWEEN ? AND ?
    ORDER BY start, key_id, model_id
"""
_SPANS_OF_NAMES: Final = f"""
    SELECT start, key_name.text, '', model.text, {_SUMS}
    FROM usage_rollup LEFT JOIN name AS model ON model.id = model_id JOIN name AS key_name ON key_name.id = key_id
    WHERE grain = ? AND dimension = ? AND start BETWEEN ? AND ?
    ORDER BY start, key_id, model_id
"""
_SESSIONS: Final = f"""
    SELECT day, session.text, model.text, {_SUMS}
    FROM session_day JOIN name AS session ON session.id = session_id LEFT JOIN name AS model ON model.id = model_id
    WHERE day BETWEEN ? AND ?
    ORDER BY day, session_id, model_id
"""
_SESSIONS_NAMED: Final = f"""
    SELECT day, session.text, model.text, {_SUMS}
    FROM carray(?) AS wanted
    CROSS JOIN name AS session ON session.kind = 2 AND session.text = wanted.value
    CROSS JOIN session_day ON session_day.session_id = session.id
    LEFT JOIN name AS model ON model.id = model_id
"""
_SESSION_INFOS: Final = """
    SELECT session.text,
           coalesce(project.path, ''), coalesce(project.folder, ''), coalesce(branch.text, ''),
           (SELECT count(DISTINCT agent_id) FROM request_logs WHERE session_id = session.id AND agent_id > 0),
           (SELECT request_at FROM request_logs WHERE session_id = session.id ORDER BY id LIMIT 1),
           newest.request_at
    FROM carray(?) AS wanted
    CROSS JOIN name AS session ON session.kind = 2 AND session.text = wanted.value
    CROSS JOIN request_logs AS newest
        ON newest.id = (SELECT max(id) FROM request_logs WHERE session_id = session.id)
    LEFT JOIN project ON project.id = newest.project_id
    LEFT JOIN name AS branch ON branch.id = newest.branch_id
"""
_RECENT_SESSIONS: Final = """
    SELECT session.text FROM request_logs JOIN name AS session ON session.id = session_id
    WHERE request_logs.id >= ? GROUP BY session_id ORDER BY max(request_logs.id) DESC LIMIT ?
"""
_BETWEEN: Final = "WHERE request_at >= ? AND request_at < ? AND id BETWEEN ? AND ? ORDER BY request_at, id"
_SUMMARY: Final = """
    SELECT coalesce((SELECT sum(calls) FROM usage_rollup WHERE grain = 1 AND dimension = 0), 0),
           (SELECT count(*) FROM name WHERE kind = 2),
           (SELECT request_at FROM request_logs ORDER BY id LIMIT 1),
           (SELECT request_at FROM request_logs ORDER BY id DESC LIMIT 1)
"""


def open_writer(url: str, prices: "Callable[[], Price]", zone_name: str) -> "SqliteStore":
    """The store that may write, its schema brought up to date. The caller holds the data directory's lock."""
    path = _path(url)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.close(descriptor)
    connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
    connection.pragma("page_size", _PAGE_BYTES)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
    connection.pragma("temp_store", "memory")
    _migrate(connection, path)
    connection.execute("INSERT OR IGNORE INTO setting VALUES ('zone', ?), ('format', '1')", (zone_name,))
    return SqliteStore(path, connection, prices)


def open_reader(url: str) -> "SqliteStore":
    """A store that only reads."""
    path = _path(url)
    if not path.exists():
        raise StoreError(f"there is no ledger at {path} yet; run 'ccledger import' first")
    return SqliteStore(path, None, None)


def _select_calls(condition: str) -> str:
    from ccledger.ledger.rows import COLUMNS

    return f"SELECT {', '.join(COLUMNS)} FROM request_logs {condition}"


def _path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc or not parts.path.startswith("/"):
        raise StoreError(f"'{url}' names no file; write sqlite:/// and the path, as in sqlite:////var/lib/ccledger.db")
    return Path(unquote(parts.path[1:] if not parts.path.startswith("//") else parts.path[1:])).absolute()


def _connect(path: Path, flags: int) -> apsw.Connection:
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < _OLDEST_SQLITE:
        raise StoreError(f"SQLite {apsw.sqlite_lib_version()} can damage a ledger; update apsw to 3.54 or newer")
    try:
        connection = apsw.Connection(str(path), flags=flags)
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except apsw.CantOpenError as error:
        raise StoreError(f"the ledger {path} can't be opened ({error}); check that the directory is yours") from None
    except apsw.NotADBError:
        raise StoreError(f"{path} is no ledger; move it away or set CCLEDGER_DATA_DIR to another directory") from None
    return connection


def _migrate(connection: apsw.Connection, path: Path) -> None:
    known = migrations()
    (done,) = connection.execute("PRAGMA user_version").fetchone() or (0,)
    if done > len(known):
        raise StoreError(
            f"{path} was written by a newer ccledger; update this one (its schema {done}, ours {len(known)})"
        )
    for number, text in enumerate(known[done:], done + 1):
        with connection:
            connection.execute(text)
            connection.pragma("user_version", number)


def migrations() -> list[str]:
    """The SQL of every migration, in order."""
    return [file.read_text("utf-8") for file in sorted(_MIGRATIONS.glob("*.sql"))]


class SqliteStore:
    """One SQLite file. Fulfils `ledger.store.Store`."""

    def __init__(self, path: Path, writer: apsw.Connection | None, prices: "Callable[[], Price] | None") -> None:
        self._path = path
        self._writer = writer
        self._prices = prices
        self._writing = threading.Lock()
        self._idle: list[apsw.Connection] = []
        self._new_names: list[tuple[int, int, str]] = []
        self._new_projects: list[tuple[int, str, str]] = []
        self._texts: dict[int, str | None] = {0: None}
        self._projects: dict[int, tuple[str | None, str | None]] = {0: (None, None)}

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
            _keep_positions(connection, positions)
        return batch

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        connection = self._writer
        if connection is None:
            raise StoreError("this ledger was opened to be read; the writing process has to do that")
        with self._writing:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._forget_names()
                raise
            connection.execute("COMMIT")

    @cached_property
    def _names(self) -> "Names":
        from ccledger.ledger.rows import Names

        return Names(self._intern, self._intern_project)

    @cached_property
    def _price(self) -> "Price":
        assert self._prices is not None
        return self._prices()

    @cached_property
    def _days(self) -> Days:
        return Days(zone(self.zone()))

    def _intern(self, kind: int, text: str) -> int:
        known = self._known_names
        number = known.get((kind, text))
        if number is None:
            number = known[kind, text] = len(known) + 1
            self._new_names.append((number, kind, text))
        return number

    @cached_property
    def _known_names(self) -> dict[tuple[int, str], int]:
        assert self._writer is not None
        return {(kind, text): number for number, kind, text in self._writer.execute("SELECT id, kind, text FROM name")}

    def _intern_project(self, path: str, folder: str) -> int:
        known = self._known_projects
        number = known.get((path, folder))
        if number is None:
            number = known[path, folder] = len(known) + 1
            self._new_projects.append((number, path, folder))
        return number

    @cached_property
    def _known_projects(self) -> dict[tuple[str, str], int]:
        assert self._writer is not None
        rows = self._writer.execute("SELECT id, path, folder FROM project")
        return {(path, folder): number for number, path, folder in rows}

    def _forget_names(self) -> None:
        """After a transaction that did not happen, ids given in it are free again."""
        self._names.forget()
        self._new_names.clear()
        self._new_projects.clear()
        for name in ("_known_names", "_known_projects"):
            self.__dict__.pop(name, None)

    def _keep_names(self, connection: apsw.Connection) -> None:
        _insert_all(connection, "name", ("id", "kind", "text"), self._new_names)
        _insert_all(connection, "project", ("id", "path", "folder"), self._new_projects)
        self._new_names.clear()
        self._new_projects.clear()

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

        folded = None if self._finds_requests else fold_plain(facts)
        if folded is None:
            return self._book_known(connection, facts, now)
        calls = folded.values()
        ids = give_ids(calls, _NODE)
        _insert_all(connection, "call_key", ("key", "call_id"), sorted(zip(folded, ids, strict=True)))
        booking = book_new(calls, ids, self._price, self._names, self._days.of_quarter)
        return self._write(connection, booking, frozenset(), now)

    def _book_known(self, connection: apsw.Connection, facts: "Sequence[Fact]", now: int) -> Batch | None:
        """Books calls that may be known already, in part or whole."""
        from ccledger.core.merge import join
        from ccledger.ledger.booking import bare_keys, book, give_ids

        def taken(number: int) -> bool:
            return bool(connection.execute("SELECT 1 FROM request_logs WHERE id = ?", (number,)).fetchall())

        bare = bare_keys(facts)
        if bare and not self._finds_requests:
            self._find_requests(connection)
        stored, joining = self._find(connection, {key for fact in facts for key in fact.keys}, bare)
        joined = join(facts, known=[call.fact for call in stored], bare=joining | bare)
        new = [fact for fact, known in joined if not known]
        ids = give_ids(new, _NODE, taken)
        booking = book(joined, stored, ids, self._price, self._names, self._days.of_quarter)
        booking.keys.extend((number, fact.keys) for fact, number in zip(new, ids, strict=True))
        owned = [(key, number) for number, keys in booking.keys for key in keys if not key.startswith("req:")]
        _insert_all(connection, "call_key", ("key", "call_id"), owned, _LEAD_KEY)
        return self._write(connection, booking, bare, now) if booking.ids else None

    def _find(
        self, connection: apsw.Connection, keys: "AbstractSet[str]", bare: frozenset[str]
    ) -> "tuple[list[Call], set[str]]":
        """The calls that may be meant by these keys, and which of the keys join calls by themselves."""
        found: dict[int, list[str]] = {}
        joining: set[str] = set()
        wanted = (apsw.carray(tuple(keys)),)
        for key, number in connection.execute(_FIND, wanted):
            found.setdefault(number, []).append(key)
        for key, number, is_bare in connection.execute(_FIND_REQUESTS, wanted) if self._finds_requests else ():
            if is_bare:
                joining.add(key)
            if is_bare or key in bare or number in found:
                found.setdefault(number, []).append(key)
        return self._calls(connection, found), joining

    def _calls(self, connection: apsw.Connection, keys: Mapping[int, Sequence[str]]) -> "list[Call]":
        if not keys:
            return []
        from ccledger.ledger.rows import decode

        query = _select_calls("WHERE id IN (SELECT value FROM carray(?)) ORDER BY id")
        rows = connection.execute(query, (_integers(keys),)).fetchall()
        return [
            decode(row, tuple(sorted(keys[row[0]])), self._text_reader(connection), self._project_reader(connection))
            for row in rows
        ]

    def _text_reader(self, connection: apsw.Connection) -> "Callable[[int], str | None]":
        def text_of(number: int) -> str | None:
            if number not in self._texts:
                self._texts[number] = connection.execute("SELECT text FROM name WHERE id = ?", (number,)).get
            return self._texts[number]

        return text_of

    def _project_reader(self, connection: apsw.Connection) -> "Callable[[int], tuple[str | None, str | None]]":
        def project_of(number: int) -> tuple[str | None, str | None]:
            if number not in self._projects:
                row = connection.execute("SELECT path, folder FROM project WHERE id = ?", (number,)).fetchone()
                self._projects[number] = (row[0] or None, row[1] or None) if row else (None, None)
            return self._projects[number]

        return project_of

    def _write(self, connection: apsw.Connection, booking: "Booking", bare: frozenset[str], now: int) -> Batch:
        import msgspec

        from ccledger.ledger.booking import moved, pack_ids
        from ccledger.ledger.rows import COLUMNS

        self._keep_names(connection)
        if booking.removed:
            connection.executemany("DELETE FROM request_logs WHERE id = ?", ((number,) for number in booking.removed))
        booking.rows.sort()
        for columns, rows in _by_length(COLUMNS, booking.rows):
            _insert_all(connection, "request_logs", columns, rows)
        self._keep_requests(connection, booking, bare)
        for gone, successor in booking.aliases:
            connection.execute("UPDATE call_alias SET call_id = ? WHERE call_id = ?", (successor, gone))
            connection.execute("INSERT OR REPLACE INTO call_alias (id, call_id) VALUES (?, ?)", (gone, successor))
        _add_up(connection, booking.roll)
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
        _insert_all(connection, "request_key", ("key", "call_id", "bare"), sorted(kept), _MARK_BARE)

    def rebuild(self, zone: str) -> None:
        """See `Store.rebuild`."""
        from ccledger.ledger.booking import resum
        from ccledger.ledger.rows import decode

        days = Days(_zone(zone))
        with self._transaction() as connection:
            rows = connection.execute(_select_calls("ORDER BY id"))
            text_of, project_of = self._text_reader(connection), self._project_reader(connection)
            calls = (decode(row, (), text_of, project_of) for row in rows)
            roll = resum(calls, self._names, days.of_quarter)
            for table, _ in _ROLLUPS.values():
                connection.execute(f"DELETE FROM {table}")
            _add_up(connection, roll)
            connection.execute("INSERT OR REPLACE INTO setting VALUES ('zone', ?)", (zone,))
        self._days = days

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _connect(self._path, apsw.SQLITE_OPEN_READONLY)
            connection.pragma("query_only", True)
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

    def zone(self) -> str:
        """See `Store.zone`."""
        return self._rows("SELECT value FROM setting WHERE name = 'zone'")[0][0]

    def spans(self, grain: "Grain", dimension: "Dimension", first: int, last: int) -> list[SpanRow]:
        """See `Store.spans`."""
        if not dimension:
            rows = self._rows(_SPANS_OF_ALL, (int(grain), first, last))
        elif dimension == 4:
            rows = self._rows(_SPANS_OF_PROJECTS, (int(grain), first, last))
        else:
            rows = self._rows(_SPANS_OF_NAMES, (int(grain), int(dimension), first, last))
        return [SpanRow(row[0], row[1], row[2], row[3] or "", row[4:]) for row in rows]

    def calls(self, start: int, end: int) -> "list[Call]":
        """See `Store.calls`."""
        from ccledger.ledger.plan import call_id
        from ccledger.ledger.rows import decode

        bounds = (start, end, call_id(start - _LATE_MS, 0, 0), call_id(end + _LATE_MS, 0, 0))
        with self._reader() as connection:
            text_of, project_of = self._text_reader(connection), self._project_reader(connection)
            return [decode(row, (), text_of, project_of) for row in connection.execute(_select_calls(_BETWEEN), bounds)]

    def sessions(self, first_day: int, last_day: int) -> list[SessionRow]:
        """See `Store.sessions`."""
        rows = self._rows(_SESSIONS, (first_day, last_day))
        return [SessionRow(row[0], row[1], row[2] or "", row[3:]) for row in rows]

    def sessions_named(self, sessions: Iterable[str]) -> list[SessionRow]:
        """See `Store.sessions_named`."""
        wanted = tuple(sessions)
        rows = self._rows(_SESSIONS_NAMED, (apsw.carray(wanted),)) if wanted else []
        return [SessionRow(row[0], row[1], row[2] or "", row[3:]) for row in rows]

    def session_infos(self, sessions: Iterable[str]) -> list[SessionInfo]:
        """See `Store.session_infos`."""
        wanted = tuple(sessions)
        return [SessionInfo(*row) for row in self._rows(_SESSION_INFOS, (apsw.carray(wanted),))] if wanted else []

    def recent_sessions(self, since: int, limit: int) -> list[str]:
        """See `Store.recent_sessions`."""
        from ccledger.ledger.plan import call_id

        return [row[0] for row in self._rows(_RECENT_SESSIONS, (call_id(since, 0, 0), limit))]

    def summary(self) -> Summary:
        """See `Store.summary`."""
        return Summary(*self._rows(_SUMMARY)[0])

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


_zone = zone


def _integers(numbers: Iterable[int]) -> Any:
    """Numbers as one bound value; apsw's own type for that is opaque."""
    return apsw.carray(array("q", numbers))


def _keep_positions(connection: apsw.Connection, positions: Mapping[str, bytes | None]) -> None:
    kept = [(name, position) for name, position in positions.items() if position is not None]
    gone = [(name,) for name, position in positions.items() if position is None]
    connection.executemany("INSERT OR REPLACE INTO source_position (name, position) VALUES (?, ?)", kept)
    connection.executemany("DELETE FROM source_position WHERE name = ?", gone)


def _add_up(connection: apsw.Connection, roll: Any) -> None:
    for part, (table, key) in _ROLLUPS.items():
        rows = getattr(roll, part)
        order = itemgetter(0, 1, 3, 2, 4) if part == "spans" else None
        entries = [name + rows[name] for name in sorted(rows, key=order)]
        if _is_beyond_columns(roll):
            entries = [tuple(max(-_LARGEST, min(number, _LARGEST)) for number in entry) for entry in entries]
        for columns, group in _by_length((*key, *MEASURES), entries):
            _insert_all(connection, table, columns, group, _add_to(key, columns[len(key) :]))
        shrunk = [name for name, measures in rows.items() if measures[0] < 0]
        connection.executemany(_drop_empty(table, key), shrunk)


def _is_beyond_columns(roll: Any) -> bool:
    """Whether sums may not fit 64 bits: nonsense in a transcript must not stop the import for good."""
    return any(abs(number) > _LARGEST >> 1 for measures in roll.models.values() for number in measures)


def _insert_all(
    connection: apsw.Connection,
    table: str,
    columns: Sequence[str],
    rows: "Sequence[tuple[Any, ...]]",
    conflict: str = "",
) -> None:
    """Inserts rows, many with one statement."""
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    if whole:
        together = (
            tuple(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])) for start in range(0, whole, _ROWS_AT_ONCE)
        )
        connection.executemany(_insert(table, columns, _ROWS_AT_ONCE, conflict), together)
    if whole < len(rows):
        connection.executemany(_insert(table, columns, 1, conflict), rows[whole:])


def _by_length(
    columns: Sequence[str], rows: "Sequence[tuple[Any, ...]]"
) -> "Iterator[tuple[Sequence[str], Sequence[tuple[Any, ...]]]]":
    """Rows that leave out the same columns at the end, together; shorter ones are cheaper to write."""
    lengths = set(map(len, rows))
    if len(lengths) == 1:
        yield columns[: lengths.pop()], rows
        return
    for length in sorted(lengths):
        yield columns[:length], [row for row in rows if len(row) == length]
