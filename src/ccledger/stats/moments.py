"""What was spent between two moments, exact to the millisecond, and which moments a day compares; it only reads."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from ccledger.core.measures import Axis, Cut, Dimension, Measures
from ccledger.core.periods import midnight_ms, milliseconds, moment
from ccledger.stats.spent import Stretch, local_day, spent

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


def spent_between(
    store: "Store", start_ms: int, end_ms: int, dimensions: Sequence[Dimension] = (Dimension.ALL,)
) -> list[dict[str, Measures]]:
    """What calls spent that started at or after `start_ms` and before `end_ms`, by name, for each of the dimensions.

    `Dimension.ALL` has one sum, of the empty name; `Dimension.PROJECT` is by path, or by the transcripts' directory
    where the path is not known.
    """
    return [_sums(store, (start_ms, end_ms), dimension) for dimension in dimensions]


def _sums(store: "Store", stretch: Stretch, dimension: Dimension) -> dict[str, Measures]:
    projects = Cut((Axis.PROJECT,), without={Axis.PROJECT: frozenset({""})})
    [groups] = spent(store, [stretch], projects if dimension == Dimension.PROJECT else Cut())
    return {"".join(values): measures for values, measures in groups.items()}


def spent_by_model(store: "Store", start_ms: int, end_ms: int) -> dict[str, Measures]:
    """What each model spent in calls that started at or after `start_ms` and before `end_ms`."""
    [groups] = spent(store, [(start_ms, end_ms)], Cut((Axis.MODEL,)))
    return {model: measures for (model,), measures in groups.items()}


def today(now_ms: int, tz: tzinfo) -> tuple[int, int]:
    """When the running day began and when the next one begins: 23 to 25 hours, in some zones half hours."""
    day = local_day(now_ms, tz)
    return midnight_ms(day, tz), midnight_ms(day + timedelta(days=1), tz)


def yesterday(now_ms: int, tz: tzinfo) -> tuple[int, int]:
    """When yesterday began, and the first moment at which its clock showed the time it is now, or a later one."""
    return midnight_ms(local_day(now_ms, tz) - timedelta(days=1), tz), days_ago(now_ms, tz, 1)


def days_ago(now_ms: int, tz: tzinfo, days: int) -> int:
    """The first moment, that many days ago, at which the clock showed the time it is now, or a later one.

    Where that day's clock skipped the time it is the moment of the jump; where it showed it twice, the first.
    """
    target = _clock(now_ms, tz) - timedelta(days=days)
    early, late = sorted(milliseconds(target.replace(tzinfo=tz, fold=fold)) for fold in (0, 1))
    if _clock(early, tz) < target:
        early += bisect_left(range(early, late), target, key=lambda ms: _clock(ms, tz))
    return early


def _clock(ms: int, tz: tzinfo) -> datetime:
    return moment(ms).astimezone(tz).replace(tzinfo=None, fold=0)
