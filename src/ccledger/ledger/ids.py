"""The number a call is given: it sorts by when calls started; it imports nothing, because everybody needs it."""

ID_EPOCH_MS = 1_600_000_000_000
_LAST_MS = (1 << 43) - (1 << 20)
SEQUENCES = 1 << 12
"""Ids that one node can give to calls of the same millisecond."""
NODES = 1 << 8


def call_id(started_at: int, node: int, sequence: int) -> int:
    """A 63-bit id that sorts by start: milliseconds since September 2020, node (8 bits), sequence (12 bits).

    A sequence that needs more bits goes on in the next milliseconds.
    """
    offset = started_at - ID_EPOCH_MS
    if not 0 <= offset <= _LAST_MS:
        offset = 0 if offset < 0 else _LAST_MS
    return (offset + sequence // SEQUENCES) << 20 | node << 12 | sequence % SEQUENCES
