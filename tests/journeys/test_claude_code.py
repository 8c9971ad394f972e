"""The real Claude Code works through a gateway as it does without, and its calls are on the ledger once."""

from pathlib import Path

import pytest

from tests.journeys.claude_code import COSTS, LAST_WORDS, MISSING, PROOF, find_claude_code, walk

COMMAND = find_claude_code()


@pytest.mark.skipif(COMMAND is None, reason=MISSING)
@pytest.mark.timeout(300)
def test_claude_code_uses_a_tool_and_is_written_down(tmp_path: Path) -> None:
    assert COMMAND is not None
    found = walk(tmp_path, COMMAND)
    assert found.exit_code == 0, (found.said, found.complaints)
    assert (found.said["result"], found.said["is_error"]) == (LAST_WORDS, False)
    assert found.proof == f"{PROOF}\n"
    assert PROOF in found.heard
    assert [row["total_cost_nano"] for row in found.before] == [str(cost) for cost in COSTS]
    assert {row["session_id"] for row in found.before} == {found.said["session_id"]}
    assert {row["project"] for row in found.before} == {None}
    assert [row["id"] for row in found.after] == [row["id"] for row in found.before]
    assert {row["project"] for row in found.after} == {found.folder}
    assert [row["total_cost_nano"] for row in found.after] == [str(cost) for cost in COSTS]
    assert [row["duration_ms"] for row in found.after] == [row["duration_ms"] for row in found.before]
    assert found.calls == 2
    assert round(found.said["total_cost_usd"] * 10**9) == sum(COSTS)
