"""Keeps users and access tokens in the ledger in memory; it checks nothing and books no call."""

import threading
from abc import abstractmethod

from msgspec.structs import replace

from ccledger.core.access import User
from ccledger.core.call import Call, Party
from ccledger.core.measures import Axis, Dimension, Grain
from ccledger.core.periods import QUARTER_MS
from ccledger.ledger.kinds import AXES
from ccledger.ledger.memory_state import State
from ccledger.ledger.store import KeptToken


class AccessRows:
    """What `ledger.store.Store` says of users and access tokens. Whoever inherits it holds the state."""

    _state: State
    _lock: threading.RLock
    _texts: dict[int, str]

    @abstractmethod
    def _call(self, number: int) -> Call: ...

    def users(self) -> list[User]:
        """See `Store.users`."""
        with self._lock:
            return sorted(self._state.users.values(), key=lambda user: (user.created_at, user.id))

    def keep_user(self, user: User) -> None:
        """See `Store.keep_user`."""
        with self._lock:
            self._state.users.setdefault(user.name, user)

    def access_tokens(self) -> list[KeptToken]:
        """See `Store.access_tokens`."""
        with self._lock:
            return sorted(self._state.access_tokens.values(), key=lambda kept: (kept.token.created_at, kept.token.id))

    def keep_access_token(self, kept: KeptToken) -> None:
        """See `Store.keep_access_token`."""
        with self._lock:
            before = self._state.access_tokens.get(kept.token.id)
            self._state.access_tokens[kept.token.id] = kept if before is None else _still_ended(before, kept)

    def last_calls(self, axis: Axis) -> dict[str, int]:
        """See `Store.last_calls`."""
        with self._lock:
            calls = [self._call(number) for number in self._state.rows]
            last = {
                self._texts[key]: start * QUARTER_MS
                for (grain, dimension, key, start, _) in sorted(self._state.roll.spans, key=lambda name: name[3])
                if grain == Grain.QUARTER and AXES.get(Dimension(dimension)) == axis
            }
        for call in sorted(calls, key=lambda call: call.fact.timing.started_at):
            value = _value(axis, call.fact.party)
            if value:
                last[value] = call.fact.timing.started_at
        return last


def _still_ended(before: KeptToken, kept: KeptToken) -> KeptToken:
    token = replace(kept.token, revoked_at=_earlier(before.token.revoked_at, kept.token.revoked_at))
    return kept._replace(token=token, deleted_at=_earlier(before.deleted_at, kept.deleted_at))


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((time for time in (one, other) if time is not None), default=None)


def _value(axis: Axis, party: Party | None) -> str | None:
    values: dict[str, str | None] = {}
    if party is not None:
        values = {Axis.ACCESS_TOKEN: party.access_token, Axis.ACCOUNT: party.account, Axis.USER: party.user}
    return values.get(axis)
