"""Traps in a call's price: model names, modes, periods, long prompts; the counts are plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from ..records import Json, Maker, make_usage
from .counts import split

FAST_MODELS = ("claude-opus-5-5", "claude-opus-5", "claude-opus-4-8")
NAMES = (
    "claude-opus-5[1m]",
    "claude-sonnet-5[1m]",
    "Claude-Opus-5",
    "anthropic.claude-opus-5",
    "anthropic.claude-opus-4-5-20251101-v1:0",
    "us.anthropic.claude-opus-4-6-v1",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
    "apac.anthropic.claude-sonnet-4-20250514-v1:0",
    "global.anthropic.claude-opus-5-v1:0",
    "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "claude-sonnet-4-5@20250929",
    "claude-opus-5@default",
    "anthropic/claude-opus-5",
    "openrouter/anthropic/claude-opus-4.8",
    "vertex_ai/claude-sonnet-4-6@20260217",
    "bedrock/us.anthropic.claude-opus-4-8-v1:0",
    "claude-4-opus",
    "claude-4-opus-20250514",
    "claude-4-sonnet-20250514",
    "claude-opus-4-20250514",
    "claude-opus-4-0",
    "claude-3-5-sonnet-20241022",
    "claude-3-5-haiku-latest",
    "claude-haiku-3-5",
    "claude-opus-4-6-thinking",
    "claude-opus-4.7",
)
UNKNOWN = (
    "claude-opus-9",
    "claude-opus-5-5-5",
    "claude-opus-50",
    "claude-opus",
    "claude",
    "opus",
    "gpt-5.2-codex",
    "glm-5",
    "my-claude-opus-5",
    "claude-opus-5-preview",
    "claude-opus-5-2026",
)


def answers(maker: Maker, models: Iterable[str], *changes: Json, at: datetime | None = None) -> None:
    """Write one answer for each model and each change to a plain usage object."""
    session = maker.session(at=at)
    for model in models:
        for change in changes or ({},):
            session.answer(usage=make_usage(maker.rng) | change, model=model)
            session.next_turn()
    session.save()


def new_models(maker: Maker) -> None:
    """Models too new for most price lists."""
    newest = datetime(2026, 11, 12, 9, tzinfo=UTC)
    names = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2", "claude-mythos-5-2")
    answers(maker, names, at=newest)


def model_names(maker: Maker) -> None:
    """The same models under the names that clouds, gateways and older versions use."""
    answers(maker, NAMES, at=datetime(2026, 10, 10, 1, tzinfo=UTC))


def unknown_models(maker: Maker) -> None:
    """Models without a price, many of which begin like one that has a price."""
    answers(maker, UNKNOWN)


def speed(maker: Maker) -> None:
    """Fast mode, by the field alone: with a price, as it was once, and on a model that never had it."""
    speeds: list[Json] = [{"speed": value} for value in ("fast", "standard", None, "FAST")]
    answers(maker, FAST_MODELS, *speeds, at=datetime(2026, 10, 1, 2, tzinfo=UTC))
    answers(maker, ("claude-opus-4-6", "claude-opus-4-7"), *speeds, at=datetime(2026, 5, 3, 4, tzinfo=UTC))
    answers(maker, ("claude-sonnet-5", "claude-haiku-4-5-20251001", "claude-fable-5"), *speeds)


def service_tier(maker: Maker) -> None:
    """Batches cost half, the other tiers nothing special; a batch is never fast."""
    tiers: list[Json] = [{"service_tier": value} for value in ("batch", "priority", "standard", None)]
    answers(maker, ("claude-opus-5", "claude-sonnet-4-6"), *tiers)
    answers(maker, ("claude-opus-5",), {"service_tier": "batch", "speed": "fast"})


def inference_geo(maker: Maker) -> None:
    """Answers kept in one country cost a tenth more on newer models, and a Bedrock region never twice."""
    places: list[Json] = [{"inference_geo": value} for value in ("us", "global", "not_available", None)]
    names = ("claude-opus-5", "claude-opus-4-6", "claude-opus-4-5-20251101", "us.anthropic.claude-opus-4-8-v1:0")
    answers(maker, names, *places)
    answers(maker, ("claude-opus-5",), {"inference_geo": "us", "service_tier": "batch"})
    answers(maker, ("claude-opus-5",), {"inference_geo": "us", "speed": "fast"})


def half_units(maker: Maker) -> None:
    """Products that end in exactly half a nano-dollar: they round to even, each part for itself."""
    odd: list[Json] = [{"input_tokens": count, "cache_read_input_tokens": 2 * count + 1} for count in (1, 3, 5, 7)]
    modes: Json = {"inference_geo": "us", "service_tier": "batch"}
    session = maker.session(at=datetime(2026, 10, 20, 3, tzinfo=UTC))
    for change in odd:
        usage = make_usage(maker.rng) | modes | change | {"output_tokens": 11}
        session.answer(usage=usage, model="claude-haiku-5-5")
    session.save()


def price_change(maker: Maker) -> None:
    """A price that changed in place at midnight, UTC, on 2026-10-07."""
    change = datetime(2026, 10, 7, tzinfo=UTC)
    session = maker.session()
    for offset in (-3600.0, -0.001, 0.0, 0.001, 3600.0):
        session.now = change + timedelta(seconds=offset)
        session.answer(model="claude-sonnet-5-5", outputs=[100], seconds=0)
    session.save()


def price_change_inside(maker: Maker) -> None:
    """An answer whose lines stand on both sides of a price change: it pays the price of its first line."""
    session = maker.session(at=datetime(2026, 10, 6, 23, 59, 58, tzinfo=UTC))
    session.answer(model="claude-sonnet-5-5", outputs=[1, 1, 100], seconds=3)
    session.save()


def before_first_price(maker: Maker) -> None:
    """Calls before a model's first price, and at its first moment."""
    session = maker.session()
    firsts = (("claude-opus-5-5", 2026, 9, 22), ("claude-sonnet-5-5", 2026, 9, 28), ("claude-haiku-5-5", 2026, 10, 7))
    for model, *day in firsts:
        for offset in (-86_400.0, -0.001, 0.0):
            session.now = datetime(day[0], day[1], day[2], tzinfo=UTC) + timedelta(seconds=offset)
            session.answer(model=model, outputs=[100], seconds=0)
    session.save()


