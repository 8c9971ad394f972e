"""Numbers over HTTP: what was recorded, and what the first page shows; it adds nothing up itself."""

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

from litestar import get

from ccledger.core.errors import UsageError
from ccledger.core.periods import iso, zone
from ccledger.stats.overview import current, overview

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_HOURS = (24, 168)


def stats_routes(
    store: "Store",
    now: Callable[[], int],
    default_zone: str,
    importing: Callable[[], dict[str, Any]],
    billing: Callable[[], str],
) -> list[Any]:
    """`stats/current` and `stats/overview`."""

    @get("/stats/current", sync_to_thread=True)
    def stats_current(timezone: str | None = None) -> dict[str, Any]:
        """Everything recorded so far: totals, and the same by model."""
        name = timezone or default_zone
        zone(name)
        return {"timezone": name, "generated_at": iso(now()), **current(store)}

    @get("/stats/overview", sync_to_thread=True)
    def stats_overview(timezone: str | None = None, hours: int = 24) -> dict[str, Any]:
        """What the first page shows: today, the pace, the last 24 or 168 hours, running sessions."""
        if hours not in _HOURS:
            raise UsageError(f"hours is 24 or 168, not {hours}")
        name = timezone or default_zone
        tz: tzinfo = zone(name) if name else UTC
        moment = now()
        return {
            "timezone": name,
            "now": iso(moment),
            "billing": billing(),
            "import": importing(),
            **overview(store, tz, moment, hours),
        }

    return [stats_current, stats_overview]
