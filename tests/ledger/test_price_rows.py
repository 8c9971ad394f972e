from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ccledger.app import price_book
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger.price_rows import COLUMNS, override_row, read_override, shipped_rows

prices = st.decimals(0, 10**6, places=6)
cards = st.tuples(*[prices] * 5).map(Card)
times = st.integers(0, 1 << 42)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    long_over = draw(st.none() | st.integers(1, 10**9))
    end = draw(times | st.just(FOREVER))
    long_card = None if long_over is None else draw(cards)
    return Period(draw(times), end, draw(cards), draw(st.text()), long_over, long_card)


@given(st.builds(Override, st.text(), periods(), times, st.text()))
def test_every_price_is_stored_exactly_as_whole_numbers(override: Override) -> None:
    row = override_row(override)
    assert len(row) == len(COLUMNS)
    assert not any(isinstance(value, float | Decimal) for value in row)
    assert read_override(row) == override


def test_every_shipped_price_is_stored_exactly() -> None:
    models = price_book().models
    rows = list(shipped_rows(models))
    assert [read_override(row).period for row in rows] == [period for model in models for period in model.periods]
    assert {row[-2:] for row in rows} == {(None, None)}


def test_prices_read_back_show_no_exponent() -> None:
    card = Card(tuple(map(Decimal, ("10", "0.000001", "100", "2.50", "0"))))
    override = Override("m", Period(0, FOREVER, card, ""), 0, "")
    read = read_override(override_row(override)).period.card.usd_per_mtok
    assert [str(price) for price in read] == ["10", "0.000001", "100", "2.5", "0"]
