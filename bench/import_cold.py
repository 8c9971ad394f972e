"""Promise: a first import takes a part of ccusage's CPU and memory, with the same totals; no ledger is kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.ccledger import data_directory, read_options, report, same_totals
from bench.measure import HEADER, ccusage, interleave, judge, machine, promise, ratio, show

CPU_LIMIT = 0.6
MEMORY_LIMIT = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a promise is missed."""
    options = read_options(arguments, __doc__ or "")
    with data_directory() as data:
        ours, theirs = interleave(report(options, data, fresh=True), ccusage(options.corpus), options.runs)
    cpu, memory = ratio(ours, theirs, lambda one: one.cpu), ratio(ours, theirs, lambda one: one.peak_bytes)
    rows = (machine(), str(options.corpus), HEADER, show("ccledger, first import", ours), show("ccusage", theirs))
    sys.stdout.write("\n".join((*rows, f"CPU ratio {cpu}, memory ratio {memory}, runs in turn", "")))
    same = same_totals(ours[-1].output, theirs[-1].output)
    judge("import-cold-totals", f"tokens {'equal' if same else 'differ'}", "equal", kept=same)
    kept = (promise("import-cold-cpu", cpu, CPU_LIMIT), promise("import-cold-memory", memory, MEMORY_LIMIT), same)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
