"""Turns the tools of a chat request, and how they may be chosen, into Anthropic's; it calls none."""

from typing import NamedTuple, cast

from ccledger.wire.chat.abilities import Abilities
from ccledger.wire.chat.content import cached
from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.fields import Json, list_at, object_at, object_or_nothing, text_at
from ccledger.wire.chat.schema import narrowed

_MOST_STRICT = 20
"""More strict tools than that in one request are refused by Anthropic."""
_LONGEST_NAME = 64
"""Of a name that is repeated in a refusal."""
_NO_INPUT: Json = {"type": "object", "properties": {}}
_SEARCH = "web_search_20250305"
_PLACES = ("city", "country", "region", "timezone")


class Toolbox(NamedTuple):
    """The tools of a request and their use."""

    tools: list[Json]
    choice: Json | None
    urging: str | None = None
    """What to tell a model that can't be made to call a tool, so that it calls one all the same."""

    @property
    def forced(self) -> bool:
        """Whether the model must call a tool."""
        return self.choice is not None and self.choice["type"] in ("any", "tool")


class _Choice(NamedTuple):
    mode: str
    """`auto`, `none`, `any` or `tool`."""
    name: str = ""
    allowed: frozenset[str] | None = None
    """The names that may be called; None for all."""


def read_tools(request: Json, called: list[str], able: Abilities) -> Toolbox:
    """The toolbox of a request in whose conversation the tools named `called` were used."""
    tools = _all_tools(request, able)
    choice = _choice(request)
    if choice.allowed is not None:
        tools = [tool for tool in tools if str(tool.get("name")) in choice.allowed]
    if not tools:
        # Anthropic wants the tools of a conversation declared even where none may be called any more.
        declared: list[Json] = [{"name": name, "input_schema": _NO_INPUT} for name in called]
        return Toolbox(declared, {"type": "none"} if declared else None)
    _expect_named(choice, tools)
    if choice.mode in ("any", "tool") and not able.forcing:
        return Toolbox(tools, _auto(request), _urging(choice, tools))
    return Toolbox(tools, _chosen(choice, request))


def _all_tools(request: Json, able: Abilities) -> list[Json]:
    told = [_tool(tool, f"tools[{i}]", able) for i, tool in enumerate(list_at(request.get("tools"), "tools"))]
    for i, function in enumerate(list_at(request.get("functions"), "functions")):
        told.append(_function(object_at(function, f"functions[{i}]"), f"functions[{i}]", able))
    if isinstance(request.get("web_search_options"), dict):
        told.append(_search(request["web_search_options"]))
    strict = 0
    for tool in told:
        strict += tool.get("strict") is True
        if strict > _MOST_STRICT:
            tool.pop("strict", None)
    return told


def _tool(tool: object, where: str, able: Abilities) -> Json:
    told = object_at(tool, where)
    if isinstance(told.get("function"), dict):
        return cached(_function(told["function"], f"{where}.function", able), {**told["function"], **told})
    if told.get("type") in (None, "function", "custom") and "input_schema" not in told:
        raise ChatRefused(f"{where} must be a function: Claude takes no tools of another form.", where)
    return {**told}  # Anthropic's own form: its server tools, or a tool as the Messages API declares it


def _function(function: Json, where: str, able: Abilities) -> Json:
    made: Json = {"name": text_at(function.get("name"), f"{where}.name")}
    if isinstance(function.get("description"), str) and function["description"]:
        made["description"] = function["description"]
    schema = function.get("parameters")
    if schema is None:
        return {**made, "input_schema": _NO_INPUT}
    narrow = narrowed(schema) if able.schemas and function.get("strict") is True else None
    if narrow is not None:
        return {**made, "input_schema": narrow, "strict": True}
    return {**made, "input_schema": {"type": "object", **object_at(schema, f"{where}.parameters")}}


