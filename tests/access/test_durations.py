"""How long something shall last, as people write it."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.access.durations import parse_duration
from ccledger.core.errors import UsageError

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("720h", 720 * 3_600_000),
        ("1h30m", 5_400_000),
        ("30d", 30 * 86_400_000),
        ("2w", 14 * 86_400_000),
        ("1.5h", 5_400_000),
        (".5s", 500),
        ("1.s", 1000),
        ("300ms", 300),
        ("1000µs", 1),
        ("1000μs", 1),
        ("1000us", 1),
        ("1000000ns", 1),
        ("1h1h", 7_200_000),
        ("36500d", 36_500 * 86_400_000),
    ],
)
def test_lengths_of_time_are_read_as_go_and_people_write_them(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0s", "1", "h", "-1h", "+1h", "1 h", "1h ", "1h30", "1y", "1H", "1e3h", "1..5h", ".h", "999us"),
        *("１h", "36501d", "1h" * 40, "9" * 60 + "h", "\n1h", "1h\n"),
    ],
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(UsageError, match="takes a length of time such as 720h, 1h30m, 30d or 2w"):
        parse_duration(text)


parts = st.lists(st.tuples(st.integers(0, 300), st.sampled_from(sorted(UNITS))), min_size=1, max_size=6)


@given(parts)
def test_a_length_is_the_sum_of_its_parts(told: list[tuple[int, str]]) -> None:
    wanted = sum(number * UNITS[unit] for number, unit in told)
    text = "".join(f"{number}{unit}" for number, unit in told)
    if wanted:
        assert parse_duration(text) == wanted


@given(st.decimals(Decimal("0.001"), 1000, places=3), st.sampled_from(sorted(UNITS)))
def test_fractions_are_exact(number: Decimal, unit: str) -> None:
    ms = int(number * UNITS[unit])
    if ms:
        assert parse_duration(f"{number}{unit}") == ms


@given(st.text("0123456789.hmdwsnuµ -+e", max_size=80))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_duration(text) >= 1
