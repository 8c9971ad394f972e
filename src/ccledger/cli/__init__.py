"""The door for people: commands that print tables or JSON; it computes nothing that others could not ask, too."""

from collections.abc import Sequence

DONE, FAILED, WRONG_USAGE = 0, 1, 2
"""Exit codes."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command and answers its exit code. Nothing that a user can cause ends in a traceback."""
    from ccledger.cli.commands import call
    from ccledger.cli.output import flush

    try:
        code = call(list(arguments))
        flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - told in one line below, DEBUG shows where it was
        from ccledger.cli.failures import tell

        return tell(error)
    return code
