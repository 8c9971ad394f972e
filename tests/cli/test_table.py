from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.grid import columns_of
from ccledger.cli.table import Look, money, period_table, session_table, short_count, short_model
from ccledger.core.measures import MEASURES, Measures
from ccledger.ledger.store import SessionInfo
from ccledger.stats.report import Line, SessionLine
from tests.cli.program import History, Run

NANO = 10**9


def made(calls: int = 1, **measures: int) -> Measures:
    named = {"calls": calls, **measures}
    return tuple(named.get(name, 0) for name in MEASURES)


def look(width: int | None = None, *, colour: bool = False, compact: bool = False, breakdown: bool = False) -> Look:
    return Look(width, colour, compact, breakdown)


def line(label: str = "2026-11-01", folder: str = "", **models: Measures) -> Line:
    return Line(label, folder, {name.replace("_", "-"): measures for name, measures in models.items()})


BIG = made(10, input_tokens=489_209, output_tokens=2_163_857, cache_read_tokens=73_662_022, input_cost=97 * NANO)
SMALL = made(1, input_tokens=12, output_tokens=34, input_cost=5 * NANO // 1000)


def test_a_day_is_one_line_and_the_total_stands_below() -> None:
    drawn = period_table(
        "daily", [line(claude_opus_5=BIG), line("2026-11-02", claude_haiku_4_5=SMALL)], look(), by_project=False
    )
    assert drawn.split("\n") == [
        "Day         Models       Input     Output  Cache write  Cache read      Tokens  Cost (USD)",
        "──────────────────────────────────────────────────────────────────────────────────────────",
        "2026-11-01  opus-5     489,209  2,163,857            0  73,662,022  76,315,088      $97.00",
        "2026-11-02  haiku-4-5       12         34            0           0          46      <$0.01",
        "──────────────────────────────────────────────────────────────────────────────────────────",
        "Total                  489,221  2,163,891            0  73,662,022  76,315,134      $97.00",
    ]


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100, 130, 160, 240])
@pytest.mark.parametrize(
    "command", [("daily",), ("daily", "-i"), ("weekly", "-b"), ("monthly",), ("session",), ("session", "-b")]
)
def test_no_line_is_wider_than_the_terminal(
    width: int, command: tuple[str, ...], ccledger: Run, history: Callable[..., History]
) -> None:
    made_up = history(5, 20, ("forks", "unknown_models", "nested_subagents"))
    ran = ccledger(*command, history=made_up, COLUMNS=str(width))
    lines = ran.out.split("\n")
    assert max(map(columns_of, lines)) <= width
    assert len(lines) > 5
    assert "Total" in ran.out


def test_costs_and_tokens_are_never_cut(ccledger: Run, history: Callable[..., History]) -> None:
    made_up = history(5, 20, ("forks", "unknown_models", "nested_subagents"))
    costs = {
        width: re.findall(
            r"(?:≥ )?\$[\d,]+\.\d\d$", ccledger("daily", history=made_up, COLUMNS=width).out, re.MULTILINE
        )
        for width in ("40", "80", "160")
    }
    assert costs["40"] == costs["80"] == costs["160"]
    assert len(costs["40"]) > 5


def test_a_narrow_terminal_gets_fewer_columns_not_shorter_numbers() -> None:
    lines = [line(claude_opus_5=BIG)]

    def head(width: int) -> str:
        return " ".join(period_table("daily", lines, look(width), by_project=False).split("\n")[0].split())

    assert head(100) == "Day Models Input Output Cache write Cache read Tokens Cost (USD)"
    assert head(80) == "Day Models Input Output Cost (USD)"
    assert head(45) == "Day Models Tokens Cost"
    assert head(30) == "Day Tokens Cost"


def test_compact_leaves_columns_out_on_a_wide_terminal() -> None:
    head = period_table("daily", [line(claude_opus_5=BIG)], look(200, compact=True), by_project=False).split("\n")[0]
    assert "Cache" not in head


def test_the_model_that_cost_most_is_named_first() -> None:
    drawn = period_table("daily", [line(claude_haiku_4_5=SMALL, claude_opus_5=BIG)], look(), by_project=False)
    assert "opus-5, haiku-4-5" in drawn


def test_a_breakdown_has_a_row_for_each_model() -> None:
    drawn = period_table(
        "daily", [line(claude_haiku_4_5=SMALL, claude_opus_5=BIG)], look(breakdown=True), by_project=False
    )
    assert [row.split()[1] for row in drawn.split("\n") if "└" in row] == ["opus-5", "haiku-4-5"]


def test_a_breakdown_fits_the_narrowest_table_too() -> None:
    drawn = period_table("daily", [line(claude_opus_5=BIG)], look(30, breakdown=True), by_project=False)
    assert "└ opus-5" in drawn


