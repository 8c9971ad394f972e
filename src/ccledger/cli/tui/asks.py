"""What the view needs to know of the 5-hour window and the account's limits, and who answers it; it draws nothing."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from ccledger.stats import blocks
from ccledger.stats.limits import limit_states, running_window
from ccledger.stats.totals import cost_nano, is_complete, total_tokens

if TYPE_CHECKING:
    from ccledger.core.limits import LimitReading
    from ccledger.ledger.store import Store

    _Told = Callable[[], Sequence[LimitReading]]
    """What the provider told of limits so far."""


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


def open_window(told: "_Told", store: "Store", now_ms: int) -> Window | None:
    """The open window: the provider's own where it is known, else as calls alone tell it."""
    block = blocks.newest_block(store, now_ms, running_window(told(), now_ms))
    if block is None or not block.is_active:
        return None
    spent, pace, end = block.sum, blocks.pace(block), blocks.project(block, now_ms)
    return Window(
        start_ms=block.start,
        end_ms=block.end,
        cost_nano=cost_nano(spent),
        tokens=total_tokens(spent),
        complete=is_complete(spent),
        pace=Pace(None, 0) if pace is None else Pace(pace.cost_per_hour, round(pace.tokens_per_minute)),
        projected_cost_nano=None if end is None else end.cost,
        origin=block.rule,
    )


def known_limits(told: "_Told", _store: "Store", now_ms: int) -> list[Limit]:
    """What the provider told of each limit last."""
    return [
        Limit(state.limit.window, state.limit.used_percentage, state.limit.resets_at, state.read_at, state.stale)
        for state in limit_states(told(), now_ms)
    ]


def asks_of(told: "_Told") -> Asks:
    """Who answers, given what the provider told: the one place where that is decided."""
    return Asks(partial(open_window, told), partial(known_limits, told))