def _search(options: Json) -> Json:
    """OpenAI's own search, asked for by an option, as Anthropic's search tool."""
    tool: Json = {"type": _SEARCH, "name": "web_search"}
    place = object_or_nothing(object_or_nothing(options.get("user_location")).get("approximate"))
    if place:
        tool["user_location"] = {"type": "approximate", **{key: place[key] for key in _PLACES if place.get(key)}}
    return tool


def _choice(request: Json) -> _Choice:
    told = request.get("tool_choice")
    where = "tool_choice"
    if told is None:
        told, where = request.get("function_call"), "function_call"
    if told is None or told == "auto":
        return _Choice("auto")
    if told == "none":
        return _Choice("none")
    if told == "required":
        return _Choice("any")
    if not isinstance(told, dict):
        raise ChatRefused(f"{where} must be none, auto, required or an object.", where)
    return _chosen_by_object(cast("Json", told), where)


def _chosen_by_object(told: Json, where: str) -> _Choice:
    if told.get("type") == "allowed_tools":
        return _allowed(object_at(told.get("allowed_tools"), f"{where}.allowed_tools"), f"{where}.allowed_tools")
    if where == "function_call":
        return _Choice("tool", text_at(told.get("name"), f"{where}.name"))
    if isinstance(told.get("function"), dict):
        return _Choice("tool", text_at(told["function"].get("name"), f"{where}.function.name"))
    type_ = told.get("type")
    if type_ in ("auto", "any", "none"):  # Anthropic's own form
        return _Choice(str(type_))
    if type_ == "tool":
        return _Choice("tool", text_at(told.get("name"), f"{where}.name"))
    raise ChatRefused(f"{where} must name a function.", where)


def _allowed(told: Json, where: str) -> _Choice:
    mode = told.get("mode", "auto")
    if mode not in ("auto", "required"):
        raise ChatRefused(f"{where}.mode must be auto or required.", f"{where}.mode")
    names: set[str] = set()
    for i, tool in enumerate(list_at(told.get("tools"), f"{where}.tools")):
        here = f"{where}.tools[{i}]"
        function = object_at(object_at(tool, here).get("function"), f"{here}.function")
        names.add(text_at(function.get("name"), f"{here}.function.name"))
    return _Choice("any" if mode == "required" else "auto", allowed=frozenset(names))


def _expect_named(choice: _Choice, tools: list[Json]) -> None:
    names = {str(tool.get("name")) for tool in tools}
    if choice.mode == "tool" and choice.name not in names:
        raise ChatRefused(
            f"tool_choice names {choice.name[:_LONGEST_NAME]!r}, which is not among the tools.", "tool_choice"
        )
    missing = sorted(choice.allowed - names) if choice.allowed else []
    if missing:
        raise ChatRefused(
            f"tool_choice allows {missing[0][:_LONGEST_NAME]!r}, which is not among the tools.", "tool_choice"
        )


def _chosen(choice: _Choice, request: Json) -> Json | None:
    if choice.mode == "none":
        return {"type": "none"}
    if choice.mode == "auto":
        return _auto(request)
    made: Json = {"type": choice.mode}
    if choice.mode == "tool":
        made["name"] = choice.name
    return {**made, "disable_parallel_tool_use": True} if _one_by_one(request) else made


def _auto(request: Json) -> Json | None:
    return {"type": "auto", "disable_parallel_tool_use": True} if _one_by_one(request) else None


def _one_by_one(request: Json) -> bool:
    """Whether the model may make one call at a time only; the old form of calling has room for no more."""
    return request.get("parallel_tool_calls") is False or bool(request.get("functions"))


def _urging(choice: _Choice, tools: list[Json]) -> str:
    if choice.mode == "tool":
        return f"Answer this turn with a call of the tool {choice.name} and nothing else."
    names = ", ".join(str(tool.get("name")) for tool in tools)
    return f"Answer this turn with a call of at least one of these tools and nothing else: {names}."
