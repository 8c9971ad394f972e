"""Puts reports into tables for the terminal at hand; it formats numbers and decides nothing about them."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from ccledger.cli.grid import Column, Row, draw, fits, keep_end, keep_first, paint, printable
from ccledger.core.measures import Measures, total
from ccledger.core.money import NANO, divide_half_even
from ccledger.stats.estimated import Estimate, joined
from ccledger.stats.report import Line, SessionLine, sum_models
from ccledger.stats.spent import local_day
from ccledger.stats.totals import cache_creation_tokens, cost_nano, count, total_tokens

_HEADS: Final = {"daily": "Day", "weekly": "Week from", "monthly": "Month"}
_NAMED_MODELS: Final = 5
_ALL, _FEWER, _FEW, _FEWEST = range(4)
"""How many columns there is room for."""


class Look(NamedTuple):
    """How a report is to look."""

    width: int | None
    """Of the terminal; None where there is none."""
    colour: bool
    compact: bool
    breakdown: bool


class _Label(NamedTuple):
    """A column that says which row this is, and the least room in which it is still shown."""

    column: Column
    shown_to: int = _FEWEST


class _Entry(NamedTuple):
    """What a row of a table is made from."""

    labels: tuple[str, ...]
    models: dict[str, Measures]


_PROJECT: Final = Column("Project", least=8, shorten=keep_end)
_MODELS: Final = Column("Models", least=12, shorten=keep_first)


def period_table(name: str, lines: Sequence[Line], look: Look, *, by_project: bool) -> str:
    """A report by day, week or month."""
    labels = [_Label(Column(_HEADS[name]))]
    if not by_project:
        return _table(labels, [_Entry((line.label,), line.models) for line in lines], lines, look)
    labels.append(_Label(_PROJECT))
    return _table(labels, [_Entry((line.label, printable(line.folder)), line.models) for line in lines], lines, look)


def session_table(lines: Sequence[SessionLine], tz: tzinfo, look: Look) -> str:
    """A report by session; the days of their last calls are those of the zone."""
    labels = [_Label(Column("Session")), _Label(Column("Last call"), _FEWER), _Label(_PROJECT, _FEW)]
    return _table(labels, [_session_entry(line, tz) for line in lines], lines, look)


def _session_entry(line: SessionLine, tz: tzinfo) -> _Entry:
    info = line.info
    project = (info.project or info.folder).rstrip("/").rpartition("/")[2]
    last = local_day(info.last_at, tz).isoformat()
    return _Entry((printable(info.session[:8]), last, printable(project)), line.models)


class _Table(NamedTuple):
    room: int
    columns: list[Column]
    rows: list[Row]
    last: Row


def _table(
    labels: Sequence[_Label], entries: Sequence[_Entry], lines: "Sequence[Line] | Sequence[SessionLine]", look: Look
) -> str:
    if not entries:
        return "Nothing recorded in this period. 'ccledger doctor' says where it looked."
    models = sum_models(lines)
    sums = total(models.values())
    places = 2 if (cost_nano(sums) or 0) >= NANO else 4
    table = _lay_out(labels, entries, sums, _FEWER if look.compact else _ALL, places, look)
    while not _fits(table, look.width) and table.room < _FEWEST:
        table = _lay_out(labels, entries, sums, table.room + 1, places, look)
    drawn = draw(table.columns, table.rows, table.last, look.width, colour=look.colour)
    return "\n".join([drawn, *_notes(models, sums, joined(line.estimate for line in lines), look)])


def _fits(table: _Table, width: int | None) -> bool:
    return fits(table.columns, [*table.rows, table.last], width)


def _lay_out(
    labels: Sequence[_Label], entries: Sequence[_Entry], sums: Measures, room: int, places: int, look: Look
) -> _Table:
    shown = [number for number, label in enumerate(labels) if room <= label.shown_to]
    columns = [labels[number].column for number in shown]
    columns += [_MODELS] if room < _FEWEST else []
    columns += [Column(head, right=True) for head in _numbers_heads(room)]

    def row(first: Sequence[str], names: str, measures: Measures, style: str = "") -> Row:
        return Row([*first, *([names] if room < _FEWEST else []), *_numbers(measures, room, places)], style)

    rows: list[Row] = []
    for entry in entries:
        ranked = sorted(entry.models.items(), key=lambda model: (-(cost_nano(model[1]) or 0), model[0]))
        names = ", ".join(dict.fromkeys(short_model(name) for name, _ in ranked))
        rows.append(row([entry.labels[number] for number in shown], names, total(entry.models.values())))
        if look.breakdown:
            rows += [row(*_part(name, len(shown), room), measures, "dim") for name, measures in ranked]
    return _Table(room, columns, rows, row(["Total", *("" for _ in shown[1:])], "", sums, "bold"))


def _part(model: str, labels: int, room: int) -> tuple[list[str], str]:
    """The first cells of a row for one model: its name stands under the models, or else under the first label."""
    name = f"└ {short_model(model)}"
    return ([name, *("" for _ in range(labels - 1))], "") if room == _FEWEST else (["" for _ in range(labels)], name)


def _numbers_heads(room: int) -> tuple[str, ...]:
    if room == _ALL:
        return ("Input", "Output", "Cache write", "Cache read", "Tokens", "Cost (USD)")
    return ("Input", "Output", "Cost (USD)") if room == _FEWER else ("Tokens", "Cost")


def _numbers(measures: Measures, room: int, places: int) -> list[str]:
    cost = money(cost_nano(measures), places, partial=bool(count(measures, "unpriced_calls")))
    if count(measures, "estimated_calls") and not count(measures, "unpriced_calls"):
        cost = f"~ {cost}"
    if room == _FEWEST:
        return [short_count(total_tokens(measures)), cost]
    if room == _FEW:
        return [f"{total_tokens(measures):,}", cost]
    names = ("input_tokens", "output_tokens")
    counts = [count(measures, name) for name in names]
    if room == _ALL:
        counts += [cache_creation_tokens(measures), count(measures, "cache_read_tokens"), total_tokens(measures)]
    return [*(f"{number:,}" for number in counts), cost]


def _notes(models: dict[str, Measures], sums: Measures, estimate: Estimate | None, look: Look) -> Iterator[str]:
    """What has to be known to read the costs."""
    if estimate is not None:
        yield from _wrapped(_estimate_note(estimate), "dim", look)
    elif count(sums, "estimated_calls"):
        yield from _wrapped("~ holds calls whose tokens are an estimate.", "dim", look)
    unpriced = sorted(name for name, measures in models.items() if count(measures, "unpriced_calls"))
    if unpriced:
        named = ", ".join(map(printable, unpriced[:_NAMED_MODELS]))
        more = f" and {len(unpriced) - _NAMED_MODELS} more" if len(unpriced) > _NAMED_MODELS else ""
        yield from _wrapped(f"≥ leaves out calls without a known price: {named}{more}.", "warning", look)
    covered = count(sums, "equivalent_cost")
    if covered:
        text = f"API-equivalent: {money(covered, 2)} of it is covered by a subscription and was not paid by the token."
        yield from _wrapped(text, "dim", look)


def _estimate_note(estimate: Estimate) -> str:
    days = f"{len(estimate.days)} day{'' if len(estimate.days) == 1 else 's'}"
    text = f"~ holds {days} without transcripts, estimated from Claude Code's own statistics as of {estimate.as_of}."
    if not estimate.with_cache:
        return f"{text} Those leave out the cache: tokens and cost were more."
    if estimate.low_by:
        return f"{text} With cache writes for five minutes instead of an hour: {money(estimate.low_by, 2)} less."
    return text


def _wrapped(text: str, style: str, look: Look) -> Iterator[str]:
    from textwrap import wrap

    lines = wrap(text, look.width or 100, break_on_hyphens=False)
    return (paint(line, style, colour=look.colour) for line in lines)


def money(nano: int | None, places: int, *, partial: bool = False) -> str:
    """An amount for people, to a number of decimal places; what is less than the last place says so, never "0"."""
    if nano is None:
        return "unpriced"
    sign = "≥ " if partial else ""
    least = NANO // 10**places
    if 0 < nano < least:
        return f"{sign}<${least / NANO:.{places}f}"
    return f"{sign}${divide_half_even(nano, least) / 10**places:,.{places}f}"


def short_count(number: int) -> str:
    """A count in at most five characters: 987, 12.3k, 457M."""
    for power, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power - 10**power // 2000:
            value = number / 10**power
            return f"{value:.0f}{unit}" if value >= 99.95 else f"{value:.1f}{unit}"
    return str(number)


def short_model(name: str) -> str:
    """A model's name without what all have in common: who sells it, its maker, and the day of its release."""
    seller, _, own = printable(name).rpartition("claude-")
    short = own if not seller or seller.endswith((".", "/")) else printable(name)
    plain = short.removesuffix("-fast")
    head, _, date = plain.rpartition("-")
    undated = head if head and len(date) == 8 and date.isdecimal() else plain
    return undated + short[len(plain) :] or "unknown"
