"""The list of commands; each lives in a file of its noun and is imported when it is called."""

import importlib
from typing import Any

import click

from ccledger import __version__

COMMANDS = {
    "serve": ("ccledger.cli.serve", "serve"),
    "daily": ("ccledger.cli.reports", "daily"),
    "weekly": ("ccledger.cli.reports", "weekly"),
    "monthly": ("ccledger.cli.reports", "monthly"),
    "session": ("ccledger.cli.reports", "session"),
    "import": ("ccledger.cli.imports", "import_"),
    "doctor": ("ccledger.cli.doctor", "doctor"),
    "migrate": ("ccledger.cli.imports", "migrate"),
}
"""Command, module, attribute; in the order of the help page."""


class LazyGroup(click.Group):
    """A group that imports a command when it is needed, so that one command does not pay for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command: Any = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="ccledger")
def cli() -> None:
    """Every token Claude spends, watched, proxied or run, on one ledger."""
