"""Where the program starts: hands over to the command line; only its own import can fail here."""

import gc
import os
import sys

_ALLOCATIONS = 100_000
"""Objects made before the collector looks for cycles: an import makes millions of them and hardly any cycle."""


def main() -> None:
    """Runs the command line."""
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
