"""Says in one line what went wrong and what helps, and with which exit code; it mends nothing."""

import os
import sys
from contextlib import suppress

from ccledger.cli import DONE, FAILED, WRONG_USAGE
from ccledger.cli.output import encodable, flush
from ccledger.core.errors import LedgerError, UsageError

_CURES = {
    "CorruptError": "restore a copy of it, or move it away: the next run reads your transcripts anew",
    "NotADBError": "move the file away, or set CCLEDGER_DATA_DIR to another directory",
    "FullError": "free some space and run it again; everything booked so far is kept",
    "IOError": "check the disk that holds the data directory",
    "ReadOnlyError": "make the data directory writable, or set CCLEDGER_DATA_DIR to one that is",
    "CantOpenError": "check that the data directory is yours",
    "BusyError": "another program holds the ledger; try again when it is done",
    "LockedError": "another program holds the ledger; try again when it is done",
}
"""What helps against what the storage engine says, by the name of its error."""


def tell(error: BaseException) -> int:
    """Prints what went wrong on standard error and answers the exit code."""
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return DONE
    if _is_full_output(error):
        _drop_output()
    with suppress(OSError):
        flush()
    if sys.stderr is not None:
        with suppress(OSError):
            print(encodable(_explain(error), sys.stderr), file=sys.stderr, flush=True)
    return WRONG_USAGE if isinstance(error, UsageError) else FAILED


def _explain(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "\nstopped; everything that was booked is kept"
    if not isinstance(error, LedgerError):
        _show_where()
    return f"ccledger: {explain(error)}"


def explain(error: BaseException) -> str:
    """What went wrong and what helps, in one sentence."""
    if isinstance(error, LedgerError):
        return str(error)
    if isinstance(error, OSError):
        return f"{_place(error)}{error.strerror or error}"
    name = type(error).__name__
    if name in _CURES:
        return f"the ledger can't be used ({error}); {_CURES[name]}"
    return f"{name}: {error}; this is a mistake of ccledger, please report it with what CCLEDGER_LOG_LEVEL=DEBUG shows"


def _place(error: OSError) -> str:
    return "" if error.filename is None else f"{os.fsdecode(error.filename)}: "


def _show_where() -> None:
    level = os.environ.get("CCLEDGER_LOG_LEVEL") or os.environ.get("LOG_LEVEL") or ""
    if level.upper() == "DEBUG":
        import traceback

        traceback.print_exc()


def _is_full_output(error: BaseException) -> bool:
    """Whether the error came from writing the output: then the same text must not be tried again at the end."""
    if not isinstance(error, OSError):
        return False
    try:
        flush()
    except OSError:
        return True
    return False


def _drop_output() -> None:
    """Nobody can take our output any more; the interpreter must not complain about that when it ends."""
    with suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
