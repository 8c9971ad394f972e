"""Access tokens as a table and in words."""

from __future__ import annotations

import re
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from ccledger.cli.token_tables import token_lines, token_table
from ccledger.stats.tokens import TokenInfo

INFO = TokenInfo(
    id="58ecd07f-2084-4d08-92e3-97815bcfa07e",
    name="laptop",
    mode="api",
    user_name="owner",
    note="",
    hint="ccl-YFP_…",
    created_at="2026-11-20T10:00:00.000Z",
    expires_at=None,
    revoked_at=None,
    last_used_at="2026-11-20T23:30:00.000Z",
    is_valid=True,
    enable_conversation_logging=False,
    models=[],
    ips=[],
    requests_per_minute=None,
    tokens_per_minute=None,
    concurrency=None,
    total_requests=1234,
    total_tokens_used=1_500_000,
    total_cost=2.5,
    total_cost_nano="2500000000",
)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def rows(table: str) -> list[list[str]]:
    return [re.split(r"  +", line.strip()) for line in table.splitlines() if "──" not in line]


def test_a_row_says_who_has_it_what_it_may_and_what_it_used() -> None:
    _, row, last = rows(token_table([INFO], UTC))
    assert row[:6] == ["laptop", "58ecd07f", "ccl-YFP_…", "owner", "api", "valid"]
    assert row[6:] == ["never", "2026-11-20 23:30", "1,234", "1.5M", "$2.50"]
    assert last == ["Total", "1,234", "1.5M", "$2.50"]


def test_times_are_those_of_the_zone() -> None:
    told = replace(INFO, expires_at="2026-12-31T20:00:00.000Z")
    row = rows(token_table([told], ZoneInfo("Asia/Shanghai")))[1]
    assert row[6:8] == ["2027-01-01 04:00", "2026-11-21 07:30"]


def test_the_state_is_told_in_a_word() -> None:
    ended = [replace(INFO, is_valid=False, revoked_at=INFO.created_at), replace(INFO, is_valid=False)]
    assert [row[5] for row in rows(token_table(ended, UTC))[1:3]] == ["revoked", "expired"]


def test_a_sum_without_some_price_is_a_lower_bound() -> None:
    table = rows(token_table([INFO, replace(INFO, total_cost=None, total_cost_nano=None)], UTC))
    assert [row[-1] for row in table[1:]] == ["$2.50", "unpriced", "≥ $2.50"]


def test_what_could_move_the_cursor_is_not_printed() -> None:
    shown = replace(INFO, name="a\x1b[2Jb", note="c\x07", user_name="d\u202e")
    text = token_table([shown], UTC) + "\n".join(token_lines(shown))
    assert all(character.isprintable() or character == "\n" for character in text)


def test_words_name_every_limit_there_is() -> None:
    assert len(list(token_lines(INFO))) == 3
    limited = replace(
        INFO,
        expires_at="2026-12-31T20:00:00.000Z",
        requests_per_minute=60,
        tokens_per_minute=100_000,
        concurrency=2,
        models=["claude-*", "x"],
        ips=["::1"],
        enable_conversation_logging=True,
        note="mine",
    )
    assert list(token_lines(limited))[2:] == [
        "  expires      2026-12-31T20:00:00.000Z",
        "  requests/min 60",
        "  tokens/min   100,000",
        "  at once      2",
        "  models       claude-*, x",
        "  addresses    ::1",
        "  recording    on",
        "  note         mine",
    ]
