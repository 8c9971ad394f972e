"""A slow reading of transcripts by the plainest code that can be right; it never shares a line with the program."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

Json = dict[str, object]
Key = tuple[str, ...]

LARGEST_COUNT = 10_000_000_000_000
"""A larger number is no token count: nobody could have paid for it, and sums of such numbers leave 64 bits."""

REGIONS = ("us-gov", "us", "eu", "apac", "au", "jp", "ca")
PROVIDERS = ("anthropic/", "bedrock/", "vertex_ai/", "openrouter/", "azure/", "system.ai.", "databricks-")
NANO_PER_SEARCH = 10_000_000
PRICES_FILE = Path(__file__).with_name("reference_prices.json")


@dataclass(frozen=True)
class Usage:
    """The token counts of one call."""

    input: int = 0
    output: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    web_searches: int = 0

    @property
    def prompt(self) -> int:
        """Everything the model read."""
        return self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read

    @property
    def total(self) -> int:
        """Everything that is charged by the token."""
        return self.prompt + self.output


@dataclass(frozen=True)
class Fact:
    """What one transcript line says about one call."""

    key: Key
    at: datetime
    model: str
    usage: Usage
    sidechain: bool
    fast: bool
    batch: bool
    us_only: bool

    @property
    def shown_model(self) -> str:
        """The name a report uses."""
        return f"{self.model}-fast" if self.fast else self.model


@dataclass(frozen=True)
class Tally:
    """Sums over calls; the cost is that of the priced ones, None when no call has a price."""

    input: int = 0
    output: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    web_searches: int = 0
    calls: int = 0
    cost_nano: int | None = None
    unpriced_calls: int = 0


@dataclass(frozen=True)
class Card:
    """One list of prices, in nano-USD per token."""

    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal


@dataclass(frozen=True)
class Period:
    """The prices of one model between two moments."""

    since: datetime
    until: datetime | None
    card: Card
    long_prompt_over: int | None
    long_card: Card | None

    def covers(self, at: datetime) -> bool:
        """Tell whether a call at that moment pays these prices."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True)
class Model:
    """One model of the price list."""

    name: str
    generation: Decimal
    fast: Decimal | None
    periods: tuple[Period, ...]


def as_object(value: object) -> Json:
    """Return a JSON object as it is and anything else as an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """Return a JSON array as it is and anything else as an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return a JSON string as it is and anything else as an empty one."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int:
    """Return a token count; anything that cannot be one is 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if not 0 <= value <= LARGEST_COUNT:
        return 0
    return int(value)


def as_moment(value: object) -> datetime | None:
    """Return the moment an RFC 3339 text names, None when it names none."""
    try:
        moment = datetime.fromisoformat(as_text(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def usage_of(raw: Json) -> Usage:
    """Read the counts of a usage object or of one of its iterations."""
    split = as_object(raw.get("cache_creation"))
    hour = as_count(split.get("ephemeral_1h_input_tokens"))
    minutes = as_count(split.get("ephemeral_5m_input_tokens"))
    flat = as_count(raw.get("cache_creation_input_tokens"))
    return Usage(
        input=as_count(raw.get("input_tokens")),
        output=as_count(raw.get("output_tokens")),
        cache_write_5m=minutes + max(0, flat - minutes - hour),
        cache_write_1h=hour,
        cache_read=as_count(raw.get("cache_read_input_tokens")),
        web_searches=as_count(as_object(raw.get("server_tool_use")).get("web_search_requests")),
    )


def key_of(record: Json, line: str) -> Key:
    """Return what makes two lines the same call."""
    message_id = as_text(as_object(record.get("message")).get("id"))
    if message_id.startswith("msg_"):
        return ("message", message_id)
    if message_id:
        return ("message", message_id, as_text(record.get("requestId")) or as_text(record.get("sessionId")))
    return ("uuid", as_text(record.get("uuid")) or line)


def message_fact(record: Json, line: str) -> Fact | None:
    """Read the call an assistant line tells of, None when it tells of none."""
    message = as_object(record.get("message"))
    usage = message.get("usage")
    at = as_moment(record.get("timestamp"))
    model = as_text(message.get("model"))
    if record.get("type") != "assistant" or not isinstance(usage, dict) or at is None:
        return None
    if model == "<synthetic>":
        return None
    raw = as_object(cast("object", usage))
    return Fact(
        key=key_of(record, line),
        at=at,
        model=model or "unknown",
        usage=usage_of(raw),
        sidechain=record.get("isSidechain") is True,
        fast=raw.get("speed") == "fast",
        batch=raw.get("service_tier") == "batch",
        us_only=raw.get("inference_geo") == "us",
    )


def advisor_facts(record: Json, parent: Fact) -> Iterator[Fact]:
    """Read the advisor's calls inside a message: they are in none of its own counts."""
    usage = as_object(as_object(record.get("message")).get("usage"))
    iterations = [as_object(one) for one in as_list(usage.get("iterations"))]
    advisors = [one for one in iterations if one.get("type") == "advisor_message"]
    for index, one in enumerate(advisors):
        model = as_text(one.get("model")) or as_text(record.get("advisorModel")) or "unknown"
        key = ("advisor", str(index), *parent.key)
        yield replace(parent, key=key, model=model, usage=usage_of(one), fast=False)


