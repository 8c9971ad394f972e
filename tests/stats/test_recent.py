"""The days of a request log, in the asker's own days, whatever days the ledger counts in."""

from pathlib import Path

from msgspec.structs import replace

from ccledger.core.call import Outcome, Timing
from ccledger.ledger.store import Store
from ccledger.stats.ranges import read_range
from ccledger.stats.recent import recent_requests
from ccledger.stats.request_rows import Titles
from tests.stats.facts import UNPRICED, fact, ledger

AT = 1_795_168_800_000
"""2026-11-20 10:00 UTC."""
HOUR = 3_600_000


def nobody(_: str) -> None:
    """No id has a name."""


NAMELESS = Titles(nobody, nobody)


def days(store: Store, zone: str, number: int) -> list[tuple[str, int, int]]:
    asked = read_range(None, None, number, zone, AT)
    found = recent_requests(store, asked, None, NAMELESS)
    assert found.today == found.trend[-1]
    return [(day.date, day.requests, day.error_count) for day in found.trend]


def test_days_are_those_of_the_zone(tmp_path: Path) -> None:
    store = ledger(tmp_path, "Asia/Shanghai")
    failed = replace(fact("2", AT - 9 * HOUR), timing=Timing(1, AT - 9 * HOUR, Outcome.ABORTED, 499, 10, 5))
    store.append([fact("1", AT - 10 * HOUR - 1), failed, fact("3", AT, model=UNPRICED)], {}, now=AT)
    assert days(store, "UTC", 2) == [("2026-11-19", 1, 0), ("2026-11-20", 2, 1)]
    assert days(store, "America/New_York", 2) == [("2026-11-19", 2, 1), ("2026-11-20", 1, 0)]
    found = recent_requests(store, read_range(None, None, 1, "UTC", AT), None, NAMELESS)
    today = found.today
    assert (today.success_rate, today.avg_duration_ms, today.avg_ttft_ms, today.complete) == (50.0, 10, 5, False)
    assert [call.model for call in found.latest] == [UNPRICED, "claude-opus-4-5"]
    store.close()


def test_no_more_than_ten_calls_are_shown(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([fact(str(number), AT - number) for number in range(12)], {}, now=AT)
    latest = recent_requests(store, read_range(None, None, 7, "UTC", AT), "transcript", NAMELESS).latest
    assert [call.request_at[-4:] for call in latest] == ["000Z", *(f"99{9 - number}Z" for number in range(9))]
    assert recent_requests(store, read_range(None, None, 7, "UTC", AT), "gateway", NAMELESS).latest == []
    store.close()
