"""Joins partial facts into one call: commutative, associative and idempotent; it never looks at prices or ids.

Each part of a fact is taken whole from the best source for that part, by a total order that depends on nothing but
the values, so any order, duplication or grouping of the same facts gives the same call.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ccledger.core.call import Exchange, Fact, Party, Reading, Timing

_TIMING_RANK = (0, 1, 3, 2)
_PLACE_RANK = (0, 3, 1, 2)
_PARTY_RANK = (0, 1, 3, 2)
"""How well each `Source` (by its number) knows a part; the gateway leads on time, the transcript on place."""


class Joined(NamedTuple):
    """One call after joining: its fact, and which of the already known calls it continues."""

    fact: Fact
    known: tuple[int, ...]
    """Indices into `known`, in their order; more than one when a fact showed them to be the same call."""


def is_weak(key: str) -> bool:
    """Whether a key alone can't tell two identified calls apart: some proxies reuse request ids."""
    return key.startswith("req:")


def is_bare(keys: Sequence[str]) -> bool:
    """Whether a fact is known by weak keys only, so that these have to join it to its call."""
    return keys[0].startswith("req:") and all(map(is_weak, keys))


def merge(a: Fact, b: Fact) -> Fact:
    """The one fact that holds what both know. The caller has found that they are the same call."""
    if a == b:
        return a
    first, second = (a, b) if _place_order(a) >= _place_order(b) else (b, a)
    return Fact(
        keys=a.keys if a.keys == b.keys else tuple(sorted({*a.keys, *b.keys})),
        timing=max(a.timing, b.timing, key=_timing_order),
        reading=better_reading(a.reading, b.reading) if a.reading and b.reading else a.reading or b.reading,
        place=first.place or second.place,
        placed_at=first.placed_at if first.place else 0,
        party=_better_party(a.party, b.party),
        sources=a.sources | b.sources,
        exchange=_better_exchange(a.exchange, b.exchange),
    )


def _timing_order(timing: Timing) -> tuple[int, ...]:
    return (
        _TIMING_RANK[timing.source],
        -timing.started_at,
        timing.outcome,
        _known(timing.status_code),
        _known(timing.duration_ms),
        _known(timing.first_token_ms),
    )


def _known(value: int | None) -> int:
    return -1 if value is None else value


def better_reading(a: Reading, b: Reading) -> Reading:
    """The better evidence of two readings of one call: by origin, then the main conversation's, then the larger."""
    if a == b:
        return a
    return max(a, b, key=_reading_order)


def _reading_order(reading: Reading) -> tuple[object, ...]:
    usage = reading.usage
    return (
        reading.origin,
        not reading.sidechain,
        usage.total_tokens,
        usage.web_searches,
        reading.complete,
        usage.output_tokens,
        usage.input_tokens,
        usage.cache_write_1h_tokens,
        usage.cache_write_5m_tokens,
        reading.terms,
        reading.model,
    )


def _place_order(fact: Fact) -> tuple[object, ...]:
    place = fact.place
    if place is None:
        return (0,)
    return (
        _PLACE_RANK[place.source],
        not place.copied,
        -fact.placed_at,
        *_texts(place.session, place.project, place.folder, place.branch, place.agent),
        place.billing,
    )


def _better_party(a: Party | None, b: Party | None) -> Party | None:
    if a is None or b is None or a == b:
        return a or b
    return max(a, b, key=_party_order)


def _party_order(party: Party) -> tuple[object, ...]:
    return (_PARTY_RANK[party.source], *_texts(party.access_token, party.account, party.user, party.mode))


def _better_exchange(a: Exchange | None, b: Exchange | None) -> Exchange | None:
    if a is None or b is None or a == b:
        return a or b
    return max(a, b, key=_exchange_order)


def _exchange_order(exchange: Exchange) -> tuple[object, ...]:
    return (
        exchange.failed_by,
        exchange.attempts,
        exchange.stream,
        exchange.endpoint,
        *_texts(exchange.error),
    )


def _texts(*values: str | None) -> tuple[tuple[bool, str], ...]:
    return tuple((value is not None, value or "") for value in values)


