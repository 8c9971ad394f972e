"""Writes the reference pages that are made from the code: the commands' own help, and the settings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ccledger.cli.commands import ABOUT, COMMANDS, build, find
from ccledger.settings import SETTINGS, Setting

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
REMARK = "<!-- Made by `python -m tests.docs.generate`; a test compares it with the code. -->"


def cli_page() -> str:
    """Return the page of all commands."""
    return page(
        "# Commands",
        REMARK,
        ABOUT,
        "Exit codes: 0 done, 1 failed, 2 wrong usage. `ccledger --version` says which version this is.",
        table(("command", "what it does"), ((link(name), entry.summary) for name, entry in COMMANDS.items())),
        *(part for name in COMMANDS for part in command_section(name)),
    )


def link(name: str) -> str:
    """Return a command's name, leading to its section."""
    return f"[`{name}`](#ccledger-{name.replace(' ', '-')})"


def command_section(name: str) -> Iterator[str]:
    """Yield the parts of a command's own section."""
    yield f"## `ccledger {name}`"
    yield COMMANDS[name].summary
    parser = build(name, find(name))
    yield table(("option", "meaning"), ((f"`{option.names}`", option.text) for option in parser.shown))
    if parser.remarks:
        head, *lines = parser.remarks
        yield "\n".join([head, "", "```sh", *(line.strip() for line in lines), "```"])


def settings_page() -> str:
    """Return the page of all settings."""
    heads = ("setting", "environment", "flag", "takes", "without it")
    return page(
        "# Settings",
        REMARK,
        "Flags come before the environment, the environment before `ccledger.toml`, and that before the defaults.\n"
        "An empty variable counts as not set. A value that makes no sense is refused with the name of its place.",
        "`ccledger.toml` is read from `$CCLEDGER_CONFIG`, else from `$XDG_CONFIG_HOME/ccledger` or\n"
        "`~/.config/ccledger`. It holds the names of the first column, as in `port = 51900`.",
        table(heads, map(setting_row, SETTINGS)),
        "\n".join(f"- **{setting.name}**: {setting.meaning}" for setting in SETTINGS),
        "## Read by others, heard here too",
        table(("variable", "meaning"), ((f"`{name}`", meaning) for name, meaning in OTHERS.items())),
    )


OTHERS: Mapping[str, str] = {
    "CLAUDE_CONFIG_DIR": "Where Claude Code keeps its data; several directories are separated by commas.",
    "CLAUDE_DATA_DIR": "The same, where the one above is not set.",
    "NO_COLOR": "Tables without colours. `--color` comes first.",
    "FORCE_COLOR": "Tables with colours also where there is no terminal; `0` does nothing.",
    "COLUMNS": "How wide tables may be. Without it: as the terminal, and in a file or pipe as wide as they need.",
}


def setting_row(setting: Setting) -> tuple[str, ...]:
    """Return a setting as a row of the table."""
    variables = " or ".join(f"`{name}`" for name in setting.variables)
    flag = f"`{setting.flag}`" if setting.flag else ""
    return (f"`{setting.name}`", variables, flag, setting.kind, setting.default)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    cells = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in (heads, *rows))
    first, *others = (f"| {row} |" for row in cells)
    return "\n".join([first, "|" + "---|" * len(heads), *others])


def page(*parts: str) -> str:
    """Put paragraphs together."""
    return "\n\n".join(parts) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {"cli.md": cli_page, "settings.md": settings_page}


def main() -> int:
    """Write all pages."""
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
