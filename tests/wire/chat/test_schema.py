"""JSON schemas, and the part of them that constrained output can promise."""

from itertools import pairwise
from typing import Any, Literal

import pytest
from anthropic import transform_schema
from pydantic import BaseModel, Field

from ccledger.wire.chat.schema import narrowed

Json = dict[str, Any]


def thing(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def closed(**properties: Json) -> Json:
    return {**thing(**properties), "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        (thing(a={"type": "string"}), closed(a={"type": "string"})),
        ({**closed(a={"type": "null"}), "required": ["a"]}, {**closed(a={"type": "null"}), "required": ["a"]}),
        (thing(a={"type": "string", "format": "email"}), closed(a={"type": "string", "format": "email"})),
        (
            thing(a={"type": "string", "format": "colour"}),
            closed(a={"type": "string", "description": "{format: colour}"}),
        ),
        (
            thing(a={"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."}),
            closed(a={"type": "integer", "description": "A digit.\n\n{minimum: 1, maximum: 9}"}),
        ),
        (
            thing(a={"type": ["string", "null"], "maxLength": 3}),
            closed(a={"anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"type": "null"}]}),
        ),
        (
            thing(a={"oneOf": [{"type": "string"}, {"type": "null"}], "title": "A"}),
            closed(a={"anyOf": [{"type": "string"}, {"type": "null"}], "title": "A"}),
        ),
        (thing(a={"type": "string", "enum": ["x", "y"]}), closed(a={"enum": ["x", "y"]})),
        (thing(a={"const": 1}), closed(a={"const": 1})),
        (
            thing(a={"type": "array", "items": thing(b={"type": "number"}), "minItems": 1, "maxItems": 4}),
            closed(
                a={
                    "type": "array",
                    "items": closed(b={"type": "number"}),
                    "minItems": 1,
                    "description": "{maxItems: 4}",
                },
            ),
        ),
        (
            thing(a={"allOf": [{"type": "string"}], "description": "A."}),
            closed(a={"allOf": [{"type": "string"}], "description": "A."}),
        ),
        (
            {
                **thing(a={"$ref": "#/$defs/b", "description": "B."}),
                "$defs": {"b": thing(c={"type": "boolean"})},
                "$schema": "x",
            },
            {**closed(a={"$ref": "#/$defs/b"}), "$defs": {"b": closed(c={"type": "boolean"})}},
        ),
    ],
)
def test_what_can_be_promised(schema: Json, made: Json) -> None:
    assert narrowed(schema) == made


@pytest.mark.parametrize(
    "schema",
    [
        None,
        7,
        {},
        {"type": "object"},
        thing(),
        {**thing(a={"type": "string"}), "additionalProperties": True},
        {**thing(a={"type": "string"}), "additionalProperties": {"type": "string"}},
        {**thing(a={"type": "string"}), "patternProperties": {}},
        thing(a={}),
        thing(a=True),  # pyright: ignore[reportArgumentType] - a schema from outside may be anything
        thing(a={"type": "file"}),
        thing(a={"type": "array"}),
        thing(a={"enum": [{}]}),
        thing(a={"anyOf": 7}),
        {**thing(a={"allOf": [{"$ref": "#/$defs/b"}]}), "$defs": {"b": {"type": "null"}}},
        thing(a={"anyOf": [{"type": "null"}], "properties": {}}),
        thing(a={"$ref": "#"}),
        thing(a={"$ref": "https://example.org/schema"}),
        {**thing(a={"$ref": "#/$defs/b"}), "$defs": {"b": thing(c={"$ref": "#/$defs/b"})}},
        {**thing(), "$defs": {"b": {"$ref": "#/$defs/c"}, "c": thing(d={"$ref": "#/$defs/b"})}},
        {"properties": 7, "type": "object"},
        {**thing(a={"type": "null"}), "$defs": 7},
    ],
)
def test_what_can_not_be_promised(schema: object) -> None:
    assert narrowed(schema) is None


def test_a_schema_without_end_is_no_trouble() -> None:
    deep: Json = {"type": "null"}
    for _ in range(5000):
        deep = {"type": "array", "items": deep}
    assert narrowed(thing(a=deep)) is None


def test_many_definitions_are_no_trouble() -> None:
    """A search from each definition anew would take minutes here."""
    names = [f"d{i}" for i in range(30_000)]
    chain = {name: thing(next={"$ref": f"#/$defs/{after}"}) for name, after in pairwise(names)}
    chain[names[-1]] = {"type": "null"}
    made = narrowed({**thing(a={"$ref": "#/$defs/d0"}), "$defs": chain})
    assert made is not None
    assert len(made["$defs"]) == 30_000


def test_the_schema_that_was_given_stays_as_it_was() -> None:
    schema = thing(a={"type": "integer", "minimum": 1, "oneOf": [{"type": "null"}]})
    before = repr(schema)
    narrowed(schema)
    assert repr(schema) == before


class _Place(BaseModel):
    city: str
    zip: int = Field(ge=1000, le=9999)


class _Person(BaseModel):
    name: str
    kind: Literal["a", "b"]
    home: _Place
    others: list[_Place] | None = None


@pytest.mark.parametrize("model", [_Place, _Person])
def test_anthropics_own_transformation_of_models_finds_nothing_to_change(model: type[BaseModel]) -> None:
    made = narrowed(model.model_json_schema())
    assert made is not None
    assert transform_schema(made) == made
