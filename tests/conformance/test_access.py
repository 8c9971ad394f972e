"""What every storage engine has to do about users, access tokens, and when each was used last."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ccledger.core.access import OWNER, AccessToken, User
from ccledger.core.call import Party, Source
from ccledger.core.measures import Axis, Dimension, Grain
from ccledger.ledger.store import KeptToken, Store, engines, open_reader
from tests.conformance.stores import fresh_store
from tests.conformance.test_store import MORNING, QUARTER_MS, everything, make_fact

DAY = 86_400_000

FULL = AccessToken(
    id="t1",
    name="laptop",
    user="ann",
    created_at=5,
    mode="both",
    hint="ccl-ab…",
    note="二号机",
    expires_at=9,
    revoked_at=7,
    models=("claude-*", "x"),
    ips=("10.0.0.0/8",),
    requests_per_minute=1,
    tokens_per_minute=2,
    concurrency=3,
    enable_conversation_logging=True,
)
PLAIN = AccessToken("t2", "ci", OWNER, 4)


@pytest.fixture(params=engines())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as opened:
        yield opened


def test_a_new_ledger_has_one_user_and_no_access_token(store: Store) -> None:
    (owner,) = store.users()
    assert (owner.id, owner.name) == (OWNER, OWNER)
    assert store.access_tokens() == []


def test_users_are_kept_once_by_name(store: Store) -> None:
    ann = User("u1", "ann", 1 << 42)
    store.keep_user(ann)
    store.keep_user(User("u2", "ann", 3))
    assert store.users()[1:] == [ann]


def test_access_tokens_come_back_as_they_were_kept_oldest_first(store: Store) -> None:
    kept = [KeptToken(FULL, b"\0" * 32), KeptToken(PLAIN, b"\1" * 32, 8)]
    for one in kept:
        store.keep_access_token(one)
    assert store.access_tokens() == kept[::-1]


def test_keeping_an_access_token_again_replaces_it(store: Store) -> None:
    store.keep_access_token(KeptToken(FULL, b"a"))
    store.keep_access_token(KeptToken(PLAIN, b"b"))
    changed = KeptToken(replace(FULL, name="other", models=(), expires_at=None), b"a", 12)
    store.keep_access_token(changed)
    assert store.access_tokens() == [KeptToken(PLAIN, b"b"), changed]


def test_what_has_ended_stays_ended(store: Store) -> None:
    told = [(None, None), (7, None), (None, 20), (9, 15), (5, None), (None, None)]
    for revoked_at, deleted_at in told:
        store.keep_access_token(KeptToken(replace(PLAIN, revoked_at=revoked_at), b"a", deleted_at))
    assert store.access_tokens() == [KeptToken(replace(PLAIN, revoked_at=5), b"a", 15)]


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
numbers = st.none() | st.integers(0, (1 << 63) - 1)
lists = st.lists(texts, max_size=3).map(tuple)
tokens = st.builds(
    AccessToken,
    id=texts,
    name=texts,
    user=texts,
    created_at=st.integers(0, 1 << 42),
    mode=texts,
    hint=texts,
    note=texts,
    expires_at=numbers,
    revoked_at=numbers,
    models=lists,
    ips=lists,
    requests_per_minute=numbers,
    tokens_per_minute=numbers,
    concurrency=numbers,
    enable_conversation_logging=st.booleans(),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=tokens, digest=st.binary(min_size=1, max_size=32))
def test_any_access_token_comes_back_exactly(store: Store, token: AccessToken, digest: bytes) -> None:
    before = {kept.token.id: kept.token for kept in store.access_tokens()}
    fixed = replace(token, id="the one" if token.revoked_at is None else "the ended one")
    ended = [one.revoked_at for one in (before.get(fixed.id), fixed) if one is not None and one.revoked_at is not None]
    store.keep_access_token(KeptToken(fixed, digest + fixed.id.encode()))
    kept = KeptToken(replace(fixed, revoked_at=min(ended, default=None)), digest + fixed.id.encode())
    assert {one.token.id: one for one in store.access_tokens()}[fixed.id] == kept


def append(store: Store, *calls: tuple[int, Party | None], first: int = 0) -> None:
    booked = [
        replace(make_fact(f"msg:{number}", at=MORNING + at), party=party)
        for number, (at, party) in enumerate(calls, first)
    ]
    store.append(booked, {}, now=MORNING)


def test_who_was_used_last_is_told_by_token_account_and_user(store: Store) -> None:
    both = Party(Source.GATEWAY, "t1", "a1", "ann", "api")
    append(store, (1, both), (3, None), (2, Party(Source.GATEWAY, "t1", "a2")), (0, Party(Source.GATEWAY, "t2", "a1")))
    assert store.last_calls(Axis.ACCESS_TOKEN) == {"t1": MORNING + 2, "t2": MORNING}
    assert store.last_calls(Axis.ACCOUNT) == {"a1": MORNING + 1, "a2": MORNING + 2}
    assert store.last_calls(Axis.USER) == {"ann": MORNING + 1}


def test_calls_of_any_day_and_those_whose_time_was_corrected_count(store: Store) -> None:
    for number, (at, token) in enumerate(
        [(0, "t1"), (DAY, "t2"), (3 * DAY, "t1"), (2 * DAY, "t3"), (3 * DAY + 7, "t2")]
    ):
        append(store, (at, Party(Source.GATEWAY, token)), first=number)
    assert store.last_calls(Axis.ACCESS_TOKEN) == {
        "t1": MORNING + 3 * DAY,
        "t2": MORNING + 3 * DAY + 7,
        "t3": MORNING + 2 * DAY,
    }
    earlier = replace(
        make_fact("msg:4", at=MORNING + 2 * DAY + 5, source=Source.GATEWAY), party=Party(Source.GATEWAY, "t2")
    )
    store.append([earlier], {}, now=MORNING)
    assert store.last_calls(Axis.ACCESS_TOKEN)["t2"] == MORNING + 2 * DAY + 5


def test_removed_calls_still_tell_when_about_they_were(store: Store) -> None:
    append(store, (1, Party(Source.GATEWAY, "t1")), (2 * DAY, Party(Source.GATEWAY, "t2")))
    store.remove(MORNING + DAY, 10)
    assert store.last_calls(Axis.ACCESS_TOKEN) == {"t1": MORNING - MORNING % QUARTER_MS, "t2": MORNING + 2 * DAY}


def test_access_tokens_never_touch_calls(store: Store) -> None:
    append(store, (1, Party(Source.GATEWAY, "t1", None, "ann", "api")), (2, None))
    before = everything(store), store.spans(Grain.DAY, Dimension.ACCESS_TOKEN, 0, 1 << 20)
    store.keep_access_token(KeptToken(FULL, b"a"))
    store.keep_access_token(KeptToken(FULL, b"a", 9))
    assert (everything(store), store.spans(Grain.DAY, Dimension.ACCESS_TOKEN, 0, 1 << 20)) == before


def test_a_snapshot_knows_the_access_tokens_of_its_moment(store: Store) -> None:
    store.keep_access_token(KeptToken(FULL, b"a"))
    with store.snapshot() as view:
        store.keep_access_token(KeptToken(PLAIN, b"b"))
        assert view.access_tokens() == [KeptToken(FULL, b"a")]
    assert len(store.access_tokens()) == 2


def test_access_tokens_outlive_the_process(tmp_path: Path) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        store.keep_access_token(KeptToken(FULL, b"a"))
    with fresh_store("sqlite", tmp_path) as store:
        assert [user.name for user in store.users()] == [OWNER]
        assert store.access_tokens() == [KeptToken(FULL, b"a")]
    reader = open_reader(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert reader.access_tokens() == [KeptToken(FULL, b"a")]
    reader.close()
