"""The account's own limits over HTTP, as the provider told them; it guesses none."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from litestar import get
from msgspec import Struct

from ccledger.core.limits import LimitReading
from ccledger.core.periods import iso
from ccledger.stats.limits import LimitState, limit_states
from ccledger.stats.words import Moment, about


class LimitPace(Struct, frozen=True):
    """How fast a limit is used up in its running window."""

    percent_per_hour: float
    full_at: Annotated[Moment | None, about("When nothing will be left at this pace; null when it resets before that.")]
    readings: Annotated[int, about("How many readings the pace rests on.")]


class LimitWindow(Struct, frozen=True):
    """One limit of one Claude directory's account."""

    window: Annotated[str, about("five_hour, seven_day, spend_limit, or as the provider calls another one.")]
    used_percentage: float
    resets_at: Moment | None
    read_at: Annotated[Moment, about("When it was told last.")]
    directory: Annotated[str, about("The Claude directory; empty where it is not known.")]
    source: Annotated[Literal["status_line"], about("Who told it.")]
    origin: Annotated[Literal["measured"], about("The provider's own figure.")]
    stale: Annotated[bool, about("It was told more than 15 minutes ago, or the window has begun anew since.")]
    pace: Annotated[LimitPace | None, about("Null until readings ten minutes apart tell of one.")]


class Limits(Struct, frozen=True):
    """Every limit that is known."""

    now: Moment
    windows: list[LimitWindow]


def limit_routes(now: Callable[[], int], limits: Callable[[], Sequence[LimitReading]]) -> list[Any]:
    """`limits`."""

    @get("/limits", operation_id="getLimits", sync_to_thread=True)
    def get_limits() -> Limits:
        """How much of the account's own limits is used, from what Claude Code's status line was told."""
        moment = now()
        return Limits(iso(moment), [_window(state) for state in limit_states(limits(), moment)])

    return [get_limits]


def _window(state: LimitState) -> LimitWindow:
    window, used, resets_at = state.limit
    pace = state.pace
    return LimitWindow(
        window=window,
        used_percentage=used,
        resets_at=None if resets_at is None else iso(resets_at),
        read_at=iso(state.read_at),
        directory=state.directory,
        source="status_line",
        origin="measured",
        stale=state.stale,
        pace=None
        if pace is None
        else LimitPace(pace.percent_per_hour, None if pace.full_at is None else iso(pace.full_at), pace.readings),
    )
