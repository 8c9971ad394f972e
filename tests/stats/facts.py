"""Facts and ledgers for tests, made up in one line each; it knows nothing of how they are added up."""

from pathlib import Path

from ccledger.core.call import Cost, Fact, Outcome, Place, Reading, Source, Timing, Usage
from ccledger.ledger.store import Store, open_store

UNPRICED = "claude-nope-9"
USAGE = Usage(10, 20, 30, 40, 50)


def price(reading: Reading, started_at: int) -> Cost | None:
    """A price that shows which count it came from, and none for one model."""
    usage = reading.usage
    if reading.model == UNPRICED:
        return None
    writes = usage.cache_write_5m_tokens * 5 + usage.cache_write_1h_tokens * 8
    return Cost(usage.input_tokens * 4, usage.output_tokens * 20, writes, usage.cache_read_tokens, usage.web_searches)


def fact(
    key: str,
    at: int,
    *,
    model: str = "claude-opus-4-5",
    usage: Usage = USAGE,
    place: Place | None = None,
    outcome: int = Outcome.OK,
    complete: bool = True,
) -> Fact:
    """A call as a transcript tells it."""
    return Fact(
        (f"msg:{key}",),
        Timing(Source.TRANSCRIPT, at, outcome),
        Reading(model, usage, complete=complete),
        Place(Source.TRANSCRIPT, "session-1", "/home/u/app", "-home-u-app", "main") if place is None else place,
        placed_at=at,
        sources=1 << Source.TRANSCRIPT,
    )


def ledger(folder: Path, zone: str = "UTC") -> Store:
    """An empty ledger."""
    return open_store(f"sqlite:///{folder / 'ledger.db'}", lambda: price, zone)
