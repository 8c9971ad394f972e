"""What is used of a limit, and when it will be all."""

import pytest

from ccledger.core.limits import Limit, LimitReading
from ccledger.stats.limits import LimitPace, limit_states, running_window

NOW = 1_795_168_800_000
MINUTE = 60_000
HOUR = 60 * MINUTE
HOME = "/home/u/.claude"
RESET = NOW + 3 * HOUR


def told(
    before_ms: int, used: float, resets_at: int | None = RESET, home: str = HOME, window: str = "five_hour"
) -> LimitReading:
    return LimitReading(NOW - before_ms, home, Limit(window, used, resets_at))


def test_the_newest_of_each_window_of_each_directory_counts() -> None:
    readings = [told(9 * MINUTE, 10), told(8 * MINUTE, 50, window="seven_day"), told(MINUTE, 12), told(0, 3, home="/b")]
    states = limit_states(readings, NOW)
    assert [(state.directory, state.limit.window, state.limit.used_percentage) for state in states] == [
        (HOME, "five_hour", 12),
        (HOME, "seven_day", 50),
        ("/b", "five_hour", 3),
    ]
    assert [state.read_at for state in states] == [NOW - MINUTE, NOW - 8 * MINUTE, NOW]


def test_an_idle_session_that_repeats_old_figures_changes_nothing() -> None:
    [state] = limit_states([told(20 * MINUTE, 30), told(2 * MINUTE, 42), told(MINUTE, 30)], NOW)
    assert (state.limit.used_percentage, state.read_at) == (42, NOW - MINUTE)
    [state] = limit_states([told(2 * MINUTE, 5), told(MINUTE, 90, RESET - 5 * HOUR)], NOW)
    assert (state.limit.used_percentage, state.limit.resets_at) == (5, RESET)


@pytest.mark.parametrize(
    ("before", "resets_at", "stale"),
    [
        (0, RESET, False),
        (15 * MINUTE, RESET, False),
        (15 * MINUTE + 1, RESET, True),
        (0, NOW, True),
        (0, NOW + 1, False),
        (0, None, False),
    ],
)
def test_it_is_stale_when_told_long_ago_or_begun_anew(before: int, resets_at: int | None, stale: bool) -> None:
    [state] = limit_states([told(before, 10, resets_at)], NOW)
    assert state.stale is stale


def test_a_reading_of_the_future_is_no_reading() -> None:
    assert limit_states([told(-1, 10)], NOW) == []


def test_the_pace_is_that_of_the_running_window_alone() -> None:
    [state] = limit_states([told(2 * HOUR, 99, RESET - 5 * HOUR), told(HOUR, 10), told(MINUTE, 25), told(0, 40)], NOW)
    assert state.pace == LimitPace(30.0, NOW + 2 * HOUR, 3)


def test_a_window_that_moves_by_seconds_is_the_same() -> None:
    [state] = limit_states([told(HOUR, 10, RESET - 1000), told(0, 40, RESET)], NOW)
    assert state.pace is not None
    assert state.pace.readings == 2


@pytest.mark.parametrize(
    ("first", "used", "full_at"),
    [
        (10, 10, None),  # nothing is used up
        (10, 20, None),  # it would take eight hours, and resets in three
        (40, 60, NOW + 2 * HOUR),
        (40, 100, NOW),
        (40, 120, NOW),
    ],
)
def test_when_all_is_used_is_told_if_that_is_before_the_reset(first: float, used: float, full_at: int | None) -> None:
    [state] = limit_states([told(HOUR, first), told(0, used)], NOW)
    assert state.pace is not None
    assert state.pace.full_at == full_at


def test_minutes_tell_of_no_pace() -> None:
    assert limit_states([told(9 * MINUTE, 10), told(0, 11)], NOW)[0].pace is None
    assert limit_states([told(0, 11)], NOW)[0].pace is None
    assert limit_states([told(HOUR, 11, NOW - 1), told(2 * HOUR, 10, NOW - 1)], NOW)[0].pace is None


def test_a_limit_without_a_reset_has_a_pace_too() -> None:
    [state] = limit_states([told(HOUR, 10, None), told(0, 20, None)], NOW)
    assert state.pace == LimitPace(10.0, NOW + 8 * HOUR, 2)


def test_the_running_window_is_that_of_five_hours() -> None:
    assert running_window([told(0, 10), told(0, 10, NOW + HOUR, window="seven_day")], NOW) == (RESET - 5 * HOUR, RESET)
    assert running_window([told(0, 10, NOW + HOUR, window="seven_day")], NOW) is None
    assert running_window([told(6 * HOUR, 10, NOW)], NOW) is None
    assert running_window([told(0, 10, NOW + 5 * HOUR + 1)], NOW) is None
    assert running_window([told(0, 10, None)], NOW) is None
    assert running_window([], NOW) is None


def test_two_accounts_have_no_window_in_common_but_two_directories_of_one_do() -> None:
    assert running_window([told(0, 10), told(0, 20, RESET - HOUR, home="/b")], NOW) is None
    assert running_window([told(0, 10), told(0, 10, RESET, home="/b")], NOW) == (RESET - 5 * HOUR, RESET)
    assert running_window([told(0, 10), told(9 * HOUR, 20, RESET - 8 * HOUR, home="/b")], NOW) is not None
