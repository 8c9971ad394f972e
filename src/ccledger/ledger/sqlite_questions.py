"""What the SQLite ledger is asked, as SQL; it never runs any."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ccledger.core.measures import MEASURES, MODEL_ENDPOINTS, Axis
from ccledger.ledger.kinds import Kind
from ccledger.ledger.store import Ranking

_SUMS: Final = ", ".join(MEASURES)

FIND: Final = """
    SELECT key, coalesce(call_alias.call_id, call_key.call_id)
    FROM carray(?) AS wanted
    CROSS JOIN call_key ON call_key.key = wanted.value
    LEFT JOIN call_alias ON call_alias.id = call_key.call_id
"""
FIND_REQUESTS: Final = """
    SELECT key, coalesce(call_alias.call_id, request_key.call_id), bare
    FROM carray(?) AS wanted
    CROSS JOIN request_key ON request_key.key = wanted.value
    LEFT JOIN call_alias ON call_alias.id = request_key.call_id
"""
SPANS_OF_ALL: Final = f"""
    SELECT start, '', '', model.text, {_SUMS}
    FROM usage_rollup LEFT JOIN name AS model ON model.id = model_id
    WHERE grain = ? AND dimension = 0 AND start BETWEEN ? AND ?
    ORDER BY start, model_id
"""
SPANS_OF_PROJECTS: Final = f"""
    SELECT start, project.path, project.folder, model.text, {_SUMS}
    FROM usage_rollup LEFT JOIN name AS model ON model.id = model_id JOIN project ON project.id = key_id
    WHERE grain = ? AND dimension = 4 AND start BETWEEN ? AND ?
    ORDER BY start, key_id, model_id
"""
SPANS_OF_NAMES: Final = f"""
    SELECT start, key_name.text, '', model.text, {_SUMS}
    FROM usage_rollup LEFT JOIN name AS model ON model.id = model_id JOIN name AS key_name ON key_name.id = key_id
    WHERE grain = ? AND dimension = ? AND start BETWEEN ? AND ?
    ORDER BY start, key_id, model_id
"""
SPANS_OF_SOURCES: Final = f"""
    SELECT start, key_id, '', model.text, {_SUMS}
    FROM usage_rollup LEFT JOIN name AS model ON model.id = model_id
    WHERE grain = ? AND dimension = 5 AND start BETWEEN ? AND ?
    ORDER BY start, key_id, model_id
"""
SESSIONS: Final = f"""
    SELECT day, session.text, model.text, {_SUMS}
    FROM usage_day JOIN name AS session ON session.id = session_id LEFT JOIN name AS model ON model.id = model_id
    WHERE day BETWEEN ? AND ?
    ORDER BY day, session_id, model_id
"""
SESSIONS_NAMED: Final = f"""
    SELECT day, session.text, model.text, {_SUMS}
    FROM carray(?) AS wanted
    CROSS JOIN name AS session ON session.kind = 2 AND session.text = wanted.value
    CROSS JOIN usage_day ON usage_day.session_id = session.id
    LEFT JOIN name AS model ON model.id = model_id
"""
SESSION_INFOS: Final = """
    SELECT session.text,
           coalesce(project.path, ''), coalesce(project.folder, ''), coalesce(branch.text, ''),
           coalesce(past.agents, 0)
               + (SELECT count(DISTINCT agent_id) FROM request_logs WHERE session_id = session.id AND agent_id > 0),
           coalesce(
               past.first_at,
               (SELECT request_at FROM request_logs WHERE session_id = session.id ORDER BY id LIMIT 1)
           ),
           coalesce(newest.request_at, past.last_at)
    FROM carray(?) AS wanted
    CROSS JOIN name AS session ON session.kind = 2 AND session.text = wanted.value
    LEFT JOIN session_past AS past ON past.session_id = session.id
    LEFT JOIN request_logs AS newest
        ON newest.id = (SELECT max(id) FROM request_logs WHERE session_id = session.id)
    LEFT JOIN project ON project.id = coalesce(newest.project_id, past.project_id)
    LEFT JOIN name AS branch ON branch.id = coalesce(newest.branch_id, past.branch_id)
    WHERE newest.id IS NOT NULL OR past.session_id IS NOT NULL
"""
RECENT_SESSIONS: Final = """
    SELECT session.text FROM request_logs JOIN name AS session ON session.id = session_id
    WHERE request_logs.id >= ? GROUP BY +session_id ORDER BY max(request_logs.id) DESC LIMIT ?
