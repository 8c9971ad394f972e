"""What one node changes or books holds and is seen on another, through the parts as the program ties them."""

import json
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ccledger import app
from ccledger.access.accounts import AccountBook, NewAccount
from ccledger.access.tokens import NewToken, Tokens, TokenSettings
from ccledger.api.live import Live
from ccledger.app.nodes import hear
from ccledger.core.access import Credential
from ccledger.core.errors import StoreError
from ccledger.ledger.store import Batch
from ccledger.ledger.writer import Writer
from ccledger.settings import Settings, read_settings
from tests.ledger.test_spool import fact
from tests.postgres import fresh_database
from tests.upstream.answers import Counts, events, text_block
from tests.upstream.gateway import running, until
from tests.upstream.server import Plan, Seen, streamed, upstream

KEY = "ab" * 32
MODEL = "claude-opus-4-5"


class Told(Live):
    """Live pages that keep what they were told."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []

    def tell_batch(self, batch: Batch) -> None:
        self.batches.append(batch)


class Node(NamedTuple):
    """One node as the program builds it."""

    held: app.Held
    tokens: Tokens
    accounts: AccountBook
    live: Told


def settings(folder: Path, url: str, **more: str) -> Settings:
    told = {"CCLEDGER_DATABASE_URL": url, "CCLEDGER_MASTER_KEY": KEY, "CCLEDGER_TIMEZONE": "UTC"} | more
    return read_settings(told, folder, {"data_dir": str(folder / "data")})


@contextmanager
def node(folder: Path, url: str) -> Generator[Node]:
    told = settings(folder, url)
    with app.holding(told, app.Surroundings({}, folder)) as held:
        tokens, accounts = app.tokens_of(held.store, told), app.accounts_of(held.store, app.vault_of(held.store, told))
        live = Told()
        hear(held.cluster, held.store, live, tokens, accounts)
        yield Node(held, tokens, accounts, live)


@pytest.fixture
def url() -> Generator[str]:
    with fresh_database() as found:
        yield found


@pytest.fixture
def pair(tmp_path: Path, url: str) -> Generator[tuple[Node, Node]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(node(tmp_path / "one", url)),
            stack.enter_context(node(tmp_path / "two", url)),
        )


def test_keys_are_known_changed_and_revoked_everywhere(pair: tuple[Node, Node]) -> None:
    one, two = pair
    issued = one.tokens.issue(NewToken(name="laptop"))
    until(lambda: two.tokens.keys.find(issued.key) is not None)
    two.tokens.change(issued.token.id, TokenSettings(requests_per_minute=5))
    one.tokens.revoke(issued.token.id)
    for each in pair:
        until(lambda each=each: getattr(each.tokens.keys.find(issued.key), "revoked_at", None) is not None)
    assert one.tokens.all()[0].requests_per_minute == 5


def test_accounts_and_their_credentials_are_known_everywhere(pair: tuple[Node, Node]) -> None:
    one, two = pair
    added = one.accounts.add(NewAccount(name="up", type="api-key", secret="sk-ant-one-credential"))
    until(lambda: len(two.accounts.all()) == 1)
    assert two.accounts.credential(added.id) == Credential("sk-ant-one-credential")
    two.accounts.renew(added.id, Credential("sk-ant-another-credential"))
    until(lambda: one.accounts.credential(added.id) == Credential("sk-ant-another-credential"))
    one.accounts.tell_health(added.id, "healthy")
    one.accounts.delete(added.id)
    until(lambda: not two.accounts.all())


def test_every_node_sees_every_batch_once_in_one_order(pair: tuple[Node, Node]) -> None:
    writers = [Writer(each.held.store, app.clock) for each in pair]
    for number in range(12):
        writers[number % 2].append([fact(number)], {})
    for each in pair:
        until(lambda each=each: len(each.live.batches) >= 12)
    first, second = ([batch.sequence for batch in each.live.batches] for each in pair)
    assert first == second == sorted(set(first))


def test_positions_of_the_same_path_are_kept_apart(pair: tuple[Node, Node], tmp_path: Path, url: str) -> None:
    for number, each in enumerate(pair):
        told = settings(tmp_path / ("one", "two")[number], url)
        sink = app.transcripts_into(Writer(each.held.store, app.clock), each.held.store, told)
        sink.append([], {"/root/.claude/projects/a.jsonl": bytes([number])})
        assert app.positions_of(each.held.store, told) == {"/root/.claude/projects/a.jsonl": bytes([number])}


def test_an_accounts_open_calls_are_counted_on_all_nodes_together(tmp_path: Path, url: str) -> None:
    over = threading.Event()

    def held(seen: Seen) -> Plan:
        def pieces() -> Generator[bytes | float]:
            while not over.is_set():
                yield 0.001
            yield from events(1, MODEL, [text_block("Hello")], Counts())

        return streamed(pieces())

    body = json.dumps(
        {"model": MODEL, "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    ).encode()
    told: dict[str, Any] = {"database_url": url, "master_key": KEY}
    with upstream() as fake, running(tmp_path / "one", **told) as one:
        one.add_account(fake.url, concurrency=1)
        fake.script.append(held)
        with running(tmp_path / "two", **told) as two, ThreadPoolExecutor() as beside:
            first = beside.submit(one.ask, "/v1/messages", body)
            until(lambda: bool(fake.seen))
            answer, refusal = two.ask("/v1/messages", body)
            assert (answer.status, answer.getheader("retry-after")) == (429, "1")
            assert b"on all nodes together" in refusal
            over.set()
            assert first.result()[0].status == 200
            until(lambda: two.ask("/v1/messages", body)[0].status == 200)


def test_a_node_with_another_key_is_refused(pair: tuple[Node, Node], tmp_path: Path, url: str) -> None:
    one, _ = pair
    one.accounts.add(NewAccount(name="up", type="api-key", secret="sk-ant-one-credential"))
    for other in ({"CCLEDGER_MASTER_KEY": "cd" * 32}, {"CCLEDGER_MASTER_KEY": ""}):
        with pytest.raises(StoreError, match="give all nodes the same CCLEDGER_MASTER_KEY"):
            app.vault_of(one.held.store, settings(tmp_path / "three", url, **other))
