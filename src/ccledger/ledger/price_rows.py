"""Translates dated prices to rows of integers and back; it never lays one over another."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from ccledger.core.prices import FOREVER, KINDS, Card, Model, Override, Period

_PICO_PER_MTOK_USD: Final = 1_000_000
"""One US dollar per million tokens is a million pico-USD a token."""

COLUMNS: Final = (
    "model",
    "starts_at",
    "ends_at",
    *KINDS,
    "long_over",
    *(f"long_{kind}" for kind in KINDS),
    "source",
    "set_at",
    "set_by",
)
"""The columns of `price`, but for its id."""

PriceRow = tuple[int | str | None, ...]


def override_row(override: Override) -> PriceRow:
    """An override in the order of `COLUMNS`."""
    return (*_row(override.model, override.period), override.set_at, override.set_by)


def shipped_rows(models: Iterable[Model]) -> Iterator[PriceRow]:
    """All shipped periods in the order of `COLUMNS`."""
    return ((*_row(model.name, period), None, None) for model in models for period in model.periods)


def read_override(row: Sequence[Any]) -> Override:
    """The override in a row of `COLUMNS`; the inverse of `override_row`."""
    model, start, end = row[:3]
    source, set_at, set_by = row[14:]
    long_over = row[8]
    period = Period(
        start,
        FOREVER if end is None else end,
        _card(row[3:8]),
        source,
        long_over,
        None if long_over is None else _card(row[9:14]),
    )
    return Override(model, period, set_at, set_by)


def _row(model: str, period: Period) -> PriceRow:
    long_card = (None,) * len(KINDS) if period.long_card is None else _picos(period.long_card)
    end = None if period.end == FOREVER else period.end
    return (model, period.start, end, *_picos(period.card), period.long_over, *long_card, period.source)


def _picos(card: Card) -> tuple[int, ...]:
    return tuple(int(price * _PICO_PER_MTOK_USD) for price in card.usd_per_mtok)


def _card(picos: Sequence[int]) -> Card:
    return Card(tuple(_plain(Decimal(pico) / _PICO_PER_MTOK_USD) for pico in picos))


def _plain(price: Decimal) -> Decimal:
    """A price without needless zeros, and never as 1E+1."""
    return price.quantize(Decimal(1)) if price == price.to_integral_value() else price.normalize()
