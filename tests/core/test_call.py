"""Checks the words' own sums."""

from __future__ import annotations

from ccledger.core.call import Cost, Usage


def test_everything_but_the_answer_is_the_prompt() -> None:
    usage = Usage(1, 20, 300, 4000, 50_000, 600_000)
    assert usage.prompt_tokens == 54_301
    assert usage.total_tokens == 54_321


def test_a_cost_is_the_sum_of_its_kinds() -> None:
    assert Cost(1, 20, 300, 4000, 50_000).total == 54_321
