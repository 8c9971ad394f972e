"""The number a call is given: it sorts by when calls started; it imports nothing, because everybody needs it."""

FIRST_MS = 1_600_000_000_000
LAST_MS = FIRST_MS + (1 << 43) - (1 << 20)
"""Between these an id tells the start of its call, in milliseconds since 1970."""
SEQUENCES = 1 << 12
"""Ids that one node can give to calls of the same millisecond."""
NODES = 1 << 8


def call_id(started_at: int, node: int, sequence: int) -> int:
    """A 63-bit id that sorts by start: milliseconds since September 2020, node (8 bits), sequence (12 bits).

    A sequence that needs more bits goes on in the next milliseconds.
    """
    offset = min(max(started_at, FIRST_MS), LAST_MS) - FIRST_MS
    return (offset + sequence // SEQUENCES) << 20 | node << 12 | sequence % SEQUENCES
