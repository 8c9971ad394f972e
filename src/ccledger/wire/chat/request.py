"""Turns the body of a chat completion request into a body of the Messages API; it refuses what Claude can't do."""

from typing import Any, NamedTuple, cast

import msgspec

from ccledger.wire.chat.abilities import Abilities, abilities
from ccledger.wire.chat.effort import Plan, plan, sampling
from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.fields import Json, list_at, object_at, object_or_nothing, text_at
from ccledger.wire.chat.schema import narrowed
from ccledger.wire.chat.tools import Toolbox, read_tools
from ccledger.wire.chat.turns import read_messages, written

_PASSED = ("cache_control", "inference_geo")
"""Anthropic's own settings, taken as they are."""
_TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard_only": "standard_only"}
"""Other tiers have no like here and are left out."""
_LONGEST_USER = 256
_ONE_OBJECT = "Answer with one valid JSON object and nothing else: no explanation, no code fence."


class Ask(NamedTuple):
    """What the answer has to know of the request."""

    model: str
    """As the client named it."""
    stream: bool = False
    include_usage: bool = False
    """The stream ends with a chunk that holds the usage."""
    old_calls: bool = False
    """The client knows `function_call` only, the form before tools."""
    thoughts: bool = False
    """The client speaks Anthropic's `thinking` and can hand thoughts back: it gets them with their signatures."""


class Converted(NamedTuple):
    """A request in Anthropic's words."""

    body: bytes
    ask: Ask


def convert_request(body: bytes) -> Converted:
    """The request as the Messages API takes it; raises ChatRefused where there is none.

    Left out because Claude has no such thing and an answer is as good without: seed, logprobs, penalties, logit_bias,
    prediction, store, verbosity, names of participants, and whatever is not known.
    """
    request = _request(body)
    _expect_possible(request)
    model = text_at(request.get("model"), "model")
    able = abilities(model)
    conversation = read_messages(request.get("messages"))
    box = read_tools(request, conversation.tool_names(), able)
    planned = plan(request, able, forced=box.forced, unthought=conversation.answers_unthought_call())
    format_, asked = _format(request, able)
    prefill = able.prefill and not planned.thinks and format_ is None
    system, messages = written(conversation, asides=able.asides, prefill=prefill)
    system += [{"type": "text", "text": text} for text in (asked, box.urging) if text]
    made: Json = {"model": model, "max_tokens": planned.max_tokens}
    if system:
        made["system"] = system
    made["messages"] = messages
    made |= _toolbox(box) | sampling(request, able, planned) | _thinking(request, planned, format_) | _rest(request)
    return Converted(msgspec.json.encode(made), _ask(request, model))


def _request(body: bytes) -> Json:
    try:
        told: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError) as problem:
        raise ChatRefused("The body must be a JSON object.") from problem
    if not isinstance(told, dict):
        raise ChatRefused("The body must be a JSON object.")
    return cast("Json", told)


def _expect_possible(request: Json) -> None:
    if request.get("n") not in (None, 1):
        raise ChatRefused("n must be 1: Claude gives one answer per request.", "n", "unsupported_value")
    modalities = request.get("modalities")
    if modalities is not None and list_at(modalities, "modalities") != ["text"]:
        raise ChatRefused('modalities must be ["text"]: Claude answers in text.', "modalities", "unsupported_value")


def _ask(request: Json, model: str) -> Ask:
    options = object_or_nothing(request.get("stream_options"))
    stream = request.get("stream") is True
    return Ask(
        model=model,
        stream=stream,
        include_usage=stream and options.get("include_usage") is True,
        old_calls=bool(request.get("functions")) and not request.get("tools"),
        thoughts=isinstance(request.get("thinking"), dict),
    )


def _toolbox(box: Toolbox) -> Json:
    made: Json = {"tools": box.tools} if box.tools else {}
    return {**made, "tool_choice": box.choice} if box.choice else made


def _thinking(request: Json, planned: Plan, format_: Json | None) -> Json:
    config = {**object_or_nothing(request.get("output_config"))}
    if planned.effort:
        config["effort"] = planned.effort
    if format_:
        config["format"] = format_
    made: Json = {"thinking": planned.thinking} if planned.thinking else {}
    return {**made, "output_config": config} if config else made


def _format(request: Json, able: Abilities) -> tuple[Json | None, str | None]:
    """The answer's format, and what to tell a model (or a schema) for which there is no such guarantee."""
    told = request.get("response_format")
    if told is None:
        return None, None
    wanted = object_at(told, "response_format")
    type_ = wanted.get("type")
    if type_ == "text":
        return None, None
    if type_ == "json_object":
        return None, _ONE_OBJECT
    if type_ != "json_schema":
        where = "response_format.type"
        raise ChatRefused(f"{where} must be text, json_object or json_schema.", where)
    where = "response_format.json_schema"
    schema = object_at(object_at(wanted.get("json_schema"), where).get("schema", {}), f"{where}.schema")
    narrow = narrowed(schema) if able.schemas else None
    if narrow is not None:
        return {"type": "json_schema", "schema": narrow}, None
    return None, f"{_ONE_OBJECT} It must follow this JSON schema:\n{msgspec.json.encode(schema).decode()}"


def _rest(request: Json) -> Json:
    """What has a like and touches nothing else."""
    made: Json = {key: request[key] for key in _PASSED if request.get(key) is not None}
    stops = _stops(request.get("stop"))
    if stops:
        made["stop_sequences"] = stops
    user = _user(request)
    if user:
        made["metadata"] = {"user_id": user}
    tier = request.get("service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        made["service_tier"] = _TIERS[tier]
    if request.get("stream") is True:
        made["stream"] = True
    return made


def _stops(stop: object) -> list[str]:
    """Stop sequences; blanks are left out, as Anthropic refuses them."""
    told = [stop] if isinstance(stop, str) else list_at(stop, "stop")
    if not all(isinstance(each, str) for each in told):
        raise ChatRefused("stop must be a text or a list of texts.", "stop")
    return [each for each in told if each.strip()]


def _user(request: Json) -> str | None:
    """Who asks: an id that says nothing of the person, so an overlong one is left out and not cut."""
    named = object_or_nothing(request.get("metadata")).get("user_id")
    for told in (request.get("user"), named, request.get("safety_identifier")):
        if isinstance(told, str) and 0 < len(told) <= _LONGEST_USER:
            return told
    return None
