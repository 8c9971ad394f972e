"""Where the program starts: hands over to the command line, and turns what goes wrong into one line."""

import gc
import sys

_ALLOCATIONS = 100_000
"""Objects made before the collector looks for cycles: an import makes millions of them and hardly any cycle."""


def main() -> None:
    """Runs the command line."""
    from ccledger.cli import run

    gc.set_threshold(_ALLOCATIONS, 50, 1000)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
