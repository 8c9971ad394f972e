"""Access tokens: issued, changed, revoked, deleted; what makes no sense is refused in words."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import convert
from msgspec.structs import replace

from ccledger.access.keys import Signing
from ccledger.access.tokens import NewToken, Tokens, TokenSettings, UnknownToken
from ccledger.core.access import OWNER, AccessToken
from ccledger.core.errors import UsageError
from ccledger.ledger.store import Store
from tests.stats.facts import ledger

NOW = 1_795_168_800_000
DAY_MS = 86_400_000


class Times:
    """A clock that tests set."""

    now = NOW

    def __call__(self) -> int:
        return self.now


def randomness() -> Callable[[int], bytes]:
    """Bytes that are never the same twice, and always the same in a test."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "little")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Times:
    return Times()


@pytest.fixture
def tokens(store: Store, clock: Times) -> Tokens:
    return Tokens(store, clock, randomness(), Signing("s" * 32))


def again(store: Store) -> Tokens:
    """As after a restart."""
    return Tokens(store, lambda: NOW, randomness(), Signing("s" * 32))


def test_a_new_token_has_no_limit_and_its_key_works_at_once_and_after_a_restart(tokens: Tokens, store: Store) -> None:
    token, key = tokens.issue(NewToken(name="laptop"))
    assert token == AccessToken(token.id, "laptop", OWNER, NOW, hint=f"{key[:8]}…")
    assert tokens.keys.find(key) == token
    assert again(store).keys.find(key) == token
    assert tokens.all() == again(store).all() == [token]


def test_everything_asked_for_is_kept(tokens: Tokens, store: Store) -> None:
    asked = NewToken(
        name=" 笔记本 ",
        expires_in="30d",
        mode="both",
        note="second one",
        models=["claude-*", "x", "x"],
        ips=["10.1.2.3/8", " ::1", "2001:DB8::/32"],
        requests_per_minute=1,
        tokens_per_minute=2,
        concurrency=3,
        enable_conversation_logging=True,
        user_name="ann",
    )
    token, _ = tokens.issue(asked)
    assert token == AccessToken(
        token.id,
        "笔记本",
        "ann",
        NOW,
        "both",
        token.hint,
        "second one",
        NOW + 30 * DAY_MS,
        None,
        ("claude-*", "x"),
        ("10.0.0.0/8", "::1", "2001:db8::/32"),
        1,
        2,
        3,
        enable_conversation_logging=True,
    )
    assert again(store).all() == [token]
    assert "ann" in {user.name for user in store.users()}


def test_the_key_itself_is_nowhere_in_the_ledgers_files(tokens: Tokens, store: Store, tmp_path: Path) -> None:
    token, key = tokens.issue(NewToken(name="laptop"))
    signed = tokens.issue(NewToken(name="old client", form="jwt")).key
    store.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.id.encode() in held
    assert key.encode() not in held
    assert key[8:].encode() not in held
    assert signed.rpartition(".")[2].encode() not in held


def test_a_signed_key_is_issued_where_a_secret_is_set(tokens: Tokens, store: Store) -> None:
    token, key = tokens.issue(NewToken(name="old client", expires_in="1s", form="jwt"))
    assert key.count(".") == 2
    assert tokens.keys.find(key) == token
    assert again(store).keys.find(key) == token
    without = Tokens(store, lambda: NOW, randomness())
    assert without.keys.find(key) is None
    with pytest.raises(UsageError, match="takes a secret"):
        without.issue(NewToken(name="x", form="jwt"))


def test_a_change_touches_what_was_named_and_null_takes_a_limit_away(
    tokens: Tokens, store: Store, clock: Times
) -> None:
    limited = NewToken(name="a", expires_in="1h", models=["m"], ips=["::1"], concurrency=3, tokens_per_minute=5)
    token, key = tokens.issue(limited)
    clock.now += 1000
    changed = tokens.change(
        token.id, TokenSettings(concurrency=None, expires_in="2h", enable_conversation_logging=True)
    )
    assert changed == replace(
        token, concurrency=None, expires_at=NOW + 1000 + 7_200_000, enable_conversation_logging=True
    )
    assert tokens.keys.find(key) == changed
    free = tokens.change(
        token.id, TokenSettings(expires_in=None, models=None, ips=[], tokens_per_minute=None, name="b")
    )
    assert (free.expires_at, free.models, free.ips, free.tokens_per_minute, free.name) == (None, (), (), None, "b")
    assert tokens.change(token.id, TokenSettings()) == free
    assert again(store).all() == [free]


def test_revoking_holds_at_once_and_for_good(tokens: Tokens, store: Store, clock: Times) -> None:
    token, key = tokens.issue(NewToken(name="a"))
    revoked = tokens.revoke(token.id)
    assert revoked.revoked_at == NOW
    clock.now += 5
    assert tokens.revoke(token.id) == revoked
    assert tokens.keys.find(key) == revoked
    assert tokens.change(token.id, TokenSettings(name="b")).revoked_at == NOW
    assert again(store).all() == tokens.all()


