"""What can go wrong with a database is said in words that help, and texts of any kind come back."""

# pyright: reportPrivateUsage=false, reportMissingTypeStubs=false

from contextlib import ExitStack

import pytest
from asyncpg import exceptions
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.errors import StoreError
from ccledger.ledger.postgresql.link import _READERS, Address, HeldUp, Link, bind, escape, in_words, unescape
from ccledger.ledger.postgresql.opening import address_of
from tests.postgres import fresh_database

WHERE = Address("postgresql://me:secret@db/ledger", "postgresql://me@db/ledger")


@given(st.text(st.sampled_from("ab\0\x1a01数")))
def test_every_text_comes_back_without_a_nul_in_between(text: str) -> None:
    assert "\0" not in escape(text)
    assert unescape(escape(text)) == text


def test_texts_in_lists_are_written_without_nul_whatever_stands_before_them() -> None:
    assert bind([[None, "a\0"], [1, 2], "x", []]) == [[None, escape("a\0")], [1, 2], "x", []]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.InvalidPasswordError('password authentication failed for user "me"'), "user and password"),
        (exceptions.InvalidCatalogNameError("no"), "createdb"),
        (exceptions.TooManyConnectionsError("too many"), "max_connections"),
        (exceptions.DiskFullError("no space"), "disk of .* is full"),
        (exceptions.InsufficientPrivilegeError("permission denied for table batch"), "table batch.*GRANT"),
        (exceptions.ReadOnlySQLTransactionError("no"), "standby"),
        (exceptions.ConnectionDoesNotExistError("closed"), "can't be reached"),
        (exceptions.AdminShutdownError("terminating"), "can't be reached"),
        (exceptions.CannotConnectNowError("starting up"), "can't be reached"),
        (exceptions.UndefinedTableError("no table"), "ccledger migrate"),
        (exceptions.PostgresIOError("broken"), "can't go on"),
        (ConnectionRefusedError(111, "refused"), "can't be reached"),
        (TimeoutError(), "does not answer"),
    ],
)
def test_errors_of_the_storage_are_told_in_words_without_the_password(error: Exception, said: str) -> None:
    with pytest.raises(StoreError, match=said) as told, in_words(WHERE):
        raise error
    assert "secret" not in str(told.value)


def test_who_only_stands_in_others_way_may_try_again() -> None:
    with pytest.raises(HeldUp), in_words(WHERE):
        raise exceptions.DeadlockDetectedError("one of two")


def test_errors_of_a_question_stay_what_they_are() -> None:
    with pytest.raises(exceptions.UniqueViolationError), in_words(WHERE):
        raise exceptions.UniqueViolationError("twice")


def test_nobody_there_is_said_at_once() -> None:
    link = Link(address_of("postgresql://me:secret@127.0.0.1:1/ledger"))
    with pytest.raises(StoreError, match=r"postgresql://me@127.0.0.1:1/ledger can't be reached"):
        link.connect()
    link.close()
    with pytest.raises(StoreError, match="closed"):
        link.connect()


def test_more_questions_than_connections_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh_database() as url:
        link = Link(address_of(url))
        with link.reader() as first, link.reader() as second:
            assert first is not second
            assert [row[0] for row in link.rows("SELECT 1")] == [1]
        with link.reader() as again:
            assert again in (first, second)
        monkeypatch.setattr("ccledger.ledger.postgresql.link.PATIENCE_SECONDS", 0.01)
        while link._places.acquire(blocking=False):
            pass
        with pytest.raises(StoreError, match="too many questions"):
            link.rows("SELECT 1")
        link.close()


def test_short_questions_find_a_place_however_many_states_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh_database() as url, ExitStack() as held:
        link = Link(address_of(url))
        held.callback(link.close)
        for _ in range(_READERS // 2):
            held.enter_context(link.state())
        assert [row[0] for row in link.rows("SELECT 1")] == [1]
        monkeypatch.setattr("ccledger.ledger.postgresql.link.PATIENCE_SECONDS", 0.01)
        with pytest.raises(StoreError, match="too many questions"), link.state():
            pass
        assert [row[0] for row in link.rows("SELECT 1")] == [1]
