import pytest

from ccledger.core.errors import StoreError, UsageError
from ccledger.ledger.store import engines, open_reader, open_store
from tests.conformance.stores import price


def test_engines_are_found_by_their_files() -> None:
    assert {"memory", "sqlite"} <= set(engines())


def test_an_unknown_scheme_says_which_there_are() -> None:
    with pytest.raises(UsageError, match="memory, postgresql, sqlite"):
        open_store("mongodb://x", lambda: price, "UTC")


@pytest.mark.parametrize("url", ["../../etc:///x", "os:///x", "", "sqlite"])
def test_a_scheme_never_imports_anything_else(url: str) -> None:
    with pytest.raises(UsageError):
        open_reader(url)


def test_a_ledger_in_memory_can_not_be_read_from_outside() -> None:
    with pytest.raises(StoreError, match="sqlite"):
        open_reader("memory://")
