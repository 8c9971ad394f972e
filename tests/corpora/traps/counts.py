"""Traps inside the usage object; they never repeat an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from ..records import Json, Maker, make_usage


def with_usage(maker: Maker, *changes: Json, model: str | None = None) -> None:
    """Write one answer for each change to a plain usage object."""
    session = maker.session()
    for change in changes:
        usage = make_usage(maker.rng) | {"output_tokens": 100}
        session.answer(usage=usage | change, model=model, outputs=[100])
        session.next_turn()
    session.save()


def split(minutes: object, hour: object) -> Json:
    """Make the object that splits cache writes by lifetime."""
    return {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour}


def one_field(name: str, value: object) -> Json:
    """Make a change of one field."""
    return {name: value}


def without(usage: Json, *names: str) -> Json:
    """Return a usage object without some fields."""
    return {name: value for name, value in usage.items() if name not in names}


def split_zero(maker: Maker) -> None:
    """The split is there but all zero; only the flat count tells."""
    with_usage(maker, {"cache_creation_input_tokens": 999, "cache_creation": split(0, 0)})


def flat_zero(maker: Maker) -> None:
    """The flat count is zero while the split is not, as before version 2.1.152."""
    with_usage(
        maker,
        {"cache_creation_input_tokens": 0, "cache_creation": split(450, 0)},
        {"cache_creation_input_tokens": 0, "cache_creation": split(120, 3300)},
    )


def split_short(maker: Maker) -> None:
    """The split explains only a part of the flat count."""
    with_usage(
        maker,
        {"cache_creation_input_tokens": 1000, "cache_creation": split(100, 400)},
        {"cache_creation_input_tokens": 1000, "cache_creation": split(0, 400)},
        {"cache_creation_input_tokens": 1000, "cache_creation": {"ephemeral_1h_input_tokens": 250}},
    )


def flat_only(maker: Maker) -> None:
    """Old transcripts have no split at all."""
    session = maker.session()
    for value in (0, 777):
        usage = without(make_usage(maker.rng), "cache_creation") | {"cache_creation_input_tokens": value}
        session.answer(usage=usage)
    session.answer(usage=make_usage(maker.rng) | {"cache_creation_input_tokens": 321, "cache_creation": None})
    session.save()


def few_fields(maker: Maker) -> None:
    """A gateway writes only the two counts it knows."""
    session = maker.session()
    session.answer(usage={"input_tokens": 12, "output_tokens": 34})
    session.answer(usage={"output_tokens": 56})
    session.save()


def advisor(maker: Maker) -> None:
    """An advisor model's calls stand inside the answer and are in none of its counts."""
    session = maker.session()
    for advisors in (1, 2):
        own = [advisor_call(maker, index) for index in range(advisors)]
        main: Json = {"type": "message", "input_tokens": 50, "output_tokens": 100}
        usage = make_usage(maker.rng)
        first, last = usage | {"iterations": None}, usage | {"iterations": [main, *own, main]}
        ids = (maker.message_id(), maker.request_id())
        top: Json = {"advisorModel": "claude-fable-5-1"}
        session.answer(usage=first, ids=ids, outputs=[1], model="claude-sonnet-5", top=top)
        session.answer(usage=last, ids=ids, outputs=[100, 100], model="claude-sonnet-5", top=top)
        session.next_turn()
    session.save()


def advisor_call(maker: Maker, index: int) -> Json:
    """Make one call of an advisor."""
    counts = without(make_usage(maker.rng), "iterations", "speed", "service_tier", "inference_geo")
    return {"type": "advisor_message", "model": ("claude-fable-5-1", "claude-opus-5")[index]} | counts


def other_iterations(maker: Maker) -> None:
    """Iterations of every other kind are already in the answer's counts."""
    kinds = ("message", "compaction", "fallback_message", "something_new")
    own = without(make_usage(maker.rng), "iterations")
    iterations: list[Json] = [{"type": kind, "model": "claude-opus-5"} | own for kind in kinds]
    with_usage(maker, {"iterations": iterations}, {"iterations": None}, {"iterations": []})


def thinking_tokens(maker: Maker) -> None:
    """Thinking tokens are a part of the output tokens."""
    with_usage(maker, {"output_tokens_details": {"thinking_tokens": 90}})


