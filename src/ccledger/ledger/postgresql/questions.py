"""What the PostgreSQL ledger is asked, as SQL over ids and times; it never runs any, and knows no text of a name.

Values are named (`:first`) and bound; what tells partitions and partial indexes apart is written out, because a plan is
made before values are known. No question needs a table read whole: readers switch such plans off.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ccledger.core.measures import MEASURES, MODEL_ENDPOINTS, Axis
from ccledger.ledger.ids import FIRST_MS
from ccledger.ledger.kinds import Kind
from ccledger.ledger.store import Ranking

_NAME: Final = re.compile(r"(?<!:):([a-z_]+)")
_LARGEST: Final = (1 << 63) - 1
_SUMS: Final = ", ".join(MEASURES)


@lru_cache(512)
def numbered(question: str) -> tuple[str, tuple[str, ...]]:
    """A question as PostgreSQL takes it, and the names of the values it binds, in order."""
    names: dict[str, int] = {}
    text = _NAME.sub(lambda found: f"${names.setdefault(found[1], len(names) + 1)}", question)
    return text, tuple(names)


SETTINGS: Final = "SELECT name, value FROM setting WHERE name IN ('zone', 'horizon', 'months')"
"""What a state of the ledger is asked first."""

IDS_OF_NAMES: Final = "SELECT id, text FROM name WHERE kind = :kind::bigint AND text = ANY(:texts::text[])"
PROJECTS: Final = "SELECT id, path, folder FROM project ORDER BY id"
SPANS: Final = f"""
    SELECT start, key_id, model_id, {_SUMS} FROM usage_rollup
    WHERE grain = :grain::bigint AND dimension = :dimension::bigint AND start BETWEEN :first::bigint AND :last::bigint
    ORDER BY start, key_id, model_id
"""
SESSIONS: Final = f"""
    SELECT day, session_id, model_id, {_SUMS} FROM usage_day
    WHERE day BETWEEN :first::bigint AND :last::bigint AND session_id > 0
    ORDER BY day, session_id, model_id
"""
SESSIONS_NAMED: Final = f"""
    SELECT day, session_id, model_id, {_SUMS} FROM usage_day WHERE session_id = ANY(:sessions::bigint[])
"""
# An array of a row's columns, its id first: the largest one is that of the newest row, found without asking again.
SESSION_INFOS: Final = """
    WITH held AS (
        SELECT session_id, min(ARRAY[id, request_at]) AS oldest,
               max(ARRAY[id, request_at, project_id, branch_id]) AS newest,
               count(DISTINCT agent_id) FILTER (WHERE agent_id > 0) AS agents
        FROM request_logs WHERE session_id = ANY(:sessions::bigint[]) GROUP BY session_id
    ),
    past AS (SELECT * FROM session_past WHERE session_id = ANY(:sessions::bigint[]))
    SELECT session_id, coalesce(newest[3], past.project_id), coalesce(newest[4], past.branch_id),
           coalesce(past.agents, 0) + coalesce(held.agents, 0),
           coalesce(past.first_at, oldest[2]), coalesce(newest[2], past.last_at)
    FROM held FULL JOIN past USING (session_id)
"""
RECENT_SESSIONS: Final = """
    SELECT session_id FROM request_logs WHERE id >= :first::bigint AND session_id > 0
    GROUP BY session_id ORDER BY max(id) DESC LIMIT :limit::bigint
"""
BOOKED: Final = "SELECT key FROM call_key WHERE key = ANY(:keys::text[])"
# A call is looked up for each key: joined, the plan might read all of them.
EXCHANGED: Final = """
    SELECT call_key.key FROM call_key LEFT JOIN call_alias ON call_alias.id = call_key.call_id
    WHERE call_key.key = ANY(:keys::text[]) AND (
        SELECT traits >> 16 & 4 FROM request_logs WHERE id = coalesce(call_alias.call_id, call_key.call_id)
    ) <> 0
