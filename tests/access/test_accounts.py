from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from ccledger.access.accounts import AccountBook, AccountChange, NewAccount, is_sealing
from ccledger.access.vault import Vault
from ccledger.core.access import Account, Credential
from ccledger.core.errors import StoreError, UsageError
from ccledger.ledger.store import KeptAccount, Store
from tests.conformance.stores import fresh_store

NOW = 1_795_168_800_000
SECRET = "sk-ant-api03-planted-secret-wxyz"
KEY = NewAccount(name="main", type="api-key", secret=SECRET)
BEARER = NewAccount(
    name="team",
    type="oauth",
    secret="sk-ant-oat01-planted-bearer-1234",
    refresh_token="sk-ant-ort01-planted-refresh",
    expires_at=NOW + 5,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh_store("sqlite", tmp_path) as opened:
        yield opened


def book_of(store: Store, master: bytes = bytes(32)) -> AccountBook:
    numbers = count(len(store.accounts()))
    return AccountBook(store, Vault(lambda: master), lambda: NOW, lambda: f"acc_{next(numbers)}")


@pytest.fixture
def book(store: Store) -> AccountBook:
    return book_of(store)


def test_an_account_has_sensible_fields(book: AccountBook) -> None:
    added = book.add(KEY)
    assert added == Account("acc_0", "main", "api-key", "https://api.anthropic.com", NOW, hint="wxyz")
    assert list(book.all()) == [added]
    assert book.credential("acc_0") == Credential(SECRET)


def test_the_next_process_knows_it_and_its_credential(store: Store, book: AccountBook) -> None:
    added = [book.add(KEY), book.add(BEARER)]
    again = book_of(store)
    assert list(again.all()) == added
    assert again.credential("acc_1") == Credential(BEARER.secret, BEARER.refresh_token, NOW + 5)
    assert added[1].billing == "subscription"


def test_no_secret_is_in_the_file_or_in_words(tmp_path: Path, book: AccountBook) -> None:
    proxied = replace(BEARER, proxy_url="http://me:planted-password@proxy.example.com:3128")
    added = book.add(proxied)
    book.change(added.id, AccountChange(secret="planted-other-secret"))
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    words = repr([proxied, added, AccountChange(secret="planted"), book.credential(added.id)])
    assert b"planted" not in files
    assert "planted" not in words
    assert added.proxy_url == "http://me@proxy.example.com:3128"


def test_all_is_the_same_object_until_something_changes(book: AccountBook) -> None:
    book.add(KEY)
    before = book.all()
    assert book.all() is before
    book.tell_health("acc_0", "healthy")
    assert book.all() is not before
    assert (book.all()[0].health, book.all()[0].checked_at) == ("healthy", NOW)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "one line of 1 to 100"),
        ({"name": "  "}, "one line of 1 to 100"),
        ({"name": "a\nb"}, "one line of 1 to 100"),
        ({"name": "x" * 101}, "one line of 1 to 100"),
        ({"type": "key"}, "api-key, oauth or session-key, not 'key'"),
        ({"base_url": "api.anthropic.com"}, "http or https"),
        ({"base_url": "ftp://api.anthropic.com"}, "http or https"),
        ({"base_url": "https://"}, "http or https"),
        ({"base_url": "https://user:planted@host"}, "without user, query or fragment"),
        ({"base_url": "https://host/?key=planted"}, "without user, query or fragment"),
        ({"base_url": "https://host/#planted"}, "without user, query or fragment"),
        ({"base_url": "https://host:99999"}, "http or https"),
        ({"base_url": "https://host\r\nx-evil: 1"}, "http or https"),
        ({"base_url": "https://[::1"}, "http or https"),
        ({"proxy_url": "socks5://user:planted@proxy:1080"}, "a proxy's URL"),
        ({"proxy_url": "http://user:planted@proxy:3128/path"}, "a host and a port"),
        ({"weight": 0}, "weight is a whole number from 1"),
        ({"weight": 1_000_001}, "weight is a whole number from 1"),
        ({"priority": -1_000_001}, "priority is a whole number"),
        ({"concurrency": 0}, "concurrency is a whole number from 1"),
        ({"billing": "free"}, "api or subscription, not 'free'"),
        ({"organization_id": "a\0b"}, "organization"),
        ({"secret": ""}, "the credential is empty"),
        ({"secret": "planted key"}, "characters no credential has"),
        ({"secret": "planted\n"}, "characters no credential has"),
        ({"secret": "plantedé"}, "characters no credential has"),
        ({"secret": "x" * 16_385}, "characters no credential has"),
        ({"refresh_token": "planted token", "type": "oauth"}, "the refresh token is empty"),
        ({"refresh_token": "planted"}, "only accounts of type oauth"),
    ],
)
def test_what_makes_no_sense_is_refused_without_repeating_secrets(
    store: Store, book: AccountBook, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        book.add(replace(KEY, **fields))
    assert "planted" not in str(refused.value)
    assert store.accounts() == []


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8080", "https://relay.example.com/anthropic/", "http://[::1]"])
def test_any_upstream_may_be_named(book: AccountBook, base_url: str) -> None:
    assert book.add(replace(KEY, base_url=base_url)).base_url == base_url.rstrip("/")


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("", ""),
        ("http://proxy:3128", "http://proxy:3128"),
        ("https://proxy:3128/", "https://proxy:3128"),
        ("http://user:p%40ss@proxy:3128", "http://user@proxy:3128"),
        ("http://only-a-key@proxy:3128", "http://proxy:3128"),
    ],
)
def test_a_proxy_is_shown_without_its_password_and_used_with_it(book: AccountBook, proxy: str, shown: str) -> None:
    added = book.add(replace(KEY, proxy_url=proxy))
    credential = book.credential(added.id)
    assert credential is not None
    assert (added.proxy_url, credential.proxy_url) == (shown, proxy)


