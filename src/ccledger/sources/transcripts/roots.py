"""Finds Claude's directories and the transcript files below them; it only lists, it never opens a file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

_DESKTOP = ("local-agent-mode-sessions", "claude-code-sessions")
_SKIPPED_FILES = frozenset({"journal.jsonl"})
SUFFIX = ".jsonl"


class Root(NamedTuple):
    """A Claude directory: the one that holds `projects/`."""

    path: str
    found: bool


class Found(NamedTuple):
    """A transcript file as a listing shows it."""

    path: str
    root: str
    folder: str
    """The directory right below `projects/`."""
    inode: int
    size: int
    modified_ns: int


def find_roots(environment: Mapping[str, str], home: Path, extra: Sequence[str] = ()) -> list[Root]:
    """Claude's directories, without duplicates, in the order of precedence.

    `extra` (flags) replaces everything else, then `CLAUDE_CONFIG_DIR` (a comma list), then `CLAUDE_DATA_DIR`; without
    any, `$XDG_CONFIG_HOME/claude`, `~/.claude` and Claude Desktop's local sessions.
    """
    named = list(extra) or _split(environment.get("CLAUDE_CONFIG_DIR")) or _split(environment.get("CLAUDE_DATA_DIR"))
    if named:
        paths = [_expand(name, home) for name in named]
    else:
        config = environment.get("XDG_CONFIG_HOME") or str(home / ".config")
        paths = [_expand(f"{config}/claude", home), str(home / ".claude"), *_desktop_roots(home, config)]
    return [Root(path, os.path.isdir(os.path.join(path, "projects"))) for path in _distinct(paths)]


def _split(value: str | None) -> list[str]:
    return [part.strip() for part in (value or "").split(",") if part.strip()]


def _expand(name: str, home: Path) -> str:
    path = str(home) + name[1:] if name == "~" or name.startswith("~/") else name
    path = os.path.abspath(path)
    return os.path.dirname(path) if os.path.basename(path) == "projects" else path


def _distinct(paths: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            yield real


def _desktop_roots(home: Path, config: str) -> Iterator[str]:
    """Directories that Claude Desktop gives to sessions it runs: `**/.claude` below its own folders."""
    for base in (home / "Library" / "Application Support" / "Claude", Path(config) / "Claude"):
        for name in _DESKTOP:
            for folder, folders, _ in os.walk(base / name):
                if ".claude" in folders:
                    yield os.path.join(folder, ".claude")
                folders[:] = [entry for entry in folders if entry not in (".claude", "node_modules", ".git")]


def list_files(root: str) -> Iterator[Found]:
    """Every transcript below a root, a session's main file before its sub-agents'.

    Directories that vanish or can't be read while listing are left out. Links are not followed: what they point to is
    either listed where it is, or outside the root.
    """
    for entry in _entries(os.path.join(root, "projects")):
        if entry.is_dir(follow_symlinks=False):
            yield from _list_folder(entry.path, root, entry.name)


def _list_folder(path: str, root: str, folder: str) -> Iterator[Found]:
    pending = [path]
    while pending:
        folders: list[str] = []
        for entry in _entries(pending.pop()):
            if entry.name.endswith(SUFFIX):
                found = _found(entry, root, folder)
                if found is not None:
                    yield found
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
        pending.extend(reversed(folders))


def _found(entry: "os.DirEntry[str]", root: str, folder: str) -> Found | None:
    if entry.name in _SKIPPED_FILES or not _is_text(entry.path):
        return None
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return Found(entry.path, root, folder, status.st_ino, status.st_size, status.st_mtime_ns)


def look_at(path: str, root: str) -> Found | None:
    """One transcript by its path, None when it is none, is gone, or lies outside the root's projects."""
    projects = os.path.join(root, "projects") + os.sep
    name = os.path.basename(path)
    if not path.startswith(projects) or not name.endswith(SUFFIX) or name in _SKIPPED_FILES or not _is_text(path):
        return None
    inside = path[len(projects) :]
    folder, separator, _ = inside.partition(os.sep)
    if not separator or os.path.realpath(path) != os.path.join(os.path.realpath(projects), inside):
        return None
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    if not S_ISREG(status.st_mode):
        return None
    return Found(path, root, folder, status.st_ino, status.st_size, status.st_mtime_ns)


def _is_text(path: str) -> bool:
    """Whether a store can hold a path: one that is no UTF-8 was not written by Claude."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entries(path: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=_name)
    except OSError:
        return []


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name