def haiku_long_prompts(maker: Maker) -> None:
    """Prompts of exactly the length at which every token of a request becomes dearer, and one token more."""
    prompts: list[Json] = []
    for reads in (98_999, 99_000, 99_001, 250_000):
        writes: Json = {"cache_creation_input_tokens": 600, "cache_creation": split(200, 400)}
        prompts.append({"input_tokens": 400, "cache_read_input_tokens": reads} | writes)
    prompts.append({"input_tokens": 100_001, "cache_read_input_tokens": 0})
    answers(maker, ("claude-haiku-5-5",), *prompts, at=datetime(2026, 10, 21, 5, tzinfo=UTC))


def sonnet_long_prompts(maker: Maker) -> None:
    """Prompts around 200,000 tokens on the models that had a dearer price beyond, and on one that has none."""
    plain: Json = {"cache_creation_input_tokens": 0, "cache_creation": split(0, 0)}
    prompts: list[Json] = [
        {"input_tokens": 1000, "cache_read_input_tokens": reads} | plain for reads in (199_000, 199_001, 420_000)
    ]
    prompts.append({"input_tokens": 250_000, "cache_read_input_tokens": 0} | plain)
    names = ("claude-sonnet-4-5-20250929", "claude-sonnet-4-20250514", "claude-sonnet-4-6")
    answers(maker, names, *prompts)


def synthetic(maker: Maker) -> None:
    """Placeholders that Claude Code writes itself, one of them with counts."""
    session = maker.session()
    error: Json = {"isApiErrorMessage": True, "error": "rate_limit", "requestId": None}
    zero: Json = {"input_tokens": 0, "output_tokens": 0, "cache_creation": None, "iterations": None, "speed": None}
    for usage in (zero, zero | {"input_tokens": 5, "output_tokens": 6}):
        session.answer(usage=usage, model="<synthetic>", ids=(maker.uuid(), None), outputs=[0], top=error)
    session.turn()
    session.save()


def api_error(maker: Maker) -> None:
    """An answer of a real model that broke off: what it used still counts."""
    session = maker.session()
    session.answer(outputs=[100], top={"isApiErrorMessage": True, "isAbortedMidStream": True})
    session.answer(outputs=[100], top={"isApiErrorMessage": False})
    session.save()


def old_cost(maker: Maker) -> None:
    """Very old transcripts carry a cost of their own, which is not ours."""
    session = maker.session()
    session.answer(outputs=[100], top={"costUSD": 1.25})
    session.answer(outputs=[100], top={"costUSD": 0})
    session.answer(outputs=[100], top={"costUSD": None})
    session.save()


TRAPS: Mapping[str, Callable[[Maker], None]] = {
    trap.__name__: trap
    for trap in (
        new_models,
        model_names,
        unknown_models,
        speed,
        service_tier,
        inference_geo,
        half_units,
        price_change,
        price_change_inside,
        before_first_price,
        haiku_long_prompts,
        sonnet_long_prompts,
        synthetic,
        api_error,
        old_cost,
    )
}
