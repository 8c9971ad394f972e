"""Checks the price book against an independently kept price list, date by date and token kind by token kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Cost, Reading, Terms, Usage
from ccledger.core.errors import UsageError
from ccledger.core.periods import milliseconds
from ccledger.core.prices import (
    FOREVER,
    KINDS,
    Card,
    Model,
    Modifiers,
    Override,
    Period,
    PriceBook,
    normalise,
    read_book,
)
from tests.corpora import reference

BOOK = read_book(files("ccledger.core").joinpath("prices.toml").read_text("utf-8"))
LIST = reference.read_book()
MODELS = {model.name: model for model in LIST.values()}
LATE = milliseconds(datetime(2026, 11, 20, tzinfo=UTC))
NOW = datetime(2026, 11, 20, tzinfo=UTC)
MILLION = 1_000_000
ALL_TERMS = [
    int(fast | batch | us) for fast, batch, us in product((0, Terms.FAST), (0, Terms.BATCH), (0, Terms.US_ONLY))
]
HALF, TENTH_MORE = Fraction(1, 2), Fraction(11, 10)


def price(model: str, usage: Usage, *, terms: int = 0, at: datetime = NOW) -> Cost | None:
    return BOOK.cost(Reading(model, usage, terms), milliseconds(at))


def listed(model: str, usage: Usage, *, terms: int = 0, at: datetime = NOW) -> int | None:
    """Price a call by the other list."""
    fact = reference.Fact(
        key=("message", "m"),
        at=at,
        model=model,
        usage=reference.Usage(*usage),
        sidechain=False,
        fast=bool(terms & Terms.FAST),
        batch=bool(terms & Terms.BATCH),
        us_only=bool(terms & Terms.US_ONLY),
    )
    return reference.cost_of(fact, LIST)


def total(cost: Cost | None) -> int | None:
    return None if cost is None else cost.total


def moments(model: reference.Model) -> Iterator[datetime]:
    """List both sides of every date on which a model's prices change, and a day within the last period."""
    tick = timedelta(milliseconds=1)
    for period in model.periods:
        for edge in (period.since, period.until or NOW):
            yield from (edge - tick, edge, edge + tick)


def usages(model: reference.Model) -> Iterator[Usage]:
    """List a call of every kind of token alone, odd mixtures, and prompts around the lengths that cost more."""
    for kind in range(5):
        yield Usage(*(MILLION + 1 if number == kind else 0 for number in range(5)))
    yield Usage(1, 1, 1, 1, 1, 1)
    yield Usage(2, 1, 4, 1, 4, 2)
    yield Usage()
    for over in (period.long_prompt_over for period in model.periods if period.long_prompt_over):
        yield from (Usage(over + step, 7, 0, 0, 0) for step in (-1, 0, 1))
        yield from (Usage(1, 10 * over, 2, 3, over - 6 + step) for step in (-1, 0, 1))


def test_both_lists_name_the_same_models() -> None:
    assert {model.name for model in BOOK.models} == set(MODELS)
    assert {alias: model.name for model in BOOK.models for alias in model.aliases} == {
        name: model.name for name, model in LIST.items() if name != model.name
    }


@pytest.mark.parametrize("name", MODELS)
def test_every_card_is_the_listed_one(name: str) -> None:
    found = next(model for model in BOOK.models if model.name == name)
    assert found.fast == MODELS[name].fast
    assert found.us_only == (MODELS[name].generation >= Decimal("4.6"))
    assert found.regional == (MODELS[name].generation >= Decimal("4.5"))
    assert [describe(period) for period in found.periods] == [describe_listed(one) for one in MODELS[name].periods]


def describe(period: Period) -> tuple[object, ...]:
    cards = [None if card is None else card.usd_per_mtok for card in (period.card, period.long_card)]
    return (period.start, period.end if period.end < 1 << 62 else None, period.long_over, *cards)


