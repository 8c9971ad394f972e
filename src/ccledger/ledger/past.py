"""What is kept of calls that are removed; it removes none itself."""

from collections.abc import Iterable
from typing import NamedTuple

LATE_MS = 3_600_000
"""How far the times of one call's facts may lie apart. A fact that begins less than this after the horizon may belong
to a call that was removed, so it is not taken for a new one."""


class Gone(NamedTuple):
    """A call that is removed, as far as its session has to know of it."""

    id: int
    request_at: int
    session: int
    project: int
    branch: int
    agent: int


class Past(NamedTuple):
    """What removed calls told of their session, by the ids of its texts. Times in milliseconds since 1970."""

    session: int
    project: int
    branch: int
    agents: int
    """Sub-agents none of whose calls are left."""
    first_at: int
    last_at: int


def pasts(gone: Iterable[Gone]) -> dict[int, Past]:
    """What removed calls (in the order of their ids) tell of each of their sessions, agents left out."""
    found: dict[int, Past] = {}
    for call in gone:
        if call.session:
            first_at = found[call.session].first_at if call.session in found else call.request_at
            found[call.session] = Past(call.session, call.project, call.branch, 0, first_at, call.request_at)
    return found


def joined(before: Past | None, after: Past) -> Past:
    """What was kept of a session, and what calls tell that were removed later."""
    if before is None:
        return after
    return after._replace(agents=before.agents + after.agents, first_at=before.first_at)


def is_possibly_removed(started_at: int, horizon: int) -> bool:
    """Whether a call that began at a time and is not on the ledger may have been removed from it."""
    return started_at < horizon + LATE_MS and horizon > 0
