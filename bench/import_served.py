"""Promise: with a server running, an unchanged report takes a fifteenth of ccusage's CPU, the server's part counted."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from bench.ccledger import data_directory, environment, read_options, report, same_totals
from bench.measure import HEADER, Cost, ccusage, judge, machine, measure, promise, ratio, show
from tests.journeys.server import Server, serving

CPU_LIMIT = 1 / 15


def cpu_of(pid: int) -> float:
    """Return the CPU seconds a running process has used so far, all its threads together."""
    # Linux names the CPU clock of any process by its id; 2 asks for the scheduler's exact count.
    return time.clock_gettime(~pid << 3 | 2)


def with_server(client: Cost, server: Server, before: float) -> Cost:
    """Add what the server has used since a moment to what its client took."""
    return replace(client, user=client.user + cpu_of(server.process.pid) - before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    options = read_options(arguments, __doc__ or "")
    clients: list[Cost] = []
    both: list[Cost] = []
    theirs: list[Cost] = []
    with data_directory() as data:
        program = (str(options.ccledger),)
        with serving(environment(options.corpus, data), program=program) as server:
            server.wait_until_read(600)
            measure(report(options, data, fresh=False))
            for _ in range(options.runs):
                before = cpu_of(server.process.pid)
                clients.append(measure(report(options, data, fresh=False)))
                both.append(with_server(clients[-1], server, before))
                theirs.append(measure(ccusage(options.corpus)))
    cpu = ratio(both, theirs, lambda one: one.cpu)
    rows = (machine(), str(options.corpus), HEADER, show("ccledger, client", clients))
    rows += (show("ccledger, with server", both), show("ccusage", theirs), f"CPU ratio {cpu}, runs in turn", "")
    sys.stdout.write("\n".join(rows))
    same = same_totals(both[-1].output, theirs[-1].output)
    judge("import-served-totals", f"tokens {'equal' if same else 'differ'}", "equal", kept=same)
    kept = (promise("import-served-cpu", cpu, CPU_LIMIT), same)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
