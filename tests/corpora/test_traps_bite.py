"""Breaks the reference one rule at a time and asks whether the trap made for that rule notices; no break is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from . import reference
from .made import roots_of, write_corpus
from .reference import Card, Fact, Json, Key, Model, Period, Usage, as_count, as_object, as_text

read_usage, read_key, read_fact = reference.usage_of, reference.key_of, reference.message_fact
find_any, price, list_transcripts = reference.find_model, reference.cost_of, reference.transcripts


def id_and_request(record: Json, line: str) -> Key:
    return (*read_key(record, line), as_text(record.get("requestId")))


def id_alone(record: Json, line: str) -> Key:
    return read_key(record, line)[:2]


def line_itself(_record: Json, line: str) -> Key:
    return ("line", line)


def earliest_line(fact: Fact) -> tuple[object, ...]:
    return (-fact.at.timestamp(),)


def largest_line(fact: Fact) -> tuple[object, ...]:
    return (fact.usage.total, fact.usage.web_searches, repr(fact))


def first_searches(fact: Fact) -> tuple[object, ...]:
    return (not fact.sidechain, fact.usage.total, -fact.usage.web_searches)


def flat_writes_only(raw: Json) -> Usage:
    flat = as_count(raw.get("cache_creation_input_tokens"))
    return replace(read_usage(raw), cache_write_5m=flat, cache_write_1h=0)


def split_writes_only(raw: Json) -> Usage:
    minutes = as_count(as_object(raw.get("cache_creation")).get("ephemeral_5m_input_tokens"))
    return replace(read_usage(raw), cache_write_5m=minutes)


def any_number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def whole_numbers(value: object) -> int:
    return as_count(value) if isinstance(value, int) else 0


def any_type(record: Json, line: str) -> Fact | None:
    return read_fact(record | {"type": "assistant"}, line)


def no_advisors(_record: Json, _parent: Fact) -> list[Fact]:
    return []


def no_synthetic_rule(record: Json, line: str) -> Fact | None:
    message = as_object(record.get("message"))
    known = message.get("model") != "<synthetic>"
    return read_fact(record if known else record | {"message": message | {"model": "placeholder"}}, line)


def by_prefix(raw: str, book: dict[str, Model]) -> tuple[Model | None, bool]:
    found, regional = find_any(raw, book)
    return found or next((model for name, model in book.items() if raw.startswith(name)), None), regional


def exact_names_only(raw: str, book: dict[str, Model]) -> tuple[Model | None, bool]:
    return book.get(raw), False


def no_regions(raw: str, book: dict[str, Model]) -> tuple[Model | None, bool]:
    return find_any(raw, book)[0], False


def newest_card(_fact: Fact, model: Model) -> Card | None:
    return model.periods[-1].card


def late_period(fact: Fact, model: Model) -> Card | None:
    covering = [one for one in model.periods if one.since < fact.at and (one.until is None or fact.at <= one.until)]
    return long_or_short(covering[0], fact) if covering else None


def early_long_card(fact: Fact, model: Model) -> Card | None:
    longer = replace(fact, usage=replace(fact.usage, cache_read=fact.usage.cache_read + 1))
    return next((long_or_short(one, longer) for one in model.periods if one.covers(fact.at)), None)


def long_or_short(period: Period, fact: Fact) -> Card | None:
    is_long = period.long_prompt_over is not None and fact.usage.prompt > period.long_prompt_over
    return period.long_card if is_long else period.card


def never_fast(fact: Fact, book: dict[str, Model]) -> int | None:
    return price(replace(fact, fast=False), book)


def never_batch(fact: Fact, book: dict[str, Model]) -> int | None:
    return price(replace(fact, batch=False), book)


def never_local(fact: Fact, book: dict[str, Model]) -> int | None:
    return price(replace(fact, us_only=False), book)


def rounded_once(fact: Fact, book: dict[str, Model]) -> int | None:
    model, regional = reference.find_model(fact.model, book)
    card = model and reference.card_of(fact, model)
    factor = model and reference.factor_of(fact, model, regional=regional)
    if card is None or factor is None:
        return None
    usage = fact.usage
    names = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
    parts = [Decimal(getattr(usage, name)) * getattr(card, name) for name in names]
    return round(sum(parts, Decimal(0)) * factor) + usage.web_searches * reference.NANO_PER_SEARCH


def journals_too(roots: list[Path]) -> list[Path]:
    return sorted({*list_transcripts(roots), *(path for root in roots for path in root.rglob("journal.jsonl"))})


def top_level_only(roots: list[Path]) -> list[Path]:
    return [path for path in list_transcripts(roots) if "subagents" not in path.parts]


def no_second_root(roots: list[Path]) -> list[Path]:
    return list_transcripts(roots[:1])


BREAKS: list[tuple[str, Callable[..., object], str]] = [
    ("key_of", id_and_request, "two_request_ids"),
    ("key_of", id_alone, "foreign_ids"),
    ("key_of", line_itself, "forks"),
    ("key_of", line_itself, "no_request_id"),
    ("key_of", line_itself, "no_ids"),
    ("preference", earliest_line, "growing_output"),
    ("preference", earliest_line, "final_on_last_line"),
    ("preference", earliest_line, "subagents_never_final"),
    ("preference", largest_line, "btw_larger"),
    ("preference", first_searches, "web_search"),
    ("usage_of", flat_writes_only, "flat_zero"),
    ("usage_of", split_writes_only, "split_zero"),
    ("usage_of", split_writes_only, "split_short"),
    ("usage_of", split_writes_only, "flat_only"),
    ("as_count", any_number, "hostile_counts"),
    ("as_count", whole_numbers, "float_counts"),
    ("message_fact", any_type, "unknown_records"),
    ("message_fact", no_synthetic_rule, "synthetic"),
    ("advisor_facts", no_advisors, "advisor"),
    ("find_model", by_prefix, "unknown_models"),
    ("find_model", exact_names_only, "model_names"),
    ("find_model", no_regions, "model_names"),
    ("card_of", newest_card, "price_change"),
    ("card_of", newest_card, "before_first_price"),
    ("card_of", newest_card, "sonnet_long_prompts"),
    ("card_of", late_period, "price_change"),
    ("card_of", late_period, "before_first_price"),
    ("card_of", early_long_card, "haiku_long_prompts"),
    ("cost_of", never_fast, "speed"),
    ("cost_of", never_batch, "service_tier"),
    ("cost_of", never_local, "inference_geo"),
    ("cost_of", rounded_once, "half_units"),
    ("transcripts", journals_too, "workflow_agents"),
    ("transcripts", top_level_only, "nested_subagents"),
    ("transcripts", no_second_root, "second_root"),
]


@pytest.mark.parametrize(("rule", "broken", "trap"), BREAKS)
def test_a_broken_rule_is_noticed_by_its_trap(
    rule: str, broken: Callable[..., object], trap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(tmp_path, seed=5, sessions=0, traps=[trap])
    whole = reference.daily(roots_of(tmp_path), timezone="UTC")
    monkeypatch.setattr(reference, rule, broken)
    assert reference.daily(roots_of(tmp_path), timezone="UTC") != whole


def test_the_day_of_the_last_line_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(tmp_path, seed=5, sessions=0, traps=["midnight_lines"])
    whole = {zone: reference.daily([tmp_path], timezone=zone) for zone in ("UTC", "Asia/Kathmandu")}
    monkeypatch.setattr(reference, "min", max, raising=False)
    assert all(reference.daily([tmp_path], timezone=zone) != days for zone, days in whole.items())