def describe_listed(period: reference.Period) -> tuple[object, ...]:
    end = None if period.until is None else milliseconds(period.until)
    cards = [
        None if card is None else tuple(getattr(card, kind) / 1000 for kind in KINDS)
        for card in (period.card, period.long_card)
    ]
    return (milliseconds(period.since), end, period.long_prompt_over, *cards)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_costs_what_the_list_says_at_every_boundary_in_every_mode(name: str) -> None:
    cases = product(moments(MODELS[name]), usages(MODELS[name]), ALL_TERMS, (name, f"eu.anthropic.{name}-v1:0"))
    wrong = [
        case
        for at, usage, terms, written in cases
        for case in [(written, at, usage, terms)]
        if total(price(written, usage, terms=terms, at=at)) != listed(written, usage, terms=terms, at=at)
    ]
    assert wrong == []


@pytest.mark.parametrize("name", MODELS)
def test_nothing_has_a_price_before_its_first_period(name: str) -> None:
    first = MODELS[name].periods[0].since
    assert price(name, Usage(1), at=first) is not None
    assert price(name, Usage(1), at=first - timedelta(milliseconds=1)) is None


def test_periods_of_a_model_leave_no_gap() -> None:
    for model in BOOK.models:
        ends = [period.end for period in model.periods]
        assert [period.start for period in model.periods[1:]] == ends[:-1]
        assert ends[-1] > LATE


counts = st.integers(0, 3_000_000) | st.integers(0, 10_000_000_000_000)


@given(
    model=st.sampled_from(sorted(MODELS)),
    tokens=st.tuples(counts, counts, counts, counts, counts),
    searches=st.integers(0, 1000),
    terms=st.sampled_from(ALL_TERMS),
    region=st.sampled_from(("", "global.", "us.", "us-gov.", "jp.")),
)
def test_every_part_is_rounded_once_to_the_even_nano_dollar(
    model: str, tokens: tuple[int, int, int, int, int], searches: int, terms: int, region: str
) -> None:
    cost = price(region + model, Usage(*tokens, searches), terms=terms)
    factor = factor_of(MODELS[model], terms, regional=region not in ("", "global."))
    assert (cost is None) == (factor is None)
    if cost is None or factor is None:
        return
    period = MODELS[model].periods[-1]
    long = period.long_prompt_over is not None and sum(tokens) - tokens[1] > period.long_prompt_over
    card = period.long_card if long and period.long_card else period.card
    exact = [count * Fraction(getattr(card, kind)) * factor for count, kind in zip(tokens, KINDS, strict=True)]
    entry, output, minutes, hour, read = map(round, exact)
    assert cost == Cost(entry, output, minutes + hour, read, searches * 10_000_000)


def factor_of(model: reference.Model, terms: int, *, regional: bool) -> Fraction | None:
    """Work out the factor on token prices from the rules as published."""
    if terms & Terms.BATCH:
        factor = HALF
    elif terms & Terms.FAST:
        if model.fast is None:
            return None
        factor = Fraction(model.fast)
    else:
        factor = Fraction(1)
    stays_in_the_us = bool(terms & Terms.US_ONLY) and model.generation >= Decimal("4.6")
    stays_in_a_region = regional and model.generation >= Decimal("4.5")
    return factor * TENTH_MORE if stays_in_the_us or stays_in_a_region else factor


def test_half_a_nano_dollar_goes_to_the_even_side() -> None:
    terms = int(Terms.US_ONLY | Terms.BATCH)
    reads = [price("claude-haiku-5-5", Usage(0, 0, 0, 0, count), terms=terms) for count in (1, 3, 5, 7)]
    assert [total(cost) for cost in reads] == [6, 16, 28, 38]


def test_a_call_costs_what_the_command_line_tool_printed_for_it() -> None:
    assert price("claude-opus-5-5", Usage(120, 77, 200, 100, 5000), terms=Terms.US_ONLY) == Cost(
        528_000, 1_694_000, 1_980_000, 1_100_000, 0
    )


