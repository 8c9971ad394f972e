import threading
from datetime import UTC, date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ccledger.core.periods import QUARTER_MS, midnight_ms
from ccledger.ledger import retention
from ccledger.ledger.engines.sqlite import SqliteStore
from ccledger.ledger.retention import Retention, horizon_of, let_go
from tests.conformance.stores import fresh_store
from tests.conformance.test_store import MORNING, make_fact

_KEYS = "SELECT count(*) FROM call_key UNION ALL SELECT count(*) FROM request_key"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
def test_whole_days_of_the_zone_are_kept(zone: str) -> None:
    tz = ZoneInfo(zone)
    now = midnight_ms(date(2026, 11, 20), tz) + 5
    assert horizon_of(now, tz, 1) == midnight_ms(date(2026, 11, 19), tz)
    assert horizon_of(now - 6, tz, 30) == midnight_ms(date(2026, 10, 20), tz)
    assert horizon_of(now, tz, 30) % QUARTER_MS == 0


def test_no_quarter_hour_is_kept_in_part_where_midnight_is_none() -> None:
    monrovia = ZoneInfo("Africa/Monrovia")  # 44:30 behind until 1972
    now = midnight_ms(date(1971, 5, 2), monrovia)
    horizon = horizon_of(now, monrovia, 1)
    assert horizon % QUARTER_MS == 0
    assert 0 <= midnight_ms(date(1971, 5, 1), monrovia) - horizon < QUARTER_MS


def test_everything_old_goes_in_chunks_with_its_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 3)
    with fresh_store("sqlite", tmp_path) as store:
        store.append([make_fact(f"msg:{n}", f"req:{n}", at=MORNING + n) for n in range(20)], {}, now=1)
        store.append([make_fact("req:3", at=MORNING + 3), make_fact("req:19", at=MORNING + 19)], {}, now=1)
        assert let_go(store, MORNING + 11) == 11
        assert isinstance(store, SqliteStore)
        rows = store._rows(_KEYS)  # pyright: ignore[reportPrivateUsage]
        assert rows == [(9,), (9,)]
        assert let_go(store, MORNING + 11) == 0


def test_what_is_stopped_goes_on_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 1)
    with fresh_store("memory", tmp_path) as store:
        store.append([make_fact(f"msg:{n}", at=MORNING + n) for n in range(5)], {}, now=1)
        assert let_go(store, MORNING + 4, lambda: len(store.calls(0, 1 << 42)) < 4) == 2
        assert let_go(store, MORNING + 4) == 2


def test_nothing_is_removed_before_everything_is_booked(tmp_path: Path) -> None:
    asked = threading.Event()

    def horizon() -> int:
        asked.set()
        return MORNING + 1

    with fresh_store("memory", tmp_path) as store:
        store.append([make_fact("msg:1"), make_fact("msg:2", at=MORNING + 1)], {}, now=1)
        keeper = Retention(store, horizon)
        keeper.start()
        assert not asked.is_set()
        keeper.begin()
        assert asked.wait(20)
        keeper.stop()
        assert [call.fact.keys for call in store.calls(0, 1 << 42)] == [("msg:2",)]


def test_a_failure_is_logged_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "_EVERY_SECONDS", 0.001)
    again = threading.Event()
    asked: list[int] = []

    def horizon() -> int:
        asked.append(1)
        if len(asked) == 1:
            raise OSError("no space left")
        again.set()
        return 0

    with fresh_store("memory", tmp_path) as store:
        keeper = Retention(store, horizon)
        keeper.start()
        keeper.begin()
        assert again.wait(20)
        keeper.stop()
    assert "tried again" in caplog.text


def test_a_keeper_that_never_began_can_be_stopped(tmp_path: Path) -> None:
    with fresh_store("memory", tmp_path) as store:
        keeper = Retention(store, lambda: 0)
        keeper.stop()
        keeper.start()
        keeper.stop()
    assert horizon_of(MORNING, UTC, 1) < MORNING
