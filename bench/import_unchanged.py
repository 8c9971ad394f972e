"""Promise: a second run over unchanged files takes a tenth of ccusage's CPU; the first run is never counted."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.ccledger import data_directory, read_options, report, same_totals
from bench.measure import HEADER, ccusage, interleave, judge, machine, measure, promise, ratio, show

CPU_LIMIT = 0.10


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    options = read_options(arguments, __doc__ or "")
    with data_directory() as data:
        again = report(options, data, fresh=False)
        first = measure(again)
        ours, theirs = interleave(again, ccusage(options.corpus), options.runs)
    cpu = ratio(ours, theirs, lambda one: one.cpu)
    rows = (machine(), str(options.corpus), HEADER, show("ccledger, first import", [first]))
    rows += (show("ccledger, unchanged", ours), show("ccusage", theirs), f"CPU ratio {cpu}, runs in turn", "")
    sys.stdout.write("\n".join(rows))
    same = same_totals(ours[-1].output, theirs[-1].output) and ours[-1].output == first.output
    judge("import-unchanged-totals", f"tokens {'equal' if same else 'differ'}", "equal", kept=same)
    kept = (promise("import-unchanged-cpu", cpu, CPU_LIMIT), same)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
