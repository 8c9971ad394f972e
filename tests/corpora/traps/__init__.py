"""Everything known to make a reader of transcripts count wrongly, one function each; none knows the right count."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..records import Maker
from . import copies, counts, days, lines, places, prices

Trap = Callable[[Maker], None]

ALL: Mapping[str, Trap] = {
    name: trap for kind in (copies, counts, lines, places, prices, days) for name, trap in kind.TRAPS.items()
}
