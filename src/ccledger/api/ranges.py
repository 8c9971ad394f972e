"""The parameters by which every route lets a range of time be named; what they mean is `stats/ranges`."""

from collections.abc import Callable
from typing import Annotated

from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from ccledger.api.stats import Timezone
from ccledger.stats.ranges import DEFAULT_DAYS, Range, read_range

AskedRange = SkipValidation[NamedDependency[Range]]
"""The range that a route was asked for; its dependency is `asked_range`."""

StartDate = Annotated[
    str | None, QueryParameter(description="First date or time, as in 2026-11-20 or 2026-11-20T08:00:00Z.")
]
EndDate = Annotated[
    str | None, QueryParameter(description="Last date, included, or the time before which calls count.")
]
Days = Annotated[
    int | None,
    QueryParameter(description=f"The last so many days instead, today included. Without any range: {DEFAULT_DAYS}."),
]


def asked_range(now: Callable[[], int], default_zone: str) -> Provide:
    """Reads `start_date`, `end_date`, `days` and `timezone` for routes that take an `AskedRange`."""

    def read(
        start_date: StartDate = None, end_date: EndDate = None, days: Days = None, timezone: Timezone = None
    ) -> Range:
        return read_range(start_date, end_date, days, timezone or default_zone, now())

    return Provide(read, sync_to_thread=False)