"""
EXCHANGED: Final = """
    SELECT key FROM carray(?) AS wanted
    CROSS JOIN call_key ON call_key.key = wanted.value
    LEFT JOIN call_alias ON call_alias.id = call_key.call_id
    CROSS JOIN request_logs ON request_logs.id = coalesce(call_alias.call_id, call_key.call_id)
    WHERE traits >> 16 & 4
"""
BOOKED: Final = "SELECT key FROM carray(?) AS wanted CROSS JOIN call_key ON call_key.key = wanted.value"
SUMMARY: Final = """
    SELECT coalesce((SELECT sum(calls) FROM usage_rollup WHERE grain = 1 AND dimension = 0), 0),
           (SELECT count(*) FROM name WHERE kind = 2),
           coalesce(
               (SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'removed_first'),
               (SELECT request_at FROM request_logs WHERE id = (SELECT min(id) FROM request_logs))
           ),
           coalesce(
               (SELECT request_at FROM request_logs WHERE id = (SELECT max(id) FROM request_logs)),
               (SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'removed_last')
           )
"""
CLOSED_BEFORE: Final = "SELECT value FROM setting WHERE name = 'months'"
NEWEST_DAY: Final = "SELECT max(start) FROM usage_rollup WHERE grain = 1 AND dimension = 0"
_MONTH: Final = "strftime('%Y', start * 86400, 'unixepoch') * 12 + strftime('%m', start * 86400, 'unixepoch') - 1"
SUM_MONTHS: Final = f"""
    INSERT INTO usage_month (dimension, key_id, model_id, month, {_SUMS})
    SELECT dimension, key_id, model_id, {_MONTH} AS month, {", ".join(f"sum({name})" for name in MEASURES)}
    FROM usage_rollup
    WHERE grain = 1 AND dimension IN (0, 1, 2, 3, 4, 5) AND start BETWEEN ? AND ?
    GROUP BY dimension, key_id, model_id, month
"""
PROJECTS: Final = "SELECT path, folder FROM project ORDER BY id"


def select_calls(condition: str) -> str:
    """Rows of `rows.COLUMNS` under a condition."""
    from ccledger.ledger.rows import COLUMNS

    return f"SELECT {', '.join(COLUMNS)} FROM request_logs {condition}"


IDS_OF_NAMES: Final = "SELECT id FROM name WHERE kind = ? AND text IN (SELECT value FROM carray(?))"
IDS_OF_PROJECTS: Final = """
    SELECT id FROM project WHERE iif(path = '', folder, path) IN (SELECT value FROM carray(?))
