"""Numbers over HTTP: what was recorded, and what the first page shows; it adds nothing up itself."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from litestar import get
from litestar.params import QueryParameter
from msgspec import Struct, field
from msgspec.structs import asdict

from ccledger.api.system import Import, Transcripts
from ccledger.core.errors import UsageError
from ccledger.core.measures import Measures, total
from ccledger.core.periods import iso, zone
from ccledger.stats.beyond import Estimated, estimated_ever
from ccledger.stats.lifetime import Lifetime
from ccledger.stats.overview import Figures, dearest_first, figures
from ccledger.stats.words import Moment, Totals, about, totals

if TYPE_CHECKING:
    from ccledger.ledger.store import Store

_HOURS = (24, 168)

Timezone = Annotated[
    str | None,
    QueryParameter(description="IANA time zone whose days are meant, as in Asia/Shanghai. Without it: the server's."),
]
Hours = Annotated[int, QueryParameter(description="How far `series` goes back.", schema_extra={"enum": list(_HOURS)})]


class CurrentStats(Struct, frozen=True):
    """All recorded time."""

    timezone: str
    generated_at: Moment
    totals: Totals
    models: Annotated[dict[str, Totals], about("By model, the dearest first.")]
    estimated: Annotated[
        Estimated | None,
        about("What Claude Code's own statistics tell of days without calls; null when nothing. No total holds it."),
    ]


class Overview(Figures, frozen=True, kw_only=True):
    """Everything the first page shows."""

    timezone: str
    now: Annotated[Moment, about("The moment that all figures are of.")]
    billing: Annotated[
        Literal["api", "subscription", "mixed", "unknown"], about("How all Claude directories are paid for.")
    ]
    import_: Import = field(name="import")


def all_models(ever: Mapping[str, Measures]) -> tuple[Totals, dict[str, Totals]]:
    """The sum of all models, and each by name."""
    return totals(total(ever.values())), {name: totals(ever[name]) for name in dearest_first(ever)}


def stats_routes(
    store: "Store",
    lifetime: Lifetime,
    now: Callable[[], int],
    default_zone: str,
    transcripts: Transcripts,
) -> list[Any]:
    """`stats/current` and `stats/overview`."""

    @get("/stats/current", operation_id="getCurrentStats", sync_to_thread=True)
    def stats_current(timezone: Timezone = None) -> CurrentStats:
        """Everything recorded so far: totals, and the same by model."""
        name = timezone or default_zone
        zone(name)
        everything, models = all_models(lifetime.models())
        return CurrentStats(name, iso(now()), everything, models, estimated_ever(store))

    @get("/stats/overview", operation_id="getOverview", sync_to_thread=True)
    def stats_overview(timezone: Timezone = None, hours: Hours = 24) -> Overview:
        """What the first page shows: today, the pace, the last 24 or 168 hours, running sessions."""
        if hours not in _HOURS:
            raise UsageError(f"hours is 24 or 168, not {hours}")
        name = timezone or default_zone
        tz = zone(name)
        moment = now()
        paid: Any = transcripts.billing()
        return Overview(
            timezone=name,
            now=iso(moment),
            billing=paid,
            import_=transcripts.state(),
            **asdict(figures(store, lifetime.models(), tz, moment, hours)),
        )

    return [stats_current, stats_overview]
