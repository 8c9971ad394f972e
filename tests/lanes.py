"""Runs a module's tests twice: with the compiled parts and with their twins in Python; it never compares the two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccledger.ledger import booking
from ccledger.wire import transcript

NOT_COMPILED = "the compiled parts are not here (no C compiler, or CCLEDGER_PURE=1)"


@pytest.fixture(autouse=True, scope="module", params=("compiled", "pure"))
def lane(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which of the two does the work."""
    if request.param == "pure":
        with pytest.MonkeyPatch.context() as patch:
            leave_compiled_out(patch)
            yield "pure"
        return
    if not is_compiled():
        pytest.skip(NOT_COMPILED)
    yield "compiled"


def is_compiled() -> bool:
    """Tell whether both parts are there."""
    return vars(transcript)["_lines"] is not None and vars(booking)["_booking"] is not None


def leave_compiled_out(patch: pytest.MonkeyPatch) -> None:
    """Let Python alone do the work until the patch ends."""
    patch.setattr(transcript, "_lines", None)
    patch.setattr(booking, "_booking", None)
