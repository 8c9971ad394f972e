# Makes the rows of plain new calls and sums them up in bulk; compiled from _booking.c where a compiler was at hand.

from collections.abc import Callable
from typing import TypeAlias

from ccledger.core.call import Fact, Place
from ccledger.core.measures import Measures
from ccledger.core.prices import Rate
from ccledger.core.rollup import DayKey, SpanKey
from ccledger.ledger.rows import Row, Spot

# What is to be added to the roll-ups, in the order of `Roll`.
_Sums: TypeAlias = tuple[dict[SpanKey, Measures], dict[DayKey, Measures], dict[int, Measures]]

# The rows of all calls, in their order, and the sums of the plain ones. `other` makes the row of a call that is not
# plain, and counts it. None when a sum needs more than 64 bits.
def book(
    calls: list[Fact],
    ids: list[int],
    rates_of: Callable[[str, int], tuple[Rate, ...]],
    place_of: Callable[[Place | None], Spot],
    model_of: Callable[[str], int],
    other: Callable[[Fact, int], Row],
    day_of: Callable[[int], int],
) -> tuple[list[Row], _Sums] | None: ...
