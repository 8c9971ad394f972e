from ccledger.ledger.store import open_store
from ccledger.stats.estimate import estimate_period
from tests.stats.facts import UNPRICED, fact, price

AUTUMN = 1_793_350_000_000


def test_an_estimate_without_calls_that_have_a_price_has_no_cost() -> None:
    store = open_store("memory://", lambda: price, "UTC")
    store.append([fact("1", AUTUMN, model=UNPRICED)], {}, now=1)
    answer = estimate_period(store, "UTC", AUTUMN - 1, AUTUMN + 1, None)
    assert (answer.total_cost, answer.total_cost_nano, answer.complete) == (None, None, False)
