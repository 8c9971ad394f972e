"""What the view needs to know of the 5-hour window and the account's limits, and who answers it; it draws nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ccledger.core.measures import ZERO, Dimension, Grain, Measures
from ccledger.core.periods import QUARTER_MS
from ccledger.stats.moments import spent_between
from ccledger.stats.overview import HOUR_MS
from ccledger.stats.totals import cost_nano, is_complete, total_tokens

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

WINDOW_MS: Final = 5 * HOUR_MS
_LOOK_BACK_MS: Final = 48 * HOUR_MS
"""A window begins where the one before has ended, so the chain is followed from here on."""


class Pace(NamedTuple):
    """How fast money and tokens go."""

    cost_nano_per_hour: int | None
    tokens_per_minute: int


class Window(NamedTuple):
    """The 5-hour window that is open now. Times in milliseconds since 1970, costs None without any price."""

    start_ms: int
    end_ms: int
    cost_nano: int | None
    tokens: int
    complete: bool
    """Whether every call in it has a price and a count."""
    pace: Pace
    projected_cost_nano: int | None
    """What it will have cost when it ends, at this pace."""
    origin: Literal["estimated", "official"]
    """Whether its limits are worked out from the calls or told by the provider."""


class Limit(NamedTuple):
    """One limit of the account, as the provider told it. Times in milliseconds since 1970."""

    name: str
    """`five_hour`, `seven_day` or `spend_limit`; unknown ones are shown by their name."""
    used_percentage: float
    resets_at_ms: int | None
    read_at_ms: int
    stale: bool
    """Whether it was read so long ago that it may be another one by now."""


class Asks(NamedTuple):
    """Who answers for windows and limits: both get the ledger and the time, in milliseconds since 1970."""

    window: "Callable[[Store, int], Window | None]"
    limits: "Callable[[Store, int], Sequence[Limit]]"


def estimated_window(store: "Store", now_ms: int) -> Window | None:
    """The open window as calls alone tell it: five hours from the full hour of the first call after the last one."""
    start = _start(_active_quarters(store, now_ms), now_ms)
    if start is None:
        return None
    [spent], [hour] = spent_between(store, start, now_ms + 1), spent_between(store, now_ms - HOUR_MS, now_ms + 1)
    measures, last_hour = spent.get("", ZERO), hour.get("", ZERO)
    pace = Pace(cost_nano(last_hour), round(total_tokens(last_hour) / 60))
    end = start + WINDOW_MS
    return Window(
        start_ms=start,
        end_ms=end,
        cost_nano=cost_nano(measures),
        tokens=total_tokens(measures),
        complete=is_complete(measures),
        pace=pace,
        projected_cost_nano=_projected(measures, pace, end - now_ms),
        origin="estimated",
    )


def _active_quarters(store: "Store", now_ms: int) -> list[int]:
    """The beginnings of the quarter-hours with calls, oldest first."""
    first, last = (now_ms - _LOOK_BACK_MS) // QUARTER_MS, now_ms // QUARTER_MS
    return sorted({row.start * QUARTER_MS for row in store.spans(Grain.QUARTER, Dimension.ALL, first, last)})


def _start(quarters: Sequence[int], now_ms: int) -> int | None:
    start = None
    for quarter in quarters:
        if start is None or quarter >= start + WINDOW_MS:
            start = quarter - quarter % HOUR_MS
    return start if start is not None and now_ms < start + WINDOW_MS else None


def _projected(measures: Measures, pace: Pace, left_ms: int) -> int | None:
    spent = cost_nano(measures)
    if spent is None or pace.cost_nano_per_hour is None:
        return None
    return spent + pace.cost_nano_per_hour * left_ms // HOUR_MS


def no_limits(_store: "Store", _now_ms: int) -> Sequence[Limit]:
    """Nothing is known of limits."""
    return ()


def asks_of(_data_dir: Path) -> Asks:
    """Who answers for the ledger in a data directory: the one place where that is decided."""
    return Asks(estimated_window, no_limits)
