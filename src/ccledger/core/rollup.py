"""What is summed up, by what and over which spans, folded from calls; it never asks a store.

Engines write what a `Roll` holds under these names, `stats` reads it back by the same names.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from ccledger.core.call import Billing, Cost, Fact, Origin, Outcome, Timing
from ccledger.core.measures import MODEL_ENDPOINTS, Dimension, Grain, Measures, Packed, pack, unpack

_Key = TypeVar("_Key")
_MEASURED, _SUBSCRIPTION = Origin.MEASURED.value, Billing.SUBSCRIPTION.value
_QUARTER, _DAY = Grain.QUARTER.value, Grain.DAY.value
_ALL, _ACCESS_TOKEN, _ACCOUNT = Dimension.ALL.value, Dimension.ACCESS_TOKEN.value, Dimension.ACCOUNT.value
_USER, _PROJECT, _SOURCE = Dimension.USER.value, Dimension.PROJECT.value, Dimension.SOURCE.value
_NO_COST: Final = (0, 0, 0, 0)

Group = tuple[int, int, int, int, int, int, int, int, int]
"""Everything the roll-ups tell calls apart by, as small integer ids (0 is "none"): quarter-hour, access token, account,
user, project, session, mode, source, model. Transcripts are source 0: what most calls come from costs nothing."""
Part = tuple[int, int, int, int, int, int, int, int]
"""A group without its quarter-hour."""
_Sums = dict[int, Packed]
"""Sums by span."""
SpanKey = tuple[int, int, int, int, int]
"""grain, dimension, key, start, model."""
DayKey = tuple[int, int, int, int, int, int, int, int, int]
"""day, access token, account, user, project, session, mode, source, model: a group, but with its day."""


class Roll(NamedTuple):
    """Differences to add to the roll-ups."""

    spans: dict[SpanKey, Measures]
    days: dict[DayKey, Measures]
    models: dict[int, Measures]


def measure(fact: Fact, cost: Cost | None) -> Measures:
    """What one call adds to every group it belongs to, in the order of `MEASURES`."""
    timing, reading = fact.timing, fact.reading
    if reading is None:
        return (1, *(0,) * 14, *_outcome(timing), 0, _asked_a_model(fact), *_durations(timing))
    usage, place = reading.usage, fact.place
    usual = (1, cost is None, not reading.complete) + usage[:5] + (_NO_COST if cost is None else cost[:4])
    subscribed = place is not None and place.billing == _SUBSCRIPTION
    if not usage[5] and not subscribed and reading.origin == _MEASURED and is_plain(timing):
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


def _asked_a_model(fact: Fact) -> bool:
    """Whether a call used tokens, as far as anybody knows: only some endpoints ask a model."""
    return fact.exchange is None or fact.exchange.endpoint in MODEL_ENDPOINTS


def is_plain(timing: Timing) -> bool:
    """Whether nothing is known but when a call ran: it ended well, nobody measured how long it took."""
    return (
        timing.duration_ms is None
        and not timing.outcome
        and timing.status_code is None
        and timing.first_token_ms is None
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
        self._parts: dict[Part, _Sums] = {}

    def add(self, group: Group, measures: Measures) -> None:
        """Counts a call in."""
        _into(self.quarters(group[1:]), group[0], pack(measures))

    def take(self, group: Group, measures: Measures) -> None:
        """Counts a call out that was counted in before."""
        _into(self.quarters(group[1:]), group[0], -pack(measures))

    def quarters(self, part: Part) -> "_Sums":
        """What was counted of one part by quarter-hour: who counts many calls adds them there himself."""
        quarters = self._parts.get(part)
        if quarters is None:
            quarters = self._parts[part] = {}
        return quarters

    def roll(self, day_of: Callable[[int], int]) -> Roll:
        """The differences by roll-up row; `day_of` names the ledger's day of a quarter-hour. Zero rows are left out."""
        spans: dict[SpanKey, Packed] = {}
        days: dict[DayKey, Packed] = {}
        models: dict[int, Packed] = {}
        for part, sums in self._parts.items():
            token, account, user, project, _, _, source, model = part
            keys = _keys(token, account, user, project, source)
            for quarter, packed in sums.items():
                day = day_of(quarter)
                for dimension, key in keys:
                    _into(spans, (_QUARTER, dimension, key, quarter, model), packed)
                    _into(spans, (_DAY, dimension, key, day, model), packed)
                _into(days, (day, *part), packed)
                _into(models, model, packed)
        known = _Unpacked()
        return Roll(known.all(spans), known.all(days), known.all(models))


def _keys(token: int, account: int, user: int, project: int, source: int) -> list[tuple[int, int]]:
    """The dimensions that a part has a value in, with that value."""
    keys = [(_ALL, 0)]
    if project:
        keys.append((_PROJECT, project))
    if token:
        keys.append((_ACCESS_TOKEN, token))
    if account:
        keys.append((_ACCOUNT, account))
    if user:
        keys.append((_USER, user))
    if source:
        keys.append((_SOURCE, source))
    return keys


class _Unpacked(dict[Packed, Measures]):
    """Measures by what they were packed to: where one call is all there is, many rows are the same."""

    def __missing__(self, packed: Packed) -> Measures:
        measures = self[packed] = unpack(packed)
        return measures

    def all(self, rows: "dict[_Key, Packed]") -> "dict[_Key, Measures]":
        """Rows of measures, those that moved nothing left out."""
        return {key: self[packed] for key, packed in rows.items() if packed}


def _into(rows: dict[_Key, Packed], key: _Key, packed: Packed) -> None:
    rows[key] = rows.get(key, 0) + packed