"""
SUMMARY: Final = f"""
    SELECT least(coalesce((SELECT sum(calls) FROM usage_rollup WHERE grain = 1 AND dimension = 0), 0), {_LARGEST})
               ::bigint,
           (SELECT count(*) FROM name WHERE kind = {Kind.SESSION.value}),
           coalesce(
               (SELECT value::bigint FROM setting WHERE name = 'removed_first'),
               (SELECT request_at FROM request_logs ORDER BY id LIMIT 1)
           ),
           coalesce(
               (SELECT request_at FROM request_logs ORDER BY id DESC LIMIT 1),
               (SELECT value::bigint FROM setting WHERE name = 'removed_last')
           )
"""
POSITIONS: Final = "SELECT name, position FROM source_position"
POSITION: Final = "SELECT position FROM source_position WHERE name = :name::text"
# A transaction that began earlier and still runs may commit a batch with a smaller number: nobody reads beyond it.
BATCHES: Final = """
    SELECT sequence, committed_at, ids, models FROM batch
    WHERE sequence > :after::bigint
        AND sequence < (SELECT value::bigint FROM setting WHERE name = 'batch_base')
            + pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY sequence LIMIT :limit::bigint
"""
BATCHES_SEEN: Final = """
    SELECT sequence, committed_at, ids, models FROM batch WHERE sequence > :after::bigint
    ORDER BY sequence LIMIT :limit::bigint
