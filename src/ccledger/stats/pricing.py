"""The prices in force: what the program ships and what was set over it, and what another price would change.

It changes neither prices nor calls.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, NamedTuple

from msgspec import Struct

from ccledger.core.measures import Measures
from ccledger.core.periods import moment
from ccledger.core.prices import FOREVER, KINDS, Card, Model, Override, Period, PriceBook
from ccledger.ledger.plan import cost_of
from ccledger.ledger.store import Slice
from ccledger.stats.overview import unpriced_models
from ccledger.stats.words import about

if TYPE_CHECKING:
    from ccledger.core.call import Call
    from ccledger.ledger.store import Store

JUMP = 3
"""A price that is more than so many times the shipped one, or less than that part of it, is asked about."""
_DAY_MS = 86_400_000
_SHIPPED, _SET = "shipped", "set"


class Prices:
    """The price book in force, looked up in the ledger whenever it is asked for. May be asked from any thread."""

    def __init__(self, store: "Store", shipped: Callable[[], PriceBook]) -> None:
        self._store = store
        self._shipped = shipped
        self._known: tuple[Sequence[Override], PriceBook] | None = None

    def book(self) -> PriceBook:
        """The shipped book with everything laid over it that was set."""
        overrides = self._store.overrides()
        known = self._known
        if known is None or known[0] != overrides:
            known = self._known = (overrides, self._shipped().overlaid(overrides))
        return known[1]

    def overrides(self) -> Sequence[Override]:
        """What was set."""
        return self._store.overrides()


class CardPrices(Struct, frozen=True):
    """Prices of the kinds of tokens in USD per million tokens."""

    input_price: float
    output_price: float
    cache_creation_price: Annotated[float, about("Writing to the cache for five minutes.")]
    cache_creation_1h_price: Annotated[float, about("Writing to the cache for an hour.")]
    cache_read_price: float


class PricePeriod(CardPrices, frozen=True, kw_only=True):
    """A model's prices while they do not change."""

    effective_date: Annotated[str, about("The first day (UTC).")]
    end_date: Annotated[str | None, about("The first day (UTC) on which they hold no longer; null: not known yet.")]
    origin: Annotated[str, about("`shipped` with the program, or `set` by its user.")]
    source: Annotated[str, about("Where the prices were read, in words.")]
    long_context_over: Annotated[int | None, about("Prompts of more tokens than this are priced by `long_context`.")]
    long_context: CardPrices | None


class ModelPrices(Struct, frozen=True, kw_only=True):
    """What a model's calls of this moment cost in USD per million tokens, and what they cost before and will cost."""

    input_price: float | None
    output_price: float | None
    cache_creation_price: Annotated[float | None, about("Writing to the cache for five minutes.")]
    cache_creation_1h_price: Annotated[float | None, about("Writing to the cache for an hour.")]
    cache_read_price: float | None
    effective_date: Annotated[str | None, about("Since when (UTC) these prices hold; null: there are none now.")]
    origin: Annotated[str | None, about("`shipped` with the program, or `set` by its user.")]
    source: Annotated[str | None, about("Where the prices were read, in words.")]
    fast_factor: Annotated[float | None, about("By what fast mode multiplies all prices; null: there is no price.")]
    aliases: list[str]
    periods: Annotated[list[PricePeriod], about("Oldest first.")]


class Pricing(Struct, frozen=True):
    """All prices, by model."""

    models: dict[str, ModelPrices]
    unpriced: Annotated[list[str], about("Models on the ledger with calls that have no price.")]


def pricing(book: PriceBook, overrides: Sequence[Override], at: int, ever: Mapping[str, Measures]) -> Pricing:
    """All prices, those of a moment (milliseconds since 1970) first; `ever` is what each model spent so far."""
    models = {model.name: _model_prices(model, overrides, at) for model in book.models}
    return Pricing(models, [row.model for row in unpriced_models(ever) if row.model])


def period_at(model: Model, at: int) -> Period | None:
    """The period that holds a moment."""
    return next((period for period in model.periods if period.start <= at < period.end), None)


