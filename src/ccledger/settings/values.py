"""Reads single values of settings: each function takes what somebody wrote or raises `ValueError`; it knows no name."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

_MOST_DAYS: Final = 36_500
_MOST_SECONDS: Final = 86_400
_ADDRESS: Final = r"[A-Za-z0-9._:%-]+"
_NAME: Final = r"[a-z0-9._-]+|\[[0-9a-f:.]+\]"
_SHA256: Final = r"[0-9a-fA-F]{64}"
_ARGON2: Final = (
    r"\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,3})"
    r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{6,}"
)
"""The form that the reference implementation writes; a salt has at least 8 bytes, a hash 4."""
_MOST_MEMORY: Final = 1 << 20
"""KiB that comparing a password may take: anybody can have one compared."""
_MOST_ROUNDS: Final = 20
_MOST_LANES: Final = 64
_SIZE: Final = r"([0-9]{1,15}) ?([KMG]?)B?"
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_DURATION: Final = r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+"


class Logging(NamedTuple):
    """The specification's settings of its queue for the request log; None: nobody said it."""

    enabled: bool | None = None
    buffer_size: int | None = None
    workers: int | None = None
    batch_size: int | None = None


class Conversations(NamedTuple):
    """The specification's settings of recorded conversations; None: nobody said it."""

    enabled: bool | None = None
    compress_after_days: int | None = None


class Stats(NamedTuple):
    """The specification's settings of its sums; None: nobody said it."""

    aggregation_enabled: bool | None = None
    aggregation_interval: str | None = None
    """A duration as Go writes it, `24h`."""


def a_text(value: object) -> str:
    """A text, and nothing that only looks like one."""
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - to the reader of the file both are a wrong value
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, (list, tuple)):
        raise ValueError  # noqa: TRY004 - as a_text
    return tuple(map(a_text, cast("Iterable[object]", value)))


def an_address(value: object) -> str:
    """A name or an address to listen on."""
    text = a_text(value)
    if not re.fullmatch(_ADDRESS, text):
        raise ValueError
    return text


def host_names(value: object) -> tuple[str, ...]:
    """Names of hosts as they stand in a request, from a list or with commas between."""
    names = value.split(",") if isinstance(value, str) else texts(value)
    found = tuple(name.strip().lower() for name in names if name.strip())
    if not all(re.fullmatch(_NAME, name) for name in found):
        raise ValueError
    return found


def a_secret(value: object) -> str:
    """A text that can stand in a header."""
    text = a_text(value)
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError
    return text


def a_password_hash(value: object) -> str:
    """Argon2 in its usual form, or SHA-256 in hexadecimal digits."""
    text = a_text(value).strip()
    if re.fullmatch(_SHA256, text):
        return text
    found = re.fullmatch(_ARGON2, text)
    if found is None:
        raise ValueError
    memory, rounds, lanes = map(int, found.groups())
    if not (1 <= lanes <= _MOST_LANES and 1 <= rounds <= _MOST_ROUNDS and 8 * lanes <= memory <= _MOST_MEMORY):
        raise ValueError("; it may cost up to 1 GiB and 20 rounds. 'ccledger password' makes a good one")
    return text


def a_port(value: object) -> int:
    """A port."""
    return _whole(value, 0, 65535)


def days(value: object) -> int:
    """A number of days."""
    return _whole(value, 1, _MOST_DAYS)


def seconds(value: object) -> int:
    """A time that somebody may wait."""
    return _whole(value, 1, _MOST_SECONDS)


def a_size(value: object) -> int:
    """Bytes, with or without a unit of 1024."""
    found = re.fullmatch(_SIZE, str(value).strip().upper())
    if isinstance(value, bool) or found is None or not int(found[1]):
        raise ValueError
    return int(found[1]) * _UNITS[found[2]]


def one_of(accepted: tuple[str, ...], value: str) -> str:
    """One of a few words."""
    if value not in accepted:
        raise ValueError
    return value


def a_switch(value: object) -> bool:
    """Yes or no."""
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ValueError


def logging(value: object) -> Logging:
    """The table `logging`."""
    readers = {"enabled": a_switch, "buffer_size": _count, "workers": _count, "batch_size": _count}
    return Logging(**_table(value, readers))


def conversations(value: object) -> Conversations:
    """The table `conversations`."""
    return Conversations(**_table(value, {"enabled": a_switch, "compress_after_days": _days_from_none}))


def stats(value: object) -> Stats:
    """The table `stats`."""
    return Stats(**_table(value, {"aggregation_enabled": a_switch, "aggregation_interval": _a_duration}))


def _table(value: object, readers: Mapping[str, Callable[[object], object]]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - as a_text
    given = cast("dict[str, object]", value)
    return {name: _entry(readers, name, each) for name, each in given.items()}


def _entry(readers: Mapping[str, Callable[[object], object]], name: str, value: object) -> object:
    if name not in readers:
        raise ValueError(f"; it has no {name}")
    try:
        return readers[name](value)
    except ValueError:
        raise ValueError(f"; {name} can't be {value!r}") from None


def _count(value: object) -> int:
    return _whole(value, 1, 1 << 31)


def _days_from_none(value: object) -> int:
    return _whole(value, 0, _MOST_DAYS)


def _a_duration(value: object) -> str:
    text = a_text(value)
    if not re.fullmatch(_DURATION, text):
        raise ValueError
    return text


def _whole(value: object, least: int, most: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or len(text) > 18 or not least <= int(text) <= most:
        raise ValueError
    return int(text)