def test_a_missing_price_is_said_in_the_row_in_the_total_and_below() -> None:
    unpriced = made(2, unpriced_calls=2, output_tokens=5)
    drawn = period_table("daily", [line(glm=unpriced), line("2026-11-02", claude_opus_5=BIG)], look(), by_project=False)
    _, _, first, second, _, total, note = drawn.split("\n")
    assert first.endswith("  unpriced")
    assert second.endswith("  $97.00")
    assert total.endswith("  ≥ $97.00")
    assert note.startswith("≥ leaves out calls without a known price: glm")


def test_many_missing_prices_are_not_all_named() -> None:
    unpriced = {f"model{number}": made(unpriced_calls=1) for number in range(9)}
    lines = [Line("2026-11-01", "", unpriced)]
    assert period_table("daily", lines, look(), by_project=False).endswith("model4 and 4 more.")


def test_what_a_subscription_covers_is_called_api_equivalent() -> None:
    covered = made(input_cost=2 * NANO, equivalent_cost=2 * NANO)
    drawn = period_table("daily", [line(claude_opus_5=covered)], look(), by_project=False)
    assert "API-equivalent: $2.00 of it is covered by a subscription" in drawn
    assert "API-equivalent" not in period_table("daily", [line(claude_opus_5=BIG)], look(), by_project=False)


def test_a_project_keeps_the_end_of_its_name_and_nothing_that_moves_the_cursor() -> None:
    lines = [line(folder="-home-someone-with-a-long-name-\x1b[2Jshop", claude_opus_5=BIG)]
    drawn = period_table("daily", lines, look(60), by_project=True)
    assert re.search(r"…\S*\[2Jshop", drawn)
    assert "\x1b" not in drawn


def test_a_session_shows_its_last_day_in_the_zone_and_the_end_of_its_path() -> None:
    late = 1_794_265_200_000
    info = SessionInfo("0123456789ab", "/home/app/商店", "-home-app---", "main", 0, late, late)
    lines = [SessionLine(info, {"claude-opus-5": BIG})]
    assert "01234567  2026-11-09  商店" in session_table(lines, UTC, look())
    assert "01234567  2026-11-10  商店" in session_table(lines, ZoneInfo("Asia/Shanghai"), look())


@pytest.mark.parametrize(
    ("environment", "flags", "colour"),
    [
        ({}, (), False),
        ({}, ("--color",), True),
        ({"FORCE_COLOR": "1"}, (), True),
        ({"FORCE_COLOR": "0"}, (), False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": "1"}, ("--color",), True),
        ({"FORCE_COLOR": "1"}, ("--no-color",), False),
    ],
)
def test_colours_are_as_asked(
    environment: dict[str, str], flags: tuple[str, ...], colour: bool, ccledger: Run, history: Callable[..., History]
) -> None:
    ran = ccledger("daily", *flags, history=history(1), **environment)
    assert ("\x1b[" in ran.out) is colour


@pytest.mark.parametrize(
    ("nano", "places", "partial", "text"),
    [
        (None, 2, True, "unpriced"),
        (0, 2, False, "$0.00"),
        (1, 2, False, "<$0.01"),
        (10**7 - 1, 2, False, "<$0.01"),
        (10**7, 2, False, "$0.01"),
        (15 * 10**6, 2, False, "$0.02"),
        (25 * 10**6, 2, False, "$0.02"),
        (1, 4, True, "≥ <$0.0001"),
        (1234 * 10**5, 4, False, "$0.1234"),
        (1234567 * NANO + 999 * 10**6, 2, True, "≥ $1,234,568.00"),
    ],
)
def test_money_is_rounded_once_and_never_to_a_false_zero(
    nano: int | None, places: int, partial: bool, text: str
) -> None:
    assert money(nano, places, partial=partial) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (99_949, "99.9k"), (99_950, "100k"), (999_499, "999k"), (999_500, "1.0M")],
)
def test_a_short_count_has_three_digits(number: int, text: str) -> None:
    assert short_count(number) == text


@given(st.integers(0, 10**17))
def test_a_short_count_takes_five_characters_and_is_close(number: int) -> None:
    text = short_count(number)
    unit = {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15}.get(text[-1], 0)
    value = float(text.rstrip("kMGTP")) * 10**unit
    assert len(text) <= 5
    assert abs(value - number) <= max(0.05 * 10**unit, 0.005 * number)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("claude-opus-5", "opus-5"),
        ("claude-haiku-4-5-20251001", "haiku-4-5"),
        ("claude-haiku-4-5-20251001-fast", "haiku-4-5-fast"),
        ("anthropic/claude-sonnet-5", "sonnet-5"),
        ("us.anthropic.claude-opus-4-8", "opus-4-8"),
        ("my-claude-opus-5", "my-claude-opus-5"),
        ("gpt-5.2-codex", "gpt-5.2-codex"),
        ("20251001", "20251001"),
        ("", "unknown"),
    ],
)
def test_a_model_is_named_without_what_all_have_in_common(name: str, short: str) -> None:
    assert short_model(name) == short
