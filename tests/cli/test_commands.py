from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ccledger import __version__
from ccledger.cli.commands import COMMANDS, build, find
from tests.cli.program import History, Run, clean_environment

HEAVY = {
    "asyncio",
    "click",
    "dataclasses",
    "email",
    "http",
    "importlib.resources",
    "litestar",
    "msgspec",
    "rich",
    "shutil",
    "ssl",
    "stringzilla",
    "tempfile",
    "textwrap",
    "tomllib",
    "uvicorn",
    "watchfiles",
    "ccledger.api",
    "ccledger.cli.table",
    "ccledger.core.merge",
    "ccledger.core.prices",
    "ccledger.sources.transcripts.billing",
    "ccledger.wire",
}
"""What a report on an unchanged history must not pay for."""

IMPORTED = (
    "import sys; from ccledger.cli import run; code = run(sys.argv[1:]); print(code, *sys.modules, file=sys.stderr)"
)


def test_help_lists_every_command_in_order_with_a_line_each(ccledger: Run) -> None:
    ran = ccledger("--help")
    assert (ran.code, ran.err) == (0, "")
    listed = [
        re.split("  +", line.strip()) for line in ran.out.split("\n") if line.startswith("  ") and "--" not in line
    ]
    assert listed == [[name, entry.summary] for name, entry in COMMANDS.items()]
    assert ccledger("-h").out == ran.out


def test_no_command_at_all_is_wrong_usage_and_shows_them(ccledger: Run) -> None:
    ran = ccledger()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == ccledger("--help").out


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_is_said(flag: str, ccledger: Run) -> None:
    ran = ccledger(flag)
    assert (ran.code, ran.out, ran.err) == (0, f"ccledger, version {__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_its_options(name: str, ccledger: Run) -> None:
    ran = ccledger(*name.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert COMMANDS[name].summary in " ".join(ran.out.split())
    for option in build(name, find(name)).shown:
        assert option.names in ran.out
    assert ccledger(*name.split(), "-h").out == ran.out


@pytest.mark.parametrize("width", ["20", "60", "80", "300"])
def test_help_fits_the_terminal_and_is_never_very_wide(width: str, ccledger: Run) -> None:
    for arguments in (("--help",), ("daily", "--help")):
        lines = ccledger(*arguments, COLUMNS=width).out.split("\n")
        assert max(map(len, lines)) <= max(min(int(width), 100), 60)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dayly", "did you mean 'daily'? Commands: serve, daily,"),
        ("gibberish", "there is no command 'gibberish'. Commands: serve"),
        ("--json", "--json is no option of ccledger itself; it takes a command"),
        ("", "there is no command ''"),
    ],
)
def test_an_unknown_command_is_wrong_usage(name: str, said: str, ccledger: Run) -> None:
    ran = ccledger(name)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def modules_of(made: History, home: Path, *arguments: str) -> set[str]:
    environment = {**clean_environment(home), **made.environment}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    code, *modules = done.stderr.split()
    assert (done.returncode, code) == (0, "0")
    return set(modules)


@pytest.mark.parametrize("arguments", [("daily", "--json"), ("session", "--json"), ("import", "--json")])
def test_an_unchanged_history_pays_for_nothing_it_does_not_use(
    arguments: tuple[str, ...], tmp_path: Path, ccledger: Run, history: Callable[..., History]
) -> None:
    made = history(1)
    ccledger("import", history=made)
    assert modules_of(made, tmp_path, *arguments) & HEAVY == set()


def test_help_and_version_open_nothing(tmp_path: Path, history: Callable[..., History]) -> None:
    for arguments in (("--version",), ("--help",), ("daily", "--help")):
        modules = modules_of(history(1), tmp_path, *arguments)
        assert not modules & {"apsw", "ccledger.app", "ccledger.settings", "json"}
    assert "argparse" not in modules_of(history(1), tmp_path, "--version")
