"""Removes calls and their keys from the SQLite ledger; it never begins or ends a transaction and changes no sum."""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings and values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

from ccledger.ledger.ids import call_id
from ccledger.ledger.past import LATE_MS, Gone, Past, joined, pasts

_GONE: Final = """
    SELECT id, request_at, session_id, project_id, branch_id, agent_id FROM request_logs
    WHERE id < ? AND request_at < ? ORDER BY id LIMIT ?
"""
_KNOWN: Final = "SELECT session_id, project_id, branch_id, agents, first_at, last_at FROM session_past"
_TABLES: Final = ("call_key", "request_key")


def remove_calls(connection: apsw.Connection, horizon: int, limit: int) -> int:
    """Removes calls that began before a time, and keeps what their sessions have to know of them."""
    connection.execute(
        "INSERT INTO setting VALUES ('horizon', ?1) ON CONFLICT (name) DO UPDATE SET value = "
        "max(CAST(value AS INTEGER), CAST(?1 AS INTEGER))",
        (str(horizon),),
    )
    bounds = (call_id(horizon + LATE_MS, 0, 0), horizon, limit)
    gone = [Gone(*row) for row in connection.execute(_GONE, bounds)]
    if gone:
        _keep_extent(connection, gone)
        numbers = _integers(call.id for call in gone)
        connection.execute("DELETE FROM request_logs WHERE id IN (SELECT value FROM carray(?))", (numbers,))
        _keep_sessions(connection, gone)
    return len(gone)


def _keep_extent(connection: apsw.Connection, gone: Sequence[Gone]) -> None:
    """Remembers when the first and the last of all removed calls began."""
    times = [call.request_at for call in gone]
    for name, at, better in (("removed_first", min(times), "min"), ("removed_last", max(times), "max")):
        connection.execute(
            "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = "
            f"{better}(CAST(value AS INTEGER), CAST(?2 AS INTEGER))",
            (name, str(at)),
        )


def _keep_sessions(connection: apsw.Connection, gone: Sequence[Gone]) -> None:
    found = pasts(gone)
    query = f"{_KNOWN} WHERE session_id IN (SELECT value FROM carray(?))"
    known = {row[0]: Past(*row) for row in connection.execute(query, (_integers(found),))} if found else {}
    agents = _agents_gone(connection, gone)
    rows = [
        joined(known.get(past.session), past._replace(agents=agents.get(session, 0))) for session, past in found.items()
    ]
    connection.executemany("INSERT OR REPLACE INTO session_past VALUES (?, ?, ?, ?, ?, ?)", rows)


def _agents_gone(connection: apsw.Connection, gone: Sequence[Gone]) -> dict[int, int]:
    """How many sub-agents of each session have no call left."""
    left = "SELECT 1 FROM request_logs WHERE session_id = ? AND agent_id = ? LIMIT 1"
    counts: dict[int, int] = {}
    for session, agent in {(call.session, call.agent) for call in gone if call.session and call.agent}:
        if not connection.execute(left, (session, agent)).fetchall():
            counts[session] = counts.get(session, 0) + 1
    return counts


def sweep_keys(connection: apsw.Connection, after: str, limit: int) -> str | None:
    """Removes keys that lead to no call, from one place on; answers the place to go on from."""
    stage, number, key = after.split(" ", 2) if after else ("0", "-1", "")
    table = _TABLES[int(stage)]
    query = f"SELECT key, call_id FROM {table} WHERE (key, call_id) > (?, ?) ORDER BY key, call_id LIMIT ?"
    rows: list[Any] = connection.execute(query, (key, int(number), limit)).fetchall()
    dead = _dead(connection, {call for _, call in rows})
    gone = [row for row in rows if row[1] in dead]
    connection.executemany(f"DELETE FROM {table} WHERE key = ? AND call_id = ?", gone)
    if len(rows) == limit:
        return f"{stage} {rows[-1][1]} {rows[-1][0]}"
    if stage == "0":
        return "1 -1 "
    connection.execute(
        "DELETE FROM call_alias"
        " WHERE NOT EXISTS (SELECT 1 FROM request_logs WHERE request_logs.id = call_alias.call_id)"
    )
    return None


def _dead(connection: apsw.Connection, numbers: set[int]) -> set[int]:
    """Those of the calls that are not there, nor part of one that is."""
    query = """
        SELECT value FROM carray(?) AS wanted
        WHERE NOT EXISTS (SELECT 1 FROM request_logs WHERE id = wanted.value)
          AND NOT EXISTS (SELECT 1 FROM call_alias JOIN request_logs ON request_logs.id = call_alias.call_id
                          WHERE call_alias.id = wanted.value)
    """
    return {number for (number,) in connection.execute(query, (_integers(numbers),))} if numbers else set()


def _integers(numbers: Iterable[int]) -> Any:
    return apsw.carray(array("q", numbers))
