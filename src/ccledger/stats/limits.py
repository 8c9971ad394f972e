"""How much of each limit is used, and when it will be all, from what the provider told; it never guesses a limit."""

from collections.abc import Sequence
from typing import NamedTuple

from ccledger.core.limits import FIVE_HOUR, Limit, LimitReading

_STALE_MS = 15 * 60_000
_SAME_WINDOW_MS = 5 * 60_000
"""How far two readings of one window may differ in when it resets."""
_FIVE_HOURS_MS = 5 * 3_600_000
_HOUR_MS = 3_600_000
_LEAST_MS = 10 * 60_000
"""Percentages come as whole numbers: over less time they tell of no pace."""


class LimitPace(NamedTuple):
    """How fast a limit is used up, from the readings of its running window."""

    percent_per_hour: float
    full_at: int | None
    """When nothing will be left (milliseconds since 1970); None when that is not before it resets."""
    readings: int
    """How many readings it rests on."""


class LimitState(NamedTuple):
    """The newest that is known of one window of one account."""

    limit: Limit
    read_at: int
    directory: str
    stale: bool
    """It was told long ago, or the window has begun anew since."""
    pace: LimitPace | None
    """None until readings tell of one."""


def limit_states(readings: Sequence[LimitReading], now: int) -> list[LimitState]:
    """Each window of each Claude directory, in the order in which they were first told."""
    known: dict[tuple[str, str], list[LimitReading]] = {}
    for reading in readings:
        if reading.read_at <= now:
            known.setdefault((reading.directory, reading.limit.window), []).append(reading)
    return [_state(told, now) for told in known.values()]


def running_window(readings: Sequence[LimitReading], now: int) -> tuple[int, int] | None:
    """When the running window of five hours began and when it ends.

    None where that is not known, or where several accounts have windows of their own: which of them a call belongs to
    is not.
    """
    found: list[tuple[int, int]] = []
    for state in limit_states(readings, now):
        resets_at = state.limit.resets_at
        if state.limit.window == FIVE_HOUR and resets_at is not None and now < resets_at <= now + _FIVE_HOURS_MS:
            found.append((resets_at - _FIVE_HOURS_MS, resets_at))
    if not found or max(found)[1] - min(found)[1] > _SAME_WINDOW_MS:
        return None
    return found[-1]


def _state(told: Sequence[LimitReading], now: int) -> LimitState:
    """The state of the window that resets last.

    Sessions that have been idle repeat what they were told long ago, and what is used of a window only grows: so the
    largest figure of a window is its newest.
    """
    last = max(told, key=_resets_at).limit
    same = [reading for reading in told if _is_same_window(reading.limit, last)]
    most = max(same, key=_used)
    read_at = max(map(_read_at, same))
    over = last.resets_at is not None and last.resets_at <= now
    stale = over or now - read_at > _STALE_MS
    return LimitState(most.limit, read_at, most.directory, stale, None if over else _pace(same, most.limit, read_at))


def _pace(same: Sequence[LimitReading], newest: Limit, read_at: int) -> LimitPace | None:
    oldest = min(same, key=_read_at)
    passed = read_at - oldest.read_at
    if passed < _LEAST_MS:
        return None
    used = newest.used_percentage - oldest.limit.used_percentage
    return LimitPace(used * _HOUR_MS / passed, _full_at(newest, read_at, used / passed), len(same))


def _is_same_window(limit: Limit, other: Limit) -> bool:
    if limit.resets_at is None or other.resets_at is None:
        return limit.resets_at == other.resets_at
    return abs(limit.resets_at - other.resets_at) <= _SAME_WINDOW_MS


def _full_at(newest: Limit, read_at: int, percent_per_ms: float) -> int | None:
    left = 100 - newest.used_percentage
    if left <= 0:
        return read_at
    if not percent_per_ms:
        return None
    full_at = read_at + left / percent_per_ms
    return None if newest.resets_at is not None and full_at >= newest.resets_at else int(full_at)


def _read_at(reading: LimitReading) -> int:
    return reading.read_at


def _used(reading: LimitReading) -> float:
    return reading.limit.used_percentage


def _resets_at(reading: LimitReading) -> tuple[int, int]:
    return reading.limit.resets_at or 0, reading.read_at
