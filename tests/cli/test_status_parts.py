"""The line itself: which parts there are, what they say, what goes first when there is no room."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.status_parts import PARTS, Known, status_text
from ccledger.core.limits import Limit
from ccledger.core.measures import MEASURES, Measures
from ccledger.stats.blocks import Block
from ccledger.wire.status_line import Status

NOW = 1_795_168_800_000
MINUTE = 60_000
HOUR = 60 * MINUTE


def spent(cents: int, **more: int) -> Measures:
    counts = {"calls": 2, "input_cost": cents * 10_000_000, **more}
    return tuple(counts.get(name, 0) for name in MEASURES)


def block(cents: int, left: int = 90 * MINUTE, **more: int) -> Block:
    end = NOW + left
    return Block(end - 5 * HOUR, end, NOW - HOUR, NOW, True, False, "estimated", {"m": spent(cents, **more)})


NOBODY = Known(Status(), (), None, None, None, NOW, UTC)
EVERYTHING = Known(
    Status(model="Opus 5", cost_nano=1_500_000_000, context_percentage=8.4),
    (Limit("five_hour", 42.4, NOW + 5 * HOUR), Limit("seven_day", 91, NOW + 50 * HOUR), Limit("spend_limit", 3, None)),
    None,
    spent(1234),
    block(420),
    NOW,
    UTC,
)


def line(known: Known, *shown: str, width: int | None = None, colour: bool = False) -> str:
    return status_text(known, shown or PARTS, width, colour=colour)


def test_everything_stands_in_one_line() -> None:
    assert line(EVERYTHING) == (
        "Opus 5 · 5h 42% to 15:00 · 7d 91% to Sun 12:00 · spend 3% · ≈$1.50 session · $12.34 today"
        " · $4.20 block, 1h 30m left · $4.20/h · ctx 8%"
    )


def test_nothing_known_is_nothing_said() -> None:
    assert line(NOBODY) == ""


def test_only_the_parts_asked_for_in_their_order() -> None:
    assert line(EVERYTHING, "context", "model") == "ctx 8% · Opus 5"
    assert line(EVERYTHING, "nonsense", "today") == "$12.34 today"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (500, line(EVERYTHING)),
        (len(line(EVERYTHING)) - 1, line(EVERYTHING).replace(" · $4.20/h", "")),
        (60, "Opus 5 · 5h 42% to 15:00 · $12.34 today · ctx 8%"),
        (40, "Opus 5 · 5h 42% to 15:00 · $12.34 today"),
        (25, "Opus 5 · 5h 42% to 15:00"),
        (8, "Opus 5"),
        (4, "Opu…"),
    ],
)
def test_what_matters_least_goes_first(width: int, expected: str) -> None:
    assert line(EVERYTHING, width=width) == expected


@given(st.integers(1, 150), st.permutations(PARTS))
def test_it_never_is_wider_than_the_terminal(width: int, shown: list[str]) -> None:
    assert len(line(EVERYTHING, *shown, width=width)) <= width


def test_colours_are_for_what_runs_out() -> None:
    known = EVERYTHING._replace(limits=[Limit("five_hour", used, None) for used in (69.9, 70, 90)])
    assert line(known, "limits", colour=True) == "5h 70% · \x1b[33m5h 70%\x1b[0m · \x1b[31m5h 90%\x1b[0m"
    assert line(known, "context", colour=True) == "ctx 8%"
    assert len(line(known, "limits", colour=True, width=8)) <= 8 + len("\x1b[33m\x1b[0m")


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (spent(0, unpriced_calls=2), "unpriced today"),
        (spent(5, unpriced_calls=1), "≥$0.05 today"),
        (spent(5, equivalent_cost=1), "≈$0.05 today"),
        (spent(0, input_cost=1), "<$0.01 today"),
        (spent(0), "$0.00 today"),
        (spent(123_456_789), "$1,234,567.89 today"),
    ],
)
def test_an_amount_says_how_sure_it_is(today: Measures, expected: str) -> None:
    assert line(NOBODY._replace(today=today)) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [(90 * MINUTE, "1h 30m left"), (59 * MINUTE + 59_999, "59m left"), (0, "0m left"), (-5, "0m left")],
)
def test_the_block_says_how_long_it_runs(left: int, expected: str) -> None:
    assert line(NOBODY._replace(block=block(1, left)), "block") == f"$0.01 block, {expected}"


def test_the_session_is_claude_codes_figure_or_else_the_ledgers() -> None:
    known = NOBODY._replace(session=spent(77))
    assert line(known, "session") == "$0.77 session"
    assert line(known._replace(status=Status(cost_nano=0)), "session") == "$0.00 session"


def test_times_are_those_of_the_zone() -> None:
    known = EVERYTHING._replace(tz=ZoneInfo("Asia/Kathmandu"))
    assert line(known, "limits") == "5h 42% to 20:45 · 7d 91% to Sun 17:45 · spend 3%"
    later = [Limit("seven_day", 1, NOW + 6 * 24 * HOUR), Limit("five_hour", 2, NOW - 1)]
    assert line(known._replace(limits=later), "limits") == "7d 1% to Nov 26 · 5h 2%"


def test_no_name_can_move_the_cursor_or_flood_the_line() -> None:
    known = NOBODY._replace(status=Status(model="\x1b[2J\n" + "x" * 500))
    text = line(known)
    assert text.isprintable()
    assert len(text) == 40


def test_a_block_without_a_pace_or_price_says_no_more_than_it_knows() -> None:
    still: Any = block(5)._replace(first_at=NOW)
    assert line(NOBODY._replace(block=still), "pace") == ""
    assert line(NOBODY._replace(block=block(0, unpriced_calls=2)), "pace") == ""