def test_a_short_secret_shows_nothing_of_itself(book: AccountBook) -> None:
    assert book.add(replace(KEY, secret="12345678901")).hint == ""


def test_names_are_unique_among_those_that_are_there(book: AccountBook) -> None:
    book.add(KEY)
    with pytest.raises(UsageError, match="there is an account 'main' already"):
        book.add(KEY)
    book.add(BEARER)
    with pytest.raises(UsageError, match="there is an account 'main' already"):
        book.change("acc_2", AccountChange(name="main"))
    book.change("acc_2", AccountChange(name="team", weight=2))
    book.delete("main")
    assert book.add(KEY).id == "acc_3"


def test_what_is_not_given_stays(book: AccountBook) -> None:
    added = book.add(replace(BEARER, weight=3, concurrency=4, proxy_url="http://a:b@proxy:1"))
    changed = book.change(added.id, AccountChange(concurrency=None, is_active=False))
    assert changed == replace(added, concurrency=None, is_active=False)
    assert book.credential(added.id) == Credential(
        BEARER.secret, BEARER.refresh_token, BEARER.expires_at, "http://a:b@proxy:1"
    )


def test_a_new_secret_leaves_nothing_of_the_old_one(store: Store, book: AccountBook) -> None:
    added = book.add(replace(BEARER, proxy_url="http://proxy:1"))
    book.tell_health(added.id, "unhealthy")
    changed = book.change(added.id, AccountChange(secret="sk-ant-new-key-5678"))
    assert (changed.hint, changed.health, changed.expires_at) == ("5678", "unknown", None)
    expected = Credential("sk-ant-new-key-5678", None, None, "http://proxy:1")
    assert book.credential(added.id) == book_of(store).credential(added.id) == expected


def test_another_address_has_to_be_checked_anew(book: AccountBook) -> None:
    book.add(KEY)
    book.tell_health("acc_0", "unhealthy")
    assert book.change("main", AccountChange(base_url="https://api.anthropic.com/x/")).health == "unknown"


MOVES = [
    AccountChange(base_url="http://api.anthropic.com"),
    AccountChange(base_url="https://api.anthropic.com:8443"),
    AccountChange(base_url="https://api.anthropic.com.example.net"),
    AccountChange(proxy_url="http://u:p@elsewhere:3128"),
    AccountChange(proxy_url="http://u:p@proxy:3129"),
]


