"""Views made by hand, as the ledger would make them; nothing here is read from anywhere."""

from __future__ import annotations

from ccledger.cli.tui.asks import Limit, Pace, Window
from ccledger.cli.tui.view import TODAY, Bar, SessionRow, Span, Spend, View, spend_of
from ccledger.core.measures import MEASURES, Measures
from ccledger.core.money import NANO
from ccledger.core.periods import zone

ZONE = "Europe/Berlin"
TZ = zone(ZONE)
NOW = 1_795_181_527_000
"""Friday 20 November 2026, 14:32:07 in Berlin."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def measures(calls: int, tokens: int, cents: int, *, unpriced: int = 0, covered: int = 0) -> Measures:
    """A group of calls; most of its tokens are cache reads."""
    known = {
        "calls": calls,
        "unpriced_calls": unpriced,
        "input_tokens": tokens // 50,
        "output_tokens": tokens // 25,
        "cache_write_5m_tokens": tokens // 20,
        "cache_read_tokens": tokens - tokens // 50 - tokens // 25 - tokens // 20,
        "output_cost": cents * NANO // 100,
        "equivalent_cost": covered * NANO // 100,
    }
    return tuple(known.get(name, 0) for name in MEASURES)


def session(
    number: int,
    project: str,
    minutes_ago: int,
    *models: tuple[str, Measures],
    branch: str = "main",
    agents: int = 0,
    lasted: int = 95,
) -> SessionRow:
    """A session whose last call was that many minutes ago."""
    total = tuple(map(sum, zip(*(part for _, part in models), strict=True)))
    last = NOW - minutes_ago * MINUTE
    state = "active" if minutes_ago <= 2 else "idle" if minutes_ago <= 30 else "over"
    name = f"{number:08x}-39b3-4145-97eb-cb2e70d40efc"
    return SessionRow(name, project, branch, agents, last - lasted * MINUTE, last, state, spend_of(total), models)


OPUS, SONNET, HAIKU = "claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5-20251001"

SESSIONS = (
    session(0x7393F38A, "/home/ana/shop", 0, (OPUS, measures(141, 11_240_000, 1624)), agents=3),
    session(
        0x51B0C2D4,
        "/home/ana/billing-service",
        4,
        (OPUS, measures(52, 4_120_000, 702)),
        (HAIKU, measures(31, 640_000, 21)),
        branch="feature/invoices",
    ),
    session(0x20F7AA10, "/home/ana/文档翻译", 19, (SONNET, measures(44, 3_380_000, 388))),
    session(0x6A71E003, "/home/ana/infra", 66, (OPUS, measures(18, 1_910_000, 344))),
    session(0x0B5D9E77, "/home/ana/a-project-with-a-rather-long-name", 131, (SONNET, measures(23, 1_270_000, 131))),
    session(0x3C8811FE, "/home/ana/notes", 214, (HAIKU, measures(12, 210_000, 6))),
    session(0x11AA22BB, "/home/ana/shop", 290, (OPUS, measures(37, 2_830_000, 461)), lasted=41),
    session(0x44CC55DD, "/home/ana/dotfiles", 344, (HAIKU, measures(4, 48_000, 1)), lasted=3),
)

HOURS = (0, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 0, 0, 0, 0, 0, 12, 214, 461, 380, 702, 1188, 680)


def bars(*cents: int, step: int = HOUR) -> tuple[Bar, ...]:
    """A chart whose last column is the running hour, or day."""
    last = NOW - NOW % HOUR
    return tuple(
        Bar(last - (len(cents) - 1 - number) * step, amount * NANO // 100) for number, amount in enumerate(cents)
    )


WINDOW = Window(
    start_ms=NOW - 2 * HOUR - 32 * MINUTE - 7_000,
    end_ms=NOW + 2 * HOUR + 27 * MINUTE + 53_000,
    cost_nano=25_700_000_000,
    tokens=18_340_000,
    complete=True,
    pace=Pace(10_420_000_000, 84_210),
    projected_cost_nano=51_340_000_000,
    origin="estimated",
)

LIMITS = (
    Limit("five_hour", 62.0, WINDOW.end_ms, NOW - 40_000, stale=False),
    Limit("seven_day", 81.0, NOW + 3 * DAY + 18 * HOUR, NOW - 40_000, stale=False),
)

BUSY = View(
    now_ms=NOW,
    zone_name=ZONE,
    tz=TZ,
    span=TODAY,
    ever_calls=48_211,
    spend=spend_of(measures(362, 25_648_000, 3678)),
    before=spend_of(measures(301, 22_911_000, 3284)),
    pace=WINDOW.pace,
    projected_day_nano=135_320_000_000,
    window=WINDOW,
    limits=(),
    bars=bars(*HOURS),
    sessions=SESSIONS,
    unpriced=(),
)

NOTHING = Spend(0, 0, 0, 0.0, complete=True, equivalent_nano=0)
EMPTY = BUSY._replace(
    ever_calls=0,
    spend=NOTHING,
    before=NOTHING,
    pace=Pace(0, 0),
    projected_day_nano=0,
    window=None,
    bars=bars(*[0] * 24),
    sessions=(),
)

SUBSCRIBED = BUSY._replace(
    limits=LIMITS,
    window=WINDOW._replace(origin="official"),
    spend=BUSY.spend._replace(equivalent_nano=BUSY.spend.cost_nano or 0),
)

STALE = BUSY._replace(
    limits=tuple(limit._replace(read_at_ms=NOW - 3 * HOUR - 12 * MINUTE, stale=True) for limit in LIMITS)
)

UNPRICED = BUSY._replace(
    spend=spend_of(measures(362, 25_648_000, 3678, unpriced=23)),
    window=WINDOW._replace(complete=False),
    sessions=(
        session(0x7393F38A, "/home/ana/shop", 0, ("claude-nova-6", measures(23, 1_240_000, 0, unpriced=23))),
        session(
            0x51B0C2D4,
            "/home/ana/billing-service",
            4,
            (OPUS, measures(52, 4_120_000, 702)),
            ("claude-nova-6", measures(9, 640_000, 0, unpriced=9)),
        ),
        *SESSIONS[2:],
    ),
    unpriced=("claude-nova-6",),
)


def month(span: Span) -> View:
    """The same ledger over more days."""
    cents = [
        1200 + number * number * 37 % 2900 if number % 7 not in (1, 2) else 90 * (number % 4)
        for number in range(span.days)
    ]
    return BUSY._replace(
        span=span,
        spend=spend_of(measures(9_120, 812_400_000, sum(cents))),
        before=spend_of(measures(8_004, 700_100_000, sum(cents) * 2 // 3)),
        bars=bars(*cents, step=DAY),
    )
