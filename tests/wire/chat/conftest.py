"""Nothing of the chat conversion is compiled, so its tests run once."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def lane() -> str:
    return "pure"
