"""What the ledger in memory holds, and how roll-ups are added up in it; it answers nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ccledger.core.access import OWNER, User
from ccledger.core.cached import CachedFile
from ccledger.core.measures import ZERO, Measures, plus
from ccledger.core.prices import Override
from ccledger.core.rollup import Roll
from ccledger.ledger.cached import KeptDay
from ccledger.ledger.past import Past
from ccledger.ledger.rows import Row
from ccledger.ledger.store import Batch, KeptAccount, KeptToken, PriceChange

_Key = TypeVar("_Key")


@dataclass
class State:
    """Everything the store holds."""

    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    keys_of: dict[int, set[str]] = field(default_factory=dict[int, set[str]])
    aliases: dict[int, int] = field(default_factory=dict[int, int])
    owners: dict[str, int] = field(default_factory=dict[str, int])
    requests: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    bare: set[str] = field(default_factory=set[str])
    positions: dict[str, bytes] = field(default_factory=dict[str, bytes])
    roll: Roll = field(default_factory=lambda: Roll({}, {}, {}))
    batches: list[Batch] = field(default_factory=list[Batch])
    cached_files: dict[str, CachedFile] = field(default_factory=dict[str, CachedFile])
    cached_days: list[KeptDay] = field(default_factory=list[KeptDay])
    overrides: list[Override] = field(default_factory=list[Override])
    changes: list[PriceChange] = field(default_factory=list[PriceChange])
    pasts: dict[int, Past] = field(default_factory=dict[int, Past])
    accounts: dict[str, KeptAccount] = field(default_factory=dict[str, KeptAccount])
    removed: tuple[int, int] | None = None
    """When the first and the last removed call began."""
    horizon: int = 0
    users: dict[str, User] = field(default_factory=lambda: {OWNER: User(OWNER, OWNER, 0)})
    """By name."""
    access_tokens: dict[str, KeptToken] = field(default_factory=dict[str, KeptToken])
    """By id."""


def add_up(kept: Roll, new: Roll) -> None:
    """Adds differences; rows that count nothing any more go."""
    _add_rows(kept.spans, new.spans)
    _add_rows(kept.days, new.days)


def _add_rows(kept: dict[_Key, Measures], new: Mapping[_Key, Measures]) -> None:
    for key, measures in new.items():
        summed = plus(kept.get(key, ZERO), measures)
        if summed[0]:
            kept[key] = summed
        else:
            kept.pop(key, None)
