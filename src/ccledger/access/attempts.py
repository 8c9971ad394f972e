"""Counts attempts to sign in, by address and altogether, and says how long the next one has to wait."""

from collections import OrderedDict, deque
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Final

from ccledger.core.ports import Clock

_WINDOW_MS: Final = 60_000
_BY_ADDRESS: Final = 10
_ALTOGETHER: Final = 60
_ADDRESSES: Final = 10_000
"""Addresses that are remembered at once; the one that tried longest ago is forgotten."""
_NETWORK_BITS: Final = 64
"""Of an IPv6 address: the rest of it costs its owner nothing."""


class Attempts:
    """Attempts of the last minute. Every one counts from the moment it is made; a successful one is forgiven."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._all: deque[int] = deque()
        self._of: OrderedDict[str, deque[int]] = OrderedDict()

    def wait_ms(self, address: str) -> int:
        """How long the next attempt from an address has to wait; 0: it may be made.

        What others try does not stop an address that has not tried lately: they could lock everybody out.
        """
        now = self._now()
        mine = self._of.get(_network(address), deque[int]())
        own = _wait(mine, _BY_ADDRESS, now)
        return max(own, _wait(self._all, _ALTOGETHER, now)) if mine else own

    def count(self, address: str) -> None:
        """Counts an attempt that is being made."""
        now, network = self._now(), _network(address)
        self._all.append(now)
        self._of.setdefault(network, deque()).append(now)
        self._of.move_to_end(network)
        if len(self._of) > _ADDRESSES:
            self._of.popitem(last=False)

    def forgive(self, address: str) -> None:
        """Forgets the attempts from an address: somebody there has shown who they are."""
        for moment in self._of.pop(_network(address), ()):
            with suppress(ValueError):
                self._all.remove(moment)


def _wait(moments: deque[int], most: int, now: int) -> int:
    while moments and moments[0] <= now - _WINDOW_MS:
        moments.popleft()
    return moments[-most] + _WINDOW_MS - now if len(moments) >= most else 0


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address) or found.ipv4_mapped:
        return address
    return str(int(found) >> (128 - _NETWORK_BITS))
