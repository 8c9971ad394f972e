"""Turns a list of models from Anthropic's shape into OpenAI's; it knows no model itself."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ccledger.wire.chat.errors import AnswerUnreadable

Json = dict[str, Any]

_OWNER = "anthropic"


class _AnthropicModel(Struct):
    id: str
    created_at: Annotated[datetime, Meta(tz=True)] | None = None


class _AnthropicList(Struct):
    data: list[_AnthropicModel]
    has_more: bool = False


def openai_models(body: bytes) -> bytes:
    """Anthropic's list of models in OpenAI's shape; raises AnswerUnreadable when it is none."""
    return msgspec.json.encode(
        {"object": "list", "data": [_openai(model) for model in _read(body, _AnthropicList).data]}
    )


def openai_model(body: bytes) -> bytes:
    """One model of Anthropic's in OpenAI's shape; raises AnswerUnreadable when it is none."""
    return msgspec.json.encode(_openai(_read(body, _AnthropicModel)))


def _read(body: bytes, type_: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except (ValueError, RecursionError) as problem:
        raise AnswerUnreadable("The upstream's answer is not a list of models.") from problem


def _openai(model: _AnthropicModel) -> Json:
    created = 0 if model.created_at is None else int(model.created_at.timestamp())
    return {"id": model.id, "object": "model", "created": created, "owned_by": _OWNER}
