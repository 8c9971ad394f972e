"""Which account serves a call, by what became of the calls before; it sends nothing and waits for nobody.

Accounts of the lowest priority number are asked first. Among these a session always comes to the same one while that
can be used, because the upstream's prompt cache is there: each account draws a number for the session, and the
highest wins (rendezvous hashing, with weights). A session whose account can't be used moves to the one that drew the
next highest, and comes back. Calls without a session go where the fewest are open for the weight.

One thread chooses and tells, the one the gateway runs in; any thread may ask for states.
"""

import threading
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from hashlib import blake2b
from math import log
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ccledger.core.access import AccountType
from ccledger.sources.gateway.retry import Verdict, verdict_of
from ccledger.sources.gateway.seat import Seat, State, Window

if TYPE_CHECKING:
    from ccledger.core.access import Account
    from ccledger.core.ports import Accounts, Clock

_REFUSED: Final = "its upstream refused its credential ({}); check the account, or give it another credential"
_SEALED: Final = "its credential can't be opened; give it a new one, or bring the key back it was sealed with"
_CHECKED: Final = "the last check found that its upstream refuses it; check it again, or give it another credential"
_UNAVAILABLE: Final = 503
_SPREAD: Final = 1.0 / (1 << 64)
_NOTHING: Final[tuple[Window, ...]] = ()


class Unavailable(NamedTuple):
    """Why no account can serve a call."""

    sentence: str
    """For the caller; names no account."""
    retry_after: int | None
    """Seconds; None when waiting alone won't help."""
    kind: Literal["none", "busy", "resting", "broken", "unusable"]
    """`none`: there is no account; `busy`: all are at their limit of open calls; `resting`: their upstreams limit
    them; `broken`: their upstreams fail; `unusable`: somebody has to do something.
    """


def _nobody() -> None:
    """Hears nothing."""


class Lease:
    """The right to send one call by an account. Whoever holds it tells what became of the call, then releases it.

    A call that was sent again by another account has a lease of its own for each.
    """

    __slots__ = ("_call", "_is_failed", "_is_released", "_pool", "_seat", "_status", "account", "ended")

    def __init__(self, pool: "Pool", seat: Seat, call: int) -> None:
        self.account: Account = seat.account
        self.ended: Callable[[], None] = _nobody
        """Hears that the call is over."""
        self._pool = pool
        self._seat = seat
        self._call = call
        self._status = 0
        self._is_failed = False
        self._is_released = False

    def answered(self, status: int, retry_after: float | None = None, windows: Sequence[Window] = _NOTHING) -> None:
        """The upstream has begun to answer. `retry_after` in seconds, `windows` as its headers tell them.

        Whoever can renew a bearer that was refused (401) does so and sends again, before telling this.
        """
        self._status = status
        seat, now = self._seat, self._pool.now()
        if windows:
            seat.tell_windows(windows)
        match verdict_of(status):
            case Verdict.FINE | Verdict.FORBIDDEN:
                seat.breaker.answered(self._call)
            case Verdict.LIMITED:
                seat.breaker.answered(self._call)
                seat.rest(now, retry_after, windows)
            case Verdict.REFUSED:
                seat.breaker.answered(self._call)
                self.refused(_REFUSED.format(status))
            case Verdict.OVERLOADED:
                seat.avoid(now, retry_after)
            case Verdict.BROKEN:
                if status == _UNAVAILABLE:
                    seat.avoid(now, retry_after)
                self._fail(now, f"status {status}")

    def failed(self, kind: str) -> None:
        """The upstream could not be reached, or its answer was cut short. Not: the client went away.

        `kind` is that of the `UpstreamFailure`.
        """
        self._fail(self._pool.now(), kind)

    def refused(self, reason: str) -> None:
        """The account can't be used until somebody checks or changes it; `reason` holds no secret."""
        if self._seat.account is self.account:  # else it was changed meanwhile
            self._pool.refuse(self.account.id, reason)

    def _fail(self, now: int, how: str) -> None:
        self._is_failed = True
        self._seat.last_failure = how
        self._seat.breaker.failed(self._call, now)

    def release(self) -> None:
        """The call is over. Once is enough, more do nothing."""
        if self._is_released:
            return
        self._is_released = True
        self.ended()
        seat = self._seat
        seat.in_flight -= 1
        if self._is_failed or (self._status and verdict_of(self._status) is not Verdict.FINE):
            seat.errors += 1
        elif self._status:
            seat.breaker.succeeded(self._call)
            seat.successes += self._status < 400
        seat.breaker.ended(self._call)


