"""`ccledger blocks`: five-hour blocks as a table, the active one in words, or JSON in ccusage's shape."""

from argparse import ArgumentTypeError, Namespace
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from ccledger.cli.imports import up_to_date
from ccledger.cli.options import a_count, a_date, place_options, settings_from
from ccledger.cli.output import write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import UsageError
from ccledger.core.money import usd
from ccledger.core.periods import iso, midnight_ms, zone
from ccledger.stats.blocks import HOURS, Asked, Block, blocks, highest_past, limit_status, pace, project
from ccledger.stats.limits import running_window
from ccledger.stats.spent import local_day
from ccledger.stats.totals import cache_creation_tokens, cost_nano, count, total_tokens

if TYPE_CHECKING:
    from ccledger.cli.block_table import BlockLook

_RECENT_MS = 3 * 24 * 3_600_000
_MOST_HOURS = 24


def _declare(parser: Parser) -> None:
    parser.flag("-a", "--active", text="Only the active block, with its pace and where it leads.")
    parser.flag("-r", "--recent", text="Only the last three days, and the active block.")
    parser.value(
        "-t",
        "--token-limit",
        metavar="N|max",
        read=_a_limit,
        text="Compare with this many tokens, or with the highest finished block.",
    )
    parser.value("-n", "--session-length", metavar="HOURS", read=_hours, default=HOURS, text="Hours of a block (5).")
    parser.value("-s", "--since", metavar="DATE", read=a_date, text="Blocks from this day on (YYYY-MM-DD or YYYYMMDD).")
    parser.value("-u", "--until", metavar="DATE", read=a_date, text="Blocks up to this day, included.")
    parser.value("-z", "--timezone", metavar="ZONE", text="Show times and count days in this IANA time zone.")
    parser.choice("-o", "--order", accepted=("asc", "desc"), default="asc", text="Oldest or newest first.")
    parser.flag("-j", "--json", to="as_json", text="Print JSON in ccusage's shape.")
    parser.switch("-O", "--offline", default=True, text="Accepted; prices never come from the network.")
    parser.flag("--compact", text="Leave out columns, as on a narrow terminal.")
    parser.switch("--color", default=None, text="Force colours, or leave them out.")
    place_options(parser)


def _a_limit(text: str) -> int | str:
    if text == "max":
        return text
    try:
        return a_count(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"takes a whole number from 1, or max, not '{text}'") from None


def _hours(text: str) -> int:
    hours = a_count(text)
    if hours > _MOST_HOURS:
        raise ArgumentTypeError(f"takes whole hours from 1 to {_MOST_HOURS}, not '{text}'")
    return hours


class _Found(NamedTuple):
    """What was asked for, and what it is compared with."""

    blocks: list[Block]
    limit: int | None
    now: int
    tz: tzinfo


def _blocks(flags: Namespace) -> None:
    found = _ask(flags)
    if flags.as_json:
        write_json({"blocks": [_block_json(block, found) for block in found.blocks]})
        return
    from ccledger.cli.block_table import active_page, block_table

    if flags.active:
        write(active_page(found.blocks, _look(flags, found)))
    else:
        write(block_table(found.blocks, _look(flags, found)))


def _look(flags: Namespace, found: _Found) -> "BlockLook":
    from ccledger.cli.block_table import BlockLook
    from ccledger.cli.terminal import takes_colour, width

    return BlockLook(width(), takes_colour(flags.color), flags.compact, found.tz, found.now, found.limit)


def _ask(flags: Namespace) -> _Found:
    from ccledger import app
    from ccledger.ledger.limits import kept_limits
    from ccledger.settings import canonical_zone

    settings, surroundings = settings_from(flags)
    tz = zone(canonical_zone(flags.timezone) if flags.timezone else app.zone_name(settings, surroundings))
    if flags.since is not None and flags.until is not None and flags.since > flags.until:
        raise UsageError(f"--since {flags.since} is after --until {flags.until}")
    with up_to_date(settings, surroundings) as current:
        now = app.clock()
        window = running_window(kept_limits(settings.data_dir), now) if flags.session_length == HOURS else None
        asked = Asked(now, _since(flags, tz, now), flags.session_length, window)
        found = blocks(current.store, asked)
        limit = flags.token_limit
        if limit == "max":
            limit = highest_past(blocks(current.store, asked._replace(since=0)) if asked.since else found)
    wanted = [block for block in found if _is_wanted(block, flags, asked, tz)]
    return _Found(wanted[::-1] if flags.order == "desc" else wanted, limit, now, tz)


def _since(flags: Namespace, tz: tzinfo, now: int) -> int:
    """From when on blocks have to be known; 0 where all have."""
    since = max(
        now - _RECENT_MS if flags.recent else 0,
        midnight_ms(flags.since, tz) if flags.since is not None and flags.since.year > 1970 else 0,
        now if flags.active else 0,
    )
    return max(since, 0)


def _is_wanted(block: Block, flags: Namespace, asked: Asked, tz: tzinfo) -> bool:
    day = local_day(block.start, tz)
    if (flags.since is not None and day < flags.since) or (flags.until is not None and day > flags.until):
        return False
    return block.is_active or (not flags.active and block.start >= asked.since)


def _block_json(block: Block, found: _Found) -> dict[str, Any]:
    spent, cost = block.sum, cost_nano(block.sum)
    row = {
        "id": f"gap-{iso(block.start)}" if block.is_gap else iso(block.start),
        "startTime": iso(block.start),
        "endTime": iso(block.end),
        "actualEndTime": None if block.last_at is None else iso(block.last_at),
        "isActive": block.is_active,
        "isGap": block.is_gap,
        "rule": block.rule,
        "entries": count(spent, "calls"),
        "tokenCounts": {
            "inputTokens": count(spent, "input_tokens"),
            "outputTokens": count(spent, "output_tokens"),
            "cacheCreationInputTokens": cache_creation_tokens(spent),
            "cacheReadInputTokens": count(spent, "cache_read_tokens"),
        },
        "totalTokens": total_tokens(spent),
        "costUSD": None if cost is None else usd(cost),
        "cost_nano": None if cost is None else str(cost),
        "complete": not count(spent, "unpriced_calls"),
        "models": sorted(block.models),
        "burnRate": _burn_json(block),
        "projection": _projection_json(block, found.now),
    }
    status = _limit_json(block, found)
    return row if status is None else {**row, "tokenLimitStatus": status}


def _burn_json(block: Block) -> dict[str, Any] | None:
    speed = pace(block) if block.is_active else None
    if speed is None:
        return None
    plain = count(block.sum, "input_tokens") + count(block.sum, "output_tokens")
    return {
        "tokensPerMinute": speed.tokens_per_minute,
        "tokensPerMinuteForIndicator": plain * 60_000 / speed.duration_ms,
        "costPerHour": None if speed.cost_per_hour is None else usd(speed.cost_per_hour),
    }


def _projection_json(block: Block, now: int) -> dict[str, Any] | None:
    ahead = project(block, now)
    if ahead is None:
        return None
    return {
        "totalTokens": ahead.tokens,
        "totalCost": None if ahead.cost is None else round(usd(ahead.cost), 2),
        "remainingMinutes": round(ahead.remaining_ms / 60_000),
    }


def _limit_json(block: Block, found: _Found) -> dict[str, Any] | None:
    ahead = project(block, found.now)
    if ahead is None or not found.limit:
        return None
    percent = ahead.tokens / found.limit * 100
    return {
        "limit": found.limit,
        "projectedUsage": ahead.tokens,
        "percentUsed": percent,
        "status": limit_status(percent),
    }


BLOCKS = Command(_declare, _blocks)