@pytest.mark.parametrize(
    ("changes", "nano"),
    [
        ({}, 25_000),
        ({"terms": Terms.FAST}, 50_000),
        ({"terms": Terms.BATCH}, 12_500),
        ({"terms": Terms.BATCH | Terms.FAST}, 12_500),
        ({"terms": Terms.US_ONLY}, 27_500),
        ({"terms": Terms.FAST | Terms.US_ONLY}, 55_000),
        ({"terms": Terms.US_ONLY, "model": "us.anthropic.claude-opus-5-v1:0"}, 27_500),
        ({"model": "us.anthropic.claude-opus-5"}, 27_500),
        ({"model": "global.anthropic.claude-opus-5"}, 25_000),
        ({"model": "us.anthropic.claude-opus-4-1-20250805-v1:0"}, 75_000),
        ({"terms": Terms.US_ONLY, "model": "claude-opus-4-5"}, 25_000),
        ({"terms": Terms.FAST, "model": "claude-sonnet-5"}, None),
        ({"terms": Terms.FAST | Terms.BATCH, "model": "claude-sonnet-5"}, 5_000),
        ({"model": "claude-opus-5-fast"}, 25_000),
    ],
)
def test_modes_multiply_token_prices_once(changes: dict[str, object], nano: int | None) -> None:
    model, terms = str(changes.get("model", "claude-opus-5")), changes.get("terms", 0)
    assert isinstance(terms, int)
    assert total(price(model, Usage(0, 1), terms=terms)) == nano


@pytest.mark.parametrize("terms", ALL_TERMS)
def test_a_web_search_costs_a_cent_whatever_the_mode(terms: int) -> None:
    assert price("claude-opus-5", Usage(web_searches=3), terms=terms) == Cost(web_search=30_000_000)


NAMES = {
    "claude-opus-5": "claude-opus-5",
    " Claude-Opus-5 ": "claude-opus-5",
    "claude-opus-5[1m]": "claude-opus-5",
    "claude-sonnet-5[200k]": "claude-sonnet-5",
    "claude-opus-5-20260724": "claude-opus-5",
    "claude-opus-5-5": "claude-opus-5-5",
    "claude-opus-5.5": "claude-opus-5-5",
    "claude-opus-5-5-20260922[1m]": "claude-opus-5-5",
    "claude-opus-4-20250514": "claude-opus-4",
    "claude-opus-4-0": "claude-opus-4",
    "claude-4-opus": "claude-opus-4",
    "claude-4-opus-20250514": "claude-opus-4",
    "claude-opus-4@20250514": "claude-opus-4",
    "claude-4-sonnet-20250514": "claude-sonnet-4",
    "claude-4-5-sonnet": "claude-sonnet-4-5",
    "claude-4.5-haiku": "claude-haiku-4-5",
    "claude-sonnet-4-5@20250929": "claude-sonnet-4-5",
    "claude-opus-5@default": "claude-opus-5",
    "claude-opus-5@latest": "claude-opus-5",
    "claude-3-5-haiku-latest": "claude-3-5-haiku",
    "claude-haiku-3-5": "claude-3-5-haiku",
    "claude-haiku-3.5": "claude-3-5-haiku",
    "claude-3.7-sonnet": "claude-3-7-sonnet",
    "claude-sonnet-3-7": "claude-3-7-sonnet",
    "claude-3-5-sonnet-20241022": "claude-3-5-sonnet",
    "claude-3-opus-20240229": "claude-3-opus",
    "claude-opus-4-6-thinking": "claude-opus-4-6",
    "claude-opus-4-6-20260205-thinking": "claude-opus-4-6",
    "claude-opus-5-fast": "claude-opus-5",
    "anthropic.claude-opus-5": "claude-opus-5",
    "anthropic.claude-3-5-sonnet-20241022-v2:0": "claude-3-5-sonnet",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-sonnet-4-5",
    "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-sonnet-4-5",
    "eu.anthropic.claude-haiku-4-5-20251001-v1:0": "claude-haiku-4-5",
    "apac.anthropic.claude-sonnet-4-20250514-v1:0": "claude-sonnet-4",
    "au.anthropic.claude-opus-4-8-v1": "claude-opus-4-8",
    "jp.anthropic.claude-sonnet-5-v1:0[1m]": "claude-sonnet-5",
    "ca.anthropic.claude-sonnet-5": "claude-sonnet-5",
    "global.anthropic.claude-opus-5-v1:0": "claude-opus-5",
    "bedrock/us.anthropic.claude-opus-4-8-v1:0": "claude-opus-4-8",
    "bedrock/converse/us.anthropic.claude-opus-4-8-v1:0": "claude-opus-4-8",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-v1:0": "claude-opus-5",
    "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0": "claude-3-haiku",
    "vertex_ai/claude-sonnet-4-6@20260217": "claude-sonnet-4-6",
    "claude-3-5-sonnet-v2@20241022": "claude-3-5-sonnet",
    "anthropic/claude-opus-5": "claude-opus-5",
    "openrouter/anthropic/claude-opus-4.8": "claude-opus-4-8",
    "azure_ai/claude-opus-5": "claude-opus-5",
    "azure/claude-opus-5": "claude-opus-5",
    "databricks-claude-opus-4-6": "claude-opus-4-6",
    "system.ai.claude-opus-4-6": "claude-opus-4-6",
    "claude-fable-5-2": "claude-fable-5-2",
    "claude-mythos-5.1": "claude-mythos-5-1",
}

