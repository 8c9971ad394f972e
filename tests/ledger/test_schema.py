from pathlib import Path

import pytest

from ccledger.core.errors import StoreError
from ccledger.ledger.schema import Step, due, is_behind, oldest_reader, refuse_newer, steps
from ccledger.ledger.store import engines

NOWHERE = Path("nowhere.sql")
WHOLE, ADDS, TAKES, MORE = (
    Step(number, name, NOWHERE) for number, name in enumerate(("calls", "pre_b", "post_b", "pre_c"), 1)
)
ALL = [WHOLE, ADDS, TAKES, MORE]


@pytest.mark.parametrize("engine", engines())
def test_steps_are_numbered_from_one_without_a_gap(engine: str) -> None:
    found = steps(engine)
    assert [step.number for step in found] == list(range(1, len(found) + 1))


def test_what_only_takes_away_waits_for_the_last_older_program() -> None:
    assert due(ALL, [1], older_run=True) == [ADDS, MORE]
    assert due(ALL, [1, 2, 4], older_run=True) == []
    assert due(ALL, [1, 2, 4]) == [TAKES]
    assert due(ALL, []) == ALL


def test_code_waits_for_what_it_needs_and_not_for_what_only_goes() -> None:
    assert is_behind(ALL, [1, 2])
    assert not is_behind(ALL, [1, 2, 4])
    assert not is_behind(ALL[:2], [1, 2, 4])


def test_who_may_still_run_is_told_by_the_last_step_that_takes_away() -> None:
    assert oldest_reader([ADDS], 1) == 1
    assert oldest_reader([ADDS, MORE], 1) == 1
    assert oldest_reader([TAKES], 1) == 3
    assert oldest_reader(ALL, 0) == 3


def test_code_that_is_too_old_is_told_so() -> None:
    refuse_newer(ALL[:2], 2, "the ledger")
    with pytest.raises(StoreError, match="the ledger was written by a newer ccledger"):
        refuse_newer(ALL[:2], 3, "the ledger")
