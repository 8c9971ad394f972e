"""The price book: which dated rate a call falls under and what it costs; it never guesses a price.

Rules and their order: a model's name is normalised and then has to match exactly; the period is the one that holds the
call's start (UTC); a prompt over the long-context threshold is priced by that card as a whole; modifiers multiply the
token prices. An unknown model, or a time before a model's first price, has no cost (None), never zero.
Amounts are exact: rates are kept in femto-USD per token, each kind of cost is rounded once, half to even, to nano-USD.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ccledger.core.call import Cost, Reading, Terms
from ccledger.core.errors import UsageError
from ccledger.core.money import NANO, divide_half_even
from ccledger.core.periods import milliseconds

_FEMTO_PER_NANO = 1_000_000
_FEMTO_PER_USD = NANO * _FEMTO_PER_NANO
_MILLION = 1_000_000
FOREVER = 1 << 62
"""The end of a period that has none yet."""
_make: Callable[[type[Cost], tuple[int, ...]], Cost] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - bare, it is generic
"""Makes a named tuple in half the time: without its Python-level constructor."""

KINDS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
"""The token kinds of a price card, in the order of `Card.usd_per_mtok`."""

_DECORATION = re.compile(r"\[[0-9a-z]+\]$")
_PROVIDER = re.compile(
    r"^(?:openrouter/|anthropic/|bedrock/|converse/|vertex_ai/|azure_ai/|azure/|system\.ai\.|databricks-)+"
)
_REGION = re.compile(r"^(us-gov|us|eu|apac|au|jp|ca|global)\.")
_VERSION = re.compile(r"-v\d+(?::\d+)?$")
_NEWEST = re.compile(r"[@-](?:default|latest)$")
_DOT = re.compile(r"(?<=\d)\.(?=\d)")
_DATE = re.compile(r"-20\d{6}$")
_DISPLAY = re.compile(r"(?:-fast|-thinking)$")
_NUMBER_FIRST = re.compile(r"^claude-(\d+(?:-\d+)?)-(opus|sonnet|haiku)$")
_FAMILY_FIRST = re.compile(r"^claude-(opus|sonnet|haiku)-(\d+(?:-\d+)?)$")


class Card(NamedTuple):
    """Prices of one model in US dollars per million tokens, in the order of `KINDS`."""

    usd_per_mtok: tuple[Decimal, ...]


class Period(NamedTuple):
    """A card and when it holds: `start <= time < end`, milliseconds since 1970."""

    start: int
    end: int
    card: Card
    source: str
    long_over: int | None = None
    """Prompt tokens above which `long_card` replaces the whole card."""
    long_card: Card | None = None


class Override(NamedTuple):
    """A period that somebody laid over the shipped prices of one model."""

    model: str
    period: Period
    set_at: int
    """Milliseconds since 1970."""
    set_by: str


class Model(NamedTuple):
    """A priced model: its dated cards and which modifiers it knows."""

    name: str
    periods: tuple[Period, ...]
    aliases: tuple[str, ...] = ()
    fast: Decimal | None = None
    us_only: bool = False
    regional: bool = False


class Modifiers(NamedTuple):
    """Factors on all token prices, and the price of one web search in nano-USD."""

    batch: Decimal
    us_only: Decimal
    regional: Decimal
    web_search_nano: int


class Name(NamedTuple):
    """A model's name as providers write it, taken apart."""

    candidates: tuple[str, ...]
    """Names to look up, best first; only an exact match counts."""
    regional: bool
    """The name asks for a regional cloud endpoint."""


class Prices(NamedTuple):
    """What one token of each kind costs, modifiers included."""

    femto: tuple[int, ...]
    nano: tuple[int, ...] | None
    """The same in nano-USD where that is exact, so that nothing has to be rounded."""


class Rate(NamedTuple):
    """What tokens cost while `start <= time < end`, milliseconds since 1970; see `Period`."""

    start: int
    end: int
    card: Prices
    long_over: int | None
    long_card: Prices


class Line(NamedTuple):
    """What the tokens of one kind cost."""

    kind: str
    """One of `KINDS`, or `web_search`."""
    tokens: int
    usd_per_mtok: Decimal | None
    """Modifiers included; None for searches, which are no tokens."""
    nano: int


class Explanation(NamedTuple):
    """How a cost came about."""

    model: str
    """The name under which the prices are listed."""
    period: Period
    modifiers: tuple[str, ...]
    lines: tuple[Line, ...]


