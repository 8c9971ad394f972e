"""The sums of all time stay right while the ledger moves, however it moves."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.call import Usage
from ccledger.core.measures import Measures
from ccledger.ledger.store import Batch, SpanRow, Store
from ccledger.stats.lifetime import Lifetime
from ccledger.stats.spent import spent_ever
from ccledger.stats.totals import count
from tests.stats.facts import UNPRICED, fact, ledger

AT = 1_795_168_800_000
MODELS = ["claude-opus-4-5", "claude-haiku-4-5", UNPRICED]

sightings = st.tuples(st.integers(0, 12), st.sampled_from(MODELS), st.integers(0, 500), st.integers(-40, 0))
"""A call's key, model and output, and how many hours ago it was."""
steps = st.lists(st.lists(sightings, max_size=6), max_size=14)
"""Batches; an empty one is a question."""


def moved(sums: dict[str, Measures]) -> dict[str, Measures]:
    """Without models all of whose calls went elsewhere."""
    return {model: measures for model, measures in sums.items() if any(measures)}


@settings(max_examples=80, deadline=None)
@given(steps)
def test_it_is_the_plain_sum_after_every_step(plan: list[list[tuple[int, str, int, int]]]) -> None:
    """Calls come, grow, change their model, and come again."""
    with TemporaryDirectory() as folder:
        store = ledger(Path(folder))
        lifetime = Lifetime(store)
        for step in [*plan, []]:
            facts = [
                fact(str(key), AT + hours * 3_600_000, model=model, usage=Usage(1, output))
                for key, model, output, hours in step
            ]
            store.append(facts, {}, now=AT)
            if not step:
                assert moved(dict(lifetime.models())) == moved(spent_ever(store))
        store.close()


class Counting:
    """A store that notes how often all days are read, and lets something happen right afterwards."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.readings = 0
        self.afterwards = list[Any]()

    def spans(self, *asked: Any) -> list[SpanRow]:
        self.readings += 1
        rows = self._store.spans(*asked)
        if self.afterwards:
            self.afterwards.pop(0)()
        return rows

    def batches(self, after: int, limit: int) -> list[Batch]:
        return self._store.batches(after, limit)

    @contextmanager
    def snapshot(self) -> Generator["Counting"]:
        with self._store.snapshot() as view:
            counting = Counting(view)
            counting.afterwards = self.afterwards
            yield counting
        self.readings += counting.readings


def calls(lifetime: Lifetime) -> int:
    return sum(count(measures, "calls") for measures in lifetime.models().values())


def book(store: Store, *keys: int) -> None:
    store.append([fact(str(key), AT) for key in keys], {}, now=AT)


def test_all_days_are_read_once(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    counting = Counting(store)
    lifetime = Lifetime(cast("Store", counting))
    assert calls(lifetime) == 0
    for number in range(20):
        book(store, number)
        assert calls(lifetime) == number + 1
    assert counting.readings == 1
    store.close()


def test_a_batch_in_the_midst_of_reading_counts_once(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    book(store, 1)
    counting = Counting(store)
    counting.afterwards = [lambda: book(store, 2)]
    lifetime = Lifetime(cast("Store", counting))
    assert (calls(lifetime), calls(lifetime)) == (1, 2)
    book(store, 3)
    assert calls(lifetime) == 3
    assert counting.readings == 1
    store.close()


def test_it_says_which_batch_is_the_last_that_is_counted_in(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    lifetime = Lifetime(store)
    assert lifetime.ever().batch == 0
    for number in range(1, 4):
        book(store, number)
        assert (lifetime.ever().batch, calls(lifetime)) == (number, number)
    assert Lifetime(store).ever().batch == 3
    store.close()


def test_batches_that_are_forgotten_are_no_loss(tmp_path: Path) -> None:
    """The ledger keeps a number of batches, not all: who sleeps long reads anew."""
    store = ledger(tmp_path)
    lifetime = Lifetime(store)
    book(store, 1)
    assert calls(lifetime) == 1
    book(store, 2)
    book(store, 3)
    connection: Any = apsw.Connection(str(tmp_path / "ledger.db"))
    connection.execute("DELETE FROM batch WHERE sequence <= 2")
    connection.close()
    assert calls(lifetime) == 3
    book(store, 4)
    assert calls(lifetime) == 4
    store.close()


def test_what_was_answered_does_not_change(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    lifetime = Lifetime(store)
    book(store, 1)
    before = lifetime.models()
    book(store, 2)
    assert calls(lifetime) == 2
    assert count(before["claude-opus-4-5"], "calls") == 1
    store.close()


def test_many_may_ask_while_the_ledger_moves(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    lifetime = Lifetime(store)
    seen: dict[int, list[int]] = {number: [] for number in range(6)}
    done = threading.Event()

    def ask(number: int) -> None:
        while not done.is_set():
            seen[number].append(calls(lifetime))

    threads = [threading.Thread(target=ask, args=(number,)) for number in seen]
    for thread in threads:
        thread.start()
    for number in range(60):
        book(store, number)
    done.set()
    for thread in threads:
        thread.join()
    assert calls(lifetime) == 60
    for answers in seen.values():
        assert answers == sorted(answers)
    store.close()
