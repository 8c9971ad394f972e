import pytest

from ccledger.ledger.booking import bare_keys, give_ids, pack_ids, unpack_ids
from tests.conformance.test_store import make_fact


def test_ids_of_a_batch_are_all_different_whatever_starts_together() -> None:
    facts = [make_fact(f"msg:{n}") for n in range(10_000)]
    assert len(set(give_ids(facts, 0))) == len(facts)


@pytest.mark.parametrize("at", [0, 1_500_000_000_000, 1_795_160_000_000])
def test_very_many_calls_of_one_moment_get_ids_at_once(at: int) -> None:
    taken = set(give_ids([make_fact(f"msg:a{n}", at=at) for n in range(10_000)], 0))
    ids = give_ids([make_fact(f"msg:b{n}", at=at) for n in range(10_000)], 0, taken.__contains__)
    assert len(taken.union(ids)) == 20_000


def test_taken_ids_are_passed_over() -> None:
    fact = make_fact()
    (first,) = give_ids([fact], 0)
    (second,) = give_ids([fact], 0, {first}.__contains__)
    assert first != second


def test_bare_keys_are_those_of_facts_without_an_identity() -> None:
    assert bare_keys([make_fact("msg:1", "req:1"), make_fact("req:2", "req:3")]) == {"req:2", "req:3"}


def test_packed_ids_come_back() -> None:
    assert unpack_ids(pack_ids([1, (1 << 63) - 1, 0])) == (1, (1 << 63) - 1, 0)