def normalise(name: str) -> Name:
    """Takes the decorations of clouds, resellers and trackers off a model's name."""
    text = _DECORATION.sub("", name.strip().lower())
    if text.startswith("arn:"):
        text = text.rpartition("/")[2]
    text = _PROVIDER.sub("", text)
    region = _REGION.match(text)
    if region:
        text = text[region.end() :]
    text = _VERSION.sub("", text.removeprefix("anthropic."))
    text = _DOT.sub("-", _NEWEST.sub("", text).replace("@", "-"))
    candidates = _spellings(text)
    plain = _DISPLAY.sub("", text)
    if plain != text:
        candidates += _spellings(plain)
    return Name(tuple(dict.fromkeys(candidates)), region is not None and region[1] != "global")


def _spellings(text: str) -> list[str]:
    undated = _VERSION.sub("", _DATE.sub("", text))
    return [
        text,
        undated,
        _NUMBER_FIRST.sub(r"claude-\2-\1", undated),
        _FAMILY_FIRST.sub(r"claude-\2-\1", undated),
    ]


class PriceBook:
    """Dated prices by model name. Immutable for its users; answers are remembered because names repeat."""

    def __init__(self, models: Iterable[Model], modifiers: Modifiers) -> None:
        self.models = tuple(models)
        self.modifiers = modifiers
        self._by_name: dict[str, Model] = {}
        for model in self.models:
            for name in (model.name, *model.aliases):
                self._by_name[name] = model
        self._rates: dict[tuple[str, int], tuple[Rate, ...]] = {}

    def find(self, name: str) -> Model | None:
        """The model that a provider's name stands for, None when it is unknown."""
        for candidate in normalise(name).candidates:
            model = self._by_name.get(candidate)
            if model is not None:
                return model
        return None

    def cost(self, reading: Reading, started_at: int) -> Cost | None:
        """What a call costs that started at that time (milliseconds since 1970); None when it has no price."""
        rates = self.rates(reading.model, reading.terms)
        for start, end, card, long_over, long_card in rates:  # noqa: B007 - the last three are used after the loop
            if start <= started_at < end:
                break
        else:
            return None
        usage = reading.usage
        if long_over is not None and usage.prompt_tokens > long_over:
            card = long_card
        fresh, output, write_5m, write_1h, read, searches = usage
        searched = searches * self.modifiers.web_search_nano
        if card.nano is not None:
            a, b, c, d, e = card.nano
            return _make(Cost, (fresh * a, output * b, write_5m * c + write_1h * d, read * e, searched))
        a, b, c, d, e = card.femto
        return Cost(
            divide_half_even(fresh * a, _FEMTO_PER_NANO),
            divide_half_even(output * b, _FEMTO_PER_NANO),
            divide_half_even(write_5m * c, _FEMTO_PER_NANO) + divide_half_even(write_1h * d, _FEMTO_PER_NANO),
            divide_half_even(read * e, _FEMTO_PER_NANO),
            searched,
        )

    def explain(self, reading: Reading, started_at: int) -> "Explanation | None":
        """How `cost` comes about, kind by kind; None when there is no price."""
        model, terms = self.find(reading.model), Terms(reading.terms)
        factor = model and self._factor(model, terms, regional=normalise(reading.model).regional)
        period = model and next((each for each in model.periods if each.start <= started_at < each.end), None)
        if model is None or factor is None or period is None:
            return None
        is_long = period.long_over is not None and reading.usage.prompt_tokens > period.long_over
        card = period.long_card if is_long and period.long_card is not None else period.card
        lines = tuple(
            Line(kind, tokens, price * factor, _nano(tokens, price * factor))
            for kind, tokens, price in zip(KINDS, reading.usage, card.usd_per_mtok, strict=False)
        )
        searched = Line("web_search", 0, None, reading.usage.web_searches * self.modifiers.web_search_nano)
        return Explanation(model.name, period, self._modifiers_of(model, reading, is_long=is_long), (*lines, searched))

    def _modifiers_of(self, model: Model, reading: Reading, *, is_long: bool) -> tuple[str, ...]:
        """The names of what the prices of a call were changed by; the order is that of `_factor`."""
        terms = Terms(reading.terms)
        us_only = bool(terms & Terms.US_ONLY) and model.us_only
        named = {
            "long_context": is_long,
            "batch": bool(terms & Terms.BATCH),
            "fast": bool(terms & Terms.FAST) and not terms & Terms.BATCH,
            "us_only": us_only,
            "regional": not us_only and normalise(reading.model).regional and model.regional,
        }
        return tuple(name for name, holds in named.items() if holds)

    def overlaid(self, overrides: Iterable[Override]) -> "PriceBook":
        """A book in which each override holds for exactly its span, a later one over an earlier one.

        Other periods, and what the model's calls may be multiplied by, stay. A model that was unknown is known then.
        """
        models = {model.name: model for model in self.models}
        for override in overrides:
            name = self.listed_name(override.model)
            model = models.get(name) or Model(name, ())
            models[name] = model._replace(periods=_laid_over(model.periods, override.period))
        return PriceBook(models.values(), self.modifiers)

    def listed_name(self, name: str) -> str:
        """The name under which the book keeps a model's prices, or would keep them."""
        model = self.find(name)
        return normalise(name).candidates[0] if model is None else model.name

    def rates(self, model: str, terms: int) -> tuple[Rate, ...]:
        """What a model's tokens cost on those terms (`Terms` bits), by period; nothing where it has no price."""
        rates = self._rates.get((model, terms))
        if rates is None:
            rates = self._rates[model, terms] = self._rates_of(model, Terms(terms))
        return rates

    def _rates_of(self, name: str, terms: Terms) -> tuple[Rate, ...]:
        model = self.find(name)
        factor = None if model is None else self._factor(model, terms, regional=normalise(name).regional)
        if model is None or factor is None:
            return ()
        return tuple(
            Rate(
                period.start,
                period.end,
                _prices(period.card, factor),
                period.long_over,
                _prices(period.long_card or period.card, factor),
            )
            for period in model.periods
        )

    def _factor(self, model: Model, terms: Terms, *, regional: bool) -> Decimal | None:
        factor = Decimal(1)
        if terms & Terms.BATCH:
            factor *= self.modifiers.batch
        elif terms & Terms.FAST:
            if model.fast is None:
                return None
            factor *= model.fast
        if terms & Terms.US_ONLY and model.us_only:
            return factor * self.modifiers.us_only
        if regional and model.regional:
            return factor * self.modifiers.regional
        return factor