def _model_prices(model: Model, overrides: Sequence[Override], at: int) -> ModelPrices:
    current = period_at(model, at)
    told = None if current is None else _period(model, current, overrides)
    return ModelPrices(
        input_price=told and told.input_price,
        output_price=told and told.output_price,
        cache_creation_price=told and told.cache_creation_price,
        cache_creation_1h_price=told and told.cache_creation_1h_price,
        cache_read_price=told and told.cache_read_price,
        effective_date=told and told.effective_date,
        origin=told and told.origin,
        source=told and told.source,
        fast_factor=None if model.fast is None else float(model.fast),
        aliases=list(model.aliases),
        periods=[_period(model, period, overrides) for period in model.periods],
    )


def _period(model: Model, period: Period, overrides: Iterable[Override]) -> PricePeriod:
    is_set = any(one.model == model.name and one.period.start <= period.start < one.period.end for one in overrides)
    return PricePeriod(
        *map(float, period.card.usd_per_mtok),
        effective_date=_day(period.start).isoformat(),
        end_date=None if period.end == FOREVER else _day(period.end).isoformat(),
        origin=_SET if is_set else _SHIPPED,
        source=period.source,
        long_context_over=period.long_over,
        long_context=None if period.long_card is None else CardPrices(*map(float, period.long_card.usd_per_mtok)),
    )


def _day(ms: int) -> date:
    return moment(ms).date()


def jumps(book: PriceBook, override: Override) -> list[str]:
    """Where an override is so far from the prices that it replaces that somebody should look again, in words."""
    model = book.find(override.model)
    if model is None:
        return []
    new = override.period
    replaced = [old for old in model.periods if old.start < new.end and new.start < old.end]
    return list(dict.fromkeys(text for old in replaced for text in _jumps(old.card, new.card)))


def _jumps(old: Card, new: Card) -> Iterable[str]:
    for kind, before, after in zip(KINDS, old.usd_per_mtok, new.usd_per_mtok, strict=True):
        if after > before * JUMP or after * JUMP < before:
            yield f"{kind.replace('_', ' ')} {_plain(after)} instead of {_plain(before)}"


def _plain(price: Decimal) -> str:
    return f"{price:f}"


class Difference(NamedTuple):
    """What pricing calls of one model anew would change. Money in nano-USD, calls without a price count nothing."""

    calls: int = 0
    """How many of them would cost something else."""
    old_cost: int = 0
    new_cost: int = 0
    old_unpriced: int = 0
    new_unpriced: int = 0


def differences(store: "Store", book: PriceBook, part: Slice) -> dict[str, Difference]:
    """What pricing the calls of a slice anew would change, by model; models without a change are left out."""
    found: dict[str, Difference] = {}
    first, last = store.first_call_at(part.start, part.end), store.last_call_at(part.start, part.end)
    if first is None or last is None:
        return found
    # A day at a time: all calls at once may be more than fits the memory.
    for start in range(first, last + 1, _DAY_MS):
        for call in store.calls(start, min(start + _DAY_MS, part.end)):
            _compare(call, book, part, found)
    return dict(sorted(found.items(), key=lambda row: -abs(row[1].new_cost - row[1].old_cost)))


def _compare(call: "Call", book: PriceBook, part: Slice, found: dict[str, Difference]) -> None:
    reading = call.fact.reading
    if reading is None or (part.models is not None and reading.model not in part.models):
        return
    cost = cost_of(call.fact, book.cost)
    if cost == call.cost:
        return
    before = found.get(reading.model, Difference())
    found[reading.model] = Difference(
        before.calls + 1,
        before.old_cost + (call.cost.total if call.cost else 0),
        before.new_cost + (cost.total if cost else 0),
        before.old_unpriced + (call.cost is None),
        before.new_unpriced + (cost is None),
    )


def models_meant(book: PriceBook, asked: Iterable[str], recorded: Iterable[str]) -> frozenset[str]:
    """The names under which the ledger has calls of models that somebody asks for in any spelling."""
    wanted = {book.listed_name(name) for name in asked}
    return frozenset(name for name in recorded if book.listed_name(name) in wanted)
