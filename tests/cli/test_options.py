from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.options import a_count, a_date


@given(st.dates())
def test_a_date_is_read_in_both_forms(day: date) -> None:
    assert a_date(day.isoformat()) == day
    assert a_date(day.isoformat().replace("-", "")) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-1-1",
        "2026-1101",
        "202611-01",
        "2026-02-30",
        "2026-W45-1",
        "2026W451",
        "２０２６1101",
        "-",
        "x",
    ],
)
def test_no_other_text_is_a_date(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        a_date(text)


@given(st.text())
def test_a_text_is_a_date_or_refused(text: str) -> None:
    try:
        day = a_date(text)
    except ArgumentTypeError:
        return
    assert day.isoformat().replace("-", "") == text.replace("-", "")


@pytest.mark.parametrize("text", ["0", "00", "-1", "1.5", "", "x", "²", "٣"])
def test_a_count_is_a_whole_number_from_one(text: str) -> None:
    assert a_count("12") == 12
    with pytest.raises(ArgumentTypeError):
        a_count(text)