@pytest.mark.parametrize("move", MOVES)
def test_a_credential_goes_nowhere_it_was_not_given_for(book: AccountBook, move: AccountChange) -> None:
    added = book.add(replace(BEARER, proxy_url="http://a:b@proxy:3128"))
    kept = book.credential(added.id)
    for change in (move, replace(move, refresh_token="another")):
        with pytest.raises(UsageError, match="the credential would go where it was not given for"):
            book.change(added.id, change)
    assert (book.find(added.id), book.credential(added.id)) == (added, kept)
    book.change(added.id, replace(move, secret="sk-ant-oat01-anew-1234"))
    found = book.credential(added.id)
    assert found is not None
    assert (found.secret, found.refresh_token) == ("sk-ant-oat01-anew-1234", None)


@pytest.mark.parametrize(
    ("stay", "proxy"),
    [
        (AccountChange(base_url="https://api.anthropic.com:443/v9"), "http://a:b@proxy:3128"),
        (AccountChange(proxy_url=""), ""),
        (AccountChange(proxy_url="http://a:another@proxy:3128"), "http://a:another@proxy:3128"),
    ],
)
def test_another_path_or_password_needs_no_credential(book: AccountBook, stay: AccountChange, proxy: str) -> None:
    added = book.add(replace(KEY, proxy_url="http://a:b@proxy:3128"))
    book.change(added.id, stay)
    found = book.credential(added.id)
    assert found is not None
    assert (found.secret, found.proxy_url) == (SECRET, proxy)


def test_a_new_name_is_one_without_spaces_around_it(book: AccountBook) -> None:
    book.add(KEY)
    added = book.add(BEARER)
    assert book.change(added.id, AccountChange(name=" team ")).name == "team"
    with pytest.raises(UsageError, match="there is an account 'main' already"):
        book.change(added.id, AccountChange(name="main "))


def test_a_change_that_makes_no_sense_changes_nothing(store: Store, book: AccountBook) -> None:
    added = book.add(KEY)
    for change in (AccountChange(weight=0), AccountChange(secret="two words"), AccountChange(refresh_token="x")):
        with pytest.raises(UsageError):
            book.change(added.id, change)
    assert [list(book.all()), book.credential(added.id)] == [[added], Credential(SECRET)]
    assert list(book_of(store).all()) == [added]


def test_a_bearer_is_renewed(store: Store, book: AccountBook) -> None:
    added = book.add(BEARER)
    new = Credential("sk-ant-oat01-new-9876", "refresh", NOW + 99)
    book.renew(added.id, new)
    for one in (book, book_of(store)):
        assert one.credential(added.id) == new
        assert (one.all()[0].hint, one.all()[0].expires_at) == ("9876", NOW + 99)


def test_a_deleted_account_leaves_its_name_only(store: Store, book: AccountBook) -> None:
    added = book.add(KEY)
    book.delete("main")
    late = Credential("late")
    book.renew(added.id, late)
    book.tell_health(added.id, "healthy")
    for one in (book, book_of(store)):
        assert list(one.all()) == []
        assert one.names() == {added.id: "main"}
        assert one.credential(added.id) is None
    assert [(kept.sealed, kept.deleted_at) for kept in store.accounts()] == [(None, NOW)]
    with pytest.raises(UsageError, match="there is no account 'main'; 'ccledger account list'"):
        book.delete("main")


def test_with_another_key_nothing_opens_and_nothing_is_lost(store: Store, book: AccountBook) -> None:
    added = book.add(KEY)
    other = book_of(store, b"x" * 32)
    assert other.credential(added.id) is None
    with pytest.raises(StoreError, match="bring that key back"):
        other.open(added.id)
    with pytest.raises(StoreError, match="bring that key back"):
        other.change(added.id, AccountChange(proxy_url=""))
    other.change(added.id, AccountChange(weight=2))
    assert book_of(store).credential(added.id) == Credential(SECRET)
    other.change(added.id, AccountChange(secret="given-anew-0000"))
    assert book_of(store, b"x" * 32).credential(added.id) == Credential("given-anew-0000")


