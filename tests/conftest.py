"""How all tests run: the same examples every time, unless new ones are asked for with HYPOTHESIS_PROFILE=search.

CCLEDGER_PURE=1 means here what it means to the program: the compiled parts stay out.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from ccledger.__main__ import leave_compiled_out

leave_compiled_out(os.environ)

settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,  # the machine may be busy with something else
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", parent=settings.get_profile("same"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what looks at a browser last: its driver keeps a loop running, in which no other test can run its own."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))
