"""How the view says amounts, times and changes, as short as they can be read; it knows nothing of the screen."""

from datetime import tzinfo
from typing import Final

from ccledger.cli.grid import printable
from ccledger.cli.table import money, short_model
from ccledger.cli.tui.view import SessionRow, Spend
from ccledger.core.measures import Measures
from ccledger.core.periods import moment

_MINUTE_MS: Final = 60_000
_WEEK_DAYS: Final = 6


def dollars(nano: int | None, *, complete: bool = True) -> str:
    """An amount to the cent, with "≥" where something in it has no known price."""
    return money(nano, 2, partial=not complete)


def spent(spend: Spend) -> str:
    """What a group of calls cost."""
    return dollars(spend.cost_nano, complete=spend.complete)


def change(now: Spend, before: Spend) -> str:
    """By how much a cost has changed, in percent; empty where there is nothing to compare with."""
    if not now.cost_nano or not before.cost_nano:
        return ""
    percent = round((now.cost_nano - before.cost_nano) * 100 / before.cost_nano)
    return f"{'+' if percent >= 0 else '−'}{abs(percent):,} %"


def percent(share: float) -> str:
    """A part of 1 in percent."""
    return f"{share * 100:.0f} %"


def clock(ms: int, tz: tzinfo, *, seconds: bool = False) -> str:
    """A time of day."""
    return moment(ms).astimezone(tz).strftime("%H:%M:%S" if seconds else "%H:%M")


def day(ms: int, tz: tzinfo) -> str:
    """A date, such as Fri 20 Nov."""
    local = moment(ms).astimezone(tz)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"


def when(ms: int, now_ms: int, tz: tzinfo) -> str:
    """A moment by its time, where it is another day with the weekday, where it is far away by its date."""
    then, now = moment(ms).astimezone(tz), moment(now_ms).astimezone(tz)
    apart = abs((then.date() - now.date()).days)
    if not apart:
        return clock(ms, tz)
    if apart <= _WEEK_DAYS:
        return f"{_DAYS[then.weekday()]} {clock(ms, tz)}"
    return f"{then.day} {_MONTHS[then.month - 1]}"


_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Of our own: the names of `strftime` depend on the machine."""


def duration(ms: int) -> str:
    """A length of time in its two largest units."""
    minutes = max(ms, 0) // _MINUTE_MS
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min"


def project_name(path: str) -> str:
    """The last part of a project's path: what people call it."""
    return printable(path.rstrip("/").rpartition("/")[2]) or "unknown"


def model_names(models: "tuple[tuple[str, Measures], ...]") -> str:
    """The dearest model, and how many more there are."""
    names = list(dict.fromkeys(short_model(name) for name, _ in models))
    return f"{names[0]} +{len(names) - 1}" if len(names) > 1 else "".join(names)


ORDERS: Final = ("last call", "cost", "tokens", "project")
"""What sessions can be sorted by."""


def ordered(sessions: "tuple[SessionRow, ...]", order: str) -> list[SessionRow]:
    """Sessions by one of `ORDERS`: the newest, the dearest, the largest first, or projects by name."""
    return sorted(sessions, key=lambda row: (*_rank(row, order), -row.last_at_ms, row.session))


def _rank(row: SessionRow, order: str) -> tuple[int, str]:
    if order == "project":
        return (0, project_name(row.project).casefold())
    amounts = {"cost": row.spend.cost_nano or 0, "tokens": row.spend.tokens}
    return (-amounts.get(order, 0), "")
