"""Questions name their values; PostgreSQL numbers them."""

from ccledger.ledger.postgresql.questions import numbered


def test_values_are_numbered_in_the_order_in_which_they_are_first_named() -> None:
    text, names = numbered("SELECT a::text WHERE b = :second::bigint AND c IN (:first, :second) AND d = ':'")
    assert text == "SELECT a::text WHERE b = $1::bigint AND c IN ($2, $1) AND d = ':'"
    assert names == ("second", "first")
