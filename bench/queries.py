"""Promise: ten million calls are asked about in milliseconds, over HTTP; no question is asked twice."""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import apsw

from bench.import_served import cpu_of
from bench.ledger import LAST_DAY, MODELS, ZONE, Plan, ensure_ledger
from bench.measure import judge, machine
from ccledger.core.measures import Axis
from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.ids import call_id
from ccledger.stats.history import Cursor, cursor_text
from tests.journeys.server import Server, serving

OTHER_ZONES = ("Europe/Berlin", "Asia/Kathmandu", "America/St_Johns")
ROLLED_UP = (Axis.PROJECT, Axis.ACCESS_TOKEN, Axis.ACCOUNT, Axis.USER, Axis.SOURCE)
DRAWN = "calls,total_tokens,total_cost"
"""What a chart draws."""
LENGTHS = (1, 7, 30, 90, 365, 730)
HISTORY = "stats/history"
LOGS = "logs/requests"
PAGE = 50


@dataclass(frozen=True)
class Kind:
    """Questions that one promise is about."""

    promise: str
    limit_ms: float
    what: str
    ask: Callable[[Random, Plan], Mapping[str, object]]
    path: str = "stats/query"


def span(rng: Random, plan: Plan, lengths: Sequence[int] = LENGTHS) -> dict[str, str]:
    """Draw whole days that are in the ledger."""
    length = rng.choice(lengths)
    last = LAST_DAY.date() - timedelta(days=rng.randrange(max(1, plan.days - length + 1)))
    return {"start_date": (last - timedelta(days=length - 1)).isoformat(), "end_date": last.isoformat()}


def value(rng: Random, axis: Axis, plan: Plan) -> str:
    """Draw a value that is on an axis."""
    match axis:
        case Axis.MODEL:
            return rng.choice(MODELS)[0]
        case Axis.PROJECT:
            return f"/home/app/project-{rng.randrange(plan.projects)}"
        case Axis.ACCESS_TOKEN:
            return f"key-{rng.randrange(plan.tokens)}"
        case Axis.ACCOUNT:
            return f"account-{rng.randrange(plan.accounts)}"
        case Axis.USER:
            return f"user-{rng.randrange(plan.users)}"
        case _:
            return rng.choice(("transcript", "gateway"))


