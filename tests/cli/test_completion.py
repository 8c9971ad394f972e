from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ccledger.cli.commands import COMMANDS, build, find
from ccledger.cli.completion import program
from tests.cli.program import Run

COMPLETE_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
"$(complete -p ccledger | sed 's/.* -F \\([^ ]*\\) .*/\\1/')"
printf '%s\\n' "${COMPREPLY[@]}"
"""
LOAD_ZSH = """
fpath=("$1" $fpath)
autoload -Uz compinit && compinit -u -D && autoload +X _ccledger && print $_comps[ccledger]
"""

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
needs_fish = pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")

FIRST_WORDS = {name.partition(" ")[0] for name in COMMANDS}
CASES = [
    (("",), FIRST_WORDS),
    (("d",), {name for name in FIRST_WORDS if name.startswith("d")}),
    (("price", ""), {"list", "set", "unset", "reprice"}),
    (("price", "set", "--inp"), {"--input"}),
    (("daily", "--or"), {"--order"}),
    (("daily", "--order", ""), {"asc", "desc"}),
    (("daily", "-o", "d"), {"desc"}),
    (("daily", "--json", "--order", "a"), {"asc"}),
    (("weekly", "--start-of-week", "s"), {"saturday", "sunday"}),
    (("completion", ""), {"bash", "zsh", "fish"}),
    (("serve", "--no-b"), {"--no-browser"}),
    (("nonsense", "--or"), set[str]()),
]


def written(shell: str, path: Path, ccledger: Run) -> Path:
    ran = ccledger("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    path.write_text(ran.out)
    return path


def said_by(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [line for line in done.stdout.split("\n") if line]


def in_bash(script: Path, *words: str) -> list[str]:
    return said_by("bash", "--norc", "-c", COMPLETE_BASH, "bash", str(script), "ccledger", *words)


@needs_bash
@pytest.mark.parametrize(("words", "completed"), CASES)
def test_bash_completes(words: tuple[str, ...], completed: set[str], tmp_path: Path, ccledger: Run) -> None:
    assert set(in_bash(written("bash", tmp_path / "script", ccledger), *words)) == completed


@needs_bash
def test_bash_completes_every_option_of_every_command(tmp_path: Path, ccledger: Run) -> None:
    script = written("bash", tmp_path / "script", ccledger)
    for name in COMMANDS:
        declared = {option for action in build(name, find(name)).declared() for option in action.option_strings}
        assert set(in_bash(script, *name.split(), "-")) == declared


@needs_bash
def test_bash_completes_directories_where_a_directory_is_meant(tmp_path: Path, ccledger: Run) -> None:
    script = written("bash", tmp_path / "script", ccledger)
    (tmp_path / "ledger").mkdir()
    (tmp_path / "letter.txt").touch()
    assert in_bash(script, "daily", "--data-dir", f"{tmp_path}/le") == [f"{tmp_path}/ledger"]
    assert in_bash(script, "daily", "--project", f"{tmp_path}/le") == []


@needs_zsh
def test_zsh_takes_the_script(tmp_path: Path, ccledger: Run) -> None:
    written("zsh", tmp_path / "_ccledger", ccledger)
    assert said_by("zsh", "-fc", LOAD_ZSH, "zsh", str(tmp_path)) == ["_ccledger"]


@needs_fish
@pytest.mark.parametrize(("words", "completed"), CASES)
def test_fish_completes(words: tuple[str, ...], completed: set[str], tmp_path: Path, ccledger: Run) -> None:
    script = written("fish", tmp_path / "script", ccledger)
    line = " ".join(("ccledger", *words))
    offered = said_by("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'")
    assert {offer.partition("\t")[0] for offer in offered} == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_names_every_command(shell: str, ccledger: Run) -> None:
    script = ccledger("completion", shell).out
    assert all(word in script for name in COMMANDS for word in name.split())


def test_options_are_described_as_on_the_help_page() -> None:
    for name in COMMANDS:
        parser = build(name, find(name))
        for action in parser.declared():
            text = (action.help or "").replace("%%", "%")
            assert any(option.text.startswith(text) or text in option.text for option in parser.shown), action


def test_the_whole_program_is_one_parser() -> None:
    assert {"version", "help"} <= {action.dest for action in program()._actions}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "'completion' needs: bash|zsh|fish"),
        (("csh",), "takes bash, zsh or fish, not 'csh'"),
        (("bash", "zsh"), "'completion' takes no argument zsh"),
    ],
)
def test_a_shell_that_is_not_known_is_wrong_usage(arguments: tuple[str, ...], said: str, ccledger: Run) -> None:
    ran = ccledger("completion", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_help_says_how_to_install_it(ccledger: Run) -> None:
    page = ccledger("completion", "--help").out
    assert page.startswith("Usage: ccledger completion bash|zsh|fish [OPTIONS]\n")
    for shell in ("bash", "zsh", "fish"):
        assert f"  ccledger completion {shell} > " in page