"""
NAMES_OF_IDS: Final = "SELECT id, text FROM name WHERE id IN (SELECT value FROM carray(?))"


class Table(NamedTuple):
    """A table that calls can be summed up from: which rows are of a stretch of time, and what holds what."""

    name: str
    time: str
    """The condition on a stretch, and on whatever else makes a row one of those that are meant."""
    columns: "Mapping[Axis, str]"
    measures: "Sequence[str]"
    span: str = ""
    """What names the span a row is of, where stretches are made of spans."""


_IDS: Final = {
    Axis.MODEL: "model_id",
    Axis.PROJECT: "project_id",
    Axis.SESSION: "session_id",
    Axis.SOURCE: "source_id",
    Axis.ACCESS_TOKEN: "token_id",
    Axis.ACCOUNT: "account_id",
    Axis.USER: "user_id",
}
DAYS: Final = Table("usage_day", "day BETWEEN ? AND ?", _IDS, MEASURES, "day")

# What `core.rollup.measure` says of a call, in the order of `MEASURES`, from the row that `ledger.rows` makes of it.
_ORIGIN: Final = "(traits >> 3 & 3)"
_ENDPOINTS: Final = ", ".join(f"'{endpoint}'" for endpoint in MODEL_ENDPOINTS)
_ASKED_A_MODEL: Final = (
    f"(endpoint_id = 0 OR endpoint_id IN "
    f"(SELECT id FROM name WHERE kind = {Kind.ENDPOINT.value} AND text IN ({_ENDPOINTS})))"
)
_WHOLE_COST: Final = "input_cost + output_cost + cache_creation_cost + cache_read_cost + ifnull(web_search_cost, 0)"
_MEASURED_BY_CALL: Final = (
    "1",
    f"(input_cost IS NULL AND {_ORIGIN} > 0)",
    f"({_ORIGIN} > 0 AND NOT traits >> 5 & 1)",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "ifnull(input_cost, 0)",
    "ifnull(output_cost, 0)",
    "ifnull(cache_creation_cost, 0)",
    "ifnull(cache_read_cost, 0)",
    "web_searches",
    "ifnull(web_search_cost, 0)",
    f"iif(traits >> 14 & 3 = 1 AND input_cost IS NOT NULL, {_WHOLE_COST}, 0)",
    "(outcome = 1)",
    "(outcome = 2)",
    f"({_ORIGIN} = 2)",
    f"({_ORIGIN} = 1 OR {_ORIGIN} = 0 AND {_ASKED_A_MODEL})",
    "ifnull(duration_ms, 0)",
    "(duration_ms IS NOT NULL)",
    "ifnull(ttft_ms, 0)",
    "(ttft_ms IS NOT NULL)",
)
_SOURCE_OF_CALL: Final = "((traits >> 7 & 7) * ((traits >> 7 & 7) > 1))"
# Most calls ran when their ids say: those are found by a range of ids. The index `request_logs_moved` has the others.
_PLACE: Final = "(id >> 20) + 1600000000000"
CALLS_IN_PLACE: Final = Table(
    "request_logs",
    f"id BETWEEN ? AND ? AND request_at = {_PLACE}",
    {**_IDS, Axis.SOURCE: _SOURCE_OF_CALL},
    _MEASURED_BY_CALL,
)
CALLS_MOVED: Final = CALLS_IN_PLACE._replace(
    name="request_logs INDEXED BY request_logs_moved", time=f"request_at BETWEEN ? AND ? AND request_at <> {_PLACE}"
)


def spans_table(axis: Axis | None) -> Table:
    """The roll-up by one dimension, its key being on that axis; None: by none at all."""
    columns = {Axis.MODEL: "model_id"} if axis is None else {Axis.MODEL: "model_id", axis: "key_id"}
    key = " AND key_id = 0" if axis is None else ""
    return Table(
        "usage_rollup", f"grain = ? AND dimension = ?{key} AND start BETWEEN ? AND ?", columns, MEASURES, "start"
    )


def months_table(axis: Axis | None) -> Table:
    """The same of months that are over."""
    return spans_table(axis)._replace(name="usage_month", time="dimension = ? AND month BETWEEN ? AND ?", span="month")


def sums(table: Table, by: "Sequence[Axis]", only: "Sequence[Axis]", without: "Sequence[Axis]", function: str) -> str:
    """The sums of one stretch of time, by axes. `only` and `without` are axes with a list of ids each."""
    return _sums(table, [table.columns[axis] for axis in by], only, without, function)


def sums_in_row(
    table: Table, by: "Sequence[Axis]", only: "Sequence[Axis]", without: "Sequence[Axis]", function: str
) -> str:
    """The sums of stretches of one length that follow each other, after the number of each from 0.

    The first values bound are the first span and the length in spans.
    """
    groups = [f"({table.span} - ?) / ?", *(table.columns[axis] for axis in by)]
    return _sums(table, groups, only, without, function)


def _sums(
    table: Table, groups: "Sequence[str]", only: "Sequence[Axis]", without: "Sequence[Axis]", function: str
) -> str:
    conditions = [
        table.time,
        *(f"{table.columns[axis]} IN (SELECT value FROM carray(?))" for axis in only),
        *(f"{table.columns[axis]} NOT IN (SELECT value FROM carray(?))" for axis in without),
    ]
    numbers = [function.format(measure) for measure in table.measures]
    question = f"SELECT {', '.join([*groups, *numbers])} FROM {table.name} WHERE {' AND '.join(conditions)}"
    return f"{question} GROUP BY {', '.join(str(at) for at, _ in enumerate(groups, 1))}" if groups else question


EXACT: Final = "sum({})"
ROUGH: Final = "cast(total({}) AS INTEGER)"
"""For sums that do not fit 64 bits: nonsense in a transcript is no reason to give no answer."""


_IN_PLACE: Final = f"""
    FROM request_logs
    WHERE id BETWEEN :first AND :last AND request_at = {_PLACE}"""
_MOVED: Final = f"""
    FROM request_logs INDEXED BY request_logs_moved
    WHERE request_at >= :start AND request_at < :end AND request_at <> {_PLACE}"""


def count_calls(conditions: str) -> str:
    """How many calls lie in a time."""
    return f"SELECT (SELECT count(*) {_IN_PLACE}{conditions}) + (SELECT count(*) {_MOVED}{conditions})"


LAST_SPANS: Final = """
    SELECT key_id, max(start) FROM usage_rollup
    WHERE grain = ? AND dimension = ? AND start BETWEEN ? AND ? AND calls > 0 GROUP BY key_id
