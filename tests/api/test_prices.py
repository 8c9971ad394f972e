"""The routes through which the command line changes prices in a running server."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ccledger.api import prices as module
from ccledger.api.live import Live
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger.store import Batch, Slice, Store
from tests.api.apps import BOOK, NOW, asking, make_app
from tests.stats.facts import fact, ledger

CARD: Card = BOOK.models[0].periods[0].card
OVERRIDE = Override("claude-nova-9", Period(0, FOREVER, CARD, "a mail"), NOW, "me")
ROUTES = ("set", "withdraw", "reprice", "reprice/step")


def is_ours(_: object) -> bool:
    return True


class Told(Live):
    """Hears what clients would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []

    def tell_batch(self, batch: Batch) -> None:
        self.batches.append(batch)


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def told() -> Told:
    return Told()


Post = Callable[[str, object], Any]


@pytest.fixture
def post(store: Store, told: Told, monkeypatch: pytest.MonkeyPatch) -> Generator[Post]:
    """Asks as through the data directory's socket."""
    monkeypatch.setattr(module, "is_local_socket", is_ours)
    with asking(make_app(store, live=told)) as client:

        def ask(route: str, body: object) -> Any:
            answer = client.post(f"/api/control/prices/{route}", content=msgspec.json.encode(body))
            assert answer.status_code == 200, answer.text
            return json.loads(answer.content or b"null")

        yield ask


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_else_may_change_prices(route: str, store: Store) -> None:
    with asking(make_app(store)) as client:
        answer = client.post(f"/api/control/prices/{route}", content=msgspec.json.encode(OVERRIDE))
    assert answer.status_code == 404
    assert store.overrides() == []


@pytest.mark.parametrize("route", ROUTES)
def test_nonsense_is_refused(route: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_local_socket", is_ours)
    with asking(make_app(store)) as client:
        answer = client.post(f"/api/control/prices/{route}", content=b'{"no": "sense"}')
    assert answer.status_code == 400
    assert "this is no " in answer.json()["error"]


def test_an_override_arrives_exactly_and_is_withdrawn(post: Post, store: Store) -> None:
    post("set", OVERRIDE)
    assert store.overrides() == [OVERRIDE]
    assert post("withdraw", {"model": "claude-nova-9", "start": 5, "by": "me"}) == {"count": 0}
    assert post("withdraw", {"model": "claude-nova-9", "start": None, "by": "me"}) == {"count": 1}
    assert store.overrides() == []


def test_repricing_goes_in_steps_that_followers_hear(post: Post, store: Store, told: Told) -> None:
    store.append([fact(str(n), NOW + n) for n in range(5)], {}, now=NOW)
    vars(store)["_price"] = BOOK.cost
    change = post("reprice", {"what": "everything", "by": "me"})["change"]
    reached: int | None = -1
    steps = 0
    while reached is not None:
        asked = {"change": change, "part": Slice(0, 1 << 42), "after": reached, "limit": 2}
        reached = post("reprice/step", asked)["reached"]
        steps += 1
    assert steps == 3
    assert [len(batch.ids) for batch in told.batches] == [2, 2, 1]
    (noted,) = store.price_changes()
    assert (noted.what, noted.changed_by, noted.calls) == ("everything", "me", 5)
    assert noted.finished_at is not None
