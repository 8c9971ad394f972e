"""`ccledger completion`: prints a script that completes in a shell what commands declare; it installs nothing."""

from argparse import Action, ArgumentParser, Namespace
from typing import Final, cast

from ccledger.cli.commands import ABOUT, COMMANDS, fill, find
from ccledger.cli.output import write
from ccledger.cli.parser import Command, Parser

_SHELLS: Final = ("bash", "zsh", "fish")
_INSTALL: Final = (
    "To install it, once, and again after an update:",
    "  ccledger completion bash > ~/.local/share/bash-completion/completions/ccledger",
    "  ccledger completion zsh > DIR/_ccledger        (DIR: one of the directories in $fpath)",
    "  ccledger completion fish > ~/.config/fish/completions/ccledger.fish",
)


def _declare(parser: Parser) -> None:
    parser.word_of("shell", accepted=_SHELLS, text="The shell to print it for.")
    parser.remarks += _INSTALL


def _completion(flags: Namespace) -> None:
    import shtab

    write(shtab.complete(program(), shell=flags.shell))


class _Declared(Parser):
    """A command's own parser, in which values that are paths are known to be some."""

    def __init__(self, *, command: str, **_: object) -> None:
        super().__init__(command, COMMANDS[command].summary)
        fill(self, find(command))
        for action in self.declared():
            _complete_paths(action)


class _Family(Parser):
    """Commands of two words, by their first."""

    def __init__(self, *, command: str, **_: object) -> None:
        super().__init__(command, "")
        self.flag("-h", "--help", text="Show what commands there are.")
        seconds = self.add_subparsers(parser_class=_Declared)
        for name, entry in COMMANDS.items():
            if name.startswith(f"{command} "):
                seconds.add_parser(name.removeprefix(f"{command} "), help=entry.summary, command=name)


def _by_first_word(*, command: str, **_: object) -> Parser:
    return _Declared(command=command) if command in COMMANDS else _Family(command=command)


def program() -> ArgumentParser:
    """The whole program as one parser: every command with the options that it declares itself."""
    whole = ArgumentParser("ccledger", description=ABOUT, add_help=False)
    whole.add_argument("-V", "--version", action="store_true", help="Say which version this is.")
    whole.add_argument("-h", "--help", action="store_true", help="Show what commands there are.")
    commands = whole.add_subparsers(parser_class=cast("type[Parser]", _by_first_word))
    for name, entry in COMMANDS.items():
        first = name.partition(" ")[0]
        if first not in commands.choices:
            commands.add_parser(first, help=entry.summary, command=first)
    return whole


def _complete_paths(action: Action) -> None:
    import shtab

    paths = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE}
    if action.metavar in paths:
        vars(action)["complete"] = paths[action.metavar]


COMPLETION = Command(_declare, _completion)
