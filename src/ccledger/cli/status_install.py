"""Puts the status line into Claude Code's settings and takes it out again; every other key stays as it is written."""

import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from ccledger.cli.options import settings_from
from ccledger.cli.output import note, write
from ccledger.core.errors import LedgerError, UsageError

_KEY: Final = "statusLine"
_BACKUP: Final = ".before-ccledger"
"""What the name of the copy ends in."""
_INDENT: Final = "  "


def change_settings(flags: Namespace) -> None:
    """`--install` or `--uninstall`, and shows what changed."""
    if flags.install and flags.uninstall:
        raise UsageError("--install and --uninstall ask for opposite things; give one of them")
    path = _settings_path(flags)
    text = _read(path)
    told = _parse(text, path)
    if flags.install:
        _install(path, text, told, _command(flags), force=flags.force)
    else:
        _uninstall(path, text, told)


def _settings_path(flags: Namespace) -> Path:
    """The settings of the Claude directory that Claude Code itself uses, behind links to it."""
    settings, surroundings = settings_from(flags)
    environment = surroundings.environment
    named = [*settings.claude_dirs, *(environment.get("CLAUDE_CONFIG_DIR") or "").split(",")]
    first = next((name.strip() for name in named if name.strip()), "~/.claude")
    directory = surroundings.home / first[2:] if first.startswith("~/") else Path(first)
    return Path(os.path.realpath(directory / "settings.json"))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise LedgerError(f"{path} is no UTF-8 text; mend it first, nothing was changed") from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        told: object = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"{path} is no JSON ({error}); mend it first, nothing was changed") from None
    if not isinstance(told, dict):
        raise LedgerError(f"{path} holds no settings; mend it first, nothing was changed")
    return cast("dict[str, Any]", told)


def _command(flags: Namespace) -> str:
    """How Claude Code calls this program, with the directories and parts asked for now."""
    program = os.path.abspath(sys.argv[0])  # noqa: PTH100 - as it was called: behind a link may be another name
    words = [program] if os.path.basename(program) == "ccledger" else [sys.executable, "-m", "ccledger"]  # noqa: PTH119
    words.append("statusline")
    for option, value in (("--data-dir", flags.data_dir), ("--timezone", flags.timezone), ("--show", flags.show)):
        words += [option, value] if value else []
    return shlex.join(words)


def _is_ours(entry: object) -> bool:
    command = cast("dict[str, Any]", entry).get("command") if isinstance(entry, dict) else None
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        return False
    return "statusline" in words and any(os.path.basename(word) == "ccledger" for word in words)  # noqa: PTH119


def _install(path: Path, text: str, told: dict[str, Any], command: str, *, force: bool) -> None:
    present = told.get(_KEY)
    if present is not None and not _is_ours(present) and not force:
        raise LedgerError(
            f"{path} has another status line already; --force replaces it, and --uninstall brings it back"
        )
    entry = {"type": "command", "command": command}
    if present == entry:
        write(f"{path} has it already.")
        return
    changed = _with_entry(text, told, entry)
    if not _is_ours(present):
        _keep_copy(path, text)
    _replace(path, text, changed)
    _show(path, text, changed)
    write("Claude Code shows it from its next answer on.")


def _uninstall(path: Path, text: str, told: dict[str, Any]) -> None:
    if not _is_ours(told.get(_KEY)):
        write(f"{path} has no status line of ccledger; nothing was changed.")
        return
    copy = path.with_name(path.name + _BACKUP)
    before = _before(copy)
    changed = _without_entry(text, told) if before is None else _with_entry(text, told, before)
    _replace(path, text, changed)
    copy.unlink(missing_ok=True)
    _show(path, text, changed)


def _before(copy: Path) -> object:
    """The status line that there was before ours; None without one."""
    try:
        return _parse(_read(copy), copy).get(_KEY)
    except LedgerError:
        note(f"{copy} can't be read, so no earlier status line comes back")
        return None


def _keep_copy(path: Path, text: str) -> None:
    copy = path.with_name(path.name + _BACKUP)
    if text:
        _write(copy, text, _mode(path))
    else:
        copy.unlink(missing_ok=True)


def _replace(path: Path, before: str, after: str) -> None:
    """Puts the new settings in the old ones' place, unless somebody changed those in between."""
    if _read(path) != before:
        raise LedgerError(f"{path} was changed at this very moment; run it again")
    _write(path, after, _mode(path))


def _mode(path: Path) -> int:
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


def _show(path: Path, before: str, after: str) -> None:
    from difflib import unified_diff

    lines = unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), "before", "now", lineterm="")
    write("\n".join(lines))


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


def _with_entry(text: str, told: dict[str, Any], entry: object) -> str:
    """The settings with our entry, where the old one was or at the end."""
    value = json.dumps(entry, ensure_ascii=False)
    if not text.strip():
        return f'{{\n{_INDENT}"{_KEY}": {value}\n}}\n'
    members = list(_members(text))
    present = [member for member in members if member.key == _KEY]
    if present:
        changed = text[: present[-1].value] + value + text[present[-1].end :]
    elif members:
        last = members[-1]
        changed = f'{text[: last.end]},{_blank_before(text, last.start)}"{_KEY}": {value}{text[last.end :]}'
    else:
        inside = text.index("{") + 1
        changed = f'{text[:inside]}\n{_INDENT}"{_KEY}": {value}\n{text[_skip(text, inside) :]}'
    return _checked(changed, {**told, _KEY: entry})


def _without_entry(text: str, told: dict[str, Any]) -> str:
    """The settings without our entry, and without the comma and the line that were only there for it."""
    members = list(_members(text))
    number = next(number for number, member in enumerate(members) if member.key == _KEY)
    if number:
        changed = text[: members[number - 1].end] + text[members[number].end :]
    elif len(members) > 1:
        changed = text[: members[0].start] + text[members[1].start :]
    else:
        changed = text[: text.index("{") + 1] + text[_skip(text, members[0].end) :]
    return _checked(changed, {key: value for key, value in told.items() if key != _KEY})


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
