"""Decides whether an access token may make one more call now; it keeps no record of calls and knows no account.

Requests and tokens are counted over the last 60 seconds exactly, not by the minute of the clock. Calls beyond the
number that may be open at once wait in line for a short while; those beyond other limits are told when to come back.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple, Protocol

from ccledger.core.access import AccessToken, Mode

_MINUTE = 60.0
MOST_WAITING = 20
PATIENCE = 30.0
"""Seconds that a call waits in line."""
_COME_BACK = 5
"""Seconds after which somebody who waited in vain may come back."""


class Refusal(NamedTuple):
    """Why a call must not be made."""

    status: int
    sentence: str
    retry_after: int | None = None
    """Seconds until it may be; None: not before something else changes."""


class _Entry:
    __slots__ = ("amount", "time")

    def __init__(self, time: float, amount: int) -> None:
        self.time = time
        self.amount = amount


class _Window:
    """What was taken within the last minute."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._total = 0

    def total(self, now: float) -> int:
        """How much was taken within the minute that ends now."""
        entries = self._entries
        while entries and entries[0].time + _MINUTE <= now:
            self._total -= entries.popleft().amount
        return self._total

    def take(self, amount: int, now: float) -> _Entry:
        entry = _Entry(now, amount)
        self._entries.append(entry)
        self._total += amount
        return entry

    def correct(self, entry: _Entry, amount: int, now: float) -> None:
        """Says what was really taken: less was never taken at all, more is taken now."""
        self.total(now)
        more = amount - entry.amount
        if more > 0:
            self.take(more, now)
        elif entry.time + _MINUTE > now:
            entry.amount = amount
            self._total += more

    def wait(self, amount: int, most: int, now: float) -> float:
        """Seconds until so much may be taken; infinite if it never may."""
        excess = self.total(now) + amount - most
        if excess <= 0:
            return 0.0
        for entry in self._entries:
            excess -= entry.amount
            if excess <= 0:
                return entry.time + _MINUTE - now
        return math.inf


class _Lane:
    """What one access token has open, waiting and taken."""

    def __init__(self, token: AccessToken) -> None:
        self.token = token
        self.open = 0
        self.waiting: deque[_Waiter] = deque()
        self.requests = _Window()
        self.tokens = _Window()

    @property
    def has_room(self) -> bool:
        """Whether one more call may be open."""
        return self.token.concurrency is None or self.open < self.token.concurrency

    def is_idle(self, now: float) -> bool:
        """Whether nothing would be forgotten with it."""
        return not (self.open or self.waiting or self.requests.total(now) or self.tokens.total(now))

    def refusal(self, tokens: int, now: float) -> Refusal | None:
        """Why a call with so many tokens may not be made now, however many are open."""
        requests, most = self.token.requests_per_minute, self.token.tokens_per_minute
        if most is not None and tokens > most:
            return too_large(self.token, tokens)
        for_requests = 0.0 if requests is None else self.requests.wait(1, requests, now)
        for_tokens = 0.0 if most is None else self.tokens.wait(tokens, most, now)
        if for_tokens > for_requests:
            return beyond_tokens(self.token, for_tokens)
        return beyond_requests(self.token, for_requests) if for_requests else None


class Pass:
    """The right to make one call, which ends with `leave`."""

    def __init__(self, end: Callable[[int], None]) -> None:
        self._end: Callable[[int], None] | None = end

    def leave(self, tokens_used: int) -> None:
        """Ends the call, which used so many tokens; saying it again changes nothing."""
        end, self._end = self._end, None
        if end is not None:
            end(max(0, tokens_used))


class _Waiter(NamedTuple):
    tokens: int
    answer: asyncio.Future[Pass | Refusal]


class Gate(Protocol):
    """Where calls are let in."""

    async def enter(self, token: AccessToken, tokens: int) -> Pass | Refusal:
        """Waits until a call with about so many tokens may be made, or says why it may not."""
        ...


