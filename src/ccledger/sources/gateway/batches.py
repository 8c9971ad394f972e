"""Reads the results of a batch as they pass, and has each written down as the call it was; it passes nothing on."""

from typing import TYPE_CHECKING, Final

from ccledger.wire.messages import Metered, read_batch_result

if TYPE_CHECKING:
    from ccledger.sources.gateway.visit import Visit
    from ccledger.wire.inflate import Inflater

RESULTS: Final = "messages/batches/*/results"
_AT_ONCE: Final = 10
"""Results that are written down together: what they take fits the room that is kept for one call."""
_LONGEST_LINE: Final = 16 << 20
"""A longer line is no result that an answer of a model makes."""


class BatchResults:
    """Sees results go by, one a line, in any pieces."""

    def __init__(self, visit: "Visit", inflater: "Inflater | None") -> None:
        self._visit = visit
        self._inflater = inflater
        self._rest: list[bytes] = []
        self._size = 0
        """Of the line that has not ended yet, as far as it is kept."""
        self._found: list[Metered] = []

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes, and writes down the results that end in them; none at all: these were the last."""
        plain = piece if self._inflater is None else self._inflater.feed(piece)
        first, *lines = plain.split(b"\n") if piece else (b"", b"")
        self._keep(first)
        for line in lines:
            if self._size <= _LONGEST_LINE:
                self._found.extend(read_batch_result(b"".join(self._rest)))
            self._rest, self._size = [], 0
            self._keep(line)
        while self._found:
            self._visit.write_results(self._found[:_AT_ONCE])
            del self._found[:_AT_ONCE]

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= _LONGEST_LINE:
            self._rest.append(part)
        else:
            self._rest = []
