"""What is summed up, by what and over which spans, folded from calls; it never asks a store.

Engines write what a `Roll` holds under these names, `stats` reads it back by the same names.
"""

from collections.abc import Callable
from operator import add, neg
from typing import NamedTuple, TypeVar

from ccledger.core.call import Billing, Call, Origin, Outcome, Timing
from ccledger.core.measures import Grain, Measures

_Key = TypeVar("_Key")



Group = tuple[int, int, int, int, int, int, int, int]
"""Everything the roll-ups tell calls apart by, as small integer ids (0 is "none"): quarter-hour, access token, account,
user, project, session, mode, model."""
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


def measure(call: Call) -> Measures:
    """What one call adds to every group it belongs to, in the order of `MEASURES`."""
    fact, cost = call.fact, call.cost
    timing, reading = fact.timing, fact.reading
    if reading is None:
        return (1, *_outcome(timing), 0, 0, 1, *(0,) * 13, *_durations(timing))
    usage = reading.usage
    if cost is None:
        money: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    else:
        subscribed = fact.place is not None and fact.place.billing == Billing.SUBSCRIPTION
        money = (
            cost.input,
            cost.output,
            cost.cache_creation,
            cost.cache_read,
            cost.web_search,
            cost.total if subscribed else 0,
        )
    return (
        1,
        *_outcome(timing),
        cost is None,
        reading.origin == Origin.ESTIMATED,
        reading.origin == Origin.UNKNOWN,
        not reading.complete,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.cache_read_tokens,
        usage.web_searches,
        *money,
        *_durations(timing),
    )


def _outcome(timing: Timing) -> tuple[int, int]:
    return (timing.outcome == Outcome.ERROR, timing.outcome == Outcome.ABORTED) if timing.outcome else (0, 0)


def _durations(timing: Timing) -> tuple[int, int, int, int]:
    if timing.duration_ms is None and timing.first_token_ms is None:
        return (0, 0, 0, 0)
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
        groups[group] = measures if before is None else tuple(map(add, before, measures))

    def take(self, group: Group, measures: Measures) -> None:
        """Counts a call out that was counted in before."""
        self.add(group, tuple(map(neg, measures)))

    def roll(self, day_of: Callable[[int], int]) -> Roll:
        """The differences by roll-up row; `day_of` names the ledger's day of a quarter-hour. Zero rows are left out."""
        roll = Roll({}, {}, {}, {})
        for group, measures in self._groups.items():
            if not any(measures):
                continue
            quarter, access_token, account, user, project, session, mode, model = group
            day = day_of(quarter)
            keys = (0, access_token, account, user, project)
            for dimension, key in enumerate(keys):
                if key or not dimension:
                    _into(roll.spans, (Grain.QUARTER, dimension, key, quarter, model), measures)
                    _into(roll.spans, (Grain.DAY, dimension, key, day, model), measures)
            _into(roll.days, (day, access_token, account, user, project, mode, model), measures)
            if session:
                _into(roll.sessions, (day, session, model), measures)
            _into(roll.models, model, measures)
        return roll


def _into(rows: dict[_Key, Measures], key: _Key, measures: Measures) -> None:
    before = rows.get(key)
    rows[key] = measures if before is None else tuple(map(add, before, measures))
