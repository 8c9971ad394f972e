"""Every test here runs compiled and in Python alone; on PostgreSQL once, as other engines show which of both works."""

import pytest

from tests.lanes import lane

__all__ = ["lane"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    again = [item for item in items if _is_again(item)]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if not _is_again(item)]


def _is_again(item: pytest.Item) -> bool:
    names = item.name.partition("[")[2].rstrip("]").split("-")
    return "tests/conformance" in item.nodeid and {"pure", "postgresql"} <= set(names)
