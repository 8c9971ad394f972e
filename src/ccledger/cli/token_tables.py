"""Access tokens as a table and in words; it reads no ledger."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from ccledger.cli.grid import Column, Row, draw, fits, printable
from ccledger.cli.table import money, short_count
from ccledger.cli.terminal import takes_colour, width
from ccledger.cli.token_keeper import short_id
from ccledger.stats.tokens import TokenInfo

_COLUMNS: Final = (
    (Column("Name", least=8), 0),
    (Column("Id"), 2),
    (Column("Key"), 2),
    (Column("User", least=6), 3),
    (Column("Mode"), 3),
    (Column("State"), 0),
    (Column("Expires"), 3),
    (Column("Last used"), 1),
    (Column("Calls", right=True), 1),
    (Column("Tokens", right=True), 2),
    (Column("Cost", right=True), 0),
)
"""Every column, and how much there has to be room for before it is shown."""
_ALL: Final = 3


def token_table(infos: Sequence[TokenInfo], tz: tzinfo) -> str:
    """All access tokens, with as many columns as there is room for; times in a zone."""
    if not infos:
        return "There are no access tokens. 'ccledger token create --name NAME' issues one."
    room = _ALL
    while room and not _fits(_lay_out(infos, tz, room)):
        room -= 1
    table = _lay_out(infos, tz, room)
    return draw(table.columns, table.rows, table.last, width(), colour=takes_colour(None))


class _Table(NamedTuple):
    columns: list[Column]
    rows: list[Row]
    last: Row


def _fits(table: _Table) -> bool:
    return fits(table.columns, [*table.rows, table.last], width())


def _lay_out(infos: Sequence[TokenInfo], tz: tzinfo, room: int) -> _Table:
    shown = [number for number, (_, least) in enumerate(_COLUMNS) if least <= room]

    def row(cells: Sequence[str], style: str) -> Row:
        return Row([cells[number] for number in shown], style)

    rows = [row(_cells(info, tz), "" if info.is_valid else "dim") for info in infos]
    return _Table([_COLUMNS[number][0] for number in shown], rows, row(_totals(infos), "bold"))


def _cells(info: TokenInfo, tz: tzinfo) -> list[str]:
    return [
        printable(info.name),
        short_id(info),
        info.hint,
        printable(info.user_name),
        info.mode,
        _state(info),
        _time(info.expires_at, tz, "never"),
        _time(info.last_used_at, tz, "never"),
        f"{info.total_requests:,}",
        short_count(info.total_tokens_used),
        _money(info),
    ]


def _totals(infos: Sequence[TokenInfo]) -> list[str]:
    calls, tokens = (sum(info.total_requests for info in infos), sum(info.total_tokens_used for info in infos))
    nano = sum(int(info.total_cost_nano or 0) for info in infos)
    cost = money(nano, 2, partial=any(info.total_cost_nano is None for info in infos))
    return ["Total", *[""] * 7, f"{calls:,}", short_count(tokens), cost]


def _money(info: TokenInfo) -> str:
    return money(None if info.total_cost_nano is None else int(info.total_cost_nano), 2)


def _state(info: TokenInfo) -> str:
    if info.revoked_at is not None:
        return "revoked"
    return "valid" if info.is_valid else "expired"


def _time(text: str | None, tz: tzinfo, missing: str) -> str:
    return missing if text is None else datetime.fromisoformat(text).astimezone(tz).strftime("%Y-%m-%d %H:%M")


def token_lines(info: TokenInfo) -> Iterator[str]:
    """One access token, and everything that limits it."""
    yield f"{printable(info.name)} ({short_id(info)}), of {printable(info.user_name)}, {_state(info)}"
    yield f"  {'mode':<13}{info.mode}"
    yield f"  {'expires':<13}{info.expires_at or 'never'}"
    for label, number in (
        ("requests/min", info.requests_per_minute),
        ("tokens/min", info.tokens_per_minute),
        ("at once", info.concurrency),
    ):
        if number is not None:
            yield f"  {label:<13}{number:,}"
    for label, values in (("models", info.models), ("addresses", info.ips)):
        if values:
            yield f"  {label:<13}{', '.join(values)}"
    if info.enable_conversation_logging:
        yield f"  {'recording':<13}on"
    if info.note:
        yield f"  {'note':<13}{printable(info.note)}"
