from ccledger.ledger.ids import FIRST_MS, SEQUENCES, call_id


def test_ids_sort_by_start_then_node_then_sequence() -> None:
    ids = [call_id(FIRST_MS + ms, node, n) for ms in (0, 1, 2) for node in (0, 255) for n in (0, SEQUENCES - 1)]
    assert ids == sorted(set(ids))


def test_ids_of_impossible_times_stay_in_63_bits() -> None:
    for started_at in (-(1 << 60), 0, 1 << 60):
        assert 0 <= call_id(started_at, 255, SEQUENCES - 1) < 1 << 63