def test_a_deleted_token_is_gone_but_its_name_stays_for_its_calls(tokens: Tokens, store: Store) -> None:
    token, key = tokens.issue(NewToken(name="a"))
    tokens.delete(token.id)
    for known in (tokens, again(store)):
        assert known.all() == []
        assert known.keys.find(key) is None
        assert known.name_of(token.id) == "a"
    assert tokens.name_of("nobody") is None
    for change in (tokens.revoke, tokens.delete):
        with pytest.raises(UnknownToken, match=f"no access token '{token.id}'"):
            change(token.id)
    with pytest.raises(UnknownToken):
        tokens.change(token.id, TokenSettings())


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name takes 1 to 100 characters"),
    ({"name": "  "}, "name takes 1 to 100 characters"),
    ({"name": "x" * 101}, "name takes 1 to 100 characters"),
    ({"name": "a\nb"}, "in one line"),
    ({"note": "x" * 1001}, "note takes 0 to 1000 characters"),
    ({"expires_in": "soon"}, "720h"),
    ({"expires_in": ""}, "720h"),
    ({"expires_in": "-1h"}, "720h"),
    ({"mode": "all"}, "mode is api, web, both, not 'all'"),
    ({"models": [""]}, "models takes names"),
    ({"models": ["a b"]}, "models takes names"),
    ({"models": ["a,b"]}, "models takes names"),
    ({"models": ["x" * 201]}, "models takes names"),
    ({"models": [f"m{n}" for n in range(101)]}, "at most 100 entries"),
    ({"ips": ["localhost"]}, "addresses and networks"),
    ({"ips": ["10.0.0.0/33"]}, "addresses and networks"),
    ({"ips": [""]}, "addresses and networks"),
    ({"requests_per_minute": 0}, "requests_per_minute takes a whole number from 1"),
    ({"tokens_per_minute": -1}, "tokens_per_minute takes"),
    ({"concurrency": 10**12 + 1}, "concurrency takes"),
]


@pytest.mark.parametrize(("asked", "says"), NONSENSE)
def test_nonsense_is_refused_and_changes_nothing(
    asked: dict[str, Any], says: str, tokens: Tokens, store: Store
) -> None:
    token, _ = tokens.issue(NewToken(name="a"))
    with pytest.raises(UsageError, match=says):
        tokens.change(token.id, convert(asked, TokenSettings))
    with pytest.raises(UsageError, match=says):
        tokens.issue(convert({"name": "b", **asked}, NewToken))
    assert tokens.all() == again(store).all() == [token]


def test_a_token_takes_a_name_and_an_owner_who_has_one(tokens: Tokens, store: Store) -> None:
    with pytest.raises(UsageError, match="takes a name"):
        tokens.issue(NewToken())
    with pytest.raises(UsageError, match="user_name takes 1 to 100"):
        tokens.issue(NewToken(name="a", user_name=""))
    assert [user.name for user in store.users()] == [OWNER]


def test_only_null_and_nothing_are_never(tokens: Tokens) -> None:
    assert tokens.issue(NewToken(name="a")).token.expires_at is None
    assert tokens.issue(NewToken(name="b", expires_in=None)).token.expires_at is None


def test_a_signed_key_can_end_sooner_and_never_later(tokens: Tokens) -> None:
    token, key = tokens.issue(NewToken(name="old client", expires_in="2h", form="jwt"))
    for later in ("121m", None):
        with pytest.raises(UsageError, match="issue a new one"):
            tokens.change(token.id, TokenSettings(expires_in=later))
    assert tokens.keys.find(key) == token
    assert tokens.change(token.id, TokenSettings(expires_in="1h", name="x")).expires_at == NOW + 3_600_000
    endless, _ = tokens.issue(NewToken(name="endless", form="jwt"))
    assert tokens.change(endless.id, TokenSettings(expires_in=None)).expires_at is None
    assert tokens.change(endless.id, TokenSettings(expires_in="1h")).expires_at == NOW + 3_600_000
    opaque, _ = tokens.issue(NewToken(name="opaque", expires_in="1h"))
    assert tokens.change(opaque.id, TokenSettings(expires_in=None)).expires_at is None


changes = st.lists(
    st.tuples(st.sampled_from(["issue", "revoke", "delete", "name", "limit"]), st.integers(0, 5)), max_size=12
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_after_any_changes_a_restart_knows_the_same(tokens: Tokens, store: Store, told: list[tuple[str, int]]) -> None:
    issued: dict[str, str] = {}
    for what, number in told:
        live = tokens.all()
        if what == "issue" or not live:
            made = tokens.issue(NewToken(name=f"n{number}"))
            issued[made.token.id] = made.key
            continue
        chosen = live[number % len(live)].id
        match what:
            case "revoke":
                tokens.revoke(chosen)
            case "delete":
                tokens.delete(chosen)
            case "name":
                tokens.change(chosen, TokenSettings(name=f"m{number}"))
            case _:
                tokens.change(chosen, TokenSettings(concurrency=number or None))
    restarted = again(store)
    assert {token.id: token for token in restarted.all()} == {token.id: token for token in tokens.all()}
    for key in issued.values():
        assert restarted.keys.find(key) == tokens.keys.find(key)
