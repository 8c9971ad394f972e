"""Which days of Claude Code's own statistics are shown: those without a call, and none twice."""

from collections.abc import Generator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Usage
from ccledger.core.measures import plus
from ccledger.core.periods import day_number, day_of_number, moment
from ccledger.ledger.store import Store
from ccledger.stats.estimated import Estimate, days_in_use, estimate_of, estimated_days, joined
from ccledger.stats.report import Asked, by_period
from ccledger.stats.totals import cost_nano, count, is_complete, is_unpriced, total_tokens
from tests.stats.facts import UNPRICED, fact, ledger

DAY_MS = 86_400_000
FIRST = day_number(date(2026, 10, 1))
HOME, OTHER = "/home/u/.claude", "/home/u/.claude-work"
MODEL = "claude-opus-4-5"


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = ledger(tmp_path)
    yield opened
    opened.close()


def keep(store: Store, *days: CachedDay, root: str = HOME, computed_on: int = FIRST + 50) -> None:
    store.keep_cached_days(CachedFile(root, b"", 3, computed_on), days)


def told(number: int, tokens: int = 10, model: str = MODEL) -> CachedDay:
    return CachedDay(FIRST + number, model, Usage(tokens))


def call(store: Store, at: int) -> None:
    store.append([fact(str(at), at)], {}, now=at)


def shown(store: Store, first: date | None = None, last: date | None = None) -> dict[int, int]:
    """Tokens by day."""
    sums: dict[int, int] = {}
    for entry in estimated_days(store, first, last):
        number = day_number(entry.day) - FIRST
        sums[number] = sums.get(number, 0) + total_tokens(entry.measures)
    return sums


def test_a_later_transcript_wins_by_itself(store: Store) -> None:
    keep(store, told(0), told(1), told(1, 5, "claude-haiku-4-5"))
    assert shown(store) == {0: 10, 1: 15}
    call(store, (FIRST + 1) * DAY_MS + 5)
    assert shown(store) == {0: 10}


def test_limits_are_dates_and_included(store: Store) -> None:
    keep(store, *(told(number) for number in range(5)))
    day = day_of_number(FIRST + 2)
    assert shown(store, day) == {2: 10, 3: 10, 4: 10}
    assert shown(store, None, day) == {0: 10, 1: 10, 2: 10}
    assert shown(store, day, day) == {2: 10}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["UTC", "Asia/Shanghai", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati"]),
    st.lists(st.integers(0, 6 * 96 - 1), max_size=6),
)
def test_no_day_is_shown_that_shares_a_moment_with_a_call(zone: str, quarters: list[int]) -> None:
    starts = [FIRST * DAY_MS + quarter * 900_000 + 1 for quarter in quarters]
    with TemporaryDirectory() as folder:
        store = ledger(Path(folder), zone)
        for start in starts:
            call(store, start)
        keep(store, *(told(number) for number in range(-1, 8)))
        found = set(shown(store))
        store.close()
    moments = [moment(start) for start in starts]
    taken = {day_number(at.date()) for at in moments}
    taken |= {day_number(at.astimezone(ZoneInfo(zone)).date()) for at in moments}
    assert found == {number for number in range(-1, 8) if FIRST + number not in taken}


def test_directories_add_up_and_copies_of_a_file_do_not(store: Store) -> None:
    keep(store, told(0), told(1))
    keep(store, told(0, 7), told(1), root=OTHER)
    assert shown(store) == {0: 17, 1: 10}


def test_a_file_taken_over_by_hand_counts_only_where_no_directory_tells_of_the_day(store: Store) -> None:
    keep(store, told(0))
    keep(store, told(0, 999), told(1, 7), root="")
    assert shown(store) == {0: 10, 1: 7}
    assert days_in_use(store, "") == ([day_of_number(FIRST + 1)], [], [day_of_number(FIRST)])


def test_what_became_of_each_day_is_told(store: Store) -> None:
    assert days_in_use(store, HOME) == ([], [], [])
    keep(store, told(0), told(1))
    call(store, FIRST * DAY_MS)
    assert days_in_use(store, HOME) == ([day_of_number(FIRST + 1)], [day_of_number(FIRST)], [])
    assert days_in_use(store, OTHER) == ([], [], [])


def test_an_estimated_day_has_no_calls_and_makes_no_sum_complete(store: Store) -> None:
    keep(store, CachedDay(FIRST, MODEL, Usage(1, 2, 0, 3, 4)), told(0, model=UNPRICED))
    unpriced, priced = estimated_days(store)
    assert (priced.as_of, priced.with_cache) == (day_of_number(FIRST + 50), True)
    assert (count(priced.measures, "calls"), count(priced.measures, "estimated_calls")) == (0, 1)
    assert not is_complete(priced.measures)
    assert cost_nano(priced.measures) == 1 * 4 + 2 * 20 + 3 * 8 + 4
    assert priced.low_by == 3 * (8 - 5)
    assert is_unpriced(unpriced.measures)
    assert cost_nano(unpriced.measures) is None
    assert cost_nano(plus(unpriced.measures, priced.measures)) == cost_nano(priced.measures)


def test_estimates_say_what_they_have_in_common(store: Store) -> None:
    keep(store, CachedDay(FIRST, MODEL, Usage(cache_write_1h_tokens=2)), told(1), computed_on=FIRST + 3)
    keep(store, CachedDay(FIRST + 1, "m", Usage(1), with_cache=False), root=OTHER, computed_on=FIRST + 9)
    days = frozenset({day_of_number(FIRST), day_of_number(FIRST + 1)})
    estimate = estimate_of(estimated_days(store))
    assert estimate == Estimate(days, day_of_number(FIRST + 9), 6, with_cache=False)
    assert joined([None, estimate, None]) == estimate
    assert joined([None]) is None


def lines(store: Store, zone: str = "UTC") -> dict[str, tuple[int, bool]]:
    found = by_period(store, Asked(zone, ZoneInfo(zone)), lambda day: day.isoformat()[:7])
    return {line.label: (total_tokens(line.sum), line.estimate is not None) for line in found}


def test_reports_count_them_in_and_say_so(store: Store) -> None:
    call(store, (FIRST + 40) * DAY_MS)
    keep(store, told(0), told(39), told(40))
    assert lines(store) == {"2026-10": (10, True), "2026-11": (160, True)}
    asked = Asked("UTC", ZoneInfo("UTC"), day_of_number(FIRST + 40))
    (line,) = by_period(store, asked, date.isoformat)
    assert line.estimate is None


def test_another_zone_shows_the_same_dates(store: Store) -> None:
    keep(store, told(0))
    assert lines(store, "America/Los_Angeles") == {"2026-10": (10, True)}


def test_they_belong_to_no_project(store: Store) -> None:
    call(store, (FIRST + 2) * DAY_MS)
    keep(store, told(0))
    assert by_period(store, Asked("UTC", ZoneInfo("UTC"), by_project=True), date.isoformat)[0].estimate is None
    assert len(by_period(store, Asked("UTC", ZoneInfo("UTC"), project="app"), date.isoformat)) == 1
