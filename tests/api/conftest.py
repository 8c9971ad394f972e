"""A ledger with a few calls, and the application over it."""

from collections.abc import Generator
from pathlib import Path

import pytest

from ccledger.ledger.store import Store
from tests.api.apps import NOW, Client, asking, make_app
from tests.stats.facts import UNPRICED, fact, ledger


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    filled = ledger(tmp_path)
    filled.append([fact("1", NOW - 60_000), fact("2", NOW - 5_000, model=UNPRICED)], {}, now=NOW)
    yield filled
    filled.close()


@pytest.fixture
def client(store: Store) -> Generator[Client]:
    with asking(make_app(store)) as ready:
        yield ready
