"""Nothing here goes through the compiled parts, so once is enough."""

import pytest


@pytest.fixture
def lane() -> str:
    return "compiled"
