"""A ledger of millions of calls, made by SQL in minutes and kept for later runs; its keys are left out.

Nobody asks a ledger for keys but its writer, and writing them is most of the work.
"""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from random import Random

import apsw

from bench.corpus import bench_directory
from ccledger.core.call import Cost, Fact, Place, Reading, Source, Timing, Usage
from ccledger.core.measures import MEASURES, Axis, Dimension, Grain
from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.ids import FIRST_MS
from ccledger.ledger.rows import COLUMNS, Kind, Names, encode
from ccledger.ledger.store import open_store

FORMAT = 1
"""Part of the cache key: raise it when the generator or the schema changes."""
ZONE = "Asia/Shanghai"
_ZONE_QUARTERS = 32
LAST_DAY = datetime(2026, 11, 20, tzinfo=UTC)
MODELS = (
    ("claude-opus-5", 5000, 25000, 30),
    ("claude-sonnet-5", 3000, 15000, 28),
    ("claude-haiku-4-5", 1000, 5000, 16),
    ("claude-opus-4-8", 5000, 25000, 9),
    ("claude-sonnet-4-6", 3000, 15000, 8),
    ("claude-fable-5-1", 800, 4000, 5),
    ("claude-opus-4-5", 5000, 25000, 3),
    ("claude-unheard-of-1", None, None, 1),
)
"""Names, nano-USD per token of input and output, and how often they are taken."""
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Plan:
    """What a ledger is made of; equal plans give equal ledgers."""

    calls: int = 10_000_000
    days: int = 730
    sessions: int = 30_000
    projects: int = 40
    tokens: int = 200
    accounts: int = 20
    users: int = 50
    gateway_share: float = 0.3
    seed: int = 1

    @property
    def name(self) -> str:
        """Name the cache directory."""
        schema = [path.read_text("utf-8") for path in sorted(Path("src/ccledger/ledger/migrations/sqlite").glob("*"))]
        digest = hashlib.sha256(json.dumps([FORMAT, schema, asdict(self)]).encode()).hexdigest()[:10]
        return f"ledger-{self.calls}-{digest}"


def ensure_ledger(plan: Plan) -> Path:
    """Return the data directory of a plan's ledger, made now or by an earlier run that finished."""
    top = bench_directory() / plan.name
    stamp = top / "complete.json"
    if not stamp.is_file():
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir(parents=True, mode=0o700)
        write_ledger(plan, top / "ledger.db")
        stamp.write_text(json.dumps(asdict(plan)))
    return top


def write_ledger(plan: Plan, path: Path) -> None:
    """Make the ledger: an empty one by the engine itself, then its rows."""
    open_store(f"sqlite:///{path}", lambda: _no_price, ZONE).close()
    connection = apsw.Connection(str(path))
    for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -1000000", "temp_store = file"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    with connection:
        write_names(connection, plan)
        connection.execute(SESSION_TABLE)
        connection.executemany(f"INSERT INTO session VALUES ({', '.join('?' * 14)})", sessions(plan))
        longest = connection.execute("SELECT max(calls) FROM session").get
        connection.execute(NUMBERS, (longest,))
        connection.execute("DROP INDEX request_logs_session")
        connection.execute("DROP INDEX usage_day_session")
        for first in range(0, plan.days + 2, 31):
            connection.execute(CALLS, (_begin(plan) + first * _DAY_MS, _begin(plan) + (first + 31) * _DAY_MS))
        connection.execute("CREATE INDEX request_logs_session ON request_logs (session_id, id)")
        sum_up(connection)
        connection.execute("CREATE INDEX usage_day_session ON usage_day (session_id, day)")
        connection.execute("INSERT INTO batch (node, committed_at, ids, models) VALUES (0, 0, x'', x'7b7d')")
    connection.execute("PRAGMA journal_mode = wal").fetchall()
    connection.close()


def _no_price(_reading: Reading, _at: int) -> Cost | None:
    return None


def _begin(plan: Plan) -> int:
    return int(LAST_DAY.timestamp() * 1000) - (plan.days - 1) * _DAY_MS


def _traits_of(source: Source) -> int:
    """What the engine itself would write for a plain call of a source."""
    names = Names(lambda _kind, _text: 1, lambda _path, _folder: 1)
    place = Place(source, "s", "p", "f")
    fact = Fact(("msg:1",), Timing(source, 1), Reading("m", Usage(1)), place, 1, None, 1 << source)
    row, _ = encode(1, fact, None, names)
    return int(row[COLUMNS.index("traits")] or 0)


