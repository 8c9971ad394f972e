"""Everything that is known to make a reader of transcripts count wrongly, one function each; none knows what the right count is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..records import Maker
from . import copies, counts, days, lines, places, prices

Trap = Callable[[Maker], None]

ALL: Mapping[str, Trap] = copies.TRAPS | counts.TRAPS | lines.TRAPS | places.TRAPS | prices.TRAPS | days.TRAPS
