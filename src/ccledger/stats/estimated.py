"""The one place that decides which days of Claude Code's own statistics are shown; it only reads, and counts no call.

Such a day is shown where the ledger has no call: not on that day in the ledger's zone, and not within the same day of
UTC, whose tokens the statistics hold. So nothing is there twice, and transcripts that come later win by themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.measures import MEASURES, Dimension, Grain, Measures, total
from ccledger.core.periods import day_number, day_of_number
from ccledger.stats.spent import LAST_DAY

if TYPE_CHECKING:
    from ccledger.ledger.cached import KeptDay
    from ccledger.ledger.store import Store

_QUARTERS_A_DAY = 96


class EstimatedDay(NamedTuple):
    """What Claude Code's own statistics tell of one model on a day without calls."""

    day: date
    model: str
    measures: Measures
    """Tokens and costs; no calls, because the statistics do not say how many there were. It counts once as estimated
    and once as unknown, and once as unpriced when the model has no price: no sum that holds it is complete."""
    low_by: int
    """How much less it cost, in nano-USD, were all cache writes for five minutes and not for an hour."""
    as_of: date
    """The last day that the statistics held when they were read."""
    with_cache: bool
    """False where they count input and output only: tokens and cost are lower bounds."""


def estimated_days(store: "Store", first: date | None = None, last: date | None = None) -> list[EstimatedDay]:
    """The days to be shown between two dates (both included, None: no limit), one entry a day and model, oldest first.

    The dates are those of the statistics, which are UTC's; they stand for the same date in any zone.
    """
    kept = store.cached_days(0 if first is None else day_number(first), LAST_DAY if last is None else day_number(last))
    if not kept:
        return []
    taken = _Taken(store, kept[0].told.day, kept[-1].told.day)
    return [entry for day, rows in _by_day(kept) if day not in taken for entry in _estimate(_distinct(rows))]


def _by_day(rows: "Sequence[KeptDay]") -> "Iterator[tuple[int, list[KeptDay]]]":
    return ((day, list(group)) for day, group in groupby(rows, key=lambda row: row.told.day))


class _Taken:
    """Which days of UTC the ledger has calls of, as far as statistics are concerned."""

    def __init__(self, store: "Store", first: int, last: int) -> None:
        self._store = store
        self._days = {row.start for row in store.spans(Grain.DAY, Dimension.ALL, first - 1, last + 1)}

    def __contains__(self, day: int) -> bool:
        if day in self._days:
            return True
        if not self._days & {day - 1, day + 1}:
            return False
        start = day * _QUARTERS_A_DAY
        return bool(self._store.spans(Grain.QUARTER, Dimension.ALL, start, start + _QUARTERS_A_DAY - 1))


def _distinct(rows: "Sequence[KeptDay]") -> "Iterator[KeptDay]":
    """The rows of a day without copies: the same sum of the same model in two directories was copied with its file,
    and a file that was handed over by hand counts only where no directory tells of the day.
    """
    own = [row for row in rows if row.root] or rows
    seen: set[tuple[str, int]] = set()
    for row in own:
        same = (row.told.model, row.told.usage.total_tokens)
        if same not in seen:
            seen.add(same)
            yield row


def _estimate(rows: "Iterable[KeptDay]") -> list[EstimatedDay]:
    """One entry a model: directories are added up."""
    models: dict[str, list[KeptDay]] = {}
    for row in rows:
        models.setdefault(row.told.model, []).append(row)
    return [
        EstimatedDay(
            day=day_of_number(parts[0].told.day),
            model=model,
            measures=total(map(_measures, parts)),
            low_by=sum(map(_low_by, parts)),
            as_of=day_of_number(max(part.computed_on for part in parts)),
            with_cache=all(part.told.with_cache for part in parts),
        )
        for model, parts in sorted(models.items())
    ]


def _measures(row: "KeptDay") -> Measures:
    usage, cost = row.told.usage, row.cost
    known = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "estimated_calls": 1,
        "unknown_calls": 1,
    }
    if cost is None:
        known["unpriced_calls"] = 1
    else:
        known |= {f"{kind}_cost": nano for kind, nano in cost._asdict().items()}
    return tuple(known.get(name, 0) for name in MEASURES)


def _low_by(row: "KeptDay") -> int:
    return 0 if row.cost is None or row.cost_low is None else row.cost.total - row.cost_low


class InUse(NamedTuple):
    """What became of the days that one file of statistics tells of."""

    shown: list[date]
    covered: list[date]
    """Not needed: the ledger has calls of them."""
    elsewhere: list[date]
    """Not needed: another file tells the same."""


def days_in_use(store: "Store", root: str) -> InUse:
    """Which days of a directory's file are shown, and why the others are not. A root as in `CachedFile.root`."""
    kept = store.cached_days(0, LAST_DAY)
    found = InUse([], [], [])
    if not kept:
        return found
    taken = _Taken(store, kept[0].told.day, kept[-1].told.day)
    for day, rows in _by_day(kept):
        if any(row.root == root for row in rows):
            places = found.covered if day in taken else found.elsewhere
            used = day not in taken and any(row.root == root for row in _distinct(rows))
            (found.shown if used else places).append(day_of_number(day))
    return found


class Estimate(NamedTuple):
    """What of a sum is estimated from Claude Code's own statistics."""

    days: frozenset[date]
    as_of: date
    """The last day that the newest of the statistics held."""
    low_by: int = 0
    """How much less the sum would cost, in nano-USD, were all cache writes for five minutes."""
    with_cache: bool = True
    """False where some of it counts input and output only."""


def estimate_of(entries: Iterable[EstimatedDay]) -> Estimate | None:
    """What several days have in common, None when there are none."""
    return joined(Estimate(frozenset({entry.day}), entry.as_of, entry.low_by, entry.with_cache) for entry in entries)


def joined(estimates: "Iterable[Estimate | None]") -> Estimate | None:
    """All of them together."""
    known = [estimate for estimate in estimates if estimate is not None]
    if not known:
        return None
    return Estimate(
        frozenset().union(*(estimate.days for estimate in known)),
        max(estimate.as_of for estimate in known),
        sum(estimate.low_by for estimate in known),
        all(estimate.with_cache for estimate in known),
    )