"""
"""What is in the sums of one state of the ledger, though an older transaction may still be going on."""


class Table(NamedTuple):
    """A table that calls can be summed up from: which rows are of a stretch of time, and what holds what."""

    name: str
    time: str
    """The condition on a stretch, from `{first}` to `{last}`, and on whatever else makes a row one that is meant."""
    columns: "Mapping[Axis, str]"
    measures: "Sequence[str]"
    span: str
    """What is counted from the first span of a stretch: the span that a row is of, or the time."""


_IDS: Final = {
    Axis.MODEL: "model_id",
    Axis.PROJECT: "project_id",
    Axis.SESSION: "session_id",
    Axis.SOURCE: "source_id",
    Axis.ACCESS_TOKEN: "token_id",
    Axis.ACCOUNT: "account_id",
    Axis.USER: "user_id",
}
DAYS: Final = Table("usage_day", "day BETWEEN {first} AND {last}", _IDS, MEASURES, "day")

# What `core.rollup.measure` says of a call, in the order of `MEASURES`, from the row that `ledger.rows` makes of it.
# Costs are added up as numeric: each fits 64 bits, nonsense in a transcript may make their sum one that doesn't.
_ORIGIN: Final = "(traits >> 3 & 3)"
_ENDPOINTS: Final = ", ".join(f"'{endpoint}'" for endpoint in MODEL_ENDPOINTS)
_ASKED_A_MODEL: Final = (
    f"(endpoint_id = 0 OR endpoint_id IN "
    f"(SELECT id FROM name WHERE kind = {Kind.ENDPOINT.value} AND text IN ({_ENDPOINTS})))"
)
_WHOLE_COST: Final = (
    "input_cost::numeric + output_cost + cache_creation_cost + cache_read_cost + coalesce(web_search_cost, 0)"
)
_MEASURED_BY_CALL: Final = (
    "1",
    f"(input_cost IS NULL AND {_ORIGIN} > 0)::int",
    f"({_ORIGIN} > 0 AND (traits >> 5 & 1) = 0)::int",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "coalesce(input_cost, 0)",
    "coalesce(output_cost, 0)",
    "coalesce(cache_creation_cost, 0)",
    "coalesce(cache_read_cost, 0)",
    "web_searches",
    "coalesce(web_search_cost, 0)",
    f"CASE WHEN (traits >> 14 & 3) = 1 AND input_cost IS NOT NULL THEN {_WHOLE_COST} ELSE 0 END",
    "(outcome = 1)::int",
    "(outcome = 2)::int",
    f"({_ORIGIN} = 2)::int",
    f"({_ORIGIN} = 1 OR {_ORIGIN} = 0 AND {_ASKED_A_MODEL})::int",
    "coalesce(duration_ms, 0)",
    "(duration_ms IS NOT NULL)::int",
    "coalesce(ttft_ms, 0)",
    "(ttft_ms IS NOT NULL)::int",
)
_SOURCE_OF_CALL: Final = "((traits >> 7 & 7) * ((traits >> 7 & 7) > 1)::int)"
# Most calls ran when their ids say: those are found by a range of ids. The index `request_logs_moved` has the others.
_PLACE: Final = f"(id >> 20) + {FIRST_MS}"
CALLS_IN_PLACE: Final = Table(
    "request_logs",
    f"id BETWEEN {{first}} AND {{last}} AND request_at = {_PLACE}",
    {**_IDS, Axis.SOURCE: _SOURCE_OF_CALL},
    _MEASURED_BY_CALL,
    "id",
)
CALLS_MOVED: Final = CALLS_IN_PLACE._replace(
    time=f"request_at BETWEEN {{first}} AND {{last}} AND request_at <> {_PLACE}", span="request_at"
)


def spans_table(axis: Axis | None) -> Table:
    """The roll-up by one dimension, its key being on that axis; None: by none at all."""
    columns = {Axis.MODEL: "model_id"} if axis is None else {Axis.MODEL: "model_id", axis: "key_id"}
    key = " AND key_id = 0" if axis is None else ""
    return Table(
        "usage_rollup",
        "grain = :grain::bigint AND dimension = :dimension::bigint AND start BETWEEN {first} AND {last}" + key,
        columns,
        MEASURES,
        "start",
    )


def months_table(axis: Axis | None) -> Table:
    """The same of months that are over."""
    key = " AND key_id = 0" if axis is None else ""
    return spans_table(axis)._replace(
        name="usage_month",
        time="dimension = :dimension::bigint AND month BETWEEN {first} AND {last}" + key,
        span="month",
    )


def sums_of_one(table: Table, by: "Sequence[Axis]", only: "Sequence[Axis]", without: "Sequence[Axis]") -> str:
    """The sums of one stretch, by axes, after its number: 0. `only` and `without` are axes with a list of ids each."""
    time = table.time.format(first=":first::bigint", last=":last::bigint")
    groups = [table.columns[axis] for axis in by]
    return f"SELECT 0, summed.* FROM ({_sums(table, groups, f'{time}{_filters(table, only, without)}')}) AS summed"


def sums_in_row(table: Table, by: "Sequence[Axis]", only: "Sequence[Axis]", without: "Sequence[Axis]") -> str:
    """The same of stretches of one length that follow each other, each after its number."""
    groups = [f"({table.span} - :first::bigint) / :length::bigint", *(table.columns[axis] for axis in by)]
    time = table.time.format(first=":first::bigint", last=":last::bigint")
    return _sums(table, groups, f"{time}{_filters(table, only, without)}")


def sums_of_each(table: Table, by: "Sequence[Axis]", only: "Sequence[Axis]", without: "Sequence[Axis]") -> str:
    """The same of any stretches."""
    groups = [table.columns[axis] for axis in by]
    time = table.time.format(first="stretch.first", last="stretch.last")
    summed = _sums(table, groups, f"{time}{_filters(table, only, without)}")
    return f"""
    SELECT stretch.number - 1, summed.*
    FROM unnest(:firsts::bigint[], :lasts::bigint[]) WITH ORDINALITY AS stretch (first, last, number)
    CROSS JOIN LATERAL ({summed}) AS summed"""


def _filters(table: Table, only: "Sequence[Axis]", without: "Sequence[Axis]") -> str:
    meant = [f" AND {table.columns[axis]} = ANY(:only_{axis}::bigint[])" for axis in only]
    left_out = [f" AND {table.columns[axis]} <> ALL(:without_{axis}::bigint[])" for axis in without]
    return "".join((*meant, *left_out))


def _sums(table: Table, groups: "Sequence[str]", conditions: str) -> str:
    """Sums are numeric where they may need more than 64 bits; what does is cut off there."""
    sums = [f"least(sum({measure}), {_LARGEST})::bigint AS m{at}" for at, measure in enumerate(table.measures)]
    named = [f"{group} AS g{at}" for at, group in enumerate(groups)]
    question = f"SELECT {', '.join([*named, *sums])} FROM {table.name} WHERE {conditions}"
    if not groups:
        return f"{question} HAVING count(*) > 0"
    return f"{question} GROUP BY {', '.join(f'g{at}' for at, _ in enumerate(groups))}"


_IN_PLACE: Final = f"""
    FROM request_logs
    WHERE id >= :first::bigint AND id < :until::bigint AND request_at = {_PLACE}"""
_MOVED: Final = f"""
    FROM request_logs
    WHERE request_at >= :start::bigint AND request_at < :end::bigint AND request_at <> {_PLACE}"""


MOVED: Final = f"""
    SELECT (SELECT request_at FROM request_logs WHERE request_at <> {_PLACE} ORDER BY request_at LIMIT 1),
           (SELECT request_at FROM request_logs WHERE request_at <> {_PLACE} ORDER BY request_at DESC LIMIT 1)
