"""Decides how much a model may think and write, and how it samples; what a model would refuse is left out.

A chat client does not know Anthropic's rules (no temperature beside thinking, no thinking beside a forced tool, budgets
below the limit of the answer), so no combination of its settings may make a request fail.
Source: https://platform.claude.com/docs/en/build-with-claude/thinking and …/effort.
"""

from typing import NamedTuple

from ccledger.wire.chat.abilities import Abilities, Thinking
from ccledger.wire.chat.fields import Json, choice_at, count_at, number_at, object_or_nothing

_EFFORTS = {
    "none": "none",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_BUDGETS = {"low": 2048, "medium": 8192, "high": 16384, "xhigh": 16384, "max": 16384}
"""Tokens for thinking where a model takes no effort."""
_SMALLEST_BUDGET = 1024
_LARGEST_OUTPUT = 32000
"""What every model with a thinking budget may write in all."""
_BEYOND_HIGH = ("xhigh", "max")
_OFF = ("disabled", "between_tools")


class Plan(NamedTuple):
    """What a request says of thinking and length."""

    max_tokens: int
    thinking: Json | None = None
    effort: str | None = None

    @property
    def thinks(self) -> bool:
        """Whether thinking was asked for."""
        return self.thinking is not None and self.thinking["type"] not in _OFF


class _Wish(NamedTuple):
    on: bool | None
    """None when the client did not say."""
    effort: str | None
    budget: int | None
    display: str | None


def plan(request: Json, able: Abilities, *, forced: bool, unthought: bool) -> Plan:
    """How much to think and write.

    `forced`: the model must call a tool; then it does not think first. `unthought`: it must go on in a turn whose
    first thoughts are not there; then it can't think by budget.
    """
    limit = count_at(request.get("max_completion_tokens"), "max_completion_tokens")
    if limit is None:
        limit = count_at(request.get("max_tokens"), "max_tokens")
    wish = _wish(request)
    if able.thinking is Thinking.NONE:
        return Plan(limit or able.output)
    if able.thinking is Thinking.BUDGET or (able.thinking is Thinking.EITHER and wish.budget and not unthought):
        if forced or unthought or not wish.on:
            return Plan(limit or able.output)
        return _with_budget(wish, limit, able)
    return _adaptive(wish, limit or able.output, able, forced=forced)


def sampling(request: Json, able: Abilities, planned: Plan) -> Json:
    """Temperature, top_p and top_k as far as the model takes them.

    OpenAI's temperature goes to 2, Anthropic's to 1: what is above becomes 1. Newer Claude models take one of
    temperature and top_p; the temperature stays.
    """
    temperature = number_at(request.get("temperature"), "temperature")
    top_p = number_at(request.get("top_p"), "top_p")
    top_k = count_at(request.get("top_k"), "top_k")
    if not able.sampling or planned.thinks:
        return {}
    made: Json = {}
    if temperature is not None:
        made["temperature"] = min(max(temperature, 0), 1)
    elif top_p is not None:
        made["top_p"] = min(max(top_p, 0), 1)
    if top_k is not None:
        made["top_k"] = top_k
    return made


def _wish(request: Json) -> _Wish:
    word = request.get("reasoning_effort")
    effort = None if word is None else choice_at(word, _EFFORTS, "reasoning_effort")
    field = object_or_nothing(request.get("thinking"))
    if not field:
        on = None if effort is None else effort != "none"
        return _Wish(on, effort, None, None)
    display = field.get("display")
    budget = count_at(field.get("budget_tokens"), "thinking.budget_tokens")
    on = field.get("type") not in _OFF
    return _Wish(on, effort, budget if on else None, display if isinstance(display, str) else None)


def _with_budget(wish: _Wish, limit: int | None, able: Abilities) -> Plan:
    budget = wish.budget or _BUDGETS.get(wish.effort or "medium", _BUDGETS["medium"])
    if limit is None:
        limit = max(min(able.output + budget, _LARGEST_OUTPUT), budget + _SMALLEST_BUDGET)
    elif budget >= limit:
        budget = limit // 2
    if budget < _SMALLEST_BUDGET:
        return Plan(limit)
    made: Json = {"type": "enabled", "budget_tokens": budget}
    return Plan(limit, {**made, "display": wish.display} if wish.display else made)


def _adaptive(wish: _Wish, limit: int, able: Abilities, *, forced: bool) -> Plan:
    effort = _effort(wish, able)
    if wish.on is False:
        return Plan(limit, {"type": able.quiet} if able.quiet else None, effort)
    if not wish.on or forced:
        return Plan(limit, None, effort)
    return Plan(limit, {"type": "adaptive", "display": wish.display or "summarized"}, effort)


def _effort(wish: _Wish, able: Abilities) -> str | None:
    effort = wish.effort
    if wish.on is False and able.quiet is None:
        return "low"  # as near to no thinking as a model comes that always thinks
    if effort in (None, "none"):
        return None
    if effort in _BEYOND_HIGH and wish.on is False:
        return "high"
    return "high" if effort == "xhigh" and not able.beyond_high else effort
