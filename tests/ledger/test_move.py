"""Whole ledgers go from one engine to another: all of it, once, and only into a place that is empty."""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of values open.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import apsw
import pytest
from msgspec.structs import replace

from ccledger.core.access import Account
from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Timing, Usage
from ccledger.core.errors import StoreError, UsageError
from ccledger.core.measures import Dimension, Grain
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger import move as moving
from ccledger.ledger.apart import ApartDays, own_positions
from ccledger.ledger.cluster import Shared, home_of
from ccledger.ledger.drain import POSITION
from ccledger.ledger.inherit import book_left, position_of_own
from ccledger.ledger.move import Moved, Progress, move
from ccledger.ledger.spool import segments
from ccledger.ledger.store import Store, open_reader, open_source, open_store, open_target, outlook
from ccledger.ledger.writer import Writer
from tests.conformance import test_access, test_accounts
from tests.conformance.stores import price
from tests.conformance.test_store import MORNING, make_fact
from tests.ledger.test_drain import draining
from tests.ledger.test_spool import fact as spooled
from tests.ledger.versions import versions
from tests.postgres import fresh_database

HOSTILE = (
    "a\0b",
    "\0",
    "\\0",
    "\\",
    "🦑 \U0010ffff",
    "é e\u0301",
    "'; DROP TABLE name --",
    "%s {0} \r\n\t",
    "\ufeff\u200e",
)
DAY_MS = 86_400_000
EVER = (0, 1 << 42)
DATA = TemporaryDirectory()
"""The data directory that all these ledgers were written from."""

Place = Callable[[str], str]


def fill(store: Store) -> None:
    """Books something of everything that a ledger can hold."""
    for number, text in enumerate(HOSTILE):
        fact = make_fact(f"msg:{text}", at=MORNING + number, session=text, project=text, model=f"claude {text}")
        store.append([fact], {f"/f/{text}": bytes(range(256))}, now=MORNING + number)
    store.append([make_fact(f"msg:{number}", at=MORNING + DAY_MS * number) for number in range(100)], {}, now=5)
    store.append([make_fact("req:1", "msg:late", at=MORNING + 7)], {}, now=6)
    store.override(Override("claude-opus-5", Period(0, FOREVER, Card((Decimal(1),) * 5), "by \0 hand"), 1, "me"))
    store.begin_repricing("\0", by="me", now=1)
    for kept in (test_accounts.PLAIN, test_accounts.FULL):
        store.keep_account(kept)
    for number, token in enumerate((test_access.PLAIN, test_access.FULL)):
        store.keep_access_token(test_access.KeptToken(token, bytes([number]) * 32))
    days = [CachedDay(19_000, "claude-opus-5", Usage(1, 2, 0, 4, 5)), CachedDay(19_001, "\0", Usage(1, 2, 0, 4, 5))]
    store.keep_cached_days(CachedFile("/c\0", b"\0\xff", 5, 20_000), days)
    store.remove(MORNING + 3 * DAY_MS, 1000)


def told(store: Store) -> dict[str, object]:
    """What a ledger answers to those who ask."""
    return {
        "calls": store.calls(*EVER),
        "spans": [store.spans(grain, dimension, *EVER) for grain in Grain for dimension in Dimension],
        "sessions": sorted(store.sessions(*EVER)),
        "infos": sorted(store.session_infos(["s1", *(text for text in HOSTILE if "\0" not in text)])),
        "positions": own_positions(store.positions(), _prefix(store)),
        "accounts": store.accounts(),
        "tokens": store.access_tokens(),
        "users": store.users(),
        "days": repr(store.cached_days(*EVER)).replace(f"'{_prefix(store)}", "'"),
        "files": ApartDays(store, _prefix(store)).cached_files(),
        "overrides": store.overrides(),
        "changes": store.price_changes(),
        "batches": store.batches(0, 1000),
        "zone": store.zone(),
        "horizon": store.horizon(),
    }


def _prefix(store: Store) -> str:
    return f"{home_of(Path(DATA.name))}:" if isinstance(store, Shared) else ""


def moved(
    source: str, target: str, report: Callable[[Progress], None] = lambda _: None, *, again: bool = False
) -> Moved:
    folder = Path(DATA.name)
    with closing(open_source(source, folder)) as old, closing(open_target(target, folder)) as new:
        return move(old, new, report, start_over=again)


