"""Puts a JSON schema into the part of JSON Schema that Claude's constrained output knows; it never loosens it.

Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations). What bounds
a value without changing its shape (lengths, ranges) moves into the description, as Anthropic's own SDKs do it. What
can't be said at all (recursion, open objects) makes the whole schema None: then the model is only asked to follow it.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

Json = dict[str, Any]

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
_DEFINITIONS = ("$defs", "definitions")
_SILENT = frozenset({"$schema", "$id", "$comment", "default", "examples", "strict"})
"""What says nothing about the shape of an answer."""
_DEEPEST = 64


class _Unsayable(Exception):
    """The schema asks for something that constrained output can't promise."""


def narrowed(schema: object) -> Json | None:
    """The schema as constrained output takes it, a new value; None when it asks for what can't be promised.

    An object that does not say whether it may hold more than its properties may not.
    """
    if not isinstance(schema, dict):
        return None
    told = cast("Json", schema)
    if _recursive(told):
        return None
    try:
        return _node(told, 0)
    except _Unsayable:
        return None


def _node(node: object, depth: int) -> Json:
    if not isinstance(node, dict) or depth > _DEEPEST:
        raise _Unsayable
    rest = {key: value for key, value in cast("Json", node).items() if key not in _SILENT}
    made: Json = {}
    for key in _DEFINITIONS:
        if key in rest:
            made[key] = _children(rest.pop(key), depth)
    for key in ("title", "description"):
        if isinstance(rest.get(key), str):
            made[key] = rest.pop(key)
    if "$ref" in rest:  # stands alone: what it leads to has its own words
        return {key: made[key] for key in _DEFINITIONS if key in made} | {"$ref": rest["$ref"]}
    made |= _shape(rest, depth)
    if rest:
        bounds = ", ".join(f"{key}: {value}" for key, value in rest.items())
        made["description"] = f"{made.get('description', '')}\n\n{{{bounds}}}".strip()
    return made


def _shape(rest: Json, depth: int) -> Json:
    """The keys of a node that say which values fit; takes them out of `rest`."""
    for key, name in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
        if key in rest:
            branches = _list(rest.pop(key), depth)
            if "properties" in rest or (key == "allOf" and any("$ref" in branch for branch in branches)):
                raise _Unsayable
            rest.pop("type", None)
            return {name: branches}
    if "enum" in rest or "const" in rest:
        rest.pop("type", None)
        return {key: _literal(rest.pop(key)) for key in ("enum", "const") if key in rest}
    type_ = rest.pop("type", None)
    if isinstance(type_, list):
        return _union(cast("list[object]", type_), rest, depth)
    if type_ == "object":
        return _object(rest, depth)
    if type_ == "array":
        return _array(rest, depth)
    if type_ not in _SCALARS:
        raise _Unsayable
    known = rest.get("format") in _FORMATS
    return {"type": type_, "format": rest.pop("format")} if known else {"type": type_}


def _union(types: list[object], rest: Json, depth: int) -> Json:
    """A list of types as alternatives, each with the keys that belong to all."""
    branches = [_node({"type": type_} if type_ == "null" else {"type": type_, **rest}, depth + 1) for type_ in types]
    rest.clear()
    return {"anyOf": branches}


def _object(rest: Json, depth: int) -> Json:
    properties = rest.pop("properties", None)
    if not properties or rest.pop("additionalProperties", False) is not False or "patternProperties" in rest:
        raise _Unsayable
    made: Json = {"type": "object", "properties": _children(properties, depth), "additionalProperties": False}
    if "required" in rest:
        made["required"] = rest.pop("required")
    return made


def _array(rest: Json, depth: int) -> Json:
    if "items" not in rest:
        raise _Unsayable
    made: Json = {"type": "array", "items": _node(rest.pop("items"), depth + 1)}
    if rest.get("minItems") in (0, 1):
        made["minItems"] = rest.pop("minItems")
    return made


def _children(nodes: object, depth: int) -> Json:
    if not isinstance(nodes, dict):
        raise _Unsayable
    return {name: _node(node, depth + 1) for name, node in cast("Json", nodes).items()}


def _list(nodes: object, depth: int) -> list[Json]:
    if not isinstance(nodes, list):
        raise _Unsayable
    return [_node(node, depth + 1) for node in cast("list[object]", nodes)]


def _literal(value: object) -> object:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    if not all(each is None or isinstance(each, str | int | float) for each in values):
        raise _Unsayable
    return cast("object", value)


def _recursive(schema: Json) -> bool:
    """Whether a definition leads back to itself, or a reference out of the schema or to its root."""
    leads: dict[str, set[str]] = {}
    for key in _DEFINITIONS:
        definitions = schema.get(key)
        if isinstance(definitions, dict):
            for name, node in cast("Json", definitions).items():
                leads[f"#/{key}/{name}"] = set(_references(node))
    wanted = set(_references({key: value for key, value in schema.items() if key not in _DEFINITIONS}))
    if not wanted.union(*leads.values()) <= leads.keys():
        return True
    pointed = Counter(name for names in leads.values() for name in names)
    ends = [name for name in leads if not pointed[name]]
    for name in ends:  # takes away whatever nothing leads to, until only circles are left
        for next_ in leads[name]:
            pointed[next_] -= 1
            if not pointed[next_]:
                ends.append(next_)
    return len(ends) < len(leads)


def _references(node: object) -> Iterator[str]:
    """Every `$ref` below a node, without recursion: a schema may be as deep as its sender likes."""
    waiting: list[object] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            told = cast("Json", here)
            if "$ref" in told:
                yield str(told["$ref"])
            waiting += told.values()
        elif isinstance(here, list):
            waiting += cast("list[object]", here)
