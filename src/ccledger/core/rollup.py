"""What is summed up, by what and over which spans, folded from calls; it never asks a store.

Engines write what a `Roll` holds under these names, `stats` reads it back by the same names.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ccledger.core.call import Billing, Cost, Fact, Origin, Outcome, Reading, Timing
from ccledger.core.measures import Grain, Measures, Packed, pack, unpack

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
        return (1, *(0,) * 17, 1, *_durations(timing))
    usage = reading.usage
    if cost is None:
        usual = (1, 1, not reading.complete, *usage[:5], 0, 0, 0, 0)
    else:
        usual = (1, 0, not reading.complete, *usage[:5], *cost[:4])
    place = fact.place
    subscribed = place is not None and place.billing == _SUBSCRIPTION
    if not usage[5] and not subscribed and reading.origin == _MEASURED and is_plain(timing):
        return usual
    return (
        *usual,
        usage.web_searches,
        0 if cost is None else cost.web_search,
        cost.total if cost is not None and subscribed else 0,
        timing.outcome == Outcome.ERROR,
        timing.outcome == Outcome.ABORTED,
        reading.origin == Origin.ESTIMATED,
        reading.origin == Origin.UNKNOWN,
        *_durations(timing),
    )


def is_plain(timing: Timing) -> bool:
    """Whether nothing is known but when a call ran: it ended well, nobody measured how long it took."""
    return (
        timing.duration_ms is None
        and not timing.outcome
        and timing.status_code is None
        and timing.first_token_ms is None
    )


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
        self._groups: dict[Group, Packed] = {}

    def add(self, group: Group, measures: Measures) -> None:
        """Counts a call in."""
        _into(self._groups, group, pack(measures))

    def take(self, group: Group, measures: Measures) -> None:
        """Counts a call out that was counted in before."""
        _into(self._groups, group, -pack(measures))

    def roll(self, day_of: Callable[[int], int]) -> Roll:
        """The differences by roll-up row; `day_of` names the ledger's day of a quarter-hour. Zero rows are left out."""
        quarters: dict[_Span, Packed] = {}
        days: dict[DayKey, Packed] = {}
        sessions: dict[SessionKey, Packed] = {}
        spans: dict[SpanKey, Packed] = {}
        models: dict[int, Packed] = {}
        for (quarter, token, account, user, project, session, mode, model), packed in self._groups.items():
            if packed:
                _into(quarters, (quarter, token, account, user, project, mode, model), packed)
                if session:
                    _into(sessions, (day_of(quarter), session, model), packed)
        _spread(quarters, Grain.QUARTER.value, spans)
        for (quarter, token, account, user, project, mode, model), packed in quarters.items():
            _into(days, (day_of(quarter), token, account, user, project, mode, model), packed)
        _spread(days, Grain.DAY.value, spans)
        for day, packed in days.items():
            _into(models, day[6], packed)
        return Roll(_unpacked(spans), _unpacked(days), _unpacked(sessions), _unpacked(models))


def _spread(rows: dict[_Span, Packed], grain: int, spans: dict[SpanKey, Packed]) -> None:
    """Adds rows of all dimensions together to rows of one dimension each."""
    for (start, token, account, user, project, _, model), packed in rows.items():
        _into(spans, (grain, 0, 0, start, model), packed)
        if project:
            _into(spans, (grain, 4, project, start, model), packed)
        if token:
            _into(spans, (grain, 1, token, start, model), packed)
        if account:
            _into(spans, (grain, 2, account, start, model), packed)
        if user:
            _into(spans, (grain, 3, user, start, model), packed)


def _into(rows: dict[_Key, Packed], key: _Key, packed: Packed) -> None:
    rows[key] = rows.get(key, 0) + packed


def _unpacked(rows: dict[_Key, Packed]) -> dict[_Key, Measures]:
    return {key: unpack(packed) for key, packed in rows.items()}
