"""Removes calls and their keys from the PostgreSQL ledger; it never begins or ends a transaction and changes no sum."""

from collections.abc import Sequence
from typing import Final

from ccledger.ledger.ids import call_id
from ccledger.ledger.past import LATE_MS, Gone, Past, joined, pasts
from ccledger.ledger.postgresql.pen import Pen

_GONE: Final = """
    SELECT id, request_at, session_id, project_id, branch_id, agent_id FROM request_logs
    WHERE id < $1 AND request_at < $2 ORDER BY id LIMIT $3
"""
_DELETE: Final = "DELETE FROM request_logs WHERE id = ANY ($1::bigint[]) AND id BETWEEN $2 AND $3"
_KEEP_EDGE: Final = """
    INSERT INTO setting AS kept VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = {0}(kept.value::bigint, excluded.value::bigint)::text
"""
_EDGES: Final = (
    ("removed_first", min, _KEEP_EDGE.format("least")),
    ("removed_last", max, _KEEP_EDGE.format("greatest")),
)
_KNOWN: Final = """
    SELECT session_id, project_id, branch_id, agents, first_at, last_at FROM session_past
    WHERE session_id = ANY ($1::integer[])
"""
_KEEP_PAST: Final = """
    INSERT INTO session_past (session_id, project_id, branch_id, agents, first_at, last_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (session_id) DO UPDATE SET project_id = excluded.project_id, branch_id = excluded.branch_id,
        agents = excluded.agents, first_at = excluded.first_at, last_at = excluded.last_at
"""
_AGENTS_LEFT: Final = """
    SELECT session_id, agent_id FROM unnest($1::integer[], $2::integer[]) AS told (session_id, agent_id)
    WHERE EXISTS (
        SELECT FROM request_logs
        WHERE request_logs.session_id = told.session_id AND request_logs.agent_id = told.agent_id
    )
"""
_TABLES: Final = ("call_key", "request_key")
_ALIVE: Final = """
    SELECT wanted FROM unnest($1::bigint[]) AS wanted
    WHERE EXISTS (SELECT FROM request_logs WHERE id = wanted)
       OR EXISTS (
           SELECT FROM call_alias JOIN request_logs ON request_logs.id = call_alias.call_id
           WHERE call_alias.id = wanted
       )
"""
_DROP_ALIASES: Final = """
    DELETE FROM call_alias WHERE NOT EXISTS (SELECT FROM request_logs WHERE request_logs.id = call_alias.call_id)
"""


def remove_calls(pen: Pen, horizon: int, limit: int) -> int:
    """Removes calls that began before a time, and keeps what their sessions have to know of them."""
    gone = [Gone(*row) for row in pen.run(_GONE, call_id(horizon + LATE_MS, 0, 0), horizon, limit)]
    if gone:
        times = [call.request_at for call in gone]
        for name, edge, keep in _EDGES:
            pen.run(keep, name, str(edge(times)))
        pen.run(_DELETE, [call.id for call in gone], gone[0].id, gone[-1].id)
        _keep_sessions(pen, gone)
    return len(gone)


def _keep_sessions(pen: Pen, gone: Sequence[Gone]) -> None:
    found = pasts(gone)
    known = {row[0]: Past(*row) for row in pen.run(_KNOWN, list(found))}
    agents = _agents_gone(pen, gone)
    pen.run_many(
        _KEEP_PAST,
        [
            joined(known.get(past.session), past._replace(agents=agents.get(session, 0)))
            for session, past in found.items()
        ],
    )


def _agents_gone(pen: Pen, gone: Sequence[Gone]) -> dict[int, int]:
    """How many sub-agents of each session have no call left."""
    told = sorted({(call.session, call.agent) for call in gone if call.session and call.agent})
    found = pen.run(_AGENTS_LEFT, [session for session, _ in told], [agent for _, agent in told])
    left = {(row[0], row[1]) for row in found}
    counts: dict[int, int] = {}
    for session, agent in told:
        if (session, agent) not in left:
            counts[session] = counts.get(session, 0) + 1
    return counts


def sweep_keys(pen: Pen, after: str, limit: int) -> str | None:
    """Removes keys that lead to no call, from one place on; answers the place to go on from."""
    stage, number, key = after.split(" ", 2) if after else ("0", "-1", "")
    table = _TABLES[int(stage)]
    query = f"SELECT key, call_id FROM {table} WHERE (key, call_id) > ($1, $2) ORDER BY key, call_id LIMIT $3"
    rows = [(row[0], row[1]) for row in pen.run(query, key, int(number), limit)]
    alive = {row[0] for row in pen.run(_ALIVE, sorted({call for _, call in rows}))}
    pen.run_many(f"DELETE FROM {table} WHERE key = $1 AND call_id = $2", [row for row in rows if row[1] not in alive])
    if len(rows) == limit:
        return f"{stage} {rows[-1][1]} {rows[-1][0]}"
    if stage == "0":
        return "1 -1 "
    pen.run(_DROP_ALIASES)
    return None
