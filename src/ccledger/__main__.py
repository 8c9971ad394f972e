"""Where the program starts: hands over to the command line, and turns what goes wrong into one line."""

import sys


def main() -> None:
    """Runs the command line."""
    from ccledger.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
