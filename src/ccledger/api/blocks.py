"""Five-hour blocks over HTTP; it works none out itself."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from litestar import get
from litestar.params import QueryParameter
from msgspec import Struct

from ccledger.api.stats import Timezone
from ccledger.core.errors import UsageError
from ccledger.core.limits import LimitReading
from ccledger.core.periods import iso, midnight_ms, zone
from ccledger.stats.blocks import HOUR_MS, Asked, Block, blocks, highest_past, limit_status, pace, project
from ccledger.stats.limits import running_window
from ccledger.stats.overview import dearest_first
from ccledger.stats.spent import local_day
from ccledger.stats.words import Moment, Nano, Totals, about, nano_text, totals

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_DAYS = 30
_RECENT_DAYS = 3
_DAY_MS = 24 * HOUR_MS
_MOST_DAYS = 3660
_MOST_DIGITS = 15

Recent = Annotated[bool, QueryParameter(description="Only blocks of the last three days, and the active one.")]
Active = Annotated[bool, QueryParameter(description="Only the active block.")]
Days = Annotated[int, QueryParameter(description="Blocks that begin on this many days, today included (1 to 3660).")]
TokenLimit = Annotated[
    str | None,
    QueryParameter(description="Tokens to compare the active block with, or `max`: as many as the highest block had."),
]


class BurnRate(Struct, frozen=True):
    """The pace of a block between its first and its last call."""

    tokens_per_minute: float
    cost_nano_per_hour: Annotated[Nano | None, about("In nano-USD; null when none of the calls has a price.")]


class Projection(Struct, frozen=True):
    """What the active block will have spent at its end, at its pace."""

    remaining_minutes: float
    total_tokens: int
    total_cost_nano: Annotated[Nano | None, about("In nano-USD; null when none of the calls has a price.")]


class BlockRow(Struct, frozen=True):
    """Five hours, or the gap between two blocks."""

    id: Annotated[str, about("When it starts; of a gap with `gap-` before it.")]
    start: Moment
    end: Annotated[Moment, about("When it is over; of a gap, when the next call was.")]
    actual_end: Annotated[Moment | None, about("When its last call started; null without one.")]
    is_active: bool
    is_gap: bool
    rule: Annotated[
        Literal["estimated", "official"], about("Official: the provider's own window; estimated: the rule's guess.")
    ]
    totals: Totals
    models: Annotated[list[str], about("By cost, the dearest first.")]
    burn_rate: Annotated[BurnRate | None, about("Null for a gap, and where all calls were at the same moment.")]
    projection: Annotated[Projection | None, about("Of the active block; null for the others.")]


class TokenLimitState(Struct, frozen=True):
    """The active block beside a limit of tokens."""

    limit: int
    projected_tokens: int
    used_percentage: Annotated[float, about("Of the limit, at the end of the block.")]
    status: Literal["ok", "warning", "exceeds"]


class Blocks(Struct, frozen=True):
    """Blocks and the gaps between them, oldest first."""

    timezone: str
    now: Moment
    rule: Annotated[Literal["estimated", "official"], about("What the active block rests on.")]
    blocks: list[BlockRow]
    token_limit: Annotated[TokenLimitState | None, about("Null without a limit, or without an active block.")]


def block_routes(
    store: "Store", now: Callable[[], int], default_zone: str, limits: Callable[[], Sequence[LimitReading]]
) -> list[Any]:
    """`stats/blocks`."""

    @get("/stats/blocks", operation_id="getBlocks", sync_to_thread=True)
    def stats_blocks(
        *,
        recent: Recent = False,
        active: Active = False,
        days: Days = _DAYS,
        timezone: Timezone = None,
        token_limit: TokenLimit = None,
    ) -> Blocks:
        """Five-hour blocks with what was spent in each, the pace and the projection of the active one."""
        if not 1 <= days <= _MOST_DAYS:
            raise UsageError(f"days is a whole number from 1 to {_MOST_DAYS}, not {days}")
        moment, name = now(), timezone or default_zone
        limit = _token_limit(store, token_limit, moment)
        since = moment - _RECENT_DAYS * _DAY_MS if recent else _first_midnight(moment, days, name)
        window = running_window(limits(), moment)
        found = blocks(store, Asked(moment, since, window=window))
        running = [block for block in found if block.is_active]
        return Blocks(
            timezone=name,
            now=iso(moment),
            rule="estimated" if window is None else "official",
            blocks=[_row(block, moment) for block in (running if active else found)],
            token_limit=_compare(running, limit, moment),
        )

    return [stats_blocks]


def _first_midnight(now: int, days: int, timezone: str) -> int:
    tz = zone(timezone)
    return midnight_ms(local_day(now - (days - 1) * _DAY_MS, tz), tz)


def _token_limit(store: "Store", asked: str | None, now: int) -> int | None:
    if not asked:
        return None
    if asked == "max":
        return highest_past(blocks(store, Asked(now)))
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= _MOST_DIGITS) or not int(asked):
        raise UsageError(
            f"token_limit is a whole number of at most {_MOST_DIGITS} digits from 1, or max, not '{asked}'"
        )
    return int(asked)


def _row(block: Block, now: int) -> BlockRow:
    speed, ahead = pace(block), project(block, now)
    return BlockRow(
        id=f"gap-{iso(block.start)}" if block.is_gap else iso(block.start),
        start=iso(block.start),
        end=iso(block.end),
        actual_end=None if block.last_at is None else iso(block.last_at),
        is_active=block.is_active,
        is_gap=block.is_gap,
        rule=block.rule,
        totals=totals(block.sum),
        models=dearest_first(block.models),
        burn_rate=None if speed is None else BurnRate(speed.tokens_per_minute, nano_text(speed.cost_per_hour)),
        projection=None
        if ahead is None
        else Projection(ahead.remaining_ms / 60_000, ahead.tokens, nano_text(ahead.cost)),
    )


def _compare(running: Sequence[Block], limit: int | None, now: int) -> TokenLimitState | None:
    ahead = project(running[-1], now) if running else None
    if ahead is None or not limit:
        return None
    percent = ahead.tokens / limit * 100
    return TokenLimitState(limit, ahead.tokens, percent, limit_status(percent))
