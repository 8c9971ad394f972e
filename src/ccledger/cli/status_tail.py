"""What a session spent that the ledger does not hold yet, from the end of its transcript; it books nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ccledger.core.measures import Measures
from ccledger.sources.transcripts.roots import look_at

if TYPE_CHECKING:
    from ccledger.core.call import Fact
    from ccledger.ledger.store import Store

_MOST_BYTES = 1 << 18
"""Of a transcript that are read: some hundred calls, in a few milliseconds."""


def claude_dir_of(transcript: str) -> str:
    """The Claude directory that a transcript is in; empty where it is in none."""
    return transcript.rpartition("/projects/")[0] if transcript.startswith("/") else ""


def unbooked(store: "Store", transcript: str, prefix: str = "") -> list[tuple[int, str, Measures]]:
    """Calls in a transcript that the ledger does not hold: when each started, its model, its measures.

    `prefix` is how the ledger's names of this machine's positions begin.
    """
    claude_dir = claude_dir_of(transcript)
    found = look_at(transcript, claude_dir) if claude_dir else None
    if found is None:
        return []
    from ccledger.sources.transcripts.tail import read_tail

    facts = read_tail(found, store.position(prefix + found.path), _MOST_BYTES)
    return list(_new(store, facts)) if facts else []


def _new(store: "Store", facts: "list[Fact]") -> Iterator[tuple[int, str, Measures]]:
    from ccledger import app
    from ccledger.core.measures import widen
    from ccledger.core.merge import join
    from ccledger.core.rollup import measure

    booked = store.booked({key for fact in facts for key in fact.keys})
    new = [fact for fact, _ in join(facts) if booked.isdisjoint(fact.keys)]
    if not new:
        return
    book = app.prices_of(store).book()
    for fact in new:
        reading, at = fact.reading, fact.timing.started_at
        if reading is not None:
            yield at, reading.model, widen(measure(fact, book.cost(reading, at)))
