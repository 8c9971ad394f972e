"""Opening a ledger whose schema is not this program's: what changes, what is copied before, and who may go on."""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of values open.
# pyright: reportUnknownMemberType=false

import logging
from pathlib import Path
from typing import Any

import apsw
import pytest

from ccledger.core.errors import StoreError
from ccledger.ledger import backups as keeping
from ccledger.ledger.backups import Backups
from ccledger.ledger.schema import steps
from ccledger.ledger.store import Store, open_reader, open_store
from tests.conformance.stores import fresh_store, price
from tests.conformance.test_store import make_fact
from tests.ledger.versions import Versions, versions

NOW = 1_795_200_000_000
KNOWN = len(steps("sqlite"))
NEXT = KNOWN + 1


@pytest.fixture
def knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Versions:
    return versions("sqlite", tmp_path, monkeypatch)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A ledger of this version with one call."""
    with fresh_store("sqlite", tmp_path) as store:
        store.append([make_fact()], {"f": b"1"}, now=1)
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def opened(url: str, *, kept: bool = False) -> Store:
    return open_store(url, lambda: price, "UTC", Backups(Path("/nowhere"), lambda: NOW) if kept else None)


def version_of(folder: Path, name: str = "ledger.db") -> Any:
    return apsw.Connection(str(folder / name)).pragma("user_version")


def copies(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("ledger.db.before-*"))


ADDS = "ALTER TABLE request_logs ADD COLUMN weather TEXT"
TAKES = "DROP TABLE request_key"


def test_older_code_goes_on_after_a_step_that_only_adds(knows: Versions, url: str, tmp_path: Path) -> None:
    knows(pre_weather=ADDS)
    newer = opened(url)
    newer.append([make_fact("msg:newer")], {}, now=2)
    newer.close()
    assert version_of(tmp_path) == NEXT
    knows()
    older = opened(url)
    older.append([make_fact("msg:older")], {}, now=3)
    older.close()
    assert version_of(tmp_path) == NEXT
    reader = open_reader(url)
    assert reader.summary().calls == 3
    reader.close()
    knows(pre_weather=ADDS)
    newer = opened(url)
    newer.append([make_fact("msg:again")], {}, now=4)
    assert newer.summary().calls == 4
    newer.close()


def test_older_code_is_refused_once_something_it_needs_is_gone(knows: Versions, url: str, tmp_path: Path) -> None:
    knows(pre_weather=ADDS, post_weather=TAKES)
    opened(url).close()
    assert version_of(tmp_path) == NEXT + 1
    knows(pre_weather=ADDS)
    with pytest.raises(StoreError, match=rf"newer ccledger.*needs schema {NEXT + 1}, this version knows {NEXT}"):
        opened(url)
    with pytest.raises(StoreError, match="newer ccledger"):
        open_reader(url).summary()


def test_a_reader_waits_for_what_it_needs_only(knows: Versions, url: str) -> None:
    knows(post_weather=TAKES)
    reader = open_reader(url)
    assert reader.summary().calls == 1
    reader.close()
    knows(pre_weather=ADDS)
    with pytest.raises(StoreError, match="ccledger migrate"):
        open_reader(url).summary()


def test_a_copy_is_kept_from_before_a_ledger_changes(
    knows: Versions, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(url, kept=True).close()
    assert copies(tmp_path) == []
    knows(pre_weather=ADDS)
    with caplog.at_level(logging.WARNING):
        opened(url, kept=True).close()
    (name,) = copies(tmp_path)
    assert name == f"ledger.db.before-{NEXT:04}-20261120T184000Z"
    assert name in caplog.text
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert version_of(tmp_path, name) == KNOWN
    knows()
    before = open_reader(f"sqlite:///{tmp_path / name}")
    assert before.summary().calls == 1
    before.close()


def test_nothing_is_copied_of_a_ledger_that_holds_nothing(knows: Versions, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    opened(url, kept=True).close()
    knows(pre_weather=ADDS)
    opened(url, kept=True).close()
    assert (version_of(tmp_path), copies(tmp_path)) == (NEXT, [])


def test_the_newest_two_copies_are_kept(knows: Versions, url: str, tmp_path: Path) -> None:
    for name in ("ledger.db.before-0003-20250101T000000Z", "ledger.db.before-0002-20260101T000000Z"):
        (tmp_path / name).touch()
    knows(pre_weather=ADDS)
    opened(url, kept=True).close()
    assert [name.partition("-")[2][:4] for name in copies(tmp_path)] == ["0002", f"{NEXT:04}"]


def test_only_whole_copies_count_and_those_in_use_stay(knows: Versions, url: str, tmp_path: Path) -> None:
    first, second, third = (f"ledger.db.before-0003-2025010{day}T000000Z" for day in (1, 2, 3))
    others = f"{second}-shm", f"{third}-journal", "ledger.db.before-mine", f"{first}-wal"
    unfinished = f"{third}.part", f"{third}.part-journal"
    for name in (first, second, third, *others, *unfinished):
        (tmp_path / name).touch()
    knows(pre_weather=ADDS)
    opened(url, kept=True).close()
    new = f"ledger.db.before-{NEXT:04}-20261120T184000Z"
    assert copies(tmp_path) == sorted((first, third, new, *others))


def test_the_new_copy_stays_though_the_clock_was_set_back(knows: Versions, url: str, tmp_path: Path) -> None:
    for year in (2027, 2028):
        (tmp_path / f"ledger.db.before-0003-{year}0101T000000Z").touch()
    knows(pre_weather=ADDS)
    opened(url, kept=True).close()
    assert [name[-16:-12] for name in copies(tmp_path)] == ["2028", "2026"]


def test_without_room_for_a_copy_nothing_changes(
    knows: Versions, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(pre_weather=ADDS)
    monkeypatch.setattr(keeping, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(StoreError, match="--no-backup"):
        opened(url, kept=True)
    assert (version_of(tmp_path), copies(tmp_path)) == (KNOWN, [])


def test_a_step_that_fails_leaves_the_ledger_as_it_was(knows: Versions, url: str, tmp_path: Path) -> None:
    knows(pre_weather="CREATE TABLE weather (sky TEXT); SELECT no_such_function()")
    with pytest.raises(apsw.SQLError):
        opened(url, kept=True)
    knows()
    store = opened(url)
    assert store.summary().calls == 1
    store.close()
    assert version_of(tmp_path) == KNOWN