def opened(url: str, zone: str = "UTC") -> Store:
    return open_store(url, lambda: price, zone)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Names a new place for a ledger of an engine."""
    numbers = count()
    with ExitStack() as stack:

        def new(engine: str) -> str:
            if engine == "postgresql":
                return stack.enter_context(fresh_database(migrated=False))
            return f"{engine}:///{tmp_path / f'{next(numbers)}.db'}"

        yield new


WAYS = [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]


class Way(NamedTuple):
    """A full ledger, and a place that is empty."""

    original: str
    """The same ledger in SQLite."""
    source: str
    target: str
    place: Place

    def seen(self, url: str) -> dict[str, object]:
        """What a ledger answers, whatever the engine."""
        with closing(open_reader(url)) as store:
            return told(store)


def brought(source: str, target: str) -> str:
    moved(source, target)
    return target


@pytest.fixture(params=WAYS, ids="-".join)
def way(request: pytest.FixtureRequest, place: Place) -> Way:
    original = place("sqlite")
    with closing(opened(original, "Asia/Kathmandu")) as store:
        fill(store)
    source, target = map(place, request.param)
    return Way(original, brought(original, source), target, place)


def test_everything_comes_over_and_the_old_ledger_stays(way: Way) -> None:
    done = moved(way.source, way.target)
    assert done.copied == sum(each.rows for each in done.tables) > 500
    original = way.seen(way.original)
    assert way.seen(way.source) == way.seen(way.target) == original
    assert "a\\x00b" in repr(original["sessions"])


def test_the_new_ledger_goes_on_where_the_old_one_was(way: Way) -> None:
    moved(way.source, way.target)
    found: list[dict[str, object]] = []
    for url in (way.original, way.target):
        with closing(opened(url)) as store:
            newest = store.batches(0, 1000)[-1].sequence
            store.append([make_fact("msg:7", at=MORNING + 7 * DAY_MS, output=99)], {}, now=7)
            new = make_fact("msg:new", at=MORNING + 200 * DAY_MS, session="new", project="new", model="new")
            store.append([new], {}, now=8)
            store.override(Override("x", Period(0, FOREVER, Card((Decimal(1),) * 5), "y"), 1, "me"))
            store.begin_repricing("z", by="me", now=1)
            store.keep_account(test_accounts.PLAIN._replace(account=_another()))
            batches = store.batches(newest, 10)
            assert len(batches) == 2
            found.append({**told(store), "batches": [batch[1:] for batch in batches]})
    old, new = found
    assert new == old


def _another() -> Account:
    return replace(test_accounts.PLAIN.account, id="acc_9", name="another")


def test_a_move_that_breaks_off_anywhere_goes_on_there(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "_AT_ONCE", 40)
    copied = breaks = 0

    def until(limit: int) -> Callable[[Progress], None]:
        steps = count()

        def report(_: Progress) -> None:
            if next(steps) == limit:
                raise KeyboardInterrupt

        return report

    for limit in (0, 1, 2, 5, 9, 14, 16, 30, 45, 60):
        try:
            copied += moved(way.source, way.target, until(limit)).copied
        except KeyboardInterrupt:
            breaks += 1
            with pytest.raises(StoreError, match="run the same 'ccledger move' again"):
                opened(way.target)
            with pytest.raises(StoreError, match="run the same 'ccledger move' again"):
                open_reader(way.target).summary()
    done = moved(way.source, way.target)
    assert breaks > 7
    assert copied + done.copied <= sum(each.rows for each in done.tables)
    assert way.seen(way.target) == way.seen(way.original)


def test_a_second_time_nothing_is_left_to_copy(way: Way) -> None:
    first = moved(way.source, way.target)
    again = moved(way.source, way.target)
    assert (again.copied, again.tables) == (0, first.tables)


def test_a_place_that_holds_a_ledger_is_refused(way: Way) -> None:
    other = way.place("sqlite")
    with closing(opened(other)) as store:
        store.append([make_fact("msg:own")], {}, now=1)
        before = told(store)
    brought(other, way.target)
    for again in (False, True):
        with pytest.raises(StoreError, match="there is a ledger already"):
            moved(way.source, way.target, again=again)
    assert way.seen(way.target) == before


def test_a_new_ledger_without_calls_is_no_obstacle(way: Way) -> None:
    opened(way.target, "America/St_Johns").close()
    moved(way.source, way.target)
    assert way.seen(way.target)["zone"] == "Asia/Kathmandu"


def test_a_ledger_of_an_older_version_at_the_place_takes_no_step(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(way.target)) as store:
        store.append([make_fact("msg:own")], {}, now=1)
    engine = way.target.partition(":")[0]
    versions(engine, tmp_path, monkeypatch)(pre_weather="ALTER TABLE request_logs ADD COLUMN weather TEXT")
    with pytest.raises(StoreError, match=r"older version's ledger at .* already"):
        open_target(way.target, Path(DATA.name))
    assert len(outlook(way.target).missing) == 1


def test_what_a_move_of_an_older_version_left_is_brought_up_to_date(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_off(way.source, way.target)
    engine = way.target.partition(":")[0]
    versions(engine, tmp_path, monkeypatch)(pre_weather="ALTER TABLE request_logs ADD COLUMN weather TEXT")
    open_target(way.target, Path(DATA.name)).close()
    assert outlook(way.target).missing == []


def _break_off(source: str, target: str) -> None:
    def stop(progress: Progress) -> None:
        if progress.is_comparing:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moved(source, target, stop)


def test_what_another_move_left_is_refused_until_it_is_thrown_away(way: Way) -> None:
    _break_off(way.source, way.target)
    with closing(opened(way.original)) as store:
        store.append([make_fact("msg:meanwhile", at=MORNING + 5 * DAY_MS)], {}, now=9)
        before = told(store)
    with pytest.raises(StoreError, match="--start-over"):
        moved(way.original, way.target)
    moved(way.original, way.target, again=True)
    assert way.seen(way.target) == before


def test_a_difference_is_found_and_the_place_stays_closed(place: Place) -> None:
    source, target = place("sqlite"), place("sqlite")
    with closing(opened(source)) as store:
        fill(store)
    _break_off(source, target)
    connection = apsw.Connection(target.removeprefix("sqlite://"))
    connection.execute("UPDATE usage_day SET output_tokens = output_tokens + 1")
    connection.close()
    with pytest.raises(StoreError, match=r"usage_day is not the same.*not to be used"):
        moved(source, target)
    with pytest.raises(StoreError, match="move"):
        opened(target)


def test_sums_that_outgrew_64_bits_come_over_as_the_largest_integer(place: Place) -> None:
    source, target = place("sqlite"), place("sqlite")
    with closing(opened(source)) as store:
        store.append([make_fact("msg:1")], {}, now=1)
    connection = apsw.Connection(source.removeprefix("sqlite://"))
    connection.execute("UPDATE usage_day SET output_tokens = 9223372036854775807")
    connection.execute("UPDATE usage_day SET output_tokens = output_tokens + 10")
    connection.close()
    tables = {each.table: each for each in moved(source, target).tables}
    assert tables["usage_day"].sums["output_tokens"] == (1 << 63) - 1


def test_what_a_renamed_ledger_left_in_its_log_is_not_lost(place: Place) -> None:
    source, target = place("sqlite"), place("sqlite")
    opened(source).close()
    file = Path(target.removeprefix("sqlite://"))
    log, renamed = file.with_name(f"{file.name}-wal"), file.with_name("renamed.db")
    with closing(opened(target)) as store:
        store.append([make_fact("msg:late")], {}, now=1)
        kept, written = file.read_bytes(), log.read_bytes()
    renamed.write_bytes(kept)
    log.write_bytes(written)
    for content in (None, b""):
        file.unlink() if content is None else file.write_bytes(content)
        with pytest.raises(StoreError, match="with -wal at the end"):
            moved(source, target)
    log.rename(renamed.with_name("renamed.db-wal"))
    moved(source, target)
    with closing(open_reader(f"sqlite:///{renamed}")) as store:
        assert store.summary().calls == 1


def test_memory_keeps_nothing_to_move(place: Place) -> None:
    for open_end in (open_source, open_target):
        with pytest.raises(UsageError, match="memory://' keeps nothing"):
            open_end("memory://", Path(DATA.name))


def test_nothing_to_move_is_said(place: Place) -> None:
    with pytest.raises(StoreError, match="nothing to move"):
        open_source(place("sqlite"), Path(DATA.name))


def test_calls_in_the_spool_are_booked_once_by_the_new_ledger(way: Way, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    late = replace(spooled(2), timing=Timing(2, MORNING + 50 * DAY_MS, 0, 200, 1234, 56))
    before = way.place("sqlite")
    with closing(opened(before)) as store:
        with draining(spool, store) as (writer, _):
            writer.reserve()
            writer.write([spooled(1)])
        booked = store.summary().calls
        with draining(spool, store, failures=1 << 30) as (writer, _):
            writer.reserve()
            writer.write([late])
    assert segments(spool)
    moved(before, way.target)
    for _ in range(2):
        with closing(opened(way.target)) as store:
            name = position_of_own(home_of(Path(DATA.name))) if isinstance(store, Shared) else POSITION
            assert store.position(name) is not None
            book_left(spool, name, store, Writer(store, lambda: 0))
            assert store.summary().calls == booked + 1
