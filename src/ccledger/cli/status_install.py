"""Puts the status line into Claude Code's settings and takes it out again; every other key stays as it is written."""

import os
import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Final, cast

from ccledger.cli.claude_settings import (
    keep_copy,
    mode_of,
    parse,
    read_text,
    replace_text,
    settings_path,
    with_entry,
    without_entry,
)
from ccledger.cli.output import note, write
from ccledger.core.errors import LedgerError, UsageError

_KEY: Final = "statusLine"
_BACKUP: Final = ".before-ccledger"
"""What the name of the copy ends in."""


def change_settings(flags: Namespace) -> None:
    """`--install` or `--uninstall`, and shows what changed."""
    if flags.install and flags.uninstall:
        raise UsageError("--install and --uninstall ask for opposite things; give one of them")
    path = settings_path(flags)
    text = read_text(path)
    told = parse(text, path)
    if flags.install:
        _install(path, text, told, _command(flags), force=flags.force)
    else:
        _uninstall(path, text, told)


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
    changed = with_entry(text, _KEY, entry)
    if not _is_ours(present):
        keep_copy(_copy_of(path), text, mode_of(path))
    replace_text(path, text, changed, mode_of(path))
    _show(path, text, changed)
    write("Claude Code shows it from its next answer on.")


def _uninstall(path: Path, text: str, told: dict[str, Any]) -> None:
    if not _is_ours(told.get(_KEY)):
        write(f"{path} has no status line of ccledger; nothing was changed.")
        return
    copy = _copy_of(path)
    before = _before(copy)
    changed = without_entry(text, _KEY) if before is None else with_entry(text, _KEY, before)
    replace_text(path, text, changed, mode_of(path))
    copy.unlink(missing_ok=True)
    _show(path, text, changed)


def _copy_of(path: Path) -> Path:
    return path.with_name(path.name + _BACKUP)


def _before(copy: Path) -> object:
    """The status line that there was before ours; None without one."""
    try:
        return parse(read_text(copy), copy).get(_KEY)
    except LedgerError:
        note(f"{copy} can't be read, so no earlier status line comes back")
        return None


def _show(path: Path, before: str, after: str) -> None:
    from difflib import unified_diff

    lines = unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), "before", "now", lineterm="")
    write("\n".join(lines))