def write_names(connection: apsw.Connection, plan: Plan) -> None:
    """Write every text that calls lead to; ids are counted on from kind to kind."""
    kinds = (
        (Kind.MODEL, [name for name, *_ in MODELS]),
        (Kind.ACCESS_TOKEN, [f"key-{n}" for n in range(plan.tokens)]),
        (Kind.ACCOUNT, [f"account-{n}" for n in range(plan.accounts)]),
        (Kind.USER, [f"user-{n}" for n in range(plan.users)]),
        (Kind.MODE, ["api"]),
        (Kind.ENDPOINT, ["messages"]),
        (Kind.BRANCH, ["main"]),
        (Kind.SESSION, [_session_name(n) for n in range(plan.sessions)]),
    )
    texts = [(int(kind), text) for kind, several in kinds for text in several]
    rows = ((number, *row) for number, row in enumerate(texts, 1))
    connection.executemany("INSERT INTO name (id, kind, text) VALUES (?, ?, ?)", rows)
    projects = ((n + 1, f"/home/app/project-{n}", f"-home-app-project-{n}") for n in range(plan.projects))
    connection.executemany("INSERT INTO project (id, path, folder) VALUES (?, ?, ?)", projects)
    connection.execute("CREATE TEMP TABLE model (id INTEGER PRIMARY KEY, input INTEGER, output INTEGER)")
    connection.executemany(
        "INSERT INTO model VALUES (?, ?, ?)", ((n, *prices) for n, (_, *prices, _) in enumerate(MODELS, 1))
    )


def _session_name(number: int) -> str:
    digits = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


SESSION_TABLE = """
    CREATE TEMP TABLE session (
        id INTEGER PRIMARY KEY, source INTEGER, traits INTEGER, begins INTEGER, gap INTEGER, calls INTEGER,
        project INTEGER, model INTEGER, other_model INTEGER, token INTEGER, account INTEGER, user INTEGER,
        mode INTEGER, branch INTEGER
    )
"""


def sessions(plan: Plan) -> Iterator[tuple[int, ...]]:
    """Make sessions up: in working hours, fewer at weekends, a few of them long, popular projects and keys."""
    rng = Random(plan.seed)
    traits = {source: _traits_of(source) for source in Source}
    weights = [rng.lognormvariate(0, 1.1) for _ in range(plan.sessions)]
    factor = plan.calls / sum(weights)
    project_weights = list(accumulate(1 / math.sqrt(n + 1) for n in range(plan.projects)))
    token_weights = list(accumulate(1 / math.sqrt(n + 1) for n in range(plan.tokens)))
    model_weights = list(accumulate(weight for *_, weight in MODELS))
    token_id = len(MODELS) + 1
    account_id, user_id = token_id + plan.tokens, token_id + plan.tokens + plan.accounts
    mode_id = user_id + plan.users
    for number, weight in enumerate(weights):
        day = rng.randrange(plan.days)
        if (day % 7) in (5, 6) and rng.random() < 0.7:
            day = max(0, day - 2)
        hour = min(max(rng.gauss(6, 4), -8), 15.5)  # UTC: the middle of a working day in Shanghai
        calls = max(1, round(weight * factor))
        lasts = rng.lognormvariate(math.log(2.5 * 3_600_000), 0.9)
        by_gateway = rng.random() < plan.gateway_share
        token = rng.choices(range(plan.tokens), cum_weights=token_weights)[0] if by_gateway else -1
        model, other = rng.choices(range(1, len(MODELS) + 1), cum_weights=model_weights, k=2)
        source = Source.GATEWAY if by_gateway else Source.TRANSCRIPT
        yield (
            mode_id + 3 + number,
            int(source),
            traits[source],
            _begin(plan) + day * _DAY_MS + int(hour * 3_600_000),
            max(1, int(lasts / calls)),
            calls,
            1 + rng.choices(range(plan.projects), cum_weights=project_weights)[0],
            model,
            other,
            *((token_id + token, account_id + token % plan.accounts) if by_gateway else (0, 0)),
            *((user_id + token % plan.users, mode_id) if by_gateway else (0, 0)),
            0 if by_gateway else mode_id + 2,
        )


