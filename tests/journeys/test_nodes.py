"""The short form of `make prove` for several nodes: killed in turn, and without their database for a moment."""

import pytest

from bench import nodes


def test_nodes_that_are_killed_lose_no_call_and_keep_limits_together(capfd: pytest.CaptureFixture[str]) -> None:
    code = nodes.main(["--seconds", "6", "--every", "3", "--clients", "4", "--patience", "0"])
    assert code == 0, capfd.readouterr().out