def web_search(maker: Maker) -> None:
    """Web searches cost extra, web fetches nothing; the number may come with a later line of equal size."""
    searches: list[Json] = [
        {"server_tool_use": {"web_search_requests": count, "web_fetch_requests": 4}} for count in (1, 7)
    ]
    with_usage(maker, *searches)
    session = maker.session()
    usage, ids = make_usage(maker.rng), (maker.message_id(), maker.request_id())
    for change in ({"server_tool_use": None}, searches[1], {"server_tool_use": None}):
        session.answer(usage=usage | change, ids=ids, outputs=[100], model="claude-opus-5")
    session.save()


def float_counts(maker: Maker) -> None:
    """Counts written as floating-point numbers."""
    with_usage(
        maker,
        {"input_tokens": 12.0, "cache_read_input_tokens": 3.5e3},
        {"cache_creation_input_tokens": 40.0, "cache_creation": split(40.0, 0.0)},
    )


def huge_counts(maker: Maker) -> None:
    """Counts far beyond 32 bits."""
    with_usage(
        maker,
        {"input_tokens": 5_000_000_000, "cache_read_input_tokens": 2**40},
        {"input_tokens": 10**13},
    )


def absurd_counts(maker: Maker) -> None:
    """Counts that no integer column holds."""
    with_usage(
        maker,
        {"input_tokens": 10**30, "cache_read_input_tokens": 2**63},
        {"cache_creation_input_tokens": 2**64, "cache_creation": split(2**63, 10**25)},
        {"input_tokens": 1e300},
    )


def hostile_counts(maker: Maker) -> None:
    """Counts that are no counts."""
    values: tuple[object, ...] = (-5, "17", True, None, [], {}, -1.5, "")
    for name in ("input_tokens", "cache_read_input_tokens"):
        with_usage(maker, *(one_field(name, value) for value in values))
    with_usage(maker, *(one_field("cache_creation", split(value, 30)) for value in values))
    with_usage(maker, {"cache_creation": 7}, {"cache_creation": []}, {"server_tool_use": 3})
    with_usage(maker, {"iterations": "none"}, {"iterations": [None, 4, "x", {"type": 5}]})


def hostile_shapes(maker: Maker) -> None:
    """Assistant records whose message or usage is not an object."""
    session = maker.session()
    shapes: tuple[object, ...] = (None, 5, "text", [], {"id": maker.message_id(), "usage": None}, {"usage": [1]})
    for shape in shapes:
        session.write(session.common("assistant") | {"message": shape, "note": {"usage": {"output_tokens": 5}}})
    session.answer(outputs=[100])
    session.save()


def tool_input_usage(maker: Maker) -> None:
    """A tool's input carries an object that looks exactly like usage, before the real one."""
    fake: Json = {"usage": {"input_tokens": 5, "output_tokens": 77_777}, "model": "claude-opus-4-1", "id": "msg_fake"}
    session = maker.session()
    session.answer(outputs=[100], tool_input={"message": fake, "type": "assistant"} | fake)
    session.answer(outputs=[1, 100], tool_input=fake)
    session.save()


def usage_first(maker: Maker) -> None:
    """The usage object stands before the content, as in locally made records."""
    session = maker.session()
    for record in session.answer(outputs=[40, 100]):
        message = cast("Json", record["message"])
        record["message"] = dict(reversed(message.items()))
        session.lines.pop(0)
        session.write(record | {"after": {"usage": {"output_tokens": 4}}})
    session.save()


def null_id_in_tool_input(maker: Maker) -> None:
    """A null that has nothing to do with the record itself."""
    session = maker.session()
    for name in ("id", "model", "version", "cwd", "speed", "requestId"):
        session.answer(outputs=[100], tool_input={"record": {name: None}})
        session.next_turn()
    session.save()


TRAPS: Mapping[str, Callable[[Maker], None]] = {
    trap.__name__: trap
    for trap in (
        split_zero,
        flat_zero,
        split_short,
        flat_only,
        few_fields,
        advisor,
        other_iterations,
        thinking_tokens,
        web_search,
        float_counts,
        huge_counts,
        absurd_counts,
        hostile_counts,
        hostile_shapes,
        tool_input_usage,
        usage_first,
        null_id_in_tool_input,
    )
}
