"""What a request log says of one call, and how its cost came about; it looks no call up."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from ccledger.core.call import Failer, Outcome, Party, Place, Usage
from ccledger.core.money import exact_usd, usd
from ccledger.core.periods import iso
from ccledger.stats.export import Table, harmless
from ccledger.stats.history import ORIGINS, SOURCE_NAMES, origin_of
from ccledger.stats.words import Moment, Nano, about, nano_text

if TYPE_CHECKING:
    from ccledger.core.call import Call, Cost
    from ccledger.core.prices import Explanation, PriceBook


class Titles(NamedTuple):
    """What access tokens and accounts are called, by their ids; None for what nobody knows."""

    tokens: Callable[[str], str | None]
    accounts: Callable[[str], str | None]


_NOBODY: Final = Party(0)
_NOWHERE: Final = Place(0)
_FAILERS: Final = {failer.value: failer.name.lower() for failer in Failer if failer}
_OWN_WORDS: Final = Failer.GATEWAY.name.lower()


class RequestLog(Struct, frozen=True, kw_only=True):
    """One call with everything that is known of it. What nobody knows is null."""

    id: Annotated[str, about("The call's number in the ledger; it never changes.")]
    token_id: Annotated[str | None, about("The access token that it was made with.")]
    token_name: str | None
    account_id: Annotated[str | None, about("The upstream account that served it.")]
    account_name: str | None
    user_name: str | None
    mode: Annotated[str | None, about("Which kind of upstream it went to: api or web.")]
    model: Annotated[str, about("Empty when nobody has seen what the call used.")]
    stream: Annotated[bool | None, about("Whether the answer was asked for as a stream.")]
    endpoint: Annotated[str | None, about("What was asked: messages, chat, count_tokens, models or another path.")]
    request_at: Annotated[Moment, about("When it started.")]
    response_at: Annotated[Moment | None, about("When it ended.")]
    duration_ms: int | None
    ttft_ms: Annotated[int | None, about("How long the first token took.")]
    prompt_tokens: Annotated[int, about("All input that was read, cache included.")]
    completion_tokens: Annotated[int, about("Output, thinking included.")]
    total_tokens: Annotated[int, about("Every token, cache included.")]
    input_tokens: Annotated[int, about("Plain input: what was neither written to the cache nor read from it.")]
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_creation_tokens: Annotated[int, about("Both kinds of cache writes.")]
    cache_read_tokens: int
    web_searches: int
    cost_usd: Annotated[float | None, about("In USD; null when the model has no price.")]
    cost_nano_usd: Annotated[Nano | None, about("The same exactly, in nano-USD.")]
    total_cost: Annotated[float | None, about("The same as `cost_usd`.")]
    total_cost_nano: Annotated[Nano | None, about("The same as `cost_nano_usd`.")]
    status_code: Annotated[int | None, about("The HTTP status that the client got.")]
    success: Annotated[bool, about("Whether it ended well: neither with an error nor cut short.")]
    failed_by: Annotated[str | None, about("Who made it fail: client, gateway or upstream.")]
    error_message: Annotated[
        str | None,
        about("What went wrong. Unless the gateway itself says it, it needs sign-in: it may quote what was asked."),
    ]
    attempts: Annotated[int | None, about("How often it was sent upstream.")]
    session_id: str | None
    project: str | None
    branch: str | None
    agent: Annotated[str | None, about("The sub-agent that made it; null in the main conversation.")]
    source: Annotated[str, about("Who knows best when it ran: transcript, gateway or runner.")]
    origin: Annotated[str, about("How the counts are known: measured, estimated or unknown.")]
    conversation_id: Annotated[str | None, about("The recorded text, where there is one.")]


class CostLine(Struct, frozen=True):
    """What the tokens of one kind cost."""

    kind: Annotated[str, about("input, output, cache_write_5m, cache_write_1h, cache_read or web_search.")]
    tokens: int
    usd_per_mtok: Annotated[
        float | None, about("US dollars per million tokens, modifiers included; null for searches.")
    ]
    cost: Annotated[float, about("In USD.")]
    cost_nano: Nano


class PriceUsed(Struct, frozen=True):
    """The price that a call was booked at."""

    model: Annotated[str, about("The name under which the prices are listed.")]
    source: Annotated[str, about("Where the price comes from.")]
    starts_at: Annotated[Moment, about("From when on it holds.")]
    modifiers: Annotated[list[str], about("What changed it: long_context, batch, fast, us_only, regional.")]


class RequestDetail(RequestLog, frozen=True, kw_only=True):
    """One call, and how its cost came about."""

    cost_lines: list[CostLine]
    price: Annotated[
        PriceUsed | None, about("Null without a price, and when prices changed since and it was not priced anew.")
    ]


_AnyRow = TypeVar("_AnyRow", bound=RequestLog)


def request_log(call: "Call", titles: Titles) -> RequestLog:
    """The row of a call."""
    fact, nano = call.fact, None if call.cost is None else call.cost.total
    timing, exchange = fact.timing, fact.exchange
    party, place = fact.party or _NOBODY, fact.place or _NOWHERE
    usage = Usage() if fact.reading is None else fact.reading.usage
    ends_at = None if timing.duration_ms is None else timing.started_at + timing.duration_ms
    cost, exact = None if nano is None else usd(nano), nano_text(nano)
    return RequestLog(
        id=str(call.id),
        token_id=party.access_token,
        token_name=party.access_token and titles.tokens(party.access_token),
        account_id=party.account,
        account_name=party.account and titles.accounts(party.account),
        user_name=party.user,
        mode=party.mode,
        model="" if fact.reading is None else fact.reading.model,
        stream=None if exchange is None else exchange.stream,
        endpoint=None if exchange is None else exchange.endpoint,
        request_at=iso(timing.started_at),
        response_at=None if ends_at is None else iso(ends_at),
        duration_ms=timing.duration_ms,
        ttft_ms=timing.first_token_ms,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        cache_creation_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        web_searches=usage.web_searches,
        cost_usd=cost,
        cost_nano_usd=exact,
        total_cost=cost,
        total_cost_nano=exact,
        status_code=timing.status_code,
        success=timing.outcome == Outcome.OK,
        failed_by=None if exchange is None else _FAILERS.get(exchange.failed_by),
        error_message=None if exchange is None else exchange.error,
        attempts=None if exchange is None else exchange.attempts,
        session_id=place.session,
        project=place.project or place.folder,
        branch=place.branch,
        agent=place.agent,
        source=SOURCE_NAMES[timing.source],
        origin=ORIGINS[origin_of(call)],
        conversation_id=None,
    )


def without_quotes(row: _AnyRow) -> _AnyRow:
    """The row for whoever has not signed in: the words of others may hold a piece of a prompt."""
    return row if row.failed_by == _OWN_WORDS else replace(row, error_message=None)


def request_detail(call: "Call", titles: Titles, book: "PriceBook") -> RequestDetail:
    """The row of a call and how its cost came about."""
    fact = call.fact
    explained = None if fact.reading is None else book.explain(fact.reading, fact.timing.started_at)
    lines, price = _booked_lines(call.cost, fact.reading.usage if fact.reading else Usage()), None
    if explained is not None and call.cost is not None and _adds_up(explained, call.cost):
        lines, price = _explained_lines(explained), _price_used(explained)
    return RequestDetail(**asdict(request_log(call, titles)), cost_lines=lines, price=price)


def _adds_up(explained: "Explanation", cost: "Cost") -> bool:
    """Whether the prices of now are those that the call was booked at."""
    fresh, output, write_5m, write_1h, read, searched = (line.nano for line in explained.lines)
    return cost == (fresh, output, write_5m + write_1h, read, searched)


def _explained_lines(explained: "Explanation") -> list[CostLine]:
    return [
        CostLine(
            line.kind,
            line.tokens,
            None if line.usd_per_mtok is None else float(line.usd_per_mtok),
            usd(line.nano),
            str(line.nano),
        )
        for line in explained.lines
        if line.tokens or line.nano
    ]


def _price_used(explained: "Explanation") -> PriceUsed:
    period = explained.period
    return PriceUsed(explained.model, period.source, iso(period.start), list(explained.modifiers))


def _booked_lines(cost: "Cost | None", usage: Usage) -> list[CostLine]:
    """What is known of a cost without the price behind it."""
    if cost is None:
        return []
    kinds = {
        "input": (usage.input_tokens, cost.input),
        "output": (usage.output_tokens, cost.output),
        "cache_creation": (usage.cache_write_5m_tokens + usage.cache_write_1h_tokens, cost.cache_creation),
        "cache_read": (usage.cache_read_tokens, cost.cache_read),
        "web_search": (0, cost.web_search),
    }
    return [
        CostLine(kind, tokens, None, usd(nano), str(nano)) for kind, (tokens, nano) in kinds.items() if tokens or nano
    ]


_COSTS: Final = ("cost_usd", "total_cost")


def _cells(row: RequestLog) -> tuple[str | int | None, ...]:
    told: dict[str, str | int | None] = {
        name: harmless(value) if isinstance(value, str) else value for name, value in asdict(row).items()
    }
    exact = None if row.total_cost_nano is None else exact_usd(int(row.total_cost_nano))
    told |= dict.fromkeys(_COSTS, exact)
    return tuple(str(value).lower() if isinstance(value, bool) else value for value in told.values())


REQUESTS: Final = Table(RequestLog.__struct_fields__, _cells)
"""Request logs as CSV; truth values are `true` and `false`."""
