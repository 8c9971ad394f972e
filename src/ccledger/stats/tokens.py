"""Access tokens with what was used by each, in the words in which they leave the program; it changes none."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from msgspec import Struct

from ccledger.core.access import AccessToken
from ccledger.core.measures import ZERO, Axis, Cut, Dimension, Grain, Measures
from ccledger.core.periods import iso
from ccledger.stats.spent import LAST_DAY, add_to
from ccledger.stats.totals import count, total_tokens
from ccledger.stats.words import METRICS, Moment, Nano, about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class TokenInfo(Struct, frozen=True):
    """An access token, never its key, and what was used by it in all recorded time."""

    id: str
    name: str
    mode: Annotated[str, about("`api`, `web` or `both`.")]
    user_name: Annotated[str, about("Who owns it.")]
    note: str
    hint: Annotated[str, about("The beginning of its key, to recognise it by.")]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Annotated[Moment | None, about("When its newest call that is still kept began.")]
    is_valid: Annotated[bool, about("Whether it is neither revoked nor expired.")]
    enable_conversation_logging: Annotated[bool, about("Whether the text of its calls is recorded.")]
    models: Annotated[list[str], about("The models it may ask, `*` for any characters; empty: all.")]
    ips: Annotated[list[str], about("The addresses and networks it may come from; empty: all.")]
    requests_per_minute: Annotated[int | None, about("Null: no limit.")]
    tokens_per_minute: Annotated[int | None, about("Null: no limit.")]
    concurrency: Annotated[int | None, about("Calls it may have open at once; null: no limit.")]
    total_requests: int
    total_tokens_used: Annotated[int, about("Every token, cache included.")]
    total_cost: Annotated[float | None, about("In USD; null when none of its calls has a price.")]
    total_cost_nano: Annotated[Nano | None, about("The same exactly, in nano-USD.")]


def describe_tokens(store: "Store", tokens: Sequence[AccessToken], now: int) -> list[TokenInfo]:
    """Access tokens in their order with what was used by each. `now` in milliseconds since 1970."""
    used = _used(store, (token.id for token in tokens))
    last = store.last_calls(Axis.ACCESS_TOKEN)
    return [_describe(token, used.get(token.id, ZERO), last.get(token.id), now) for token in tokens]


def _used(store: "Store", ids: Iterable[str]) -> dict[str, Measures]:
    """What was used by each of some access tokens, as far as it was used at all."""
    cut = Cut((Axis.ACCESS_TOKEN,), {Axis.ACCESS_TOKEN: frozenset(ids)})
    sums: dict[str, Measures] = {}
    for row in store.sum_spans(Grain.DAY, Dimension.ACCESS_TOKEN, [(0, LAST_DAY)], cut):
        add_to(sums, row.values[0], row.measures)
    return sums


def _describe(token: AccessToken, used: Measures, last_used_at: int | None, now: int) -> TokenInfo:
    return TokenInfo(
        id=token.id,
        name=token.name,
        mode=token.mode,
        user_name=token.user,
        note=token.note,
        hint=token.hint,
        created_at=iso(token.created_at),
        expires_at=_moment(token.expires_at),
        revoked_at=_moment(token.revoked_at),
        last_used_at=_moment(last_used_at),
        is_valid=token.revoked_at is None and (token.expires_at is None or token.expires_at > now),
        enable_conversation_logging=token.enable_conversation_logging,
        models=list(token.models),
        ips=list(token.ips),
        requests_per_minute=token.requests_per_minute,
        tokens_per_minute=token.tokens_per_minute,
        concurrency=token.concurrency,
        total_requests=count(used, "calls"),
        total_tokens_used=total_tokens(used),
        total_cost=METRICS["total_cost"](used),
        total_cost_nano=METRICS["total_cost_nano"](used),
    )


def _moment(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
