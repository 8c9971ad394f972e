"""Small ledgers for tests of the view: calls at given minutes, by the prices of `tests.stats.facts`."""

from __future__ import annotations

from pathlib import Path

from ccledger.core.call import Fact, Place, Source
from ccledger.ledger.store import Store
from tests.cli.tui.views import MINUTE, NOW
from tests.stats.facts import fact, ledger


def call(
    key: str, minutes_ago: int, session: str = "s1", project: str = "shop", model: str = "claude-opus-4-5"
) -> Fact:
    """A call that started that many minutes ago."""
    place = Place(Source.TRANSCRIPT, session, f"/home/u/{project}", f"-home-u-{project}", "main")
    return fact(key, NOW - minutes_ago * MINUTE, model=model, place=place)


def booked(folder: Path, *facts: Fact, zone: str = "Europe/Berlin") -> Store:
    """A ledger that holds these calls."""
    store = ledger(folder, zone)
    store.append(facts, {}, now=NOW)
    return store
