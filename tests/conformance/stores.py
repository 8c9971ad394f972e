"""Finds every storage engine and gives a fresh ledger in each; a new engine is tested by adding its file."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from ccledger.core.call import Cost, Reading
from ccledger.ledger.store import Store, engines, open_store

__all__ = ["engines", "fresh_store", "price"]


def price(reading: Reading, started_at: int) -> Cost | None:
    """A simple price: unknown models have none; otherwise a prime per kind, so that mixed-up kinds show."""
    if reading.model.startswith("unpriced"):
        return None
    usage = reading.usage
    writes = usage.cache_write_5m_tokens * 5 + usage.cache_write_1h_tokens * 7
    return Cost(
        usage.input_tokens * 2, usage.output_tokens * 3, writes, usage.cache_read_tokens * 11, usage.web_searches
    )


@contextmanager
def fresh_store(
    engine: str, folder: Path, zone: str = "UTC", prices: "Callable[[Reading, int], Cost | None]" = price
) -> Generator[Store]:
    """An empty ledger of an engine, closed afterwards."""
    with fresh_url(engine, folder) as url:
        store = open_store(url, lambda: prices, zone)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def fresh_url(engine: str, folder: Path) -> Generator[str]:
    """Where an engine may make an empty ledger."""
    if engine == "postgresql":
        from tests.postgres import fresh_database

        with fresh_database() as url:
            yield url
    else:
        urls = {"memory": "memory://"}
        yield urls.get(engine, f"{engine}:///{folder / 'ledger.db'}")
