"""What is summed up, by what and over which spans, folded from calls; it never asks a store.

Engines write what a `Roll` holds under these names, `stats` reads it back by the same names.
"""

from collections.abc import Callable
from operator import neg
from typing import NamedTuple, TypeVar

from ccledger.core.call import Billing, Cost, Fact, Origin, Outcome, Timing
from ccledger.core.measures import Grain, Measures, plus

_Key = TypeVar("_Key")
_MEASURED, _SUBSCRIPTION = Origin.MEASURED.value, Billing.SUBSCRIPTION.value

Group = tuple[int, int, int, int, int, int, int, int]
"""Everything the roll-ups tell calls apart by, as small integer ids (0 is "none"): quarter-hour, access token, account,
user, project, session, mode, model."""
_Span = tuple[int, int, int, int, int, int, int]
SpanKey = tuple[int, int, int, int, int]
"""grain, dimension, key, start, model."""
DayKey = tuple[int, int, int, int, int, int, int]
"""day, access token, account, user, project, mode, model."""
SessionKey = tuple[int, int, int]
"""day, session, model."""


class Roll(NamedTuple):
    """Differences to add to the roll-ups."""

    spans: dict[SpanKey, Measures]
    days: dict[DayKey, Measures]
    sessions: dict[SessionKey, Measures]
    models: dict[int, Measures]


def measure(fact: Fact, cost: Cost | None) -> Measures:
    """What one call adds to every group it belongs to, in the order of `MEASURES`."""
    timing, reading = fact.timing, fact.reading
    if reading is None:
        return (1, *(0,) * 14, *_outcome(timing), 0, 1, *_durations(timing))
    usage = reading.usage
    if cost is None:
        usual = (1, 1, not reading.complete, *usage[:5], 0, 0, 0, 0)
    else:
        usual = (1, 0, not reading.complete, *usage[:5], *cost[:4])
    place = fact.place
    subscribed = place is not None and place.billing == _SUBSCRIPTION
    if (
        timing.duration_ms is None
        and not usage[5]
        and not subscribed
        and not timing.outcome
        and timing.first_token_ms is None
        and reading.origin == _MEASURED
    ):
        return usual
    return (
        *usual,
        usage.web_searches,
        0 if cost is None else cost.web_search,
        cost.total if cost is not None and subscribed else 0,
        *_outcome(timing),
        reading.origin == Origin.ESTIMATED,
        reading.origin == Origin.UNKNOWN,
        *_durations(timing),
    )


def _outcome(timing: Timing) -> tuple[int, int]:
    return (timing.outcome == Outcome.ERROR, timing.outcome == Outcome.ABORTED)


def _durations(timing: Timing) -> tuple[int, int, int, int]:
    return (
        timing.duration_ms or 0,
        timing.duration_ms is not None,
        timing.first_token_ms or 0,
        timing.first_token_ms is not None,
    )


class Fold:
    """Adds and takes away calls, then answers the differences per roll-up row. Costs one addition a call."""

    def __init__(self) -> None:
        self._groups: dict[Group, Measures] = {}

    def add(self, group: Group, measures: Measures) -> None:
        """Counts a call in."""
        groups = self._groups
        before = groups.get(group)
        groups[group] = measures if before is None else plus(before, measures)

    def take(self, group: Group, measures: Measures) -> None:
        """Counts a call out that was counted in before."""
        self.add(group, tuple(map(neg, measures)))

    def roll(self, day_of: Callable[[int], int]) -> Roll:
        """The differences by roll-up row; `day_of` names the ledger's day of a quarter-hour. Zero rows are left out."""
        roll = Roll({}, {}, {}, {})
        quarters: dict[_Span, Measures] = {}
        for (quarter, token, account, user, project, session, mode, model), measures in self._groups.items():
            if any(measures):
                _into(quarters, (quarter, token, account, user, project, mode, model), measures)
                if session:
                    _into(roll.sessions, (day_of(quarter), session, model), measures)
        _spread(quarters, Grain.QUARTER.value, roll.spans)
        for (quarter, token, account, user, project, mode, model), measures in quarters.items():
            _into(roll.days, (day_of(quarter), token, account, user, project, mode, model), measures)
        _spread(roll.days, Grain.DAY.value, roll.spans)
        for day in roll.days:
            _into(roll.models, day[6], roll.days[day])
        return roll


def _spread(rows: dict[_Span, Measures], grain: int, spans: dict[SpanKey, Measures]) -> None:
    """Adds rows of all dimensions together to rows of one dimension each."""
    for (start, token, account, user, project, _, model), measures in rows.items():
        _into(spans, (grain, 0, 0, start, model), measures)
        if project:
            _into(spans, (grain, 4, project, start, model), measures)
        if token:
            _into(spans, (grain, 1, token, start, model), measures)
        if account:
            _into(spans, (grain, 2, account, start, model), measures)
        if user:
            _into(spans, (grain, 3, user, start, model), measures)


def _into(rows: dict[_Key, Measures], key: _Key, measures: Measures) -> None:
    before = rows.get(key)
    rows[key] = measures if before is None else plus(before, measures)
