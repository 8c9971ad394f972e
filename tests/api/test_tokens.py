"""Access tokens over HTTP: the original's paths and shapes, its defects mended."""

from collections.abc import Generator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ccledger.access.tokens import Tokens
from ccledger.api import guards
from ccledger.core.call import Party, Source
from ccledger.ledger.store import Store
from tests.api.apps import NOW, Client, asking, make_app
from tests.stats.facts import UNPRICED, fact, ledger

PATH = "/api/v1/token"
FRESH: dict[str, Any] = {
    "name": "laptop",
    "mode": "api",
    "user_name": "owner",
    "note": "",
    "created_at": "2026-11-20T10:00:00.000Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
    "is_valid": True,
    "enable_conversation_logging": False,
    "models": [],
    "ips": [],
    "requests_per_minute": None,
    "tokens_per_minute": None,
    "concurrency": None,
    "total_requests": 0,
    "total_tokens_used": 0,
    "total_cost": 0.0,
    "total_cost_nano": "0",
}


class Times:
    """A clock that tests set."""

    now = NOW

    def __call__(self) -> int:
        return self.now


class Numbers:
    """Randomness that is the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, size: int) -> bytes:
        return next(self._numbers).to_bytes(size, "little")


def is_ours(_: object) -> bool:
    return True


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Times:
    return Times()


@pytest.fixture
def admin(store: Store, clock: Times, monkeypatch: pytest.MonkeyPatch) -> Generator[Client]:
    """Asks as an administrator does."""
    monkeypatch.setattr(guards, "is_local_socket", is_ours)
    with asking(make_app(store, tokens=Tokens(store, clock, Numbers()))) as client:
        yield client


def generate(admin: Client, **asked: Any) -> dict[str, Any]:
    answer = admin.post(f"{PATH}/generate", json={"name": "laptop", **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(admin: Client) -> list[dict[str, Any]]:
    return admin.get(f"{PATH}/list").json()["tokens"]


def info(client: Client, headers: dict[str, str]) -> Any:
    return client.get(f"{PATH}/info", headers=headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "generate"),
        ("GET", "list"),
        ("POST", "revoke"),
        ("PUT", "x/settings"),
        ("DELETE", "x"),
        ("GET", "info"),
    ],
)
def test_nobody_else_is_let_in(method: str, path: str, store: Store) -> None:
    with asking(make_app(store)) as client:
        for base in ("/api/token", PATH):
            answer = client.request(method, f"{base}/{path}", json={"name": "a", "id": "a"})
            assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
    assert store.access_tokens() == []


def test_the_key_is_shown_once(admin: Client) -> None:
    made = generate(admin)
    assert made["token"].startswith("ccl-")
    assert made == {**FRESH, "id": made["id"], "hint": f"{made['token'][:8]}…", "token": made["token"]}
    told = admin.get("/api/token/list")
    assert told.json() == {"tokens": [{name: value for name, value in made.items() if name != "token"}]}
    assert made["token"] not in told.text


def test_the_newest_is_listed_first_and_an_empty_list_is_one(admin: Client) -> None:
    assert admin.get(f"{PATH}/list").json() == {"tokens": []}
    generate(admin, name="a")
    generate(admin, name="b")
    assert [token["name"] for token in listed(admin)] == ["b", "a"]


def test_everything_that_can_be_asked_for_is_answered(admin: Client) -> None:
    asked = {
        "expires_in": "720h",
        "mode": "both",
        "user_name": "ann",
        "note": "n",
        "models": ["claude-*"],
        "ips": ["10.0.0.0/8"],
        "requests_per_minute": 1,
        "tokens_per_minute": 2,
        "concurrency": 3,
        "enable_conversation_logging": True,
    }
    made = generate(admin, **asked)
    assert made["expires_at"] == "2026-12-20T10:00:00.000Z"
    assert {name: made[name] for name in asked if name != "expires_in"} == {
        name: value for name, value in asked.items() if name != "expires_in"
    }
    assert generate(admin, expires_in="30d")["expires_at"] == made["expires_at"]


def test_what_was_used_is_counted_from_the_ledger(admin: Client, store: Store) -> None:
    first, second, third = (generate(admin)["id"] for _ in range(3))
    store.append(
        [
            replace(fact("1", NOW - 90_000), party=Party(Source.GATEWAY, first)),
            replace(fact("2", NOW - 40 * 86_400_000), party=Party(Source.GATEWAY, first)),
            replace(fact("3", NOW - 5, model=UNPRICED), party=Party(Source.GATEWAY, second)),
            fact("4", NOW - 1),
        ],
        {},
        now=NOW,
    )
    told = {token["id"]: token for token in listed(admin)}
    assert {name: told[first][name] for name in ("total_requests", "total_tokens_used", "last_used_at")} == {
        "total_requests": 2,
        "total_tokens_used": 300,
        "last_used_at": "2026-11-20T09:58:30.000Z",
    }
    assert told[first]["total_cost_nano"] == str(2 * (10 * 4 + 20 * 20 + 30 * 5 + 40 * 8 + 50))
    assert told[first]["total_cost"] == int(told[first]["total_cost_nano"]) / 1e9
    assert (told[second]["total_cost"], told[second]["total_cost_nano"]) == (None, None)
    assert (told[third]["total_requests"], told[third]["last_used_at"]) == (0, None)


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_a_key_may_ask_about_itself(header: str, admin: Client, store: Store) -> None:
    made = generate(admin)
    key = made.pop("token")
    with asking(make_app(store)) as client:
        assert info(client, {header: key}).json() == made
        assert info(client, {"authorization": f"bearer  {key}"}).json() == made
        foreign = {"x-api-key": "sk-ant-of-the-user"}
        assert info(client, {"authorization": f"Bearer {key}", **foreign}).json() == made
        for wrong in ("", "x", f"{key}x", f"Basic {key}"):
            answer = info(client, {header: wrong})
            assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
        assert client.get(f"{PATH}/info?token={key}").status_code == 401


def test_a_revoked_or_expired_or_deleted_key_is_refused_at_once(admin: Client, clock: Times) -> None:
    revoked, expiring, deleted = generate(admin), generate(admin, expires_in="1h"), generate(admin)
    for made in (revoked, expiring, deleted):
        assert info(admin, {"x-api-key": made["token"]}).status_code == 200
    answer = admin.post(f"{PATH}/revoke", json={"id": revoked["id"]})
    assert (answer.status_code, answer.json()) == (200, {"message": "token revoked"})
    assert admin.delete(f"{PATH}/{deleted['id']}").json() == {"message": "token deleted"}
    clock.now += 3_600_000
    states = {token["id"]: (token["is_valid"], token["revoked_at"]) for token in listed(admin)}
    assert states == {revoked["id"]: (False, "2026-11-20T10:00:00.000Z"), expiring["id"]: (True, None)}
    for made in (revoked, deleted):
        assert info(admin, {"x-api-key": made["token"]}).status_code == 401


def test_validity_is_that_of_this_moment(store: Store, clock: Times, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(store, lambda: NOW - 3_600_000, Numbers())
    monkeypatch.setattr(guards, "is_local_socket", is_ours)
    with asking(make_app(store, tokens=tokens)) as admin:
        key = generate(admin, expires_in="1h")["token"]
        assert [token["is_valid"] for token in listed(admin)] == [False]
        assert info(admin, {"x-api-key": key}).status_code == 401
        assert info(admin, {"x-api-key": generate(admin, expires_in="3601s")["token"]}).status_code == 200


def test_settings_change_what_they_name(admin: Client) -> None:
    made = generate(admin, concurrency=3, expires_in="1h")
    del made["token"]
    path = f"{PATH}/{made['id']}/settings"
    answer = admin.put(path, json={"enable_conversation_logging": True})
    assert answer.status_code == 200
    assert answer.json() == {**made, "enable_conversation_logging": True, "message": "token settings updated"}
    changed = admin.put(path, json={"concurrency": None, "expires_in": None, "name": "desk"}).json()
    assert (changed["concurrency"], changed["expires_at"], changed["name"]) == (None, None, "desk")
    assert listed(admin)[0]["name"] == "desk"
    for nonsense in ('{"user_name":"ann"}', '{"id":"x"}', '{"concurrency":0}', '{"mode":"no"}', '{"name":7}', "[]"):
        assert admin.put(path, content=nonsense).status_code == 400


def test_what_is_not_there_is_404(admin: Client) -> None:
    gone = generate(admin)["id"]
    admin.delete(f"{PATH}/{gone}")
    for word in (gone, "nobody", "%2e%2e"):
        for answer in (
            admin.post(f"{PATH}/revoke", json={"id": word}),
            admin.put(f"{PATH}/{word}/settings", json={}),
            admin.delete(f"{PATH}/{word}"),
        ):
            assert answer.status_code == 404
            assert answer.json()["error"].startswith("token not found")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{}", "an access token takes a name"),
        (b'{"name": ""}', "name takes 1 to 100 characters"),
        (b'{"name": "a", "expires_in": "soon"}', "720h"),
        (b'{"name": "a", "expires": "30d"}', "unknown field `expires`"),
        (b'{"name": "a", "form": "jwt"}', "takes a secret to sign keys with"),
        (b'{"name": 1}', "Expected `str`"),
        (b'{"name": "a", "concurrency": true}', "Expected `int | null`"),
        (b"{", "truncated"),
        (b"\xff", "JSON is malformed"),
    ],
)
def test_nonsense_is_refused_in_words(body: bytes, says: str, admin: Client, store: Store) -> None:
    answer = admin.post(f"{PATH}/generate", content=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert store.access_tokens() == []


def test_calls_outlive_their_key(admin: Client, store: Store) -> None:
    made = generate(admin)
    store.append([replace(fact("1", NOW), party=Party(Source.GATEWAY, made["id"]))], {}, now=NOW)
    admin.delete(f"{PATH}/{made['id']}")
    (call,) = store.calls(NOW, NOW + 1)
    assert call.fact.party is not None
    assert call.fact.party.access_token == made["id"]
