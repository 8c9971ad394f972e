"""The circuit breaker of one account: closed, open, then tried by one call at a time; it looks at no clock."""

from typing import Final

MOST_FAILURES: Final = 5
"""So many in a row open it."""
OPEN_MS: Final = 30_000
ENOUGH_SUCCESSES: Final = 2
"""So many trials in a row that succeed close it again."""


class Breaker:
    """Keeps calls from an upstream that does not work.

    Each call that begins gets a number, the round it belongs to. What a call of an earlier round tells later is not
    heard: it speaks of how things were.
    """

    __slots__ = ("_failures", "_is_tried", "_round", "_successes", "open_until")

    def __init__(self) -> None:
        self.open_until = 0
        """Milliseconds since 1970; 0 while closed. Once it is past, one call after the other may try."""
        self._failures = 0
        self._successes = 0
        self._round = 0
        self._is_tried = False

    def lets_through(self, now: int) -> bool:
        """Whether a call may begin."""
        return not self.open_until or (now >= self.open_until and not self._is_tried)

    def begin(self) -> int:
        """A call begins that was let through; its round is what all that it tells comes with."""
        if self.open_until:
            self._round += 1
            self._is_tried = True
        return self._round

    def answered(self, call: int) -> None:
        """The upstream has begun to answer a call: enough for a trial, which must not wait for the end of a stream."""
        if call != self._round or not self._is_tried:
            return
        self._end_trial()
        self._successes += 1
        if self._successes == ENOUGH_SUCCESSES:
            self.open_until = self._failures = self._successes = 0

    def succeeded(self, call: int) -> None:
        """The upstream has answered a call to its end."""
        if call == self._round and not self.open_until:
            self._failures = 0

    def failed(self, call: int, now: int) -> None:
        """The upstream has failed at a call."""
        if call != self._round or (self.open_until and not self._is_tried):
            return
        self._failures += 1
        if self.open_until or self._failures >= MOST_FAILURES:
            self._end_trial()
            self._successes = 0
            self.open_until = now + OPEN_MS

    def ended(self, call: int) -> None:
        """A call is over, whatever it told: a trial that told nothing makes room for the next one."""
        if call == self._round and self._is_tried:
            self._end_trial()

    def _end_trial(self) -> None:
        self._is_tried = False
        self._round += 1