"""
"""The newest of some spans in which each key of a dimension has calls."""


def last_starts(axis: Axis) -> str:
    """When the newest call in a time began, of each value that such calls have on an axis."""
    key = _IDS[axis]
    return f"""
    SELECT {key}, max(request_at) FROM (
        SELECT {key}, request_at {_IN_PLACE} AND {key} > 0 UNION ALL SELECT {key}, request_at {_MOVED} AND {key} > 0
    ) GROUP BY {key}"""


NEXT_IDS: Final = f"""
    SELECT id {_IN_PLACE} AND id > :after
    UNION ALL
    SELECT id {_MOVED} AND id > :after
    ORDER BY id LIMIT :limit
"""
"""The ids of calls in a time, from one on."""


def edge_start(order: str) -> str:
    """When the first (`ASC`) or the last (`DESC`) of the calls in a time started."""
    edge = "min" if order == "ASC" else "max"
    return f"""
    SELECT {edge}(ifnull(in_place, moved), ifnull(moved, in_place)) FROM (
        SELECT (SELECT request_at {_IN_PLACE} ORDER BY id {order} LIMIT 1) AS in_place,
               (SELECT request_at {_MOVED} ORDER BY request_at {order} LIMIT 1) AS moved
    )"""


def calls_in_place(conditions: str, order: str) -> str:
    """Rows of `rows.COLUMNS` in a time, of the calls whose ids are in the order of time."""
    return f"{_select_rows()}{_IN_PLACE}{conditions} ORDER BY id {order}"


def calls_moved(conditions: str, order: str) -> str:
    """The same of the other calls."""
    return f"{_select_rows()}{_MOVED}{conditions} ORDER BY request_at {order}, id {order}"


_RANKS: Final = {
    Ranking.STATUS: "status_code",
    Ranking.TOKENS: "input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens",
    Ranking.COST: _WHOLE_COST,
}


def ranked_calls(conditions: str, ranking: Ranking, order: str) -> tuple[str, str]:
    """Rows of `rows.COLUMNS` in a time by a ranking, of calls whose ids are in the order of time, and of the others."""
    by = f"({_RANKS[ranking]}) IS NULL, ({_RANKS[ranking]}) {order}, request_at DESC, id DESC LIMIT :limit"
    return (
        f"{_select_rows()}{_IN_PLACE}{conditions} ORDER BY {by}",
        f"{_select_rows()}{_MOVED}{conditions} ORDER BY {by}",
    )


CALL: Final = "WHERE id = coalesce((SELECT call_id FROM call_alias WHERE id = ?1), ?1)"
"""The call of an id, as a condition of `select_calls`."""


def _select_rows() -> str:
    from ccledger.ledger.rows import COLUMNS

    return f"SELECT {', '.join(COLUMNS)}"


_COUNTED: Final = {None: "calls", True: "calls - error_calls - aborted_calls", False: "error_calls + aborted_calls"}
SPANS_KEPT: Final = """
    SELECT (SELECT min(start) FROM usage_rollup WHERE grain = :grain AND dimension = 0),
           (SELECT max(start) FROM usage_rollup WHERE grain = :grain AND dimension = 0)
"""


def count_spans(dimension: int, conditions: str, *, success: bool | None = None) -> str:
    """How many calls each span has, as the roll-ups of a dimension know it: all, or those that ended well or did not.

    Where a key is among the conditions, every span is looked up: others' keys lie between them.
    """
    spans = "start IN (SELECT value FROM carray(:starts))" if dimension else "start BETWEEN :first AND :last"
    counted = _COUNTED[success]
    return f"""
    SELECT start, sum({counted}) AS counted FROM usage_rollup
    WHERE grain = :grain AND dimension = {dimension} AND {spans}{conditions}
    GROUP BY start HAVING counted > 0 ORDER BY start"""


def count_session_quarters(conditions: str) -> str:
    """How many calls of a session each quarter-hour has, from its calls: no roll-up tells sessions by the hour."""
    return f"""
    SELECT request_at / 900000, count(*) FROM request_logs INDEXED BY request_logs_session
    WHERE request_at >= :start AND request_at < :end{conditions} GROUP BY 1 ORDER BY 1"""
