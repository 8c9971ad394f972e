"""What the pool knows of one account: its open calls, rests, refusals, breaker and counts; it chooses nothing."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from ccledger.core.access import AccountType
from ccledger.sources.gateway.breaker import Breaker

if TYPE_CHECKING:
    from ccledger.core.access import Account

Status = Literal["ready", "busy", "cooling", "open", "unhealthy", "expired", "inactive"]

_REST_MS: Final = 60_000
"""How long an account rests that is limited and was not told until when."""
_AVOID_MS: Final = 10_000
_LONGEST_REST_MS: Final = 8 * 86_400_000
"""A little more than the longest window: an upstream that says more is wrong."""
_WORD: Final = (1 << 64) - 1


class Window(Protocol):
    """What an upstream says of one of its limits."""

    @property
    def window(self) -> str:
        """Its name, such as `five_hour`."""
        ...

    @property
    def used_percentage(self) -> float | None:
        """How much of it is used."""
        ...

    @property
    def resets_at(self) -> int | None:
        """Milliseconds since 1970."""
        ...

    @property
    def status(self) -> str:
        """`rejected` when it is used up."""
        ...


class State(NamedTuple):
    """How an account is doing. Times in milliseconds since 1970."""

    status: Status
    in_flight: int
    cooldown_until: int | None
    """When it may be asked again, where that is a matter of time."""
    reason: str
    """Why it is not `ready`, in words; empty when it is."""
    windows: tuple[Window, ...]
    success_count: int
    """Calls since the program began."""
    error_count: int
    last_used_at: int | None


class Seat:
    """One account in the pool."""

    __slots__ = (
        "_avoid_reason",
        "_factor",
        "_rest_reason",
        "_rests_until",
        "_windows",
        "account",
        "avoided_until",
        "breaker",
        "errors",
        "in_flight",
        "lapses_at",
        "last_failure",
        "last_used_at",
        "limit",
        "refusal",
        "served",
        "successes",
    )

    def __init__(self, account: "Account", refusal: str, lapses_at: int | None) -> None:
        self.in_flight = 0
        self.served = 0.0
        """Its place in the turns of those that are chosen by weight alone."""
        self.successes = 0
        self.errors = 0
        self.last_failure = ""
        self.last_used_at: int | None = None
        self._windows: dict[str, Window] = {}
        digest = blake2b(account.id.encode(), digest_size=8).digest()
        self._factor = int.from_bytes(digest, "big") | 1
        self._start_anew()
        self._take(account, refusal, lapses_at)

    def _start_anew(self) -> None:
        self._rests_until = 0
        self._rest_reason = ""
        self.avoided_until = 0
        """Until then others are asked first."""
        self._avoid_reason = ""
        self.breaker = Breaker()

    def become(self, account: "Account", refusal: str, lapses_at: int | None) -> None:
        """Takes over what was changed. Who leads to another upstream, or is switched on, starts anew.

        `refusal` says why it can't be used until somebody does something, `lapses_at` when its credential ends for
        good.
        """
        if _upstream(self.account) != _upstream(account):
            self._start_anew()
        self._take(account, refusal, lapses_at)

    def _take(self, account: "Account", refusal: str, lapses_at: int | None) -> None:
        self.account = account
        self.refusal = refusal
        self.lapses_at = lapses_at
        self.limit = account.concurrency if account.concurrency is not None else _WORD

    def is_free(self, now: int) -> bool:
        """Whether it may serve a call."""
        return (
            self.in_flight < self.limit
            and self._rests_until <= now
            and not self.refusal
            and (self.lapses_at is None or self.lapses_at > now)
            and self.breaker.lets_through(now)
        )

    def draw(self, session: int) -> int:
        """Its number in the lottery of a session, evenly spread over 64 bits and always the same."""
        mixed = (session * self._factor) & _WORD
        return ((mixed ^ (mixed >> 32)) * self._factor) & _WORD

    def rest(self, now: int, retry_after: float | None, windows: Iterable[Window]) -> None:
        """It is limited: rests for as long as it is told, at least until rejecting windows begin anew."""
        ends = [limit.resets_at for limit in windows if limit.status == "rejected" and limit.resets_at is not None]
        if retry_after is not None:
            ends.append(now + int(retry_after * 1000))
        until = min(max(ends, default=now + _REST_MS), now + _LONGEST_REST_MS)
        if until > self._rests_until:
            self._rests_until = until
            self._rest_reason = "its upstream says that it has reached a limit"

    def avoid(self, now: int, retry_after: float | None) -> None:
        """Its upstream has too much to do: others are asked first."""
        wait = _AVOID_MS if retry_after is None else int(retry_after * 1000)
        self.avoided_until = max(self.avoided_until, now + min(wait, _LONGEST_REST_MS))
        self._avoid_reason = "its upstream is overloaded; it is asked when no other account is left"

    def tell_windows(self, windows: Iterable[Window]) -> None:
        """Keeps what the upstream said of its limits."""
        for limit in windows:
            self._windows[limit.window] = limit

    def free_at(self, now: int) -> int | None:
        """When it may be asked again (milliseconds since 1970), as far as that is a matter of time."""
        if self.refusal or (self.lapses_at is not None and self.lapses_at <= now):
            return None
        return max(now, self._rests_until, self.breaker.open_until)

    def state(self, now: int) -> State:
        """How it is doing."""
        status, reason, until = self._status(now)
        return State(
            status,
            self.in_flight,
            until,
            reason,
            tuple(limit for limit in self._windows.values() if limit.resets_at is None or limit.resets_at > now),
            self.successes,
            self.errors,
            self.last_used_at,
        )

    def _status(self, now: int) -> tuple[Status, str, int | None]:
        if not self.account.is_active:
            return "inactive", "it is deactivated", None
        if self.lapses_at is not None and self.lapses_at <= now:
            return "expired", "its credential has expired; give it a new one", None
        if self.refusal:
            return "unhealthy", self.refusal, None
        if self.breaker.open_until > now:
            return (
                "open",
                f"its upstream failed several times in a row, at last by: {self.last_failure}",
                self.breaker.open_until,
            )
        if self._rests_until > now:
            return "cooling", self._rest_reason, self._rests_until
        if not self.breaker.lets_through(now):
            return "open", "after several failures one call is trying whether its upstream works again", None
        if self.in_flight >= self.limit:
            return "busy", "as many calls are open as it may have", None
        if self.avoided_until > now:
            return "cooling", self._avoid_reason, self.avoided_until
        return "ready", "", None


def _upstream(account: "Account") -> tuple[object, ...]:
    """What makes it another upstream, so that what is known of the old one says nothing. A renewed bearer doesn't."""
    hint = "" if account.type == AccountType.OAUTH else account.hint
    return (account.base_url, account.proxy_url, account.organization_id, hint, account.is_active)
