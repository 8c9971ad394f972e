"""The door for people: commands that print tables or JSON; it computes nothing that others could not ask, too."""

import sys
from collections.abc import Sequence

import click

from ccledger.core.errors import LedgerError, UsageError

DONE, FAILED, WRONG_USAGE = 0, 1, 2
"""Exit codes."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command and answers its exit code. Nothing that a user can cause ends in a traceback."""
    from ccledger.cli.commands import cli

    try:
        result = cli.main(list(arguments), prog_name="ccledger", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG_USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("\nstopped; everything that was read is kept", file=sys.stderr)
        return FAILED
    except UsageError as error:
        print(f"ccledger: {error}", file=sys.stderr)
        return WRONG_USAGE
    except LedgerError as error:
        print(f"ccledger: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        _ignore_closed_pipe()
        return DONE
    except OSError as error:
        print(f"ccledger: {error}", file=sys.stderr)
        return FAILED
    return result if isinstance(result, int) else DONE


def _ignore_closed_pipe() -> None:
    """Whoever read our output has seen enough; the interpreter must not complain about it when it ends."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
