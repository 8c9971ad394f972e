from ccledger.core.call import Call, Cost, Reading
from ccledger.core.merge import Joined, merge
from ccledger.ledger.plan import plan
from tests.conformance.stores import price
from tests.conformance.test_store import make_fact


def test_a_call_that_says_the_same_is_left_alone() -> None:
    fact = make_fact()
    assert plan([Joined(fact, (0,))], [Call(1, fact, None)], price) == []


def test_a_changed_call_keeps_its_id_and_is_priced_anew() -> None:
    before, after = make_fact(output=1), make_fact(output=2)
    asked: list[tuple[Reading, int]] = []

    def priced(reading: Reading, started_at: int) -> Cost | None:
        asked.append((reading, started_at))
        return price(reading, started_at)

    (change,) = plan([Joined(after, (0,))], [Call(7, before, None)], priced)
    assert change.after is not None
    assert (change.after.id, change.after.fact) == (7, after)
    assert asked == [(after.reading, after.timing.started_at)]


def test_a_new_key_is_remembered_though_nothing_else_is_new() -> None:
    known = make_fact("msg:1")
    (change,) = plan([Joined(make_fact("msg:1", "req:9"), (0,))], [Call(7, known, None)], price)
    assert change.after is change.before
    assert change.keys == ("msg:1", "req:9")


def test_of_two_calls_that_are_one_the_lower_id_stays() -> None:
    a, b = make_fact("msg:1"), make_fact("own:2")
    stays, goes = plan([Joined(merge(a, b), (0, 1))], [Call(9, a, None), Call(3, b, None)], price)
    assert stays.after is not None
    assert (stays.before.id, stays.after.id) == (3, 3)
    assert (goes.before.id, goes.after, goes.successor) == (9, None, 3)
