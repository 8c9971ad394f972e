"""Where the program starts: hands over to the command line; only its own import can fail here."""

import sys


def main() -> None:
    """Runs the command line."""
    try:
        from ccledger.cli import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
