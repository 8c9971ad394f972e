"""The lease of a node's number: taken, renewed all the time, noticed when it is lost; it books nothing."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ccledger.core.errors import StoreError

if TYPE_CHECKING:
    from ccledger.ledger.cluster import Member

_LOG = logging.getLogger(__name__)
BEAT_SECONDS: Final = 3.0
_LEASE_MS: Final = 15_000
BEGIN_SECONDS: Final = 30.0
"""How long a beginning may take: as long as the lease of who died elsewhere, and some more."""
_LOOK_SECONDS: Final = 0.5
_MARGIN_MS: Final = 5_000
"""How long after its end a lease is left alone: who was about to renew it may do so."""
_TAKE: Final = """
    WITH free AS (
        SELECT number FROM node WHERE leased_until + $5 < now_ms()
        ORDER BY holder IS NOT NULL, leased_until, number LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE node SET holder = $1, home = $2, host = $3, version = $4, taken_at = now_ms(), beat_at = now_ms(),
        leased_until = now_ms() + $6
    FROM free WHERE node.number = free.number RETURNING node.number
"""
_BEAT: Final = """
    UPDATE node SET beat_at = now_ms(), leased_until = now_ms() + $3 WHERE number = $1 AND holder = $2
    RETURNING number
"""
_GIVE_BACK: Final = "UPDATE node SET holder = NULL, leased_until = 0 WHERE number = $1 AND holder = $2"
_LET_GO: Final = "UPDATE node SET holder = NULL, leased_until = 0 WHERE holder = $1"
_BEAT_ELSEWHERE: Final = """
    SELECT max(beat_at) FROM node WHERE home = $1 AND host <> $2 AND holder IS NOT NULL AND leased_until > now_ms()
"""
_SUCCEED: Final = "UPDATE node SET holder = NULL, leased_until = 0 WHERE home = $1"
_EXPEL: Final = """
    UPDATE node SET holder = NULL, leased_until = 0
    WHERE home = $1 AND holder IS NOT NULL AND leased_until + $2 < now_ms()
"""
_IS_THERE: Final = "SELECT 1 FROM node WHERE home = $1 AND holder IS NOT NULL"
_FORGET_CALLS: Final = """
    DELETE FROM call_open WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.holder = call_open.holder)
"""
_FULL: Final = (
    "256 nodes work on this ledger already, and there can't be more; stop one of them, "
    "or wait a minute for the numbers of those that died"
)
_COPY: Final = "another node uses a copy of this data directory; remove ccledger.node from one of them"


class Lease:
    """The number that this process has, and under what name. Read by any thread; one loop changes it."""

    def __init__(self, member: "Member", took: Callable[[int], None]) -> None:
        """`took` hears each number that is taken, before anything can be booked under it."""
        self.member = member
        self.took = took
        self.holder = secrets.token_hex(8)
        """This process: nobody else, and no earlier one, is called that."""
        self.number = 0

    @property
    def text(self) -> str:
        """As the database compares it with each booking."""
        return f"{self.number}:{self.holder}"


async def begin(connection: Any, lease: Lease) -> None:
    """Takes a number for a process that has just begun: whoever wrote from its data directory before is gone.

    Raises `StoreError` when another node writes from a copy of that directory, or when there is no number.
    """
    await _refuse_copy(connection, lease.member)
    await connection.execute(_SUCCEED, lease.member.home)
    await take(connection, lease)


async def _refuse_copy(connection: Any, member: "Member") -> None:
    """Waits for the lease of who wrote from a data directory on another host; who renews it has a copy of it."""
    first = await connection.fetchval(_BEAT_ELSEWHERE, member.home, member.host)
    last = first
    while last is not None:
        if last > first:
            raise StoreError(_COPY)
        await asyncio.sleep(_LOOK_SECONDS)
        last = await connection.fetchval(_BEAT_ELSEWHERE, member.home, member.host)


async def take(connection: Any, lease: Lease) -> None:
    """Takes a number that nobody has. Raises `StoreError` when there is none."""
    member = lease.member
    # One that was taken and never heard of: nobody has two.
    await connection.execute(_LET_GO, lease.holder)
    number = await connection.fetchval(
        _TAKE, lease.holder, member.home, member.host, member.version, _MARGIN_MS, _LEASE_MS
    )
    if number is None:
        raise StoreError(_FULL)
    lease.took(number)
    lease.number = number
    await connection.execute(_FORGET_CALLS)


async def renew(connection: Any, lease: Lease) -> bool:
    """Renews a lease; False when it was lost and another number was taken."""
    if await connection.fetchval(_BEAT, lease.number, lease.holder, _LEASE_MS) is not None:
        return True
    lost = lease.number
    await take(connection, lease)
    _LOG.warning("this node was away for so long that its number %d was given away; it has %d now", lost, lease.number)
    return False


async def give_back(connection: Any, lease: Lease) -> None:
    """Ends a lease, so that the number is free at once."""
    await connection.execute(_GIVE_BACK, lease.number, lease.holder)
    await connection.execute(_FORGET_CALLS)


async def expel(connection: Any, home: str) -> bool:
    """Whether nobody writes from a data directory any more; whose lease is over does not from now on."""
    await connection.execute(_EXPEL, home, _MARGIN_MS)
    return await connection.fetchval(_IS_THERE, home) is None