class Turnstile:
    """Lets calls in, one access token independent of the other.

    `clock` is monotonic, in seconds. All limits are those of the access token as it was shown last.
    """

    def __init__(
        self, clock: Callable[[], float], *, patience: float = PATIENCE, most_waiting: int = MOST_WAITING
    ) -> None:
        self._clock = clock
        self._patience = patience
        self._most_waiting = most_waiting
        self._lanes: dict[str, _Lane] = {}
        self._swept_at = clock()

    async def enter(self, token: AccessToken, tokens: int) -> Pass | Refusal:
        """Waits until a call with about so many tokens may be made, or says why it may not."""
        lane = self._lane(token)
        if lane.has_room and not lane.waiting:
            return self._admit(lane, tokens)
        refusal = lane.refusal(tokens, self._clock())
        if refusal is not None:
            return refusal
        if len(lane.waiting) >= self._most_waiting:
            return crowded(token, f"and {self._most_waiting} more are waiting")
        return await self._wait(lane, tokens)

    def change(self, token: AccessToken) -> None:
        """Takes over an access token's new limits before it is shown again: some that wait may be let in."""
        if token.id in self._lanes:
            self._lane(token)

    def forget_idle(self) -> None:
        """Frees the memory of access tokens that have nothing open and took nothing lately."""
        now = self._swept_at = self._clock()
        self._lanes = {name: lane for name, lane in self._lanes.items() if not lane.is_idle(now)}

    def _lane(self, token: AccessToken) -> _Lane:
        if self._clock() - self._swept_at >= _MINUTE:
            self.forget_idle()
        lane = self._lanes.get(token.id)
        if lane is None:
            lane = self._lanes[token.id] = _Lane(token)
        elif lane.token is not token:
            lane.token = token
            self._let_in(lane)
        return lane

    def _admit(self, lane: _Lane, tokens: int) -> Pass | Refusal:
        now = self._clock()
        refusal = lane.refusal(tokens, now)
        if refusal is not None:
            return refusal
        lane.open += 1
        if lane.token.requests_per_minute is not None:
            lane.requests.take(1, now)
        entry = None if lane.token.tokens_per_minute is None else lane.tokens.take(tokens, now)
        return Pass(partial(self._end, lane, entry))

    def _end(self, lane: _Lane, entry: _Entry | None, tokens_used: int) -> None:
        lane.open -= 1
        if entry is not None:
            lane.tokens.correct(entry, tokens_used, self._clock())
        self._let_in(lane)

    def _let_in(self, lane: _Lane) -> None:
        """Answers those who wait, in the order they came, as long as there is room."""
        while lane.waiting and lane.has_room:
            waiter = lane.waiting.popleft()
            if not waiter.answer.done():
                waiter.answer.set_result(self._admit(lane, waiter.tokens))

    async def _wait(self, lane: _Lane, tokens: int) -> Pass | Refusal:
        waiter = _Waiter(tokens, asyncio.get_running_loop().create_future())
        lane.waiting.append(waiter)
        try:
            async with asyncio.timeout(self._patience):
                return await waiter.answer
        except TimeoutError:
            # The answer may have come in the same moment.
            return _answer(waiter) or crowded(lane.token, f"and none ended within {self._patience:.0f} seconds")
        except asyncio.CancelledError:
            answer = _answer(waiter)
            if isinstance(answer, Pass):
                answer.leave(0)
            raise
        finally:
            if waiter in lane.waiting:
                lane.waiting.remove(waiter)


def _answer(waiter: _Waiter) -> Pass | Refusal | None:
    return waiter.answer.result() if waiter.answer.done() and not waiter.answer.cancelled() else None


def too_large(token: AccessToken, tokens: int) -> Refusal:
    """A call takes more tokens than a minute allows."""
    most = token.tokens_per_minute
    return _too_many(f"may use {most} tokens a minute, and this call alone takes about {tokens}", math.inf)


def beyond_tokens(token: AccessToken, wait: float) -> Refusal:
    """The tokens of the minute are used up for so many seconds."""
    return _too_many(f"may use {token.tokens_per_minute} tokens a minute", wait)


def beyond_requests(token: AccessToken, wait: float) -> Refusal:
    """The requests of the minute are used up for so many seconds."""
    return _too_many(f"may make {token.requests_per_minute} requests a minute", wait)


def _too_many(limit: str, wait: float) -> Refusal:
    if wait == math.inf:
        return Refusal(429, f"This access token {limit}. Make the call smaller, or ask for a higher limit.")
    seconds = max(1, math.ceil(wait))
    return Refusal(429, f"This access token {limit}. Try again in {seconds} s.", seconds)


def crowded(token: AccessToken, why: str) -> Refusal:
    """As many calls are open as may be, and waiting for one to end did not help."""
    limit = f"may have {token.concurrency} calls open at once"
    return Refusal(429, f"This access token {limit}, {why}. Try again in {_COME_BACK} s.", _COME_BACK)


def refusal_of(token: AccessToken, now_ms: int, model: str | None, ip: str, mode: str) -> Refusal | None:
    """Why an access token may not make a call at all; None if it may.

    `now_ms` in milliseconds since 1970, `model` as it was asked for (None: nobody knows yet, or it asks none), `ip` the
    caller's address, `mode` `api` or `web`.
    """
    if token.revoked_at is not None:  # at whatever time: another node's clock may be ahead
        return Refusal(401, "This access token was revoked. Ask for a new one.")
    if token.expires_at is not None and token.expires_at <= now_ms:
        return Refusal(401, "This access token has expired. Ask for a new one.")
    if token.ips and not _is_inside(token.ips, ip):
        return Refusal(403, f"This access token may not be used from {ip or 'here'}. Use it from an address it allows.")
    if token.mode not in (mode, Mode.BOTH):
        return Refusal(403, f"This access token is for mode {token.mode}, not {mode}. Use one that allows it.")
    if model is not None and token.models and not _is_allowed(token.models, model):
        return Refusal(403, f"This access token may not ask {model}. It may ask {', '.join(token.models)}.")
    return None


@lru_cache(maxsize=4096)
def _is_allowed(patterns: tuple[str, ...], model: str) -> bool:
    return any(_matches(pattern.split("*"), model) for pattern in patterns)


def _matches(parts: Sequence[str], text: str) -> bool:
    """Whether a text is made of the parts, in order, with anything between them."""
    first, *middle = parts
    if not middle:
        return text == first
    last = middle.pop()
    if not text.startswith(first):
        return False
    at = len(first)
    for part in middle:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return text.endswith(last) and len(text) - len(last) >= at


@lru_cache(maxsize=4096)
def _is_inside(networks: tuple[str, ...], ip: str) -> bool:
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    # A server that listens on both families sees old addresses in new clothes.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(network is not None and address in network for network in map(_network, networks))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None