def _nano(tokens: int, usd_per_mtok: Decimal) -> int:
    """Tokens times a price, rounded once."""
    return divide_half_even(tokens * int(usd_per_mtok * _FEMTO_PER_USD / _MILLION), _FEMTO_PER_NANO)


def _laid_over(periods: Iterable[Period], new: Period) -> tuple[Period, ...]:
    before = [old._replace(end=min(old.end, new.start)) for old in periods if old.start < new.start]
    after = [old._replace(start=max(old.start, new.end)) for old in periods if old.end > new.end]
    return (*before, new, *after)


def _prices(card: Card, factor: Decimal) -> Prices:
    rates: list[int] = []
    for price in card.usd_per_mtok:
        exact = price * factor * _FEMTO_PER_USD / _MILLION
        if exact != exact.to_integral_value():
            raise UsageError(f"the price {price} USD per million tokens has too many digits; use at most 6 decimals")
        rates.append(int(exact))
    whole = all(rate % _FEMTO_PER_NANO == 0 for rate in rates)
    return Prices(tuple(rates), tuple(rate // _FEMTO_PER_NANO for rate in rates) if whole else None)


def read_book(text: str) -> PriceBook:
    """The price book in a TOML text of the form of `prices.toml`."""
    data = tomllib.loads(text)
    modifiers = data["modifiers"]
    return PriceBook(
        map(_read_model, data["model"]),
        Modifiers(
            batch=Decimal(modifiers["batch"]),
            us_only=Decimal(modifiers["us_only"]),
            regional=Decimal(modifiers["regional"]),
            web_search_nano=int(Decimal(modifiers["web_search"]) * NANO),
        ),
    )


def _read_model(data: Mapping[str, Any]) -> Model:
    return Model(
        name=data["name"],
        periods=tuple(map(_read_period, data["period"])),
        aliases=tuple(data.get("aliases", ())),
        fast=Decimal(data["fast"]) if "fast" in data else None,
        us_only=data.get("us_only", False),
        regional=data.get("regional", False),
    )


def _read_period(data: Mapping[str, Any]) -> Period:
    long_context = data.get("long_context")
    return Period(
        start=_start_of(data["from"]),
        end=_start_of(data["to"]) if "to" in data else FOREVER,
        card=_read_card(data["price"]),
        source=data["source"],
        long_over=None if long_context is None else long_context["over"],
        long_card=None if long_context is None else _read_card(long_context["price"]),
    )


def _read_card(data: Mapping[str, str]) -> Card:
    return Card(tuple(Decimal(data[kind]) for kind in KINDS))


def _start_of(day: date) -> int:
    return milliseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
