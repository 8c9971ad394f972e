"""Short forms of what `make prove` does at length: a gateway that is killed, loses its disk, is told secrets."""

import os

import pytest

from bench import gateway_disk, gateway_kill, gateway_secrets


def test_a_gateway_that_is_killed_and_loses_its_database_loses_no_call(capfd: pytest.CaptureFixture[str]) -> None:
    code = gateway_kill.main(["--kills", "3", "--outage", "3", "--clients", "6"])
    assert code == 0, capfd.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="a disk of its own can only be mounted by root")
def test_a_full_disk_lets_no_call_through_unrecorded(capfd: pytest.CaptureFixture[str]) -> None:
    code = gateway_disk.main(["--rounds", "3", "--seconds", "0.3", "--clients", "6"])
    if code == 2:
        pytest.skip("a disk of its own can't be mounted here")
    assert code == 0, capfd.readouterr().out


def test_planted_secrets_are_found_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    code = gateway_secrets.main([])
    assert code == 0, capfd.readouterr().out
