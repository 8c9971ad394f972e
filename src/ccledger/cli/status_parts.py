"""Puts a status into one line that fits: the parts by importance, colours for what runs out; it asks nobody."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from ccledger.core.limits import FIVE_HOUR, Limit
from ccledger.core.measures import Measures
from ccledger.core.money import NANO, divide_half_even
from ccledger.core.periods import moment
from ccledger.stats.blocks import Block, pace
from ccledger.stats.totals import cost_nano, count
from ccledger.wire.status_line import Status

PARTS: Final = ("model", "limits", "session", "today", "block", "pace", "context")
"""In the order of the line."""
_IMPORTANCE: Final = ("model", FIVE_HOUR, "today", "context", "block", "session", "seven_day", "limits", "pace")
"""In a narrow line the last ones go first."""
_SHORT_NAMES: Final = {FIVE_HOUR: "5h", "seven_day": "7d", "spend_limit": "spend"}
_SEPARATOR: Final = " · "
_WARNING, _ALARM = 70, 90
"""Percent from which a share is yellow, and red."""
_COLOURS: Final = {"": "", "warning": "\x1b[33m", "alarm": "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS


class Known(NamedTuple):
    """Everything that may be in the line; None where it is not known."""

    status: Status
    limits: Sequence[Limit]
    session: Measures | None
    today: Measures | None
    block: Block | None
    now: int
    tz: tzinfo


class Part(NamedTuple):
    """A piece of the line."""

    name: str
    """What it is, by which its importance is known."""
    text: str
    style: str = ""


def status_text(known: Known, shown: Sequence[str], width: int | None, *, colour: bool) -> str:
    """The line with the parts that are asked for, known, and fit."""
    makers: Mapping[str, Iterator[Part]] = {
        "model": _model(known),
        "limits": _limits(known),
        "session": _session(known),
        "today": _cost("today", "today", known.today),
        "block": _block(known),
        "pace": _pace(known),
        "context": _context(known),
    }
    parts = [part for name in shown for part in makers.get(name, ())]
    while width is not None and len(parts) > 1 and _width(parts) > width:
        parts.remove(max(parts, key=_rank))
    texts = (_paint(part, width, colour=colour) for part in parts)
    return _SEPARATOR.join(texts)


def _rank(part: Part) -> int:
    return _IMPORTANCE.index(part.name if part.name in _IMPORTANCE else "limits")


def _width(parts: Sequence[Part]) -> int:
    return sum(len(part.text) for part in parts) + len(_SEPARATOR) * (len(parts) - 1)


def _paint(part: Part, width: int | None, *, colour: bool) -> str:
    text = part.text if width is None or len(part.text) <= width else f"{part.text[: width - 1]}…"
    return f"{_COLOURS[part.style]}{text}{_PLAIN}" if colour and part.style else text


def _model(known: Known) -> Iterator[Part]:
    name = "".join(character if character.isprintable() else "\ufffd" for character in known.status.model)
    if name:
        yield Part("model", name[:40])


def _limits(known: Known) -> Iterator[Part]:
    for limit in known.limits:
        name = _SHORT_NAMES.get(limit.window, limit.window.replace("_", " "))
        text = f"{name} {limit.used_percentage:.0f}%"
        if limit.resets_at is not None and limit.resets_at > known.now:
            text += f" to {_clock(limit.resets_at, known)}"
        yield Part(limit.window, text, _alarm(limit.used_percentage))


def _clock(ms: int, known: Known) -> str:
    """A time as people say it: with the day where that is another one."""
    local, now = (moment(at).astimezone(known.tz) for at in (ms, known.now))
    if local.date() == now.date():
        return local.strftime("%H:%M")
    return local.strftime("%a %H:%M" if ms - known.now < 6 * _DAY_MS else "%b %d")


def _session(known: Known) -> Iterator[Part]:
    told = known.status.cost_nano
    if told is not None:
        mark = "≈" if known.limits else ""
        yield Part("session", f"{mark}{_money(told)} session")
    else:
        yield from _cost("session", "session", known.session)


def _cost(name: str, what: str, spent: Measures | None, after: str = "") -> Iterator[Part]:
    if spent is not None:
        yield Part(name, f"{_amount(spent)} {what}{after}")


def _block(known: Known) -> Iterator[Part]:
    if known.block is not None:
        minutes = max(known.block.end - known.now, 0) // _MINUTE_MS
        left = f", {minutes // 60}h {minutes % 60:02d}m left" if minutes >= 60 else f", {minutes}m left"
        yield from _cost("block", "block", known.block.sum, left)


def _pace(known: Known) -> Iterator[Part]:
    speed = None if known.block is None else pace(known.block)
    if speed is not None and speed.cost_per_hour is not None and known.block is not None:
        yield Part("pace", f"{_mark(known.block.sum)}{_money(speed.cost_per_hour)}/h")


def _context(known: Known) -> Iterator[Part]:
    share = known.status.context_percentage
    if share is not None:
        yield Part("context", f"ctx {share:.0f}%", _alarm(share))


def _alarm(percent: float) -> str:
    return "alarm" if percent >= _ALARM else "warning" if percent >= _WARNING else ""


def _amount(spent: Measures) -> str:
    cost = cost_nano(spent)
    return "unpriced" if cost is None else f"{_mark(spent)}{_money(cost)}"


def _mark(spent: Measures) -> str:
    """`≥` where calls have no price, `≈` where a subscription covers it."""
    return "≥" if count(spent, "unpriced_calls") else "≈" if count(spent, "equivalent_cost") else ""


def _money(nano: int) -> str:
    cents = divide_half_even(nano, NANO // 100)
    return "<$0.01" if nano and not cents else f"${cents / 100:,.2f}"
