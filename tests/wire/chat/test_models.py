"""Lists of models in both shapes, as the official clients read them."""

import json

import pytest
from openai.types import Model

from ccledger.wire.chat.errors import AnswerUnreadable
from ccledger.wire.chat.models import openai_model, openai_models

OPUS = {
    "type": "model",
    "id": "claude-opus-5-5",
    "display_name": "Claude Opus 5.5",
    "created_at": "2026-09-22T00:00:00Z",
}
LIST = {"data": [OPUS, {"id": "bare"}], "has_more": False, "first_id": "claude-opus-5-5", "last_id": "bare"}


def test_anthropics_list_in_openais_shape() -> None:
    made = json.loads(openai_models(json.dumps(LIST).encode()))
    assert made == {
        "object": "list",
        "data": [
            {"id": "claude-opus-5-5", "object": "model", "created": 1_790_035_200, "owned_by": "anthropic"},
            {"id": "bare", "object": "model", "created": 0, "owned_by": "anthropic"},
        ],
    }
    assert [Model.model_validate(model).id for model in made["data"]] == ["claude-opus-5-5", "bare"]


def test_one_model_in_openais_shape() -> None:
    assert json.loads(openai_model(json.dumps(OPUS).encode()))["created"] == 1_790_035_200


def test_an_empty_list() -> None:
    assert json.loads(openai_models(b'{"data":[]}')) == {"object": "list", "data": []}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"data":[{}]}',
        b'{"data":[{"id":"x","created_at":"soon"}]}',
        b'{"data":[{"id":"x","created_at":"2026-01-01T00:00:00"}]}',
    ],
)
def test_what_is_no_list_is_told_so(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        openai_models(body)