UNPRICED = (
    "",
    " ",
    "claude",
    "opus",
    "opus-5",
    "claude-opus",
    "claude-opus-",
    "claude-opus-9",
    "claude-opus-50",
    "claude-opus-5-5-5",
    "claude-opus-5-50",
    "claude-opus-5-preview",
    "claude-opus-5-2026",
    "claude-opus-5-202607240",
    "claude-opus-5-19990101",
    "my-claude-opus-5",
    "claude-opus-5 ultra",
    "claude-opus-5[1m",
    "claude-opus-5[1m]x",
    "claude-opus-5.",
    "mars.anthropic.claude-opus-5",
    "someone/claude-opus-5",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34ef56",
    "arn:",
    "<synthetic>",
    "unknown",
    "glm-5",
    "gpt-5.2-codex",
    "CLAUDE-OPUS-٥",
    "claude-opus-5\n-5",
)


@pytest.mark.parametrize("written", NAMES)
def test_a_name_is_found_however_it_is_written(written: str) -> None:
    model = BOOK.find(written)
    assert model is not None
    assert model.name == NAMES[written]


@pytest.mark.parametrize("written", UNPRICED)
def test_a_name_that_no_model_has_is_never_guessed(written: str) -> None:
    assert BOOK.find(written) is None
    assert price(written, Usage(1, 1, 1, 1, 1, 1)) is None


longer = st.from_regex(r"[-.]?[0-9]{1,3}|-?[b-eg-km-su-z]{1,6}", fullmatch=True)


@given(st.sampled_from(sorted(LIST)), longer)
def test_no_model_is_found_by_the_beginning_of_its_name(name: str, more: str) -> None:
    model = BOOK.find(name + more)
    assert model is None or LIST[(name + more).replace(".", "-")].name == model.name


@given(st.text(max_size=60))
def test_any_text_can_be_looked_up(name: str) -> None:
    assert normalise(name).candidates
    BOOK.find(name)


@pytest.mark.parametrize("region", ["us", "us-gov", "eu", "apac", "au", "jp", "ca"])
def test_a_region_costs_more_and_the_whole_world_does_not(region: str) -> None:
    assert normalise(f"{region}.anthropic.claude-opus-5").regional
    assert not normalise("global.anthropic.claude-opus-5").regional
    assert not normalise("claude-opus-5").regional


def make_book(*cards: str) -> PriceBook:
    periods = tuple(
        Period(number, number + 1, Card((Decimal(card),) * 5), "made up") for number, card in enumerate(cards)
    )
    modifiers = Modifiers(Decimal("0.5"), Decimal("1.1"), Decimal("1.1"), 10_000_000)
    return PriceBook([Model("m", periods, ("also-m",))], modifiers)


def test_a_price_in_whole_nano_dollars_and_one_that_has_to_be_rounded_follow_the_same_rule() -> None:
    whole, broken = make_book("3"), make_book("0.0005")
    assert whole.cost(Reading("m", Usage(7, 0, 1, 1)), 0) == Cost(21_000, 0, 6_000, 0, 0)
    assert broken.cost(Reading("also-m", Usage(1, 3, 1, 3, 5)), 0) == Cost(0, 2, 2, 2, 0)


def test_a_price_too_fine_to_be_exact_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 6 decimals"):
        make_book("0.00000000001").cost(Reading("m", Usage(1)), 0)


def test_an_answer_once_given_is_given_again() -> None:
    book = make_book("1", "2")
    costs = [total(book.cost(Reading("m", Usage(1)), at)) for at in (-1, 0, 1, 2, 1, 0, -1)]
    assert costs == [None, 1_000, 2_000, None, 2_000, 1_000, None]