class Pool:
    """All accounts and how they are doing."""

    def __init__(
        self, accounts: "Accounts", clock: "Clock", tell_refused: Callable[[str], None] = lambda _: None
    ) -> None:
        """`tell_refused` hears the id of an account whose credential was refused, and must not wait."""
        self.now = clock
        self.tell_refused = tell_refused
        self._accounts = accounts
        self._known: Sequence[Account] = ()
        self._seats: Mapping[str, Seat] = {}
        self._groups: Mapping[str, Sequence[Sequence[Seat]]] = {}
        self._turn = 0.0
        self._taking = threading.Lock()

    def choose(self, mode: str, session: str | None, excluded: Container[str] = frozenset()) -> "Lease | Unavailable":
        """An account for a call of mode `api` or `web`. `excluded` are the ids of those that were tried already."""
        self._look()
        now = self.now()
        avoided: list[Seat] = []
        for group in self._groups.get(mode, ()):
            free = [seat for seat in group if seat.is_free(now) and seat.account.id not in excluded]
            calm = [seat for seat in free if seat.avoided_until <= now]
            if calm:
                return self._lease(calm, session, now)
            avoided = avoided or free
        return self._lease(avoided, session, now) if avoided else self._refuse(mode, excluded, now)

    def serves(self, mode: str) -> bool:
        """Whether any active account is for calls of that mode, be it usable now or not."""
        self._look()
        return mode in self._groups

    def refuse(self, account: str, reason: str) -> None:
        """An account can't be used until somebody checks or changes it; `reason` holds no secret."""
        self._look()
        seat = self._seats.get(account)
        if seat is not None and not seat.refusal:
            seat.refusal = reason
            self.tell_refused(account)

    def states(self) -> dict[str, State]:
        """How each account is doing, by its id."""
        self._look()
        now = self.now()
        return {name: seat.state(now) for name, seat in self._seats.items()}

    def _look(self) -> None:
        """Takes over what was changed about accounts."""
        if self._accounts.all() is not self._known:
            with self._taking:
                self._take(self._accounts.all())

    def _lease(self, seats: Sequence[Seat], session: str | None, now: int) -> Lease:
        seat = seats[0]
        if session is None:
            seat = self._next_in_turn(seats)
        elif len(seats) > 1:
            seat = _home(seats, session)
        seat.in_flight += 1
        seat.last_used_at = now
        return Lease(self, seat, seat.breaker.begin())

    def _next_in_turn(self, seats: Sequence[Seat]) -> Seat:
        """Where the fewest calls are open for the weight; of equals the one that had the fewest of these turns."""
        turn = self._turn
        seat = min(seats, key=lambda seat: (seat.in_flight / seat.account.weight, max(seat.served, turn)))
        # Who could not be chosen for a while does not catch up on the turns it missed.
        self._turn = max(seat.served, turn)
        seat.served = self._turn + 1 / seat.account.weight
        return seat

    def _take(self, accounts: "Sequence[Account]") -> None:
        seats = {account.id: self._seat_of(account) for account in accounts}
        active = [seat for seat in seats.values() if seat.account.is_active]
        self._groups = {
            mode: _by_priority(seat for seat in active if seat.account.mode == mode)
            for mode in {seat.account.mode for seat in active}
        }
        self._seats, self._known = seats, accounts

    def _seat_of(self, account: "Account") -> Seat:
        seat = self._seats.get(account.id)
        if seat is not None and seat.account is account:
            return seat
        refusal, lapses_at = self._standing(account)
        if seat is None:
            return Seat(account, refusal, lapses_at)
        # What the pool saw itself says more than the note of it.
        seat.become(account, seat.refusal if seat.refusal and refusal == _CHECKED else refusal, lapses_at)
        return seat

    def _standing(self, account: "Account") -> tuple[str, int | None]:
        """Why it can't be used until somebody does something, and when its credential ends for good."""
        if not account.is_active:
            return "", None
        credential = self._accounts.credential(account.id)
        if credential is None:
            return _SEALED, None
        is_renewed = account.type == AccountType.OAUTH and credential.refresh_token is not None
        return _CHECKED if account.health == "unhealthy" else "", None if is_renewed else account.expires_at

    def _refuse(self, mode: str, excluded: Container[str], now: int) -> Unavailable:
        seats = [seat for group in self._groups.get(mode, ()) for seat in group]
        if not seats:
            return Unavailable(f"there is no account for mode '{mode}'; 'ccledger account add' adds one", None, "none")
        left = [seat for seat in seats if seat.account.id not in excluded]
        times = [(at, seat) for seat in left if (at := seat.free_at(now)) is not None]
        if not times:
            return Unavailable(
                "no account can be used; 'ccledger account list' says what is wrong with each", None, "unusable"
            )
        soonest, seat = min(times, key=lambda entry: entry[0])
        if soonest <= now:
            return Unavailable("every account has as many calls open as it may have; ask again in a second", 1, "busy")
        seconds = -(-(soonest - now) // 1000)
        if seat.breaker.open_until > now:
            text = f"the upstream failed several times in a row; ask again in {seconds} seconds"
            return Unavailable(text, seconds, "broken")
        return Unavailable(f"every account has reached a limit; ask again in {seconds} seconds", seconds, "resting")


def _home(seats: Sequence[Seat], session: str) -> Seat:
    """The account a session comes to while all of these can be used."""
    number = int.from_bytes(blake2b(session.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return max(seats, key=lambda seat: log((seat.draw(number) + 1) * _SPREAD) / seat.account.weight)


def _by_priority(seats: Iterable[Seat]) -> Sequence[Sequence[Seat]]:
    groups: dict[int, list[Seat]] = {}
    for seat in seats:
        groups.setdefault(seat.account.priority, []).append(seat)
    return [groups[priority] for priority in sorted(groups)]