NUMBERS = """
    CREATE TEMP TABLE number AS
    WITH RECURSIVE counted (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < ?) SELECT n FROM counted
"""
CALLS = f"""
    WITH drawn AS MATERIALIZED (
        SELECT session.*, n, begins + n * gap + (session.id * 7919 + n * 104729) % gap AS at,
               (session.id * 2654435761 + n * 40503) >> 3 & 0xffffffff AS dice
        FROM session JOIN number ON n < calls
        WHERE begins < ?2 AND begins + calls * gap >= ?1 AND begins + n * gap BETWEEN ?1 AND ?2 - 1
    ),
    counted AS (
        SELECT *, iif(dice % 7 = 0, other_model, model) AS model_id,
               1 + dice % 900 AS i, 30 + dice / 7 % 4000 AS o, dice / 11 % 6000 AS w5, iif(dice % 5, 0, 3000) AS w1,
               dice / 13 % 120000 AS r
        FROM drawn
    )
    INSERT OR IGNORE INTO request_logs ({", ".join(COLUMNS)})
    SELECT (at - {FIRST_MS}) << 20 | (counted.id * 31 + n) % 4096, at, model_id, i, o, w5, w1, r,
           i * input, o * output, (w5 * 5 / 4 + w1 * 2) * input, r * input / 10,
           traits, counted.id, project, branch, 0, printf('req_011%018d', counted.id * 100000 + n),
           0, iif(token, iif(input IS NULL, NULL, 0), NULL), NULL, source * (token > 0), token, account, user, mode,
           iif(token AND dice % 97 = 0, 1, 0), iif(token, 200, NULL), iif(token, 900 + dice / 17 % 59000, NULL),
           iif(token, 200 + dice / 19 % 700, NULL), iif(token, mode + 1, 0), token > 0, 3 * (token AND dice % 97 = 0),
           iif(token AND dice % 97 = 0, 'overloaded', NULL), token > 0
    FROM counted JOIN model ON model.id = model_id
    ORDER BY 1
"""


def sum_up(connection: apsw.Connection) -> None:
    """Fill the roll-ups from the calls, measured as the engine's own questions measure them."""
    keys = ("token_id", "account_id", "user_id", "project_id", "session_id", "mode_id", "source_id", "model_id")
    columns_of_calls = {
        **dict(zip(keys, keys, strict=True)),
        "source_id": questions.CALLS_IN_PLACE.columns[Axis.SOURCE],
    }
    parts = ", ".join(f"{text} AS {name}" for name, text in columns_of_calls.items())
    measured = ", ".join(
        f"sum({text}) AS {name}" for name, text in zip(MEASURES, questions.CALLS_IN_PLACE.measures, strict=True)
    )
    connection.execute(
        f"CREATE TEMP TABLE quarter AS SELECT request_at / 900000 AS quarter, {parts}, {measured} FROM request_logs "
        f"GROUP BY quarter, {', '.join(columns_of_calls.values())}"
    )
    sums = ", ".join(f"sum({name})" for name in MEASURES)
    columns = ", ".join(MEASURES)
    day = f"(quarter + {_ZONE_QUARTERS}) / 96"
    connection.execute(
        f"INSERT INTO usage_day (day, {', '.join(keys)}, {columns}) "
        f"SELECT {day}, {', '.join(keys)}, {sums} FROM quarter GROUP BY {day}, {', '.join(keys)}"
    )
    dimensions = {
        Dimension.ALL: "0 * model_id",
        Dimension.ACCESS_TOKEN: "token_id",
        Dimension.ACCOUNT: "account_id",
        Dimension.USER: "user_id",
        Dimension.PROJECT: "project_id",
        Dimension.SOURCE: "source_id",
    }
    for dimension, key in dimensions.items():
        for grain, start in ((Grain.QUARTER, "quarter"), (Grain.DAY, day)):
            connection.execute(
                f"INSERT INTO usage_rollup (grain, dimension, key_id, start, model_id, {columns}) "
                f"SELECT {int(grain)}, {int(dimension)}, {key}, {start}, model_id, {sums} FROM quarter "
                f"WHERE {key} OR {int(dimension)} = 0 GROUP BY {start}, {key}, model_id"
            )


if __name__ == "__main__":
    sys.stdout.write(f"{ensure_ledger(Plan())}\n")