def test_a_store_tells_whether_it_holds_credentials(store: Store, book: AccountBook) -> None:
    assert not is_sealing(store)
    book.add(KEY)
    assert is_sealing(store)
    book.delete("main")
    assert not is_sealing(store)


def test_an_account_is_found_by_id_before_name(book: AccountBook) -> None:
    first = book.add(KEY)
    second = book.add(replace(BEARER, name="acc_0"))
    assert book.find("acc_0") == first
    assert book.find("main") == first
    assert book.find(second.id) == second


class Overtaken:
    """A store on which somebody else is quicker, after the accounts were read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.meanwhile: list[Callable[[], object]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def accounts(self) -> list[KeptAccount]:
        found = self._store.accounts()
        while self.meanwhile:
            self.meanwhile.pop()()
        return found


RENEWED = Credential("sk-ant-oat01-renewed-9876", "sk-ant-ort01-renewed", NOW + 99)


@pytest.fixture
def overtaken(store: Store) -> Overtaken:
    return Overtaken(store)


Late = Callable[[AccountBook], object]
LATE: list[tuple[Late, str]] = [
    (lambda book: book.tell_health("acc_0", "unhealthy"), ""),
    (lambda book: book.change("acc_0", AccountChange(weight=2)), ""),
    (lambda book: book.change("acc_0", AccountChange(proxy_url="http://proxy:1")), "http://proxy:1"),
]
TOO_LATE: list[Late] = [lambda book: book.renew("acc_0", RENEWED), *(late for late, _ in LATE)]


@pytest.mark.parametrize(("late", "proxy"), LATE)
def test_a_credential_that_was_renewed_elsewhere_is_not_lost(
    store: Store, overtaken: Overtaken, book: AccountBook, late: Late, proxy: str
) -> None:
    book.add(replace(BEARER, proxy_url="http://a:b@proxy:1"))
    here = book_of(cast("Store", overtaken))
    overtaken.meanwhile.append(lambda: book.renew("acc_0", RENEWED))
    late(here)
    here.reload()
    assert book_of(store).credential("acc_0") == here.credential("acc_0") == replace(RENEWED, proxy_url=proxy)


def test_a_change_made_elsewhere_stays_when_a_credential_is_renewed(
    store: Store, overtaken: Overtaken, book: AccountBook
) -> None:
    book.add(BEARER)
    here = book_of(cast("Store", overtaken))
    overtaken.meanwhile.append(lambda: book.change("acc_0", AccountChange(name="other", secret="another-secret")))
    here.renew("acc_0", RENEWED)
    assert (here.find("acc_0").name, book_of(store).credential("acc_0")) == ("other", RENEWED)


@pytest.mark.parametrize("late", TOO_LATE)
def test_an_account_that_is_deleted_elsewhere_meanwhile_does_not_come_back(
    store: Store, overtaken: Overtaken, book: AccountBook, late: Late
) -> None:
    book.add(BEARER)
    here = book_of(cast("Store", overtaken))
    overtaken.meanwhile.append(lambda: book.delete("acc_0"))
    with suppress(UsageError):
        late(here)
    assert [(kept.sealed, kept.deleted_at) for kept in store.accounts()] == [(None, NOW)]


class Slow:
    """A store that answers about accounts only when it is let."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked = threading.Event()
        self.answers = threading.Event()

    def accounts(self) -> list[KeptAccount]:
        self.asked.set()
        self.answers.wait()
        return self._store.accounts()


def test_a_credential_is_opened_while_the_ledger_keeps_who_changes_something_waiting(
    store: Store, book: AccountBook
) -> None:
    added = book.add(KEY)
    slow = Slow(store)
    slow.answers.set()
    book = book_of(cast("Store", slow))
    slow.answers.clear()
    slow.asked.clear()
    with ThreadPoolExecutor() as beside:
        try:
            changing = beside.submit(book.reload)
            slow.asked.wait()
            assert beside.submit(book.credential, added.id).result(timeout=10) == Credential(SECRET)
        finally:
            slow.answers.set()
        changing.result()
