"""Copies a whole ledger into another engine's, in steps that may break off anywhere, and compares the two; it knows no
engine and changes nothing in the ledger that it reads.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from ccledger.core.errors import StoreError
from ccledger.ledger.keys import short_key
from ccledger.ledger.schema import OLDEST_READER

OWN_SETTINGS: Final = (OLDEST_READER, "batch_base", "epoch", "prices")
"""Rows of the table `setting` that say something of the storage and not of the ledger: they stay where they are."""
NEW: Final = {"users": "id <> 'owner'", "price": "set_at IS NOT NULL"}
"""Which rows of a table a new ledger has not; of all others it has none, and of settings it has its own."""
_AT_ONCE: Final = 10_000
"""Rows that are copied in one transaction."""
_SMALL: Final = 20_000
"""Up to so many rows a table is read whole to tell whether a ledger is still what it was."""
_DIGEST_BYTES: Final = 16
_MODULUS: Final = 1 << 8 * _DIGEST_BYTES

Row = tuple[Any, ...]
"""Integers, texts, bytes and None, whatever types an engine has."""

_encode: Final = msgspec.msgpack.Encoder().encode


class Table(NamedTuple):
    """A table of the ledger."""

    name: str
    key: tuple[str, ...]
    """The columns of its primary key, in order."""
    columns: tuple[str, ...]

    def key_of(self, row: Row) -> Row:
        """The key of one of its rows."""
        return tuple(row[self.columns.index(name)] for name in self.key)


class Reached(NamedTuple):
    """How far a table is copied."""

    rows: int = 0
    key: Row | None = None
    """The key of the last row; None before the first."""


class Progress(NamedTuple):
    """How far a move is."""

    table: str
    rows: int
    """Of all tables together."""
    total: int
    is_comparing: bool = False


class Contents(NamedTuple):
    """What a table holds, in numbers that are the same in every engine."""

    table: str
    rows: int
    sums: dict[str, int]
    """Of every column of integers that is not part of the key."""
    checksum: str


class Source(Protocol):
    """A ledger that is read table by table, as it was at one moment."""

    def tables(self) -> list[Table]:
        """Its tables by name, without what only its engine needs."""
        ...

    def count(self, table: Table) -> int:
        """How many rows a table has."""
        ...

    def rows(self, table: Table, after: Row | None, limit: int) -> list[Row]:
        """The next rows of a table by its key."""
        ...

    def close(self) -> None:
        """Lets go of it."""
        ...


class Target(Source, Protocol):
    """A ledger that is filled table by table."""

    def begun(self) -> str | None:
        """The ledger that is being moved here, as it was named when that began; None when none is."""
        ...

    def holds(self) -> str | None:
        """A table in which there is what a new ledger has not; None without one."""
        ...

    def begin(self, source: str) -> None:
        """Empties all tables, and remembers whose rows they are for."""
        ...

    def reached(self) -> dict[str, Reached]:
        """How far each table is copied."""
        ...

    def put(self, table: Table, rows: Sequence[Row], reached: Reached) -> None:
        """Adds rows and remembers how far it is, both or nothing."""
        ...

    def finish(self) -> None:
        """Makes it a ledger like any other."""
        ...


class Moved(NamedTuple):
    """What a move did."""

    tables: list[Contents]
    copied: int
    """Rows that this run copied; the others were there already."""


def move(source: Source, target: Target, report: Callable[[Progress], None], *, start_over: bool = False) -> Moved:
    """Copies what is not copied yet, compares every row and makes the target a ledger.

    Raises `StoreError` when the target is something else's, and when the two differ in the end.
    """
    # Engines have them in different orders, and a checksum is to be the same wherever it is made.
    tables = [table._replace(columns=tuple(sorted(table.columns))) for table in source.tables()]
    _refuse_another_version(tables, target)
    counts = {table.name: source.count(table) for table in tables}
    name = _name(source, tables)
    copied = 0
    if _is_to_be_filled(name, target, tables, start_over=start_over):
        copied = _copy(source, target, tables, counts, report)
    moved = list(_compare(source, target, tables, sum(counts.values()), report))
    target.finish()
    return Moved(moved, copied)


def _refuse_another_version(tables: Sequence[Table], target: Target) -> None:
    theirs = {table.name: table for table in target.tables()}
    for table in tables:
        other = theirs.pop(table.name, None)
        if other is None or other.key != table.key or set(other.columns) != set(table.columns):
            raise StoreError(_other_version(table.name))
    for name in theirs:
        raise StoreError(_other_version(name))


def _other_version(table: str) -> str:
    return f"the two ledgers are not of the same version (table {table}); run 'ccledger migrate' on each of them first"


def _name(ledger: Source, tables: Sequence[Table]) -> str:
    """Tells one state of a ledger from every other one, as far as that goes without reading it whole."""
    parts: list[object] = []
    for table in tables:
        count = ledger.count(table)
        parts.append((table.name, count, contents(ledger, table).checksum if count <= _SMALL else ""))
    return blake2b(_encode(parts), digest_size=_DIGEST_BYTES).hexdigest()


def _is_to_be_filled(name: str, target: Target, tables: Sequence[Table], *, start_over: bool) -> bool:
    """Whether anything is still to be copied into a target that is ours to fill; it is prepared for that."""
    begun = target.begun()
    if begun is None:
        held = target.holds()
        if held is None:
            target.begin(name)
            return True
        if _name(target, tables) == name:
            return False
        raise StoreError(
            f"there is a ledger already at the place to move to (its table {held} is not empty); "
            "name an empty database or a new file"
        )
    if start_over:
        target.begin(name)
    elif begun != name:
        raise StoreError(
            "the place to move to holds part of another ledger, or this one has changed since; "
            "add --start-over to throw that part away and copy everything anew"
        )
    return True


def _copy(
    source: Source, target: Target, tables: Sequence[Table], counts: dict[str, int], report: Callable[[Progress], None]
) -> int:
    kept, total = target.reached(), sum(counts.values())
    done = sum(reached.rows for reached in kept.values())
    copied = 0
    for table in tables:
        reached = kept.get(table.name, Reached())
        report(Progress(table.name, done + copied, total))
        while reached.rows < counts[table.name]:
            rows = source.rows(table, reached.key, _AT_ONCE)
            if not rows:
                break
            reached = Reached(reached.rows + len(rows), table.key_of(rows[-1]))
            target.put(table, rows, reached)
            copied += len(rows)
            report(Progress(table.name, done + copied, total))
    return copied


def _compare(
    source: Source, target: Target, tables: Sequence[Table], total: int, report: Callable[[Progress], None]
) -> Iterator[Contents]:
    done = 0
    for table in tables:

        def tell(rows: int, table: Table = table, before: int = done) -> None:
            report(Progress(table.name, before + rows // 2, total, is_comparing=True))

        tell(0)
        wanted = contents(source, table, tell)
        found = contents(target, table, lambda rows, tell=tell, first=wanted.rows: tell(first + rows))
        if found != wanted:
            raise StoreError(
                f"table {table.name} is not the same in both ledgers ({wanted.rows:,} rows and {found.rows:,}); the "
                "new one is not to be used. Run it again with --start-over; the old one is as it was"
            )
        done += wanted.rows
        yield wanted


def shortened(table: Table, rows: Sequence[Row]) -> Sequence[Row]:
    """Rows with keys that every engine can hold. Some can hold longer ones, which are equal if these are."""
    if "key" not in table.columns:
        return rows
    place = table.columns.index("key")
    return [(*row[:place], short_key(row[place]), *row[place + 1 :]) for row in rows]


def contents(ledger: Source, table: Table, tell: Callable[[int], None] = lambda _: None) -> Contents:
    """What a table holds. The order of its rows plays no part: engines may sort texts differently."""
    summed = [name for name in table.columns if name not in table.key]
    sums: dict[str, int] = {}
    rows = checksum = 0
    after: Row | None = None
    while part := ledger.rows(table, after, _AT_ONCE):
        for row in shortened(table, part):
            checksum += int.from_bytes(blake2b(_encode(row), digest_size=_DIGEST_BYTES).digest(), "little")
        for name, values in zip(table.columns, zip(*part, strict=True), strict=True):
            present: Row = tuple(filter(None, values)) if name in summed else ()
            if present and isinstance(present[0], int):
                sums[name] = sums.get(name, 0) + sum(present)
        rows += len(part)
        after = table.key_of(part[-1])
        tell(rows)
    return Contents(table.name, rows, sums, f"{checksum % _MODULUS:0{2 * _DIGEST_BYTES}x}")