def join(facts: Collection[Fact], *, known: Sequence[Fact] = (), bare: Collection[str] = ()) -> list[Joined]:
    """Folds facts to one per call, in order of first appearance.

    `known` are calls that were joined before (different calls, for all that was known then); `bare` are the weak keys
    that bare facts were seen with before. Known calls that no new fact touched are left out of the answer.
    """
    plain = fold_plain(facts) if not known and not bare else None
    if plain is not None:
        return [Joined(fact, ()) for fact in plain.values()]
    folding = _Folding(bare)
    for fact in known:
        folding.start(fact)
    for fact in facts:
        folding.add(fact)
    return folding.touched(len(known))


def fold_plain(facts: Iterable[Fact]) -> dict[str, Fact] | None:
    """Calls by the one key that identifies each, beside which only request ids stand; None as soon as a fact has none
    or several. Most batches are plain.
    """
    folded: dict[str, Fact] = {}
    for fact in facts:
        keys = fact.keys
        own = keys[0]
        # Keys are sorted, so comparing tells their kind; a key of a kind that sorts after "req:" only costs speed.
        if own >= "req:" or (len(keys) > 1 and not "req:" <= keys[1] <= keys[-1] < "req;"):
            return None
        other = folded.get(own)
        folded[own] = fact if other is None else merge(other, fact)
    return folded


class _Folding:
    """Calls under construction, found by their keys. A call's number is that of its earliest fact."""

    def __init__(self, bare: Iterable[str]) -> None:
        self._calls: dict[int, Fact] = {}
        self._members: dict[int, list[int]] = {}
        self._strong: dict[str, int] = {}
        self._weak: dict[str, list[int]] = {}
        self._bare = set(bare)
        self._touched: set[int] = set()
        self._next = 0

    def start(self, fact: Fact) -> int:
        """Takes a fact as a call of its own and answers its number."""
        number = self._next
        self._next = number + 1
        self._calls[number] = fact
        for key in fact.keys:
            if is_weak(key):
                self._weak.setdefault(key, []).append(number)
            else:
                self._strong[key] = number
        return number

    def add(self, fact: Fact) -> None:
        """Joins a fact to the calls it shows to be one, or starts a call with it."""
        strong = self._strong
        matches = [strong[key] for key in fact.keys if key in strong]
        if self._bare or is_bare(fact.keys):
            matches = self._weakly_matched(fact, matches)
        if not matches:
            self._touched.add(self.start(fact))
        elif len(matches) == 1:
            self._replace(matches[0], merge(self._calls[matches[0]], fact), ())
        else:
            self._unite(fact, *sorted(set(matches)))

    def _weakly_matched(self, fact: Fact, matches: list[int]) -> list[int]:
        """The matches, and those that weak keys add where a bare fact is involved."""
        anonymous = is_bare(fact.keys)
        found = set(matches)
        for key in fact.keys:
            if key in self._weak and (anonymous or key in self._bare):
                found.update(self._weak[key])
        if anonymous:
            self._bare.update(fact.keys)
        return sorted(found)

    def _unite(self, fact: Fact, home: int, *others: int) -> None:
        merged = merge(self._calls[home], fact)
        for number in others:
            merged = merge(merged, self._calls.pop(number))
            self._members.setdefault(home, [home]).extend(self._members.pop(number, [number]))
            self._touched.discard(number)
        self._replace(home, merged, others)

    def _replace(self, home: int, merged: Fact, gone: Sequence[int]) -> None:
        self._touched.add(home)
        if gone or merged.keys != self._calls[home].keys:
            self._move_keys(merged.keys, home, set(gone))
        self._calls[home] = merged

    def _move_keys(self, keys: Iterable[str], home: int, gone: set[int]) -> None:
        for key in keys:
            if not is_weak(key):
                self._strong[key] = home
                continue
            rest = [number for number in self._weak.get(key, ()) if number != home and number not in gone]
            self._weak[key] = [*rest, home]

    def touched(self, known: int) -> list[Joined]:
        """What became of the calls that a new fact reached."""
        return [
            Joined(self._calls[number], tuple(sorted(n for n in self._members.get(number, [number]) if n < known)))
            for number in sorted(self._touched)
        ]
