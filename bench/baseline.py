"""What ccusage itself costs on the corpus, by its own binary and through npm's launcher; it promises nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.ccledger import read_options
from bench.measure import HEADER, ccusage, ccusage_by_npm, interleave, machine, ratio, show


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both ways of starting ccusage, then the same way twice: the second ratio is the noise."""
    options = read_options(arguments, __doc__ or "")
    native, launched = interleave(ccusage(options.corpus), ccusage_by_npm(options.corpus), options.runs)
    once, again = interleave(ccusage(options.corpus), ccusage(options.corpus), options.runs)
    rows = (
        machine(),
        str(options.corpus),
        HEADER,
        show("ccusage, own binary", native),
        show("ccusage, launcher", launched),
    )
    sys.stdout.write("\n".join((*rows, show("ccusage again", once), show("ccusage again", again), "")))
    sys.stdout.write(f"launcher to binary, CPU {ratio(launched, native, lambda one: one.cpu)}\n")
    sys.stdout.write(f"noise, CPU {ratio(once, again, lambda one: one.cpu)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
