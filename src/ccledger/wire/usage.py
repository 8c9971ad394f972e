"""What every form of a Claude answer says of its tokens, and by what it is known; it never looks at where it came from.

The same usage object stands in transcripts, in answers, in the events of a stream and in the results of a batch.
"""

import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any, cast

from msgspec import Meta, Struct

from ccledger.core.call import Terms, Usage

UNKNOWN_MODEL = "unknown"
_FAST, _BATCH, _US_ONLY = Terms.FAST.value, Terms.BATCH.value, Terms.US_ONLY.value

make_usage: Callable[[type[Usage], tuple[int, ...]], Usage] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - bare, it is generic
"""Makes a named tuple in half the time: without its Python-level constructor."""

COUNT_LIMIT = 10_000_000_000_000
"""A larger count in one call is nonsense. What this much costs still fits 64 bits."""

SEARCH_LIMIT = 1_000_000
"""As for counts: more searches than that in one call are none."""

Count = Annotated[int, Meta(ge=0, le=COUNT_LIMIT)]


class Split(Struct, gc=False):
    """Cache writes by how long they are kept."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class Tools(Struct, gc=False):
    """What the provider's own tools did."""

    web_search_requests: Annotated[int, Meta(ge=0, le=SEARCH_LIMIT)] | None = None


class Counts(Struct, gc=False):
    """The counts of a usage object; None where one is not told."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: Split | None = None
    server_tool_use: Tools | None = None


class Iteration(Counts, gc=False):
    """One of several steps that made an answer."""

    type: str | None = None
    model: str | None = None


class Told(Counts, gc=False):
    """A usage object: its counts, and on which terms they are charged."""

    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: list[Iteration] | None = None


def usage_of(counts: Counts) -> Usage:
    """The token counts by kind; cache writes that no part of the split claims are those of 5 minutes."""
    split = counts.cache_creation
    five_minutes = one_hour = 0
    if split is not None:
        five_minutes = split.ephemeral_5m_input_tokens or 0
        one_hour = split.ephemeral_1h_input_tokens or 0
    rest = (counts.cache_creation_input_tokens or 0) - five_minutes - one_hour
    tools = counts.server_tool_use
    return make_usage(
        Usage,
        (
            counts.input_tokens or 0,
            counts.output_tokens or 0,
            five_minutes + rest if rest > 0 else five_minutes,
            one_hour,
            counts.cache_read_input_tokens or 0,
            0 if tools is None else tools.web_search_requests or 0,
        ),
    )


def terms_of(told: Told) -> int:
    """The `Terms` bits on which the tokens are charged."""
    terms = _FAST if told.speed == "fast" else 0
    if told.service_tier == "batch":
        terms |= _BATCH
    if told.inference_geo == "us":
        terms |= _US_ONLY
    return terms


def model_name(model: str | None, terms: int) -> str:
    """What the ledger calls a model: in fast mode it goes by a name of its own."""
    name = storable(model or UNKNOWN_MODEL)
    return f"{name}-fast" if terms & _FAST else name


def advice_in(iterations: Iterable[Iteration]) -> list[Iteration]:
    """Another model's advice inside an answer: calls of their own, which the answer's counts leave out."""
    return [iteration for iteration in iterations if iteration.type == "advisor_message"]


def advice_key(answer: str, number: int) -> str:
    """By what the advice of that number (from 0) is known, inside the answer whose first key is given."""
    return f"{answer}/advice/{number}"


def message_key(message: str, scope: str) -> str:
    """By what an answer is known: its own id where that is unique, else with a `scope` that makes it so."""
    return storable(f"msg:{message}" if message.startswith("msg_") else f"own:{message}/{scope}")


def with_request(own: str, request: str | None) -> tuple[str, ...]:
    """The keys of a call, sorted: its own, and the provider's id of the request where that is told."""
    return (own, storable(f"req:{request}")) if request else (own,)


def decode_leniently(raw: bytes) -> dict[str, Any] | None:
    """The JSON object in bytes that a strict decoder may refuse: bad UTF-8, lone surrogates, runs of NUL."""
    try:
        data = json.loads(raw.replace(b"\0", b"").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", data) if isinstance(data, dict) else None


def told_in(data: object) -> Told | None:
    """The usage object in decoded JSON, fields of odd types and senseless counts left out; None if it is no object."""
    if not isinstance(data, dict):
        return None
    fields = cast("dict[str, Any]", data)
    iterations = fields.get("iterations")
    return Told(
        **_counts_of(fields),
        service_tier=text_in(fields.get("service_tier")),
        speed=text_in(fields.get("speed")),
        inference_geo=text_in(fields.get("inference_geo")),
        iterations=[
            Iteration(**_counts_of(entry), type=text_in(entry.get("type")), model=text_in(entry.get("model")))
            for entry in map(object_in, cast("list[object]", iterations))
        ]
        if isinstance(iterations, list)
        else None,
    )


def _counts_of(data: dict[str, Any]) -> dict[str, Any]:
    split = object_in(data.get("cache_creation"))
    tools = object_in(data.get("server_tool_use"))
    return {
        "input_tokens": _count(data.get("input_tokens")),
        "output_tokens": _count(data.get("output_tokens")),
        "cache_creation_input_tokens": _count(data.get("cache_creation_input_tokens")),
        "cache_read_input_tokens": _count(data.get("cache_read_input_tokens")),
        "cache_creation": Split(
            _count(split.get("ephemeral_5m_input_tokens")), _count(split.get("ephemeral_1h_input_tokens"))
        ),
        "server_tool_use": Tools(_count(tools.get("web_search_requests"), SEARCH_LIMIT)),
    }


def _count(value: object, limit: int = COUNT_LIMIT) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= limit else None


def object_in(value: object) -> dict[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def text_in(value: object) -> str | None:
    """A text that can be written as UTF-8 (lone surrogates become question marks); None for anything else."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def storable(text: str) -> str:
    """A text that every store can look up: none takes a NUL."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
