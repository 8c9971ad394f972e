"""Reads from an answer's headers how far an account is from its limits; it has no clock and decides nothing.

API keys are told counts that remain (`anthropic-ratelimit-requests-…`, times in RFC 3339,
https://docs.anthropic.com/en/api/rate-limits), subscriptions the used fraction of their windows
(`anthropic-ratelimit-unified-5h-…`, times in seconds since 1970). What makes no sense is not there.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from ccledger.core.limits import FIVE_HOUR, Limit

_PREFIX = b"anthropic-ratelimit-"
_UNIFIED = "unified-"
_WINDOWS = {"5h": FIVE_HOUR, "7d": "seven_day", "7d_opus": "seven_day_opus", "7d_sonnet": "seven_day_sonnet"}
_LATEST_S = 4_102_444_800
"""The year 2100: a time that is later tells none."""
_LONGEST_WAIT_MS = 8 * 86_400_000
"""Longer than any window: somebody who is told to wait longer is told nonsense."""
_MOST_PERCENT = 1000.0
_MOST_WINDOWS = 16
_LONGEST_NAME = 40
_REJECTED = "rejected"


class Window(NamedTuple):
    """One limit, and what the provider makes of it."""

    limit: Limit
    status: str = ""
    """`allowed`, `allowed_warning`, `rejected`; empty where it was not told."""

    @property
    def window(self) -> str:
        """The limit's name."""
        return self.limit.window

    @property
    def used_percentage(self) -> float:
        """How much of it is used."""
        return self.limit.used_percentage

    @property
    def resets_at(self) -> int | None:
        """When it begins anew, milliseconds since 1970."""
        return self.limit.resets_at


class Limits(NamedTuple):
    """What an answer's headers say of limits."""

    retry_after_ms: int | None = None
    """How long to wait before the next request."""
    status: str = ""
    """Of all windows of a subscription together, as in `Window`."""
    claim: str = ""
    """The window that decided, by the name of its limit."""
    resets_at: int | None = None
    """When that window begins anew, milliseconds since 1970."""
    windows: tuple[Window, ...] = ()

    def rests_until(self, now: int) -> int | None:
        """Until when (milliseconds since 1970) it makes no sense to ask this account again; None: it was not told.

        Of several windows that reject, the last to begin anew counts: all of them have to let a request pass.
        """
        if self.retry_after_ms is not None:
            return now + self.retry_after_ms
        resets = [window.limit.resets_at for window in self.windows if window.status == _REJECTED]
        if self.status == _REJECTED:
            resets.append(self.resets_at)
        return max((at for at in resets if at is not None and now < at <= now + _LONGEST_WAIT_MS), default=None)


_NOTHING = Limits()


def read_limits(headers: Iterable[tuple[bytes, bytes]], now: int) -> Limits:
    """What the headers of an answer (names in lower case) say of limits; `now` in milliseconds since 1970."""
    told: list[tuple[bytes, bytes]] = []
    wait: dict[bytes, str] = {}
    for entry in headers:
        name, value = entry
        if name.startswith(_PREFIX):
            told.append(entry)
        elif name in (b"retry-after", b"retry-after-ms"):
            wait[name] = value.decode("latin-1").strip()
    limits = _read(tuple(told)) if told else _NOTHING
    return limits._replace(retry_after_ms=_wait(wait, now)) if wait else limits


@lru_cache(maxsize=256)
def _read(headers: tuple[tuple[bytes, bytes], ...]) -> Limits:
    """What these say, whenever that is: a subscription is told the same with many answers."""
    told = {name.decode("latin-1")[len(_PREFIX) :]: value.decode("latin-1").strip() for name, value in headers}
    claim = _word(told.get("unified-representative-claim", ""))
    return Limits(
        status=_word(told.get("unified-status", "")),
        claim=_WINDOWS.get(claim, claim),
        resets_at=_time(told.get("unified-reset", "")),
        windows=(*_windows(told), *_buckets(told)),
    )


def _wait(told: Mapping[bytes, str], now: int) -> int | None:
    milliseconds = _number(told.get(b"retry-after-ms", ""), _LONGEST_WAIT_MS)
    if milliseconds is not None:
        return round(milliseconds)
    text = told.get(b"retry-after", "")
    seconds = _number(text, _LONGEST_WAIT_MS / 1000)
    if seconds is not None:
        return round(seconds * 1000)
    at = _http_date(text)
    return None if at is None or at - now > _LONGEST_WAIT_MS else max(0, at - now)


def _http_date(text: str) -> int | None:
    try:
        date = parsedate_to_datetime(text)
        return round(date.timestamp() * 1000) if date.tzinfo else round(date.replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _windows(told: Mapping[str, str]) -> list[Window]:
    """The windows of a subscription."""
    found: list[Window] = []
    for name in told:
        kind = name.removeprefix(_UNIFIED).removesuffix("-utilization")
        if not name.startswith(_UNIFIED) or not name.endswith("-utilization") or len(found) == _MOST_WINDOWS:
            continue
        used = _number(told[name], _MOST_PERCENT / 100)
        window = _WINDOWS.get(kind, kind.replace("-", "_"))
        if used is None or not _is_name(window):
            continue
        limit = Limit(window, round(used * 100, 4), _time(told.get(f"unified-{kind}-reset", "")))
        found.append(Window(limit, _word(told.get(f"unified-{kind}-status", ""))))
    return found


def _buckets(told: Mapping[str, str]) -> list[Window]:
    """The limits of an API key: so many requests and tokens in a minute."""
    found: list[Window] = []
    for name in told:
        kind = name.removesuffix("-limit")
        if kind == name or name.startswith(_UNIFIED) or len(found) == _MOST_WINDOWS:
            continue
        most, left = _number(told[name], 1e15), _number(told.get(f"{kind}-remaining", ""), 1e15)
        window = kind.replace("-", "_")
        if not most or left is None or not _is_name(window):
            continue
        used = max(0.0, 100 * (most - left) / most)
        found.append(Window(Limit(window, round(used, 4), _time(told.get(f"{kind}-reset", "")))))
    return found


def _is_name(name: str) -> bool:
    return bool(name) and len(name) <= _LONGEST_NAME and name.isascii() and name.replace("_", "a").isalnum()


def _word(text: str) -> str:
    return text if _is_name(text) else ""


def _time(text: str) -> int | None:
    """A time in seconds since 1970 or RFC 3339, in milliseconds since 1970."""
    seconds = _number(text, _LATEST_S)
    if seconds is not None:
        return round(seconds * 1000) or None
    try:
        time = datetime.fromisoformat(text)
        milliseconds = round(time.timestamp() * 1000) if time.tzinfo else 0
    except (ValueError, OverflowError):
        return None
    return milliseconds if 0 < milliseconds <= _LATEST_S * 1000 else None


def _number(text: str, most: float) -> float | None:
    """A plain number from 0 to `most`; None for anything else."""
    try:
        number = float(text) if text.isascii() and len(text) <= _LONGEST_NAME and "_" not in text else -1.0
    except ValueError:
        return None
    return number if isfinite(number) and 0 <= number <= most else None
