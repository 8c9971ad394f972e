"""Promise: ten million calls in PostgreSQL are asked about in milliseconds, too: same questions, same limits."""

# As in ledger_postgresql.py: the types of asyncpg are open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import asyncpg

from bench.ledger import LAST_DAY
from bench.ledger_postgresql import ensure_database
from bench.measure import machine
from bench.queries import ask_everything, read_options, report
from ccledger.core.measures import Axis, Dimension, Grain
from ccledger.ledger.postgresql import questions
from ccledger.ledger.postgresql.history import first_id
from ccledger.ledger.postgresql.link import READER_SETTINGS

_BOTH: Final = (Axis.PROJECT, Axis.MODEL)
_DAY_MS: Final = 86_400_000
_LAST: Final = int(LAST_DAY.timestamp() * 1000)
_DAYS: Final = {"first": _LAST // _DAY_MS - 60, "last": _LAST // _DAY_MS - 30}
_IDS: Final = {"first": first_id(_LAST - 30 * _DAY_MS), "until": first_id(_LAST - 29 * _DAY_MS)}
_EDGE: Final = {"first": _IDS["first"], "last": first_id(_LAST - 30 * _DAY_MS + 900_000) - 1}
_FILTERS: Final = {"only_user": [30], "without_source": [2]}
_TOKEN: Final = " AND token_id = :token::bigint"


def plans(url: str) -> Iterator[str]:
    """Tell how PostgreSQL answers the questions behind these."""
    one, two = (Axis.USER,), (Axis.SOURCE,)
    by_project = {**_DAYS, "grain": Grain.DAY.value, "dimension": Dimension.PROJECT.value}
    asked = {
        "by dimension": (questions.sums_of_one(questions.spans_table(Axis.PROJECT), _BOTH, (), ()), by_project),
        "combined": (questions.sums_of_one(questions.DAYS, _BOTH, one, two), {**_DAYS, **_FILTERS}),
        "edges": (questions.sums_of_one(questions.CALLS_IN_PLACE, _BOTH, one, two), {**_EDGE, **_FILTERS}),
        "calls of a key": (questions.calls_in_place(_TOKEN, "DESC"), {**_IDS, "token": 9, "limit": 64}),
    }
    for name, (question, values) in asked.items():
        text, names = questions.numbered(question)
        explained = asyncio.run(_explain(url, text, [values[each] for each in names]))
        steps = " · ".join(_steps(explained["Plan"]))
        yield f"plan {name}: {explained['Execution Time']:.2f} + {explained['Planning Time']:.2f} ms: {steps}"


async def _explain(url: str, text: str, values: Sequence[object]) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    await connection.execute(f"{READER_SETTINGS} SET plan_cache_mode = force_generic_plan; SET jit = off")
    await connection.execute(f"PREPARE question AS {text}")
    bound = ", ".join(f"'{value}'".replace("[", "{").replace("]", "}") for value in values)
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE question({bound})"
    await connection.execute(explain)  # the next time nothing has to be loaded any more
    told = await connection.fetchval(explain)
    await connection.close()
    return json.loads(told)[0]


def _steps(step: dict[str, Any]) -> Iterator[str]:
    """Name each step, with the index it goes by and how many rows it gave."""
    where = f" {step['Index Name']}" if "Index Name" in step else ""
    yield f"{step['Node Type']}{where} ({step['Actual Rows']:.0f})"
    for part in step.get("Plans", ()):
        yield from _steps(part)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a promise is missed."""
    plan, times = read_options(arguments, __doc__)
    began = time.monotonic()
    url = ensure_database(plan)
    version, size = asyncio.run(_about(url))
    sys.stdout.write(
        f"{machine()} · PostgreSQL {version}\n"
        f"{plan.calls:,} calls, {size / 1e9:.1f} GB, ready in {time.monotonic() - began:.0f} s\n"
    )
    with tempfile.TemporaryDirectory(prefix="data-") as data:
        found = ask_everything({"CCLEDGER_DATA_DIR": data, "CCLEDGER_DATABASE_URL": url}, plan, times)
    return report(found, times, plans(url), "-postgresql")


async def _about(url: str) -> tuple[str, int]:
    connection = await asyncpg.connect(url)
    version = await connection.fetchval("SHOW server_version")
    size = await connection.fetchval("SELECT pg_database_size(current_database())")
    await connection.close()
    return version, size


if __name__ == "__main__":
    sys.exit(main())
