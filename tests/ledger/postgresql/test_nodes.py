"""Numbers of nodes: no two have the same, a dead one's is given away, and who lost one books nothing under it."""

from collections.abc import Generator

import pytest
from msgspec.structs import replace

from ccledger.core.access import AccessToken, Account
from ccledger.core.errors import StoreError
from ccledger.ledger.cluster import EVERYTHING
from ccledger.ledger.store import KeptAccount, KeptToken
from tests.ledger.postgresql.members import node, nodes
from tests.postgres import execute, fetch, fresh_database
from tests.upstream.gateway import until


@pytest.fixture
def url() -> Generator[str]:
    with fresh_database() as found:
        yield found


def numbers(url: str) -> list[int]:
    return [number for (number,) in fetch(url, "SELECT number FROM node WHERE holder IS NOT NULL ORDER BY number")]


def test_each_node_has_a_number_of_its_own_and_gives_it_back(url: str) -> None:
    with nodes(url, 3) as found:
        assert sorted(one.cluster.number for one in found) == [0, 1, 2] == numbers(url)
        assert vars(found[1].store)["node"] == 1
    assert numbers(url) == []


def test_who_begins_again_takes_the_place_of_who_died(url: str) -> None:
    with node(url, "same"):
        execute(url, "UPDATE node SET holder = 'died' WHERE number = 0")
        with node(url, "same") as second:
            assert second.cluster.number == 0
            assert numbers(url) == [0]


def test_a_copy_of_the_data_directory_of_a_living_node_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccledger.ledger.postgresql.nodes.BEAT_SECONDS", 0.01)
    monkeypatch.setattr("ccledger.ledger.postgresql.nodes._LOOK_SECONDS", 0.01)
    with node(url, "same") as first:
        with pytest.raises(StoreError, match=r"remove ccledger\.node from one of them"), node(url, "same", "elsewhere"):
            pass
        assert numbers(url) == [first.cluster.number]


def test_who_begins_again_on_another_host_waits_for_the_lease_of_who_died(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccledger.ledger.postgresql.nodes._LOOK_SECONDS", 0.01)
    died = "holder = 'died', home = 'same', host = 'elsewhere', beat_at = now_ms(), leased_until = now_ms() + 300"
    execute(url, f"UPDATE node SET {died} WHERE number = 3")
    with node(url, "same"):
        assert fetch(url, "SELECT leased_until FROM node WHERE number = 3") == [(0,)]
        assert numbers(url) == [0]


def test_a_number_is_given_away_only_well_after_its_lease(url: str) -> None:
    execute(url, "UPDATE node SET holder = 'n' || number, leased_until = now_ms() + 60000")
    execute(url, "UPDATE node SET holder = 'a', leased_until = now_ms() - 1000 WHERE number = 0")
    execute(url, "UPDATE node SET holder = 'b', leased_until = now_ms() - 60000 WHERE number = 1")
    with node(url) as found:
        assert found.cluster.number == 1


def test_nobody_is_asked_to_make_room_while_a_number_is_free(url: str) -> None:
    execute(url, "UPDATE node SET holder = 'a', leased_until = now_ms() - 60000 WHERE number = 0")
    with node(url) as found:
        assert found.cluster.number == 1


def test_all_numbers_taken_is_said(url: str) -> None:
    execute(url, "UPDATE node SET holder = 'n' || number, leased_until = now_ms() + 60000")
    with pytest.raises(StoreError, match="256 nodes work on this ledger already"), node(url):
        pass


def test_who_lost_a_number_books_nothing_until_there_is_another(url: str) -> None:
    with node(url) as found:
        execute(url, "UPDATE node SET holder = 'somebody else', leased_until = now_ms() + 60000 WHERE number = 0")
        with pytest.raises(StoreError, match="has lost its number"):
            found.store.append([], {"a": b"1"}, now=1)
        until(lambda: found.cluster.number == 1)
        found.store.append([], {"a": b"2"}, now=1)
        assert found.store.position("a") == b"2"


def test_a_batch_under_another_number_is_refused(url: str) -> None:
    with node(url):
        insert = "INSERT INTO batch (sequence, node, committed_at, ids, models) VALUES (1, {}, 1, '', '')"
        (holder,) = fetch(url, "SELECT holder FROM node WHERE number = 0")[0]
        lease = f"SET ccledger.lease = '0:{holder}';"
        with pytest.raises(Exception, match="has a new one"):
            execute(url, lease + insert.format(1))
        execute(url, lease + insert.format(0))


def test_a_dead_node_is_expelled_and_a_living_one_is_not(url: str) -> None:
    with nodes(url, 2) as (first, _):
        assert not first.cluster.expel("home1")
        assert first.cluster.expel("nobody")
        execute(url, "UPDATE node SET leased_until = now_ms() - 60000 WHERE home = 'home1'")
        assert first.cluster.expel("home1")


def test_a_job_is_one_nodes_at_a_time(url: str) -> None:
    with nodes(url, 2) as (first, second):
        with first.cluster.alone("sweep") as mine, second.cluster.alone("sweep") as theirs:
            assert (mine, theirs) == (True, False)
            with second.cluster.alone("another") as other:
                assert other
        with second.cluster.alone("sweep") as theirs:
            assert theirs


def test_what_one_node_changes_the_others_hear(url: str) -> None:
    heard: list[frozenset[str]] = []

    def told(topics: frozenset[str]) -> frozenset[str]:
        heard.append(topics)
        return frozenset()

    with nodes(url, 2) as (first, second):
        second.cluster.follow(told)
        until(lambda: heard == [{EVERYTHING}])
        first.store.keep_access_token(KeptToken(AccessToken("t", "laptop", "owner", 1), b"digest"))
        until(lambda: any("access_token" in topics for topics in heard))
        # A connection that broke has missed who knows what.
        execute(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ccledger node'")
        until(lambda: sum(EVERYTHING in topics for topics in heard) >= 2)


def test_what_has_ended_stays_ended_whoever_writes_what_they_knew_before(url: str) -> None:
    with nodes(url, 2) as (first, second):
        token = AccessToken("t", "laptop", "owner", 1)
        first.store.keep_access_token(KeptToken(token, b"digest"))
        revoked = AccessToken("t", "laptop", "owner", 1, revoked_at=5)
        first.store.keep_access_token(KeptToken(revoked, b"digest"))
        second.store.keep_access_token(KeptToken(token, b"digest"))
        assert first.store.access_tokens()[0].token.revoked_at == 5


def test_a_deleted_account_stays_deleted_whoever_writes_what_they_knew_before(url: str) -> None:
    with nodes(url, 2) as (first, second):
        there = KeptAccount(Account("a", "main", "api-key", "https://api.anthropic.com", 1), b"sealed")
        gone = KeptAccount(replace(there.account, is_active=False), None, 5)
        first.store.keep_account(there)
        first.store.keep_account(gone)
        second.store.keep_account(there)
        assert first.store.accounts() == [gone]
