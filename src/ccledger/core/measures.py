"""The numbers kept per group of calls and what calls are grouped by; numbers only ever add up.

A correction is a difference, so a group is right whatever the order in which calls arrive.
"""

import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from itertools import islice, zip_longest
from operator import add
from types import MappingProxyType
from typing import Final, NamedTuple

Measures = tuple[int, ...]
"""One integer per name in `MEASURES`; money in nano-USD, times in milliseconds. Zeros at the end may be left out:
most calls have none but the first `USUAL`, and shorter rows are cheaper to add up and to store."""

MEASURES: Final = (
    "calls",
    "unpriced_calls",
    "partial_calls",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "input_cost",
    "output_cost",
    "cache_creation_cost",
    "cache_read_cost",
    "web_searches",
    "web_search_cost",
    "equivalent_cost",
    "error_calls",
    "aborted_calls",
    "estimated_calls",
    "unknown_calls",
    "duration_ms",
    "timed_calls",
    "first_token_ms",
    "first_token_calls",
)
USUAL: Final = MEASURES.index("web_searches")


MODEL_ENDPOINTS: Final = ("messages", "chat", "batches")
"""The endpoints (`core.call.Exchange`) that ask a model for an answer; calls of others use no tokens."""


class Grain(IntEnum):
    """The spans that are kept; the number is stored."""

    QUARTER = 0
    """15 minutes of UTC; a span is named by its number since 1970."""
    DAY = 1
    """A day in the ledger's time zone; a span is named by its number since 1970-01-01."""


class Dimension(IntEnum):
    """What a roll-up is kept by, beside the model; the number is stored."""

    ALL = 0
    ACCESS_TOKEN = 1
    ACCOUNT = 2
    USER = 3
    PROJECT = 4
    SOURCE = 5
    """Only of calls that did not come from transcripts; what `ALL` has beyond these is the transcripts'."""


class Axis(StrEnum):
    """What calls can be told apart by, under the names everybody uses; a call has at most one value on each."""

    MODEL = "model"
    PROJECT = "project"
    """The working directory's path, or the name of the transcripts' directory where the path is not known."""
    SESSION = "session"
    SOURCE = "source"
    ACCESS_TOKEN = "access_token"
    ACCOUNT = "account"
    USER = "user"


class Cut(NamedTuple):
    """Which calls are meant, and what they are told apart by. The value of calls that have none is the empty text."""

    by: tuple[Axis, ...] = ()
    only: Mapping[Axis, frozenset[str]] = MappingProxyType({})
    """Values one of which a call must have."""
    without: Mapping[Axis, frozenset[str]] = MappingProxyType({})
    """Values none of which a call may have."""

    @property
    def axes(self) -> frozenset[Axis]:
        """Everything that has to be known of a call."""
        return frozenset((*self.by, *self.only, *self.without))

    def takes(self, axis: Axis, value: str) -> bool:
        """Whether calls of that value are meant, as far as this axis tells."""
        only = self.only.get(axis)
        return (only is None or value in only) and value not in self.without.get(axis, ())


ZERO: Final[Measures] = (0,) * len(MEASURES)

_AT_ONCE: Final = 256
"""Groups that are added up column by column: faster than one after the other, while they fit the processor's cache."""


def plus(a: Measures, b: Measures) -> Measures:
    """Both groups together."""
    if len(a) == len(b):
        return tuple(map(add, a, b))
    return tuple(map(sum, zip_longest(a, b, fillvalue=0)))


def total(groups: Iterable[Measures]) -> Measures:
    """All groups together, in full length."""
    result, rest = ZERO, iter(groups)
    while some := list(islice(rest, _AT_ONCE)):
        result = plus(result, tuple(map(sum, zip_longest(*some, fillvalue=0))))
    return result


def widen(measures: Measures) -> Measures:
    """The same numbers with every zero written out."""
    return measures + ZERO[len(measures) :]


Packed = int
"""All measures of a group side by side in one integer: a sum of groups is then one addition, and so is a difference."""

_FIELD_BITS: Final = 128
"""A number takes 64 bits; the other half keeps a sum that grew beyond them from running into its neighbour."""


class _Form:
    """How many numbers lie in one integer, and where."""

    def __init__(self, length: int) -> None:
        form = struct.Struct("<" + "q8x" * length)
        self.pack = form.pack
        self.unpack = form.unpack
        self.size = form.size
        self.signs = sum(1 << (_FIELD_BITS * field + 63) for field in range(length))
        """Added to a sum, makes every number in it positive."""
        self.beyond = ~sum(((1 << 64) - 1) << (_FIELD_BITS * field) for field in range(length))
        """The bits that no number may reach then."""


_WHOLE: Final = _Form(len(MEASURES))
_USUAL: Final = _Form(USUAL)


def pack(measures: Measures) -> Packed:
    """One call's measures as one integer."""
    form = _USUAL if len(measures) == USUAL else _WHOLE
    return int.from_bytes(form.pack(*measures), "little")


def unpack(packed: Packed) -> Measures:
    """The measures in a sum of packed ones."""
    form = _USUAL
    shifted = packed + form.signs
    if shifted & form.beyond:
        form = _WHOLE
        shifted = packed + form.signs
        if shifted & form.beyond:
            return _unpack_large(packed)
    return form.unpack((shifted ^ form.signs).to_bytes(form.size, "little"))


def _unpack_large(packed: Packed) -> Measures:
    """The same for sums that need more than 64 bits: nonsense, but no reason to stop."""
    sign = 1 << (_FIELD_BITS - 1)
    measures: list[int] = []
    for _ in MEASURES:
        number = (packed + sign) % (sign * 2) - sign
        measures.append(number)
        packed = (packed - number) >> _FIELD_BITS
    return tuple(measures)
