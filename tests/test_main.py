"""What the start of the program decides before anything else is imported."""

import os
import subprocess
import sys

import pytest

from tests.lanes import NOT_COMPILED, is_compiled

PARTS = (
    "import ccledger.wire.transcript as t, ccledger.ledger.booking as b; print(t._lines is None, b._booking is None)"
)
START = "import os; from ccledger.__main__ import leave_compiled_out; leave_compiled_out(os.environ); "


@pytest.mark.skipif(not is_compiled(), reason=NOT_COMPILED)
@pytest.mark.parametrize(("value", "said"), [("1", "True True"), ("", "False False"), ("0", "False False")])
def test_compiled_parts_can_be_left_out(value: str, said: str) -> None:
    environment = os.environ | {"CCLEDGER_PURE": value}
    ran = subprocess.run((sys.executable, "-c", START + PARTS), env=environment, capture_output=True, check=True)
    assert ran.stdout.decode().strip() == said
