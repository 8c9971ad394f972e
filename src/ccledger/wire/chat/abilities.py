"""Which parameters a Claude model takes, read from its name; it never asks the API.

Newer models answer 400 to settings that older ones need. The rules are Anthropic's, by generation:
https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (what each model rejects),
https://platform.claude.com/docs/en/models/sonnet-5-5/migration-guide and its siblings,
https://platform.claude.com/docs/en/build-with-claude/structured-outputs.
"""

import re
from enum import Enum
from typing import NamedTuple

_FAMILY = "(opus|sonnet|haiku|fable|mythos|instant)"
_VERSION = r"(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)"
_FAMILY_FIRST = re.compile(f"claude-{_FAMILY}(?:-{_VERSION})?")
_VERSION_FIRST = re.compile(f"claude-{_VERSION}-{_FAMILY}")
_NEWEST = (99, 0)
"""A name without a version is an alias of the newest model of its family."""
_LARGEST_FAMILIES = ("fable", "mythos")


class Thinking(Enum):
    """Which kind of thinking a model can be asked for."""

    NONE = "none"
    BUDGET = "budget"
    """Only with a budget of tokens (`enabled`)."""
    EITHER = "either"
    ADAPTIVE = "adaptive"
    """Only as much as the model sees fit, steered by effort."""


class Abilities(NamedTuple):
    """What a model takes. The defaults are what any server that speaks the Messages API can be trusted with."""

    thinking: Thinking = Thinking.BUDGET
    quiet: str | None = ""
    """The `thinking.type` that turns thinking off: "" when it is off unless asked for, None when it is always on."""
    sampling: bool = True
    """Takes temperature, top_p and top_k."""
    forcing: bool = True
    """Can be made to call a tool."""
    prefill: bool = True
    """Continues an assistant message that ends the conversation."""
    schemas: bool = False
    """Takes a JSON schema for its answer and strict tools."""
    asides: bool = False
    """Takes system messages in the middle of a conversation."""
    beyond_high: bool = False
    """Knows the effort `xhigh`."""
    output: int = 4096
    """How many tokens it may write when the request does not say, thinking included."""


def abilities(model: str) -> Abilities:
    """What the model of this name takes; a name that is not Claude's gets the defaults of the Messages API."""
    name = model.lower()
    if found := _FAMILY_FIRST.search(name):
        family, major, minor = found.groups()
    elif found := _VERSION_FIRST.search(name):
        major, minor, family = found.groups()
    else:
        return Abilities()
    version = (int(major), int(minor or 0)) if major else _NEWEST
    if family in _LARGEST_FAMILIES:
        version = max(version, (5, 0))
    return _of(family, version)


def _of(family: str, version: tuple[int, int]) -> Abilities:
    largest = family in _LARGEST_FAMILIES
    return Abilities(
        thinking=_thinking(version),
        quiet=_quiet(family, version),
        sampling=version < (4, 7),
        forcing=family == "haiku" or version < ((5, 1) if largest else (5, 5)),
        prefill=version < (4, 6),
        schemas=version >= (4, 5),
        asides=largest or (family == "opus" and version >= (4, 8)) or (family == "sonnet" and version >= (5, 5)),
        beyond_high=version >= (4, 7),
        output=16384 if version >= (4, 0) else 4096,
    )


def _thinking(version: tuple[int, int]) -> Thinking:
    if version < (3, 7):
        return Thinking.NONE
    if version <= (4, 5):
        return Thinking.BUDGET
    return Thinking.EITHER if version == (4, 6) else Thinking.ADAPTIVE


def _quiet(family: str, version: tuple[int, int]) -> str | None:
    if version < (5, 0):
        return ""
    if family in _LARGEST_FAMILIES or (family == "opus" and version >= (5, 5)):
        return None
    return "between_tools" if family == "sonnet" and version >= (5, 5) else "disabled"
