"""Where the program starts: hands over to the command line; only its own import can fail here."""

import gc
import os
import sys
from collections.abc import Mapping

_ALLOCATIONS = 100_000
"""Objects made before the collector looks for cycles: an import makes millions of them and hardly any cycle."""


_COMPILED = ("ccledger.wire._lines", "ccledger.ledger._booking")


def leave_compiled_out(environment: Mapping[str, str]) -> None:
    """With CCLEDGER_PURE=1 the parts that are compiled are not found, and their twins in Python do the work."""
    if environment.get("CCLEDGER_PURE") == "1":
        sys.modules.update(dict.fromkeys(_COMPILED))  # pyright: ignore[reportCallIssue, reportArgumentType] - None: "not there"


def main() -> None:
    """Runs the command line."""
    leave_compiled_out(os.environ)
    gc.set_threshold(_ALLOCATIONS, 50, 1000)
    try:
        from ccledger.cli import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 1
    if sys.argv[1:2] == ["statusline"]:
        os._exit(code)  # it runs all the time, and taking apart what was imported is a fifth of its work
    sys.exit(code)


if __name__ == "__main__":
    main()