def by_dimension(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for a breakdown by one dimension and model."""
    return {"group_by": f"{rng.choice(ROLLED_UP)},model", **span(rng, plan)}


def of_one(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for the models of one value of a dimension."""
    axis = rng.choice(ROLLED_UP)
    return {"group_by": "model", "filter": f"{axis}:{value(rng, axis, plan)}", **span(rng, plan)}


def by_model(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask how models went over time, in as many spans as fit a chart."""
    grain, lengths = rng.choice((("hour", (1, 2, 7)), ("day", (7, 30, 90)), ("week", (90, 365)), ("month", (365, 730))))
    return {"group_by": "model", "grain": grain, "metrics": DRAWN, **span(rng, plan, lengths)}


def series_of_one(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask how one value of a dimension went, day by day."""
    return {**of_one(rng, plan), "grain": "day", "metrics": DRAWN, **span(rng, plan, (7, 30, 90))}


def heat_map(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for every hour of some weeks."""
    return {"grain": "hour", "metrics": DRAWN, **span(rng, plan, (28, 56))}


def elsewhere(ask: Callable[[Random, Plan], dict[str, object]]) -> Callable[[Random, Plan], dict[str, object]]:
    """Ask the same in another time zone."""
    return lambda rng, plan: {**ask(rng, plan), "timezone": rng.choice(OTHER_ZONES)}


def combined(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask by one thing of another, and not of a third."""
    first, second, third = rng.sample((*ROLLED_UP, Axis.MODEL), 3)
    filters = [f"{second}:{value(rng, second, plan)}", f"-{third}:{value(rng, third, plan)}"]
    grain = rng.choice(("none", "none", "day", "month"))
    lengths = {"none": LENGTHS, "day": (7, 30, 90), "month": (365, 730)}[grain]
    return {"group_by": first, "filter": filters, "grain": grain, **span(rng, plan, lengths)}


def dearest_sessions(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for the dearest sessions, of one project or of all."""
    filters = [f"project:{value(rng, Axis.PROJECT, plan)}"] if rng.random() < 0.7 else []
    return {"group_by": "session", "filter": filters, "limit": 50, **span(rng, plan)}


def calls_of(rng: Random, plan: Plan) -> dict[str, str]:
    """Ask for the calls of one project or model."""
    axis = rng.choice((Axis.PROJECT, Axis.MODEL))
    return {str(axis): value(rng, axis, plan), **span(rng, plan)}


def first_page(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for the newest calls."""
    return {**calls_of(rng, plan), "page": 1}


def deep_page(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for calls of a model that thousands of pages come before."""
    model, *_, weight = rng.choice(MODELS)
    asked = span(rng, plan, (90, 365, 730))
    days = (date.fromisoformat(asked["end_date"]) - date.fromisoformat(asked["start_date"])).days + 1
    calls = plan.calls * days * weight // (plan.days * sum(share for *_, share in MODELS))
    return {"model": model, **asked, "page": 1 + rng.randrange(1 + calls // PAGE), "limit": PAGE}


def page_from_here(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for the calls after one, as the end of a page names it."""
    asked = calls_of(rng, plan)
    day = date.fromisoformat(asked["start_date"] if rng.random() < 0.5 else asked["end_date"])
    at = int(datetime.combine(day, time_of_day(12), UTC).timestamp() * 1000) + rng.randrange(1000)
    return {**asked, "after": cursor_text(Cursor(at, call_id(at, 0, 0)))}


def logs_of(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for the calls of one access token, account or user, or for failed ones, in a time."""
    first, last = (span(rng, plan)[end] for end in ("start_date", "end_date"))
    names = {"token_id": Axis.ACCESS_TOKEN, "account_id": Axis.ACCOUNT, "user_name": Axis.USER}
    name = rng.choice((*names, "success"))
    asked = {name: value(rng, names[name], plan) if name in names else "false"}
    return {**asked, "from_date": min(first, last), "to_date": max(first, last)}


def logs_from_here(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for the same after a call in the middle."""
    asked = logs_of(rng, plan)
    at = datetime.combine(date.fromisoformat(str(asked["to_date"])), time_of_day(12), UTC)
    return {**asked, "after": str(call_id(int(at.timestamp() * 1000), 0, 0))}


def logs_by_looking(rng: Random, plan: Plan) -> dict[str, object]:
    """Ask for what no roll-up tells: a status, a mode, several at once."""
    asked = ({"status": 200}, {"status": 529}, {"mode": "web"}, {"endpoint": "messages"})
    token = {"token_id": value(rng, Axis.ACCESS_TOKEN, plan), "project": value(rng, Axis.PROJECT, plan)}
    return {**rng.choice((*asked, token))}


KINDS = (
    Kind("query-dimension", 20, "a dimension × model, 1 to 730 days", by_dimension),
    Kind("query-dimension", 20, "models of one project, key, …, 1 to 730 days", of_one),
    Kind("query-dimension", 20, "models over hours, days, weeks, months", by_model),
    Kind("query-dimension", 20, "one project, key, … day by day", series_of_one),
    Kind("query-zone", 60, "another zone: a dimension × model, 1 to 730 days", elsewhere(by_dimension)),
    Kind("query-zone", 60, "another zone: models of one project, key, …", elsewhere(of_one)),
    Kind("query-zone", 60, "another zone: models over time", elsewhere(by_model)),
    Kind("query-combined", 400, "one by another without a third", combined),
    Kind("query-combined", 400, "the dearest sessions of a project or of all", dearest_sessions),
    Kind("query-combined", 400, "every hour of four or eight weeks", heat_map),
    Kind("query-history", 20, "calls of a project or model: page 1", first_page, HISTORY),
    Kind("query-history", 20, "calls of a model: any page, often a deep one", deep_page, HISTORY),
    Kind("query-history", 20, "calls of a project or model: after one of them", page_from_here, HISTORY),
    Kind("query-requests", 20, "calls of a key, account, user, failed: page 0", logs_of, LOGS),
    Kind("query-requests", 20, "calls of a key, account, …: after one of them", logs_from_here, LOGS),
    Kind("query-scan", 20, "a mode, a status, …: what there is time for", logs_by_looking, LOGS),
)


@dataclass(frozen=True)
class Timings:
    """How long the questions of one kind took, in milliseconds: from asking to the whole answer, and of the CPU."""

    kind: Kind
    ms: list[float]
    cpu: list[float]

    def __str__(self) -> str:
        """Write a row of the table."""
        middle, high, worst = statistics.median(self.ms), percentile(self.ms), max(self.ms)
        figures = (middle, high, worst, statistics.median(self.cpu), percentile(self.cpu))
        return f"{self.kind.promise:<16} {self.kind.what:<50}" + "".join(f" {figure:>8.1f}" for figure in figures)


def percentile(values: Sequence[float], share: float = 0.99) -> float:
    """Return the value that so many are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ask_all(server: Server, kind: Kind, plan: Plan, times: int) -> Timings:
    """Ask questions of a kind one after the other, over one connection as a page would."""
    rng = Random(f"{kind.what} {plan.seed}")
    connection = HTTPConnection("127.0.0.1", server.port)
    took: list[float] = []
    cpu: list[float] = []
    for number in range(times + 1):
        address = f"/api/v1/{kind.path}?{urlencode(kind.ask(rng, plan), doseq=True)}"
        began, used = time.perf_counter(), cpu_of(server.process.pid)
        connection.request("GET", address)
        answer = connection.getresponse()
        body = answer.read()
        if number:  # the first one loads what the server has not needed yet
            took.append((time.perf_counter() - began) * 1000)
            cpu.append((cpu_of(server.process.pid) - used) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{address}: {answer.status} {body[:300]!r}")
    connection.close()
    return Timings(kind, took, cpu)


def plans(ledger: Path) -> Iterator[str]:
    """Tell how SQLite answers the questions behind these."""
    connection = apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READONLY)
    both = (Axis.PROJECT, Axis.MODEL)
    asked = {
        "by dimension": questions.sums(questions.spans_table(Axis.PROJECT), both, (), (), questions.EXACT),
        "combined": questions.sums(questions.DAYS, both, (Axis.USER,), (Axis.SOURCE,), questions.EXACT),
        "edges": questions.sums(questions.CALLS_IN_PLACE, both, (Axis.USER,), (Axis.SOURCE,), questions.EXACT),
    }
    for name, text in asked.items():
        rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * text.count("?"))
        yield f"plan {name}: {' · '.join(row[3] for row in rows)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a promise is missed."""
    plan, times = read_options(arguments, __doc__)
    began = time.monotonic()
    data = ensure_ledger(plan)
    size = (data / "ledger.db").stat().st_size
    sys.stdout.write(
        f"{machine()}\n{plan.calls:,} calls, {size / 1e9:.1f} GB, ready in {time.monotonic() - began:.0f} s\n"
    )
    found = ask_everything({"CCLEDGER_DATA_DIR": str(data)}, plan, times)
    return report(found, times, plans(data / "ledger.db"))


def read_options(arguments: Sequence[str] | None, what: str | None) -> tuple[Plan, int]:
    """Read the command line: which ledger, and how often each kind of question is asked."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--calls", type=int, default=Plan.calls)
    parser.add_argument("--times", type=int, default=300)
    chosen = parser.parse_args(arguments)
    return Plan(calls=chosen.calls, sessions=max(100, chosen.calls * 3 // 1000)), chosen.times


def ask_everything(environment: Mapping[str, str], plan: Plan, times: int) -> list[Timings]:
    """Ask a server of nobody's history every kind of question."""
    with (
        tempfile.TemporaryDirectory(prefix="nobody-") as home,
        serving({"CLAUDE_CONFIG_DIR": home, "CCLEDGER_TIMEZONE": ZONE, **environment}) as server,
    ):
        return [ask_all(server, kind, plan, times) for kind in KINDS]


def report(found: Sequence[Timings], times: int, plans: Iterable[str], suffix: str = "") -> int:
    """Print the table and the plans, judge every promise, and return 1 when one is missed."""
    heads = ("middle", "p99", "worst", "CPU", "CPU p99")
    sys.stdout.write(f"{f'milliseconds, {times} questions each':<67}{''.join(f'{head:>9}' for head in heads)}\n")
    sys.stdout.write("".join(f"{each}\n" for each in [*found, *plans]))
    kept = [judge_kind(name, found, suffix) for name in dict.fromkeys(kind.promise for kind in KINDS)]
    return 0 if all(kept) else 1


def judge_kind(name: str, found: Sequence[Timings], suffix: str) -> bool:
    """Judge a promise by the slowest of its kinds."""
    own = [each for each in found if each.kind.promise == name]
    p99, limit = max(percentile(each.ms) for each in own), own[0].kind.limit_ms
    return judge(f"{name}{suffix}", f"p99 {p99:.0f} ms", f"{limit:.0f} ms", kept=p99 <= limit)


if __name__ == "__main__":
    sys.exit(main())