SPAN = 1_000_000
SPANS = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda pair: (pair[0] * SPAN, (pair[0] + pair[1]) * SPAN))


def flat(usd: int) -> Card:
    return Card((Decimal(usd),) * len(KINDS))


def overriding(number: int, span: tuple[int, int], model: str = "claude-x-1") -> Override:
    return Override(model, Period(*span, flat(number + 100), f"override {number}"), 0, "somebody")


@given(shipped=st.lists(SPANS, max_size=3), laid=st.lists(SPANS, max_size=5), at=st.integers(0, 62 * SPAN))
def test_the_last_override_that_holds_a_moment_prices_it_and_no_other_moment(
    shipped: list[tuple[int, int]], laid: list[tuple[int, int]], at: int
) -> None:
    apart: list[tuple[int, int]] = []
    for start, end in sorted(shipped):
        if not apart or start >= apart[-1][1]:
            apart.append((start, end))
    periods = tuple(Period(*span, flat(number + 1), "shipped") for number, span in enumerate(apart))
    book = PriceBook([Model("claude-x-1", periods)], BOOK.modifiers)
    over = book.overlaid([overriding(number, span) for number, span in enumerate(laid)])
    holding = [100 + number for number, (start, end) in enumerate(laid) if start <= at < end]
    holding = holding[-1:] or [number + 1 for number, (start, end) in enumerate(apart) if start <= at < end]
    cost = over.cost(Reading("claude-x-1", Usage(MILLION)), at)
    assert (None if cost is None else cost.total) == (holding[0] * 10**9 if holding else None)
    (model,) = over.models
    assert all(a.end <= b.start for a, b in pairwise(model.periods))
    assert all(period.start < period.end for period in model.periods)


def test_an_override_makes_an_unknown_model_known_under_every_spelling() -> None:
    book = BOOK.overlaid([overriding(1, (0, FOREVER), "claude-nova-9")])
    assert total(book.cost(Reading("us.anthropic.claude-nova-9-v1:0", Usage(MILLION)), 5)) == 101 * 10**9
    assert book.find("claude-nova-9-20270101") is not None
    assert book.cost(Reading("claude-nova-9-5", Usage(MILLION)), 5) is None
    assert BOOK.find("claude-nova-9") is None


def test_an_override_keeps_what_multiplies_prices() -> None:
    book = BOOK.overlaid([overriding(0, (0, FOREVER), "claude-opus-5")])
    assert total(book.cost(Reading("claude-opus-5", Usage(MILLION), int(Terms.FAST)), LATE)) == 200 * 10**9
    assert total(book.cost(Reading("claude-opus-5-20260724", Usage(MILLION)), LATE)) == 100 * 10**9


def test_the_listed_name_is_the_books_own_or_the_plain_spelling() -> None:
    assert BOOK.listed_name("eu.anthropic.claude-opus-4-20250514-v1:0") == "claude-opus-4"
    assert BOOK.listed_name(" Claude-Nova-9[1m]") == "claude-nova-9"


@given(
    st.sampled_from(
        (
            "claude-opus-4-5",
            "claude-sonnet-4-5",
            "eu.anthropic.claude-opus-4-6-v1:0",
            "claude-opus-4-6-fast",
            "nobody's",
        )
    ),
    st.builds(Usage, *[st.sampled_from((0, 1, 7, 150_001, 10**9))] * 5, st.sampled_from((0, 3))),
    st.integers(0, 7),
    st.sampled_from((0, 1_700_000_000_000, 1_795_168_800_000)),
)
def test_an_explanation_adds_up_to_the_cost(model: str, usage: Usage, terms: int, at: int) -> None:
    reading = Reading(model, usage, terms=terms)
    cost, explained = BOOK.cost(reading, at), BOOK.explain(reading, at)
    assert (cost is None) == (explained is None)
    if cost is not None and explained is not None:
        fresh, output, write_5m, write_1h, read, searched = (line.nano for line in explained.lines)
        assert cost == (fresh, output, write_5m + write_1h, read, searched)
        assert explained.period.start <= at < explained.period.end
        assert [line.kind for line in explained.lines] == [*KINDS, "web_search"]