def facts_of_line(line: str) -> Iterator[Fact]:
    """Read every call one line tells of."""
    try:
        record = as_object(json.loads(line))
    except (ValueError, RecursionError):
        return
    fact = message_fact(record, line)
    if fact is not None:
        yield fact
        yield from advisor_facts(record, fact)


def facts_of_file(path: Path) -> Iterator[Fact]:
    """Read every call one file tells of."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    for line in text.split("\n"):
        yield from facts_of_line(line)


def transcripts(roots: Iterable[Path]) -> list[Path]:
    """List the transcripts below Claude's configuration directories."""
    found: set[Path] = set()
    for root in roots:
        top = root / "projects" if (root / "projects").is_dir() else root
        found.update(path.resolve() for path in top.rglob("*.jsonl") if path.is_file())
    return sorted(path for path in found if path.name != "journal.jsonl")


def preference(fact: Fact) -> tuple[object, ...]:
    """Order the copies of a call so that the greatest is the one to believe, in whatever order they are read."""
    return (not fact.sidechain, fact.usage.total, fact.usage.web_searches, fact.usage.output, repr(fact))


def fold(facts: Iterable[Fact]) -> dict[Key, Fact]:
    """Join the facts about each call: the best copy as a whole, at the earliest time any copy gives."""
    copies: dict[Key, list[Fact]] = {}
    for fact in facts:
        copies.setdefault(fact.key, []).append(fact)
    started = {key: min(fact.at for fact in group) for key, group in copies.items()}
    return {key: replace(max(group, key=preference), at=started[message_key(key)]) for key, group in copies.items()}


def message_key(key: Key) -> Key:
    """Return the key of the message a call belongs to."""
    return key[2:] if key[0] == "advisor" else key


def calls(roots: Sequence[Path]) -> dict[Key, Fact]:
    """Read every call below some roots."""
    return fold(fact for path in transcripts(roots) for fact in facts_of_file(path))


def read_card(raw: object) -> Card:
    """Read one list of prices: USD per million tokens are thousands of nano-USD per token."""
    prices = as_object(raw)
    return Card(**{field.name: Decimal(as_text(prices[field.name])) * 1000 for field in fields(Card)})


def read_day(value: object) -> datetime:
    """Read a plain date as its first moment in UTC."""
    return datetime.fromisoformat(as_text(value)).replace(tzinfo=UTC)


def read_period(raw: Json) -> Period:
    """Read one period of a model's prices."""
    long = as_object(raw.get("long_context"))
    return Period(
        since=read_day(raw["from"]),
        until=None if raw["to"] is None else read_day(raw["to"]),
        card=read_card(raw["usd_per_mtok"]),
        long_prompt_over=as_count(long["prompt_tokens_over"]) if long else None,
        long_card=read_card(long["usd_per_mtok"]) if long else None,
    )


def read_model(raw: Json) -> Model:
    """Read one model of the price list."""
    return Model(
        name=as_text(raw["id"]),
        generation=Decimal(as_text(raw["generation"])),
        fast=None if raw["fast"] is None else Decimal(as_text(raw["fast"])),
        periods=tuple(read_period(as_object(period)) for period in as_list(raw["periods"])),
    )


def read_book(path: Path = PRICES_FILE) -> dict[str, Model]:
    """Read the price list: every name, also the other names of a model."""
    book: dict[str, Model] = {}
    for one in as_list(as_object(json.loads(path.read_text()))["models"]):
        raw = as_object(one)
        model = read_model(raw)
        for name in (raw["id"], *as_list(raw["aliases"])):
            book[as_text(name)] = model
    return book


def without_provider(name: str) -> str:
    """Drop the names of resellers before a model's name."""
    for provider in PROVIDERS:
        if name.startswith(provider):
            return without_provider(name.removeprefix(provider))
    return name


