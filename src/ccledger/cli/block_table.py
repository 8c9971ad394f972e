"""Puts five-hour blocks into a table, and the active one into words; it formats and decides nothing."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from ccledger.cli.grid import Column, Row, draw, fits, keep_first, paint
from ccledger.cli.table import money, short_count, short_model
from ccledger.core.measures import Measures, total
from ccledger.core.money import NANO
from ccledger.core.periods import moment
from ccledger.stats.blocks import Block, pace, project
from ccledger.stats.overview import dearest_first
from ccledger.stats.totals import cost_nano, count, total_tokens

_MINUTE_MS: Final = 60_000
_ALL, _FEWER, _FEW, _FEWEST = range(4)
"""How many columns there is room for."""
_NOTHING: Final = "No call in this period. 'ccledger doctor' says where it looked."


class BlockLook(NamedTuple):
    """How the table is to look, and what its figures are compared with."""

    width: int | None
    """Of the terminal; None where there is none."""
    colour: bool
    compact: bool
    tz: tzinfo
    now: int
    limit: int | None
    """Tokens; None to compare with nothing."""


def block_table(found: Sequence[Block], look: BlockLook) -> str:
    """All blocks, the gaps between them, and where the active one leads."""
    if not found:
        return _NOTHING
    table = _Table(look, _FEWER if look.compact else _ALL)
    while not fits(table.columns, [*table.rows(found), table.last(found)], look.width) and table.room < _FEWEST:
        table = _Table(look, table.room + 1)
    drawn = draw(table.columns, [*table.rows(found)], table.last(found), look.width, colour=look.colour)
    return "\n".join([drawn, *_notes(found, look)])


class _Table:
    """How blocks become rows in the room there is: models go first, then the share of the limit, then gaps."""

    def __init__(self, look: BlockLook, room: int) -> None:
        self.room = room
        self._look = look
        self._models = room < _FEWER
        self._share = bool(look.limit) and room < _FEW
        models = [Column("Models", least=12, shorten=keep_first)] if self._models else []
        share = [Column("of limit", right=True)] if self._share else []
        numbers = [Column("Tokens", right=True), *share, Column("Cost", right=True)]
        self.columns = [Column("Start"), Column("Time", least=8), *models, *numbers]

    def rows(self, found: Sequence[Block]) -> Iterator[Row]:
        """A row for each block and gap, and one for what the active block leads to."""
        look = self._look
        for block in found:
            start = _clock(block.start, look.tz)[5 if self.room == _FEWEST else 0 :]
            if block.is_gap:
                if self.room < _FEWEST:
                    yield self._row(start, f"{_span(block.end - block.start)} idle", "", None, "", "dim")
                continue
            names = ", ".join(dict.fromkeys(map(short_model, dearest_first(block.models))))
            yield self._row(start, _time(block, look), names, *_spent(block), "bold" if block.is_active else "")
            ahead = project(block, look.now)
            if ahead is not None:
                yield self._row("", "projected", "", ahead.tokens, _money(ahead.cost), "dim")

    def last(self, found: Sequence[Block]) -> Row:
        """All blocks together."""
        whole = [block for block in found if not block.is_gap]
        spent = total(block.sum for block in whole)
        row = self._row("Total", _number(len(whole), "block"), "", *_sums(spent), "bold")
        return row._replace(cells=["" if "%" in cell else cell for cell in row.cells])

    def _row(self, start: str, time: str, models: str, tokens: int | None, cost: str, style: str) -> Row:
        amount = "" if tokens is None else f"{tokens:,}" if self.room < _FEW else short_count(tokens)
        share = "" if tokens is None else _share(tokens, self._look.limit)
        named = [models] if self._models else []
        return Row([start, time, *named, amount, *([share] if self._share else []), cost], style)


def _spent(block: Block) -> tuple[int, str]:
    return _sums(block.sum)


def _sums(spent: Measures) -> tuple[int, str]:
    return total_tokens(spent), _money(cost_nano(spent), partial=bool(count(spent, "unpriced_calls")))


def _money(nano: int | None, *, partial: bool = False) -> str:
    return money(nano, _places(nano), partial=partial)


def _places(nano: int | None) -> int:
    return 2 if (nano or 0) >= NANO else 4


def _share(tokens: int, limit: int | None) -> str:
    return f"{tokens / limit:.1%}" if limit else ""


def _time(block: Block, look: BlockLook) -> str:
    if block.is_active:
        return f"{_span(block.end - look.now)} left"
    begin = block.start
    return _span((block.last_at or begin) - begin)


def _clock(ms: int, tz: tzinfo) -> str:
    return moment(ms).astimezone(tz).strftime("%Y-%m-%d %H:%M")


def _span(ms: int) -> str:
    """A length of time for people: `47m`, `3h 05m`, `2d 4h`."""
    minutes = max(ms, 0) // _MINUTE_MS
    if minutes < 60:
        return f"{minutes}m"
    if minutes < 48 * 60:
        return f"{minutes // 60}h {minutes % 60:02d}m"
    return f"{minutes // 1440}d {minutes % 1440 // 60}h"


def _notes(found: Sequence[Block], look: BlockLook) -> Iterator[str]:
    from textwrap import wrap

    active = [block for block in found if block.is_active]
    if active and active[-1].rule == "official":
        text = "The active block is the provider's own window of five hours; the others are estimated."
    else:
        text = "Blocks are estimated: five hours from the full hour (UTC) of their first call."
    for line in wrap(text, look.width or 100):
        yield paint(line, "dim", colour=look.colour)


def active_page(found: Sequence[Block], look: BlockLook) -> str:
    """The active block in words."""
    active = [block for block in found if block.is_active]
    if not active:
        return "No block is active: the last call is more than five hours ago, or its block is over."
    block = active[-1]
    tokens, cost = _spent(block)
    hours = f"{_clock(block.start, look.tz)} to {_clock(block.end, look.tz)[11:]}"
    lines = [
        paint(f"Active block, {block.rule}", "bold", colour=look.colour),
        f"  from       {hours}, {_span(block.end - look.now)} left",
        f"  so far     {tokens:,} tokens, {cost}, {_number(count(block.sum, 'calls'), 'call')}",
    ]
    speed, ahead = pace(block), project(block, look.now)
    if speed is not None and ahead is not None:
        per_hour = speed.cost_per_hour
        lines.append(f"  pace       {speed.tokens_per_minute:,.0f} tokens/min, {_money(per_hour)}/h")
        lines.append(f"  projected  {ahead.tokens:,} tokens, {_money(ahead.cost)}")
        if look.limit:
            share = _share(ahead.tokens, look.limit)
            lines.append(f"  limit      {look.limit:,} tokens, of which {share} at this pace")
    return "\n".join(lines)


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
