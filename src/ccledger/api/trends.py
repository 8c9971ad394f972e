"""`stats/trends` and `stats/models`, as the monitor's clients know them; it adds nothing up itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from litestar import get
from litestar.params import QueryParameter
from msgspec import UNSET, Struct, UnsetType

from ccledger.api.stats import Timezone
from ccledger.core.errors import UsageError
from ccledger.stats.lifetime import Lifetime
from ccledger.stats.overview import dearest_first
from ccledger.stats.ranges import DEFAULT_DAYS, read_range
from ccledger.stats.trends import Period, TrendPoint, trend
from ccledger.stats.words import about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_PERIODS = [period.value for period in Period]


class Trends(Struct, frozen=True):
    """How spending went. With a `period`: `period` and `data`; without: `daily` and `weekly`."""

    timezone: str
    period: Annotated[str | UnsetType, about("The period that was asked for.")] = UNSET
    data: Annotated[list[TrendPoint] | UnsetType, about("Oldest first, without gaps.")] = UNSET
    daily: Annotated[list[TrendPoint] | UnsetType, about("Oldest first, without gaps.")] = UNSET
    weekly: Annotated[list[TrendPoint] | UnsetType, about("Weeks from Monday on, oldest first.")] = UNSET


_Period = Annotated[
    str | None,
    QueryParameter(description="How long a span is. Without it: both days and weeks.", schema_extra={"enum": _PERIODS}),
]
_Days = Annotated[int, QueryParameter(description="How many days, today included.", schema_extra={"minimum": 1})]


def trend_routes(store: "Store", lifetime: Lifetime, now: Callable[[], int], default_zone: str) -> list[Any]:
    """`stats/models` and `stats/trends`."""

    @get("/stats/models", operation_id="getModels", sync_to_thread=True)
    def stats_models() -> list[str]:
        """The models that calls were made to, the dearest first."""
        return [name for name in dearest_first(lifetime.models()) if name]

    @get("/stats/trends", operation_id="getTrends", sync_to_thread=True)
    def stats_trends(period: _Period = None, days: _Days = DEFAULT_DAYS, timezone: Timezone = None) -> Trends:
        """How spending went over the last days, in spans of time."""
        name = timezone or default_zone
        asked = read_range(None, None, days, name, now())
        if not period:
            return Trends(name, daily=trend(store, asked, Period.DAILY), weekly=trend(store, asked, Period.WEEKLY))
        if period not in _PERIODS:
            raise UsageError(f"period is {', '.join(_PERIODS)}, not {period!r}")
        return Trends(name, period, trend(store, asked, Period(period)))

    return [stats_models, stats_trends]
