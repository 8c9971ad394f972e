"""What every storage engine has to do about accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ccledger.core.access import Account
from ccledger.ledger.store import KeptAccount, Store, engines, open_reader
from tests.conformance.stores import fresh_store

PLAIN = KeptAccount(Account("acc_1", "main", "api-key", "https://api.anthropic.com", 1_795_168_800_000), b"\0sealed")
FULL = KeptAccount(
    Account(
        id="acc_0",
        name="team, 团队",
        type="oauth",
        base_url="https://relay.example.com/anthropic",
        created_at=5,
        proxy_url="http://me@proxy.example.com:3128",
        hint="x1y2",
        organization_id="org",
        billing="subscription",
        weight=3,
        priority=-1,
        concurrency=4,
        is_active=False,
        expires_at=6,
        checked_at=7,
        health="unhealthy",
    ),
    b"other",
)


@pytest.fixture(params=engines())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as opened:
        yield opened


def test_there_are_none_at_first(store: Store) -> None:
    assert store.accounts() == []


def test_accounts_come_back_as_they_were_kept_in_the_order_they_were_added(store: Store) -> None:
    store.keep_account(PLAIN)
    store.keep_account(FULL)
    assert store.accounts() == [PLAIN, FULL]


def test_a_changed_account_keeps_its_place(store: Store) -> None:
    store.keep_account(PLAIN)
    store.keep_account(FULL)
    changed = KeptAccount(replace(FULL.account, id=PLAIN.account.id), b"new")
    store.keep_account(changed)
    assert store.accounts() == [changed, FULL]


def test_a_deleted_account_is_known_without_its_credential(store: Store) -> None:
    store.keep_account(PLAIN)
    gone = PLAIN._replace(sealed=None, deleted_at=9)
    store.keep_account(gone)
    assert store.accounts() == [gone]


def test_an_account_is_replaced_while_its_credential_is_the_one_that_was_read(store: Store) -> None:
    store.keep_account(PLAIN)
    store.keep_account(FULL)
    renewed = PLAIN._replace(account=replace(PLAIN.account, hint="anew"), sealed=b"renewed")
    assert store.replace_account(renewed, PLAIN.sealed)
    assert not store.replace_account(PLAIN._replace(account=replace(PLAIN.account, weight=2)), PLAIN.sealed)
    assert store.accounts() == [renewed, FULL]


def test_an_account_that_was_deleted_or_never_was_is_not_replaced(store: Store) -> None:
    assert not store.replace_account(PLAIN, None)
    gone = FULL._replace(sealed=None, deleted_at=9)
    store.keep_account(gone)
    assert not store.replace_account(FULL, None)
    assert store.accounts() == [gone]


def test_what_a_check_found_changes_nothing_else(store: Store) -> None:
    store.keep_account(PLAIN)
    store.tell_health(PLAIN.account.id, "healthy", 9)
    store.tell_health("nobody", "healthy", 9)
    checked = PLAIN._replace(account=replace(PLAIN.account, health="healthy", checked_at=9))
    assert store.accounts() == [checked]
    gone = checked._replace(sealed=None, deleted_at=10)
    store.keep_account(gone)
    store.tell_health(PLAIN.account.id, "unhealthy", 11)
    assert store.accounts() == [gone]


def test_a_snapshot_does_not_see_what_is_kept_later(store: Store) -> None:
    store.keep_account(PLAIN)
    with store.snapshot() as before:
        store.keep_account(FULL)
        assert before.accounts() == [PLAIN]


def test_sqlite_keeps_them_for_the_next_process(tmp_path: Path) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        store.keep_account(FULL)
    reader = open_reader(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert reader.accounts() == [FULL]
    reader.close()
