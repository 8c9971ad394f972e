"""What was spent between two moments, exact to the millisecond, and which moments a day compares; it only reads."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from ccledger.core.measures import Dimension, Grain, Measures, widen
from ccledger.core.periods import QUARTER_MS, midnight_ms, milliseconds, moment
from ccledger.core.rollup import measure
from ccledger.stats.spent import add_to, local_day

if TYPE_CHECKING:
    from ccledger.core.call import Call
    from ccledger.ledger.store import Store


def spent_between(
    store: "Store", start_ms: int, end_ms: int, dimensions: Sequence[Dimension] = (Dimension.ALL,)
) -> list[dict[str, Measures]]:
    """What calls spent that started at or after `start_ms` and before `end_ms`, by name, for each of the dimensions.

    Whole quarter-hours come from the roll-ups, what is left at the edges from the calls. `Dimension.ALL` has one sum,
    of the empty name. `Dimension.PROJECT` is by path, or by the transcripts' directory where the path is not known.
    """
    first, last = -(-start_ms // QUARTER_MS), end_ms // QUARTER_MS
    if first <= last:
        edges = [*_calls(store, start_ms, first * QUARTER_MS), *_calls(store, last * QUARTER_MS, end_ms)]
    else:
        edges = _calls(store, start_ms, end_ms)
    return [_sums(store, dimension, range(first, last), edges) for dimension in dimensions]


def _calls(store: "Store", start_ms: int, end_ms: int) -> "list[Call]":
    return store.calls(start_ms, end_ms) if start_ms < end_ms else []


def _sums(store: "Store", dimension: Dimension, quarters: range, edges: "list[Call]") -> dict[str, Measures]:
    sums: dict[str, Measures] = {}
    if quarters:
        for row in store.spans(Grain.QUARTER, dimension, quarters[0], quarters[-1]):
            add_to(sums, row.key or row.folder, row.measures)
    for call in edges:
        name = _project(call) if dimension == Dimension.PROJECT else ""
        if name is not None:
            add_to(sums, name, widen(measure(call.fact, call.cost)))
    return sums


def _project(call: "Call") -> str | None:
    place = call.fact.place
    return None if place is None else place.project or place.folder


def today(now_ms: int, tz: tzinfo) -> tuple[int, int]:
    """When the running day began and when the next one begins: 23 to 25 hours, in some zones half hours."""
    day = local_day(now_ms, tz)
    return midnight_ms(day, tz), midnight_ms(day + timedelta(days=1), tz)


def yesterday(now_ms: int, tz: tzinfo) -> tuple[int, int]:
    """When yesterday began, and the first moment at which its clock showed the time it is now, or a later one.

    Where yesterday's clock skipped that time it is the moment of the jump; where it showed it twice, the first.
    """
    now = _clock(now_ms, tz)
    target = now - timedelta(days=1)
    early, late = sorted(milliseconds(target.replace(tzinfo=tz, fold=fold)) for fold in (0, 1))
    if _clock(early, tz) < target:
        early += bisect_left(range(early, late), target, key=lambda ms: _clock(ms, tz))
    return midnight_ms(target.date(), tz), early


def _clock(ms: int, tz: tzinfo) -> datetime:
    return moment(ms).astimezone(tz).replace(tzinfo=None, fold=0)
