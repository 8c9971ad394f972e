"""Access tokens with what was used by each."""

from pathlib import Path

from msgspec.structs import replace

from ccledger.core.access import AccessToken
from ccledger.core.call import Party, Source, Usage
from ccledger.ledger.store import Store
from ccledger.stats.tokens import describe_tokens
from tests.stats.facts import UNPRICED, fact, ledger

NOW = 1_795_168_800_000
DAY_MS = 86_400_000
A, B, C = (AccessToken(name, f"the {name}", "owner", NOW) for name in "abc")


def use(store: Store, key: str, token: AccessToken, at: int, model: str = "claude-opus-4-5") -> None:
    party = Party(Source.GATEWAY, token.id)
    store.append([replace(fact(key, at, model=model, usage=Usage(1, 2, 3, 4, 5)), party=party)], {}, now=NOW)


def test_every_call_there_ever_was_counts_for_its_own_token(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    for number in range(40):
        use(store, str(number), A, NOW - number * 17 * DAY_MS)
    use(store, "b", B, NOW - 5)
    a, b, c = describe_tokens(store, [A, B, C], NOW)
    store.close()
    assert [(info.name, info.total_requests, info.total_tokens_used) for info in (a, b, c)] == [
        ("the a", 40, 600),
        ("the b", 1, 15),
        ("the c", 0, 0),
    ]
    assert [info.last_used_at for info in (a, b, c)] == ["2026-11-20T10:00:00.000Z", "2026-11-20T09:59:59.995Z", None]
    assert a.total_cost_nano == str(40 * int(b.total_cost_nano or 0))


def test_they_come_in_the_order_asked_for_and_nobody_else_does(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    use(store, "1", B, NOW)
    assert [info.id for info in describe_tokens(store, [C, A], NOW)] == ["c", "a"]
    assert describe_tokens(store, [], NOW) == []
    store.close()


def test_money_is_null_without_any_price_and_nothing_without_any_call(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    use(store, "1", A, NOW, UNPRICED)
    a, b = describe_tokens(store, [A, B], NOW)
    store.close()
    assert (a.total_cost, a.total_cost_nano, b.total_cost, b.total_cost_nano) == (None, None, 0.0, "0")


def test_a_token_is_valid_until_it_expires_or_is_revoked(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    told = [A, replace(A, expires_at=NOW), replace(A, expires_at=NOW + 1), replace(A, revoked_at=NOW + 5)]
    assert [info.is_valid for info in describe_tokens(store, told, NOW)] == [True, False, True, False]
    store.close()