def split_region(name: str) -> tuple[str, bool]:
    """Drop a Bedrock region and tell whether it was one that costs more."""
    region, dot, rest = name.partition(".")
    if dot and region in REGIONS:
        return rest, True
    return (rest, False) if dot and region == "global" else (name, False)


def plain_names(name: str) -> Iterator[str]:
    """List the names one model name may stand for, the most exact first."""
    name = re.sub(r"-v\d+(:\d+)?$", "", name.removeprefix("anthropic."))
    name = re.sub(r"(@default|@latest|-latest)$", "", name).replace("@", "-")
    name = re.sub(r"(?<=\d)\.(?=\d)", "-", name)
    for one in (name, re.sub(r"-(fast|thinking)$", "", name)):
        undated = re.sub(r"-20\d{6}$", "", one)
        yield from (one, undated)
        yield re.sub(r"^claude-(\d(?:-\d)?)-(opus|sonnet|haiku)$", r"claude-\2-\1", undated)


def find_model(raw: str, book: dict[str, Model]) -> tuple[Model | None, bool]:
    """Find a model's prices by its exact name, and whether the name says a region that costs more."""
    name = re.sub(r"\[[0-9a-z]+\]$", "", raw.strip().lower())
    name, regional = split_region(without_provider(name))
    return next((book[one] for one in plain_names(name) if one in book), None), regional


def factor_of(fact: Fact, model: Model, *, regional: bool) -> Decimal | None:
    """Multiply what changes every token price of a call, None when there is no such price."""
    factor = Decimal(1)
    if fact.batch:
        factor *= Decimal("0.5")
    elif fact.fast and model.fast is None:
        return None
    elif fact.fast and model.fast is not None:
        factor *= model.fast
    if (fact.us_only and model.generation >= Decimal("4.6")) or (regional and model.generation >= Decimal("4.5")):
        factor *= Decimal("1.1")
    return factor


def card_of(fact: Fact, model: Model) -> Card | None:
    """Pick the prices that hold for a call."""
    period = next((one for one in model.periods if one.covers(fact.at)), None)
    if period is None or period.long_prompt_over is None or fact.usage.prompt <= period.long_prompt_over:
        return period and period.card
    return period.long_card


def cost_of(fact: Fact, book: dict[str, Model]) -> int | None:
    """Price one call in nano-USD, None when it has no price."""
    model, regional = find_model(fact.model, book)
    if model is None:
        return None
    card, factor = card_of(fact, model), factor_of(fact, model, regional=regional)
    if card is None or factor is None:
        return None
    parts = (Decimal(getattr(fact.usage, field.name)) * getattr(card, field.name) * factor for field in fields(Card))
    whole = sum(int(part.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) for part in parts)
    return whole + fact.usage.web_searches * NANO_PER_SEARCH


def tally_of(fact: Fact, cost: int | None) -> Tally:
    """Count one call."""
    return Tally(**asdict(fact.usage), calls=1, cost_nano=cost, unpriced_calls=int(cost is None))


def plus(one: Tally, other: Tally) -> Tally:
    """Add two tallies; a cost that is not known adds nothing."""
    costs = [cost for cost in (one.cost_nano, other.cost_nano) if cost is not None]
    sums = {
        field.name: getattr(one, field.name) + getattr(other, field.name)
        for field in fields(Tally)
        if field.name != "cost_nano"
    }
    return Tally(**sums, cost_nano=sum(costs) if costs else None)


def tally_days(facts: Iterable[Fact], *, timezone: str) -> dict[str, dict[str, Tally]]:
    """Sum calls by day and model."""
    zone, book = ZoneInfo(timezone), read_book()
    days: dict[str, dict[str, Tally]] = {}
    for fact in facts:
        models = days.setdefault(fact.at.astimezone(zone).date().isoformat(), {})
        one = tally_of(fact, cost_of(fact, book))
        models[fact.shown_model] = plus(models.get(fact.shown_model, Tally()), one)
    return {day: dict(sorted(models.items())) for day, models in sorted(days.items())}


def daily(roots: Sequence[Path], *, timezone: str) -> dict[str, dict[str, Tally]]:
    """Sum the usage below some roots by day in a time zone and by model."""
    return tally_days(calls(roots).values(), timezone=timezone)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the daily sums as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", nargs="+", type=Path, help="Claude configuration directories")
    parser.add_argument("--timezone", default="UTC")
    chosen = parser.parse_args(arguments)
    days = daily(chosen.roots, timezone=chosen.timezone)
    plain = {day: {model: asdict(tally) for model, tally in models.items()} for day, models in days.items()}
    json.dump(plain, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
