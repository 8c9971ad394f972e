"""Prices, and what other prices change, as tables and as JSON; it reads no ledger."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from ccledger.cli.grid import Column, Row, draw
from ccledger.cli.terminal import takes_colour, width
from ccledger.core.money import usd
from ccledger.core.periods import moment
from ccledger.core.prices import FOREVER, KINDS, Override
from ccledger.stats.pricing import CardPrices, Difference, ModelPrices, PricePeriod, Pricing

_HEADS: Final = ("Input", "Output", "Write 5m", "Write 1h", "Read")
_NOTE: Final = "US dollars per million tokens"


def price_table(told: Pricing, day: date, *, whole: bool) -> str:
    """The prices of a day, or all prices there ever were of the models."""
    columns = [Column("Model"), *(Column(head, right=True) for head in _HEADS), Column("From"), Column("To")]
    columns.append(Column("Source", least=8))
    rows = [row for name, model in told.models.items() for row in _price_rows(name, model, day, whole=whole)]
    last = Row([_NOTE, *[""] * (len(columns) - 1)], "dim")
    table = draw(columns, rows, last, width(), colour=takes_colour(None))
    unpriced = f"\nWithout a price: {', '.join(told.unpriced)}" if told.unpriced else ""
    return table + unpriced


def _price_rows(name: str, model: ModelPrices, day: date, *, whole: bool) -> Iterator[Row]:
    text = day.isoformat()
    for period in model.periods:
        is_current = period.effective_date <= text and (period.end_date is None or text < period.end_date)
        if not whole and not is_current:
            continue
        source = period.source if period.origin == "set" else "shipped"
        style = "bold" if whole and is_current else ""
        yield Row([name, *_texts(period), period.effective_date, period.end_date or "", source], style)
        if period.long_context is not None:
            over = f"  over {period.long_context_over:,} tokens"
            yield Row([over, *_texts(period.long_context), "", "", ""], "dim")


def _texts(card: CardPrices | PricePeriod) -> list[str]:
    numbers = (
        card.input_price,
        card.output_price,
        card.cache_creation_price,
        card.cache_creation_1h_price,
        card.cache_read_price,
    )
    return [f"{number:.6f}".rstrip("0").rstrip(".") for number in numbers]


def card_lines(override: Override) -> Iterator[str]:
    """What was set, in words."""
    period = override.period
    until = "" if period.end == FOREVER else f" until {moment(period.end - 1).date()}"
    yield f"{override.model} from {moment(period.start).date()}{until}, {_NOTE}:"
    for kind, price in zip(KINDS, period.card.usd_per_mtok, strict=True):
        yield f"  {kind.replace('_', ' '):<15}{price:f}{_share(override, kind)}"
    if period.long_card is not None:
        yield f"  prompts over {period.long_over:,} tokens:"
        for kind, price in zip(KINDS, period.long_card.usd_per_mtok, strict=True):
            yield f"    {kind.replace('_', ' '):<15}{price:f}"


def _share(override: Override, kind: str) -> str:
    fresh, *_ = prices = override.period.card.usd_per_mtok
    if not kind.startswith("cache") or not fresh:
        return ""
    return f"  ({(prices[KINDS.index(kind)] / fresh).normalize():f} × input)"


def card_json(override: Override) -> dict[str, Any]:
    """What was set, as JSON."""
    period = override.period
    card = period.card.usd_per_mtok
    return {
        "model": override.model,
        "input_price": float(card[0]),
        "output_price": float(card[1]),
        "cache_creation_price": float(card[2]),
        "cache_creation_1h_price": float(card[3]),
        "cache_read_price": float(card[4]),
        "effective_date": moment(period.start).date().isoformat(),
        "end_date": None if period.end == FOREVER else moment(period.end).date().isoformat(),
        "long_context_over": period.long_over,
        "source": period.source,
    }


def difference_table(found: Mapping[str, Difference]) -> str:
    """What pricing calls anew would change, by model."""
    heads = ("Calls", "Old cost", "New cost", "Difference")
    columns = [Column("Model"), *(Column(head, right=True) for head in heads)]
    rows = [Row(_difference_cells(name, row)) for name, row in found.items()]
    last = Row(_difference_cells("All", together(found)), "bold")
    return draw(columns, rows, last, width(), colour=takes_colour(None))


def together(found: Mapping[str, Difference]) -> Difference:
    """All models in one."""
    return Difference(*(sum(numbers) for numbers in zip(*found.values(), strict=True))) if found else Difference()


def _difference_cells(name: str, row: Difference) -> list[str]:
    difference = row.new_cost - row.old_cost
    return [
        name,
        f"{row.calls:,}",
        _money(row.old_cost, row.old_unpriced, row.calls),
        _money(row.new_cost, row.new_unpriced, row.calls),
        f"{'-' if difference < 0 else '+'}${abs(usd(difference)):,.2f}",
    ]


def _money(nano: int, unpriced: int, calls: int) -> str:
    if unpriced == calls:
        return "no price"
    return f"{'≥ ' if unpriced else ''}${usd(nano):,.2f}"


def difference_json(found: Mapping[str, Difference]) -> dict[str, Any]:
    """The same as JSON."""
    rows = [{"model": name, **_difference_json(row)} for name, row in found.items()]
    return {"models": rows, "totals": _difference_json(together(found))}


def _difference_json(row: Difference) -> dict[str, Any]:
    difference = row.new_cost - row.old_cost
    return {
        "calls": row.calls,
        "old_cost": _json_money(row.old_cost, row.old_unpriced, row.calls),
        "new_cost": _json_money(row.new_cost, row.new_unpriced, row.calls),
        "difference": usd(difference),
        "difference_nano": str(difference),
        "old_unpriced_calls": row.old_unpriced,
        "new_unpriced_calls": row.new_unpriced,
    }


def _json_money(nano: int, unpriced: int, calls: int) -> float | None:
    return None if calls and unpriced == calls else usd(nano)