"""
"""When the first and the last began of the calls that can't be found by their ids."""
HAS_MOVED: Final = f"SELECT EXISTS (SELECT {_MOVED})"
"""Whether a time has such calls: to look for them costs a look into every partition."""


def count_in_place(conditions: str) -> str:
    """How many calls lie in a time, of those whose ids are in the order of time."""
    return f"SELECT count(*) {_IN_PLACE}{conditions}"


def count_moved(conditions: str) -> str:
    """The same of the other calls."""
    return f"SELECT count(*) {_MOVED}{conditions}"


LAST_DAYS: Final = """
    SELECT key_id, max(start) FROM usage_rollup
    WHERE grain = 1 AND dimension = :dimension::bigint AND start BETWEEN 0 AND :last::bigint AND calls > 0
    GROUP BY key_id
"""
"""The newest day on which each key of a dimension has calls."""
LAST_QUARTERS: Final = """
    SELECT key, quarter
    FROM unnest(:keys::bigint[], :firsts::bigint[], :lasts::bigint[]) AS wanted (key, first, last)
    CROSS JOIN LATERAL (
        SELECT max(start) AS quarter FROM usage_rollup
        WHERE grain = 0 AND dimension = :dimension::bigint AND start BETWEEN first AND last AND key_id = key
            AND calls > 0
    ) AS newest
    WHERE quarter IS NOT NULL
"""
"""The newest quarter-hour within others in which each key has calls."""


def last_starts(axis: Axis) -> str:
    """When the newest call of each value on an axis began, each within a time of its own."""
    key = _IDS[axis]
    return f"""
    SELECT key, newest
    FROM unnest(:keys::bigint[], :starts::bigint[], :ends::bigint[], :firsts::bigint[], :untils::bigint[])
        AS wanted (key, started, ended, first, until)
    CROSS JOIN LATERAL (
        SELECT greatest(
            (SELECT max(request_at) FROM request_logs
             WHERE id >= first AND id < until AND request_at = {_PLACE} AND {key} = key),
            (SELECT max(request_at) FROM request_logs
             WHERE request_at >= started AND request_at < ended AND request_at <> {_PLACE} AND {key} = key)
        ) AS newest
    ) AS found
    WHERE newest IS NOT NULL"""


NEXT_IDS: Final = f"""
    SELECT id {_IN_PLACE} AND id > :after::bigint
    UNION ALL
    SELECT id {_MOVED} AND id > :after::bigint
    ORDER BY id LIMIT :limit::bigint
"""
"""The ids of calls in a time, from one on."""


