"""What the SQLite ledger is asked, as SQL; it never runs any."""

from typing import Final

from ccledger.core.measures import MEASURES

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
SESSIONS: Final = f"""
    SELECT day, session.text, model.text, {_SUMS}
    FROM session_day JOIN name AS session ON session.id = session_id LEFT JOIN name AS model ON model.id = model_id
    WHERE day BETWEEN ? AND ?
    ORDER BY day, session_id, model_id
"""
SESSIONS_NAMED: Final = f"""
    SELECT day, session.text, model.text, {_SUMS}
    FROM carray(?) AS wanted
    CROSS JOIN name AS session ON session.kind = 2 AND session.text = wanted.value
    CROSS JOIN session_day ON session_day.session_id = session.id
    LEFT JOIN name AS model ON model.id = model_id
"""
SESSION_INFOS: Final = """
    SELECT session.text,
           coalesce(project.path, ''), coalesce(project.folder, ''), coalesce(branch.text, ''),
           (SELECT count(DISTINCT agent_id) FROM request_logs WHERE session_id = session.id AND agent_id > 0),
           (SELECT request_at FROM request_logs WHERE session_id = session.id ORDER BY id LIMIT 1),
           newest.request_at
    FROM carray(?) AS wanted
    CROSS JOIN name AS session ON session.kind = 2 AND session.text = wanted.value
    CROSS JOIN request_logs AS newest
        ON newest.id = (SELECT max(id) FROM request_logs WHERE session_id = session.id)
    LEFT JOIN project ON project.id = newest.project_id
    LEFT JOIN name AS branch ON branch.id = newest.branch_id
"""
RECENT_SESSIONS: Final = """
    SELECT session.text FROM request_logs JOIN name AS session ON session.id = session_id
    WHERE request_logs.id >= ? GROUP BY +session_id ORDER BY max(request_logs.id) DESC LIMIT ?
"""
BETWEEN: Final = "WHERE request_at >= ? AND request_at < ? AND id BETWEEN ? AND ? ORDER BY request_at, id"
SUMMARY: Final = """
    SELECT coalesce((SELECT sum(calls) FROM usage_rollup WHERE grain = 1 AND dimension = 0), 0),
           (SELECT count(*) FROM name WHERE kind = 2),
           (SELECT request_at FROM request_logs ORDER BY id LIMIT 1),
           (SELECT request_at FROM request_logs ORDER BY id DESC LIMIT 1)
"""


def select_calls(condition: str) -> str:
    """Rows of `rows.COLUMNS` under a condition."""
    from ccledger.ledger.rows import COLUMNS

    return f"SELECT {', '.join(COLUMNS)} FROM request_logs {condition}"
