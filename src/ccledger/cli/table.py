"""Draws reports as tables that fit the terminal; it formats numbers and decides nothing about them."""

from collections.abc import Sequence
from typing import Any

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ccledger.core.measures import Measures, total
from ccledger.core.money import NANO
from ccledger.stats.report import Line, SessionLine, sum_models
from ccledger.stats.totals import cost_nano, count, total_tokens

_NARROW = 100
_LEDGER = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
"""Hairlines under the head and above the sum, nothing else."""


def period_table(name: str, lines: Sequence[Line], flags: dict[str, Any]) -> None:
    """A report by day, week or month."""
    console = _console(flags)
    if not lines:
        _print_nothing(console)
        return
    heads = {"daily": "Day", "weekly": "Week from", "monthly": "Month"}
    compact = flags["compact"] or console.width < _NARROW
    table = _table([heads[name], *(["Project"] if flags.get("instances") else [])], compact=compact)
    for line in lines:
        first = [line.label, *([line.folder] if flags.get("instances") else [])]
        _add_rows(table, first, line.models, compact=compact, breakdown=flags["breakdown"])
    _finish(console, table, lines, 1 + bool(flags.get("instances")), compact=compact)


def session_table(lines: Sequence[SessionLine], flags: dict[str, Any]) -> None:
    """A report by session."""
    console = _console(flags)
    if not lines:
        _print_nothing(console)
        return
    compact = flags["compact"] or console.width < _NARROW
    table = _table(["Session", "Project"], compact=compact)
    for line in lines:
        project = (line.info.project or line.info.folder).rstrip("/").rpartition("/")[2]
        first = [line.info.session[:8], project]
        _add_rows(table, first, line.models, compact=compact, breakdown=flags["breakdown"])
    _finish(console, table, lines, 2, compact=compact)


def _console(flags: dict[str, Any]) -> Console:
    color = flags.get("color")
    return Console(force_terminal=True if color else None, no_color=True if color is False else None, highlight=False)


def _print_nothing(console: Console) -> None:
    console.print("Nothing recorded in this period. 'ccledger doctor' says where it looked.")


def _table(heads: Sequence[str], *, compact: bool) -> Table:
    table = Table(box=_LEDGER, show_footer=False, pad_edge=False, collapse_padding=True, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, no_wrap=number == 0, overflow="ellipsis", ratio=None)
    table.add_column("Models", overflow="fold")
    numbers = ["Input", "Output"] if compact else ["Input", "Output", "Cache write", "Cache read", "Tokens"]
    for head in [*numbers, "Cost (USD)"]:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _add_rows(
    table: Table, first: Sequence[str], models: dict[str, Measures], *, compact: bool, breakdown: bool
) -> None:
    names = ", ".join(sorted(map(short_model, models)))
    table.add_row(*first, names, *_numbers(total(models.values()), compact=compact))
    if breakdown:
        for model, measures in sorted(models.items(), key=lambda entry: (-(cost_nano(entry[1]) or 0), entry[0])):
            blank = ["" for _ in first]
            table.add_row(*blank, f"└ {short_model(model)}", *_numbers(measures, compact=compact), style="dim")


def _finish(
    console: Console, table: Table, lines: "Sequence[Line] | Sequence[SessionLine]", labels: int, *, compact: bool
) -> None:
    models = sum_models(lines)
    table.add_section()
    blank = ["" for _ in range(labels)]
    table.add_row("Total", *blank, *_numbers(total(models.values()), compact=compact), style="bold")
    console.print(table)
    unpriced = sorted(model for model, measures in models.items() if count(measures, "unpriced_calls"))
    if unpriced:
        console.print(f"No price is known for {', '.join(unpriced)}: costs marked ≥ leave it out.", style="yellow")


def _numbers(measures: Measures, *, compact: bool) -> list[Text | str]:
    input_tokens, output_tokens = (count(measures, name) for name in ("input_tokens", "output_tokens"))
    cost = money(cost_nano(measures), partial=bool(count(measures, "unpriced_calls")))
    if compact:
        return [f"{input_tokens:,}", f"{output_tokens:,}", cost]
    writes = count(measures, "cache_write_5m_tokens") + count(measures, "cache_write_1h_tokens")
    reads = count(measures, "cache_read_tokens")
    counts = (input_tokens, output_tokens, writes, reads, total_tokens(measures))
    return [*(f"{number:,}" for number in counts), cost]


def money(nano: int | None, *, partial: bool = False) -> str:
    """An amount for people: cents, three decimals below a dollar, two digits below a cent; never a false zero."""
    if nano is None:
        return "unpriced"
    if not nano:
        text = "–"
    elif abs(nano) >= NANO:
        text = f"${nano / NANO:,.2f}"
    elif abs(nano) >= NANO // 100:
        text = f"${nano / NANO:.3f}"
    else:
        text = f"${_two_digits(nano)}"
    return f"≥ {text}" if partial else text


def _two_digits(nano: int) -> str:
    from decimal import Decimal

    value = Decimal(nano).scaleb(-9)
    return f"{value:.{1 - value.adjusted()}f}"


def short_model(name: str) -> str:
    """A model's name without what all have in common: its maker and the date of its release."""
    head, _, tail = name.removeprefix("claude-").rpartition("-")
    return head if len(tail) == 8 and tail.isdigit() else name.removeprefix("claude-")
