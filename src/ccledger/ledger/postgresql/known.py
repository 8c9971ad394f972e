"""What every writer of a PostgreSQL ledger goes by; when any of it changes, so does the epoch, and all ask anew."""

from typing import Final, NamedTuple

from ccledger.ledger.postgresql.link import Row

SETTINGS: Final = "SELECT name, value FROM setting"
NEXT_EPOCH: Final = "UPDATE setting SET value = (value::bigint + 1)::text WHERE name = 'epoch'"
NEXT_PRICES: Final = "UPDATE setting SET value = (value::bigint + 1)::text WHERE name = 'prices'"


class Known(NamedTuple):
    """The settings of one epoch."""

    epoch: int
    zone: str
    horizon: int
    finds_requests: bool
    """Whether calls have to be found by request ids, too: only once a fact knew nothing else."""
    closed: int
    """The first month that is not summed up as a whole."""
    base: int | None
    """Added to a transaction's number it is its batch's sequence; None before the first batch."""
    prices: str
    """Tells the overrides apart that were there at one time and another."""


def read_known(rows: list[Row]) -> Known:
    """The settings in their rows."""
    found: dict[str, str] = {row[0]: row[1] for row in rows}
    base = found.get("batch_base")
    return Known(
        int(found["epoch"]),
        found["zone"],
        int(found.get("horizon", 0)),
        "finds_requests" in found,
        int(found.get("months", 0)),
        None if base is None else int(base),
        found["prices"],
    )
