"""Names of models, and the parameters that each of them takes."""

import pytest

from ccledger.wire.chat.abilities import Abilities, Thinking, abilities

ADAPTIVE, BUDGET, EITHER, NONE = Thinking.ADAPTIVE, Thinking.BUDGET, Thinking.EITHER, Thinking.NONE


@pytest.mark.parametrize(
    ("name", "thinking", "quiet", "sampling", "forcing", "prefill", "schemas", "asides"),
    [
        ("claude-3-opus-20240229", NONE, "", True, True, True, False, False),
        ("claude-3-5-sonnet-20241022", NONE, "", True, True, True, False, False),
        ("claude-3-7-sonnet-latest", BUDGET, "", True, True, True, False, False),
        ("claude-sonnet-4-20250514", BUDGET, "", True, True, True, False, False),
        ("claude-4-sonnet-20250514", BUDGET, "", True, True, True, False, False),
        ("claude-opus-4-1", BUDGET, "", True, True, True, False, False),
        ("claude-haiku-4-5-20251001", BUDGET, "", True, True, True, True, False),
        ("claude-sonnet-4-5", BUDGET, "", True, True, True, True, False),
        ("claude-opus-4-6", EITHER, "", True, True, False, True, False),
        ("claude-sonnet-4-6", EITHER, "", True, True, False, True, False),
        ("claude-opus-4-7", ADAPTIVE, "", False, True, False, True, False),
        ("claude-opus-4-8", ADAPTIVE, "", False, True, False, True, True),
        ("claude-opus-5", ADAPTIVE, "disabled", False, True, False, True, True),
        ("claude-sonnet-5", ADAPTIVE, "disabled", False, True, False, True, False),
        ("claude-fable-5", ADAPTIVE, None, False, True, False, True, True),
        ("claude-fable-5-1", ADAPTIVE, None, False, False, False, True, True),
        ("claude-mythos-5-2", ADAPTIVE, None, False, False, False, True, True),
        ("claude-mythos-preview", ADAPTIVE, None, False, False, False, True, True),
        ("claude-opus-5-5", ADAPTIVE, None, False, False, False, True, True),
        ("claude-sonnet-5-5", ADAPTIVE, "between_tools", False, False, False, True, True),
        ("claude-haiku-5-5", ADAPTIVE, "disabled", False, True, False, True, False),
        ("claude-opus-latest", ADAPTIVE, None, False, False, False, True, True),
    ],
)
def test_what_a_model_takes(
    name: str,
    thinking: Thinking,
    quiet: str | None,
    sampling: bool,
    forcing: bool,
    prefill: bool,
    schemas: bool,
    asides: bool,
) -> None:
    able = abilities(name)
    assert able[:7] == (thinking, quiet, sampling, forcing, prefill, schemas, asides)


@pytest.mark.parametrize(
    "name", ["anthropic/Claude-Opus-4.7", "us.anthropic.claude-opus-4-7-v1:0", "claude-opus-4-7@x"]
)
def test_other_spellings_of_a_name(name: str) -> None:
    assert abilities(name) == abilities("claude-opus-4-7")


@pytest.mark.parametrize("name", ["gpt-5", "deepseek-chat", "claude", "", "claude-instant"[:6] + "x"])
def test_a_strange_name_gets_what_every_server_takes(name: str) -> None:
    assert abilities(name) == Abilities()