def edge_start(order: str) -> str:
    """When the first (`ASC`) or the last (`DESC`) of the calls in a time started."""
    edge = "least" if order == "ASC" else "greatest"
    return f"""
    SELECT {edge}(
        (SELECT request_at {_IN_PLACE} ORDER BY id {order} LIMIT 1),
        (SELECT request_at {_MOVED} ORDER BY request_at {order} LIMIT 1)
    )"""


def calls_in_place(conditions: str, order: str) -> str:
    """The first rows of `rows.COLUMNS` in a time, of the calls whose ids are in the order of time."""
    return f"{_select_rows()}{_IN_PLACE}{conditions} ORDER BY id {order} LIMIT :limit::bigint"


def calls_moved(conditions: str, order: str) -> str:
    """The same of the other calls, beyond one call and before another."""
    between = (
        "(request_at, id) > (:start::bigint, :first::bigint) AND (request_at, id) < (:end::bigint, :until::bigint)"
    )
    return f"""
    {_select_rows()} FROM request_logs WHERE {between} AND request_at <> {_PLACE}{conditions}
    ORDER BY request_at {order}, id {order} LIMIT :limit::bigint"""


_RANKS: Final = {
    Ranking.STATUS: "status_code",
    Ranking.TOKENS: "input_tokens::numeric + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens"
    " + cache_read_tokens",
    Ranking.COST: _WHOLE_COST,
}


def ranked_calls(conditions: str, ranking: Ranking, order: str) -> tuple[str, str]:
    """Rows of `rows.COLUMNS` in a time by a ranking, of calls whose ids are in the order of time, and of the others."""
    by = f"({_RANKS[ranking]}) {order} NULLS LAST, request_at DESC, id DESC LIMIT :limit::bigint"
    return (
        f"{_select_rows()}{_IN_PLACE}{conditions} ORDER BY {by}",
        f"{_select_rows()}{_MOVED}{conditions} ORDER BY {by}",
    )


def call() -> str:
    """The row of `rows.COLUMNS` of an id, or of the call that it became part of."""
    alias = "coalesce((SELECT call_id FROM call_alias WHERE id = :id::bigint), :id::bigint)"
    return f"{_select_rows()} FROM request_logs WHERE id = {alias}"


def _select_rows() -> str:
    from ccledger.ledger.rows import COLUMNS

    return f"SELECT {', '.join(COLUMNS)}"


_COUNTED: Final = {None: "calls", True: "calls - error_calls - aborted_calls", False: "error_calls + aborted_calls"}
_SPANS_KEPT: Final = """
    ARRAY(
        SELECT generate_series(greatest(:first::bigint, kept.first), least(:last::bigint, kept.last))
        FROM (
            SELECT min(start) AS first, max(start) AS last FROM usage_rollup
            WHERE grain = :grain::bigint AND dimension = 0
        ) AS kept
        WHERE kept.first IS NOT NULL
    )"""


def count_spans(dimension: int, conditions: str, *, success: bool | None = None) -> str:
    """How many calls each span has, as the roll-ups of a dimension know it: all, or those that ended well or did not.

    Where a key is among the conditions, every span is looked up: others' keys lie between them. They come in no order:
    to have one, a plan might read those others after all.
    """
    spans = f"start = ANY({_SPANS_KEPT})" if dimension else "start BETWEEN :first::bigint AND :last::bigint"
    counted = f"sum({_COUNTED[success]})"
    return f"""
    SELECT start, least({counted}, {_LARGEST})::bigint FROM usage_rollup
    WHERE grain = :grain::bigint AND dimension = {dimension} AND {spans}{conditions}
    GROUP BY start HAVING {counted} > 0"""


def count_session_quarters(conditions: str) -> str:
    """How many calls of a session each quarter-hour has, from its calls: no roll-up tells sessions by the hour."""
    return f"""
    SELECT request_at / 900000, count(*) FROM request_logs
    WHERE request_at >= :start::bigint AND request_at < :end::bigint{conditions} GROUP BY 1 ORDER BY 1"""
