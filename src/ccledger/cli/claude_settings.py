"""Reads Claude Code's settings and changes single keys of them; every other key stays as it is written."""

import json
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from ccledger.cli.options import settings_from
from ccledger.core.errors import LedgerError

_INDENT: Final = "  "


def settings_path(flags: Namespace) -> Path:
    """The settings of the Claude directory that Claude Code itself uses, behind links to it."""
    settings, surroundings = settings_from(flags)
    environment = surroundings.environment
    named = [*settings.claude_dirs, *(environment.get("CLAUDE_CONFIG_DIR") or "").split(",")]
    first = next((name.strip() for name in named if name.strip()), "~/.claude")
    directory = surroundings.home / first[2:] if first.startswith("~/") else Path(first)
    return Path(os.path.realpath(directory / "settings.json"))


def read_text(path: Path) -> str:
    """The settings as they are written; empty when there are none. Raises `LedgerError` for what is no text."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise LedgerError(f"{path} is no UTF-8 text; mend it first, nothing was changed") from None


def parse(text: str, path: Path) -> dict[str, Any]:
    """What settings say. Raises `LedgerError` for what is no settings."""
    try:
        told: object = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"{path} is no JSON ({error}); mend it first, nothing was changed") from None
    if not isinstance(told, dict):
        raise LedgerError(f"{path} holds no settings; mend it first, nothing was changed")
    return cast("dict[str, Any]", told)


def keep_copy(copy: Path, text: str, mode: int) -> None:
    """Keeps the settings as they were; of none, nothing."""
    if text:
        _write(copy, text, mode)
    else:
        copy.unlink(missing_ok=True)


def replace_text(path: Path, before: str, after: str, mode: int) -> None:
    """Puts the new settings in the old ones' place, unless somebody changed those in between."""
    if read_text(path) != before:
        raise LedgerError(f"{path} was changed at this very moment; run it again")
    _write(path, after, mode)


def mode_of(path: Path) -> int:
    """Who may do what with a file; one that is not there yet is its owner's alone."""
    return path.stat().st_mode & 0o777 if path.exists() else 0o600


def _write(path: Path, text: str, mode: int) -> None:
    """Writes a file as a whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    other = path.with_name(f"{path.name}.{os.getpid()}")
    file = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        other.chmod(mode)
        other.replace(path)
    except BaseException:
        other.unlink(missing_ok=True)
        raise


class _Member(NamedTuple):
    """Where one key of the settings stands in their text."""

    key: str
    start: int
    value: int
    end: int


def _members(text: str) -> Iterator[_Member]:
    """The keys of the outermost object, in their order. The text is known to be JSON."""
    decode = json.JSONDecoder().raw_decode
    at = _skip(text, text.index("{") + 1)
    while text[at] == '"':
        start = at
        key, at = decode(text, at)
        value = _skip(text, _skip(text, at) + 1)
        _, at = decode(text, value)
        yield _Member(str(key), start, value, at)
        at = _skip(text, at)
        at = _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    """The next place that is not blank."""
    while text[at] in " \t\r\n":
        at += 1
    return at


def with_entry(text: str, key: str, entry: object) -> str:
    """The settings with a key, where it stood or at the end. The text is known to be settings, or empty."""
    value = json.dumps(entry, ensure_ascii=False)
    if not text.strip():
        return f'{{\n{_INDENT}"{key}": {value}\n}}\n'
    members = list(_members(text))
    present = [member for member in members if member.key == key]
    if present:
        changed = text[: present[-1].value] + value + text[present[-1].end :]
    elif members:
        last = members[-1]
        changed = f'{text[: last.end]},{_blank_before(text, last.start)}"{key}": {value}{text[last.end :]}'
    else:
        inside = text.index("{") + 1
        changed = f'{text[:inside]}\n{_INDENT}"{key}": {value}\n{text[_skip(text, inside) :]}'
    return _checked(changed, {**json.loads(text), key: entry})


def without_entry(text: str, key: str) -> str:
    """The settings without a key that is there, and without the comma and the line that were only there for it."""
    members = list(_members(text))
    number = next(number for number, member in enumerate(members) if member.key == key)
    if number:
        changed = text[: members[number - 1].end] + text[members[number].end :]
    elif len(members) > 1:
        changed = text[: members[0].start] + text[members[1].start :]
    else:
        changed = text[: text.index("{") + 1] + text[_skip(text, members[0].end) :]
    return _checked(changed, {name: value for name, value in json.loads(text).items() if name != key})


def with_values(text: str, key: str, values: Mapping[str, object]) -> str:
    """The settings with values in the object that a key holds, one after the other; None takes a value away."""
    told: dict[str, Any] = json.loads(text) if text.strip() else {}
    if key not in told:
        return with_entry(text, key, {name: value for name, value in values.items() if value is not None})
    place = [member for member in _members(text) if member.key == key][-1]
    inner = text[place.value : place.end]
    for name, value in values.items():
        if value is not None:
            inner = with_entry(inner, name, value)
        elif name in json.loads(inner):
            inner = without_entry(inner, name)
    return _checked(text[: place.value] + inner + text[place.end :], {**told, key: json.loads(inner)})


def _blank_before(text: str, at: int) -> str:
    """What separates a key from what stands before it: a line break and its indent, or nothing."""
    start = at
    while text[start - 1] in " \t\r\n":
        start -= 1
    return text[start:at]


def _checked(changed: str, expected: dict[str, Any]) -> str:
    """The text, if it says what it must; else the same settings laid out anew, as where a key stands twice."""
    if json.loads(changed) == expected:
        return changed
    return json.dumps(expected, indent=len(_INDENT), ensure_ascii=False) + "\n"
