"""Accounts as a table and in words; it reads no ledger."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Final

from ccledger.api.account_words import AccountInfo
from ccledger.cli.grid import Column, Row, draw, fits, printable
from ccledger.cli.terminal import takes_colour, width

_COLUMNS: Final = (
    (Column("Name", least=8), 0),
    (Column("Type"), 0),
    (Column("Upstream", least=12), 3),
    (Column("Key"), 2),
    (Column("State"), 0),
    (Column("Health"), 1),
    (Column("Open", right=True), 2),
    (Column("Weight", right=True), 3),
    (Column("Priority", right=True), 3),
    (Column("Last used"), 1),
)
"""Every column, and how much there has to be room for before it is shown."""
_ALL: Final = 3


def account_table(infos: Sequence[AccountInfo], tz: tzinfo) -> str:
    """All accounts, with as many columns as there is room for, and why some are not ready; times in a zone."""
    if not infos:
        return "There are no accounts. 'ccledger account add --name NAME' adds one."
    room = _ALL
    while room and not fits(*_lay_out(infos, tz, room), width()):
        room -= 1
    columns, rows = _lay_out(infos, tz, room)
    table = draw(columns, rows[:-1], rows[-1], width(), colour=takes_colour(None))
    return "\n".join([table, *(f"{printable(info.name)}: {info.state.reason}" for info in infos if info.state.reason)])


def _lay_out(infos: Sequence[AccountInfo], tz: tzinfo, room: int) -> tuple[list[Column], list[Row]]:
    shown = [number for number, (_, least) in enumerate(_COLUMNS) if least <= room]

    def row(cells: Sequence[str], style: str) -> Row:
        return Row([cells[number] for number in shown], style)

    rows = [row(_cells(info, tz), "" if info.state.status in ("ready", "busy") else "dim") for info in infos]
    return [_COLUMNS[number][0] for number in shown], [*rows, row(_totals(infos), "bold")]


def _cells(info: AccountInfo, tz: tzinfo) -> list[str]:
    return [
        printable(info.name),
        info.type,
        info.base_url,
        f"…{info.hint}" if info.hint else "",
        info.state.status,
        info.health_status,
        _open(info.state.in_flight, info.concurrency),
        f"{info.weight}",
        f"{info.priority}",
        _time(info.last_used_at, tz),
    ]


def _totals(infos: Sequence[AccountInfo]) -> list[str]:
    ready = sum(info.state.status in ("ready", "busy") for info in infos)
    return ["Total", "", "", "", f"{ready} ready", "", f"{sum(info.state.in_flight for info in infos)}", "", "", ""]


def _open(now: int, most: int | None) -> str:
    return f"{now}" if most is None else f"{now}/{most}"


def _time(text: str | None, tz: tzinfo) -> str:
    return "never" if text is None else datetime.fromisoformat(text).astimezone(tz).strftime("%Y-%m-%d %H:%M")


def account_lines(info: AccountInfo) -> Iterator[str]:
    """One account, and everything that is set of it."""
    yield f"{printable(info.name)} ({info.id}), {info.type}, {info.state.status}"
    if info.state.reason:
        yield f"  {info.state.reason}"
    lines = (
        ("upstream", info.base_url),
        ("proxy", info.proxy_url),
        ("key", f"…{info.hint}" if info.hint else ""),
        ("organization", info.organization_id),
        ("billing", info.billing),
        ("expires", info.expires_at or ""),
        ("weight", f"{info.weight}"),
        ("priority", f"{info.priority}"),
        ("at once", "" if info.concurrency is None else f"{info.concurrency}"),
        ("health", info.health_status),
        ("last checked", info.last_check_at or ""),
        ("last used", info.last_used_at or ""),
    )
    yield from (f"  {label:<13}{printable(value)}" for label, value in lines if value)
    for limit in info.state.windows:
        used = "" if limit.used_percentage is None else f"{limit.used_percentage:g} % used"
        until = "" if limit.resets_at is None else f", until {limit.resets_at}"
        yield f"  {printable(limit.window):<13}{used}{until}"
