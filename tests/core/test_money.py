"""Checks money against exact fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.money import NANO, divide_half_even, exact_usd, usd

amounts = st.integers(-(1 << 80), 1 << 80)


@given(amounts, st.integers(1, 1 << 40))
def test_division_rounds_to_the_nearest_and_ties_to_even(value: int, divisor: int) -> None:
    assert divide_half_even(value, divisor) == round(Fraction(value, divisor))


@given(amounts, st.integers(1, 1 << 40))
def test_an_exact_half_goes_to_the_even_side(whole: int, half: int) -> None:
    found = divide_half_even((2 * whole + 1) * half, 2 * half)
    assert found % 2 == 0
    assert found in (whole, whole + 1)


@given(amounts)
def test_exact_text_says_every_nano_dollar_and_nothing_more(nano: int) -> None:
    text = exact_usd(nano)
    assert Decimal(text) * NANO == nano
    assert not text.startswith(("+", "."))
    assert "." not in text or not text.endswith(("0", "."))


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (1_500_000_000, "1.5"),
        (-1_500_000_000, "-1.5"),
        (10_000_000_000, "10"),
        (100 * NANO, "100"),
        (10**18 + 1, "1000000000.000000001"),
    ],
)
def test_amounts_read_as_people_write_them(nano: int, text: str) -> None:
    assert exact_usd(nano) == text


@given(st.integers(-(1 << 62), 1 << 62))
def test_a_json_number_is_the_nearest_there_is(nano: int) -> None:
    assert usd(nano) == float(Fraction(nano, NANO))
