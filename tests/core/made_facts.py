"""Makes facts up so that they meet often: few keys, few values, ties in every rank; and joins them by plain search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from hypothesis import strategies as st
from msgspec.structs import replace

from ccledger.core.call import (
    Exchange,
    Fact,
    Failer,
    Origin,
    Outcome,
    Party,
    Place,
    Reading,
    Source,
    Timing,
    Usage,
)
from ccledger.core.merge import merge

STRONG = ("line:u", "msg:msg_a", "msg:msg_a/advice/0", "msg:msg_b", "own:1/req_1", "some-later-kind:1")
WEAK = ("req:req_1", "req:req_2", "req:req_3")

sources = st.sampled_from(list(map(int, Source)))
moments = st.integers(0, 2)
counts = st.sampled_from((0, 1, 2))
texts = st.sampled_from((None, "a", "b"))
few = st.sampled_from((None, 0, 7))

usages = st.builds(Usage, counts, counts, counts, counts, counts, st.sampled_from((0, 0, 1)))
readings = st.builds(
    Reading,
    model=st.sampled_from(("claude-opus-5", "claude-sonnet-5")),
    usage=usages,
    terms=st.sampled_from((0, 1, 2, 4)),
    origin=st.sampled_from(list(map(int, Origin))),
    complete=st.booleans(),
    sidechain=st.booleans(),
)
timings = st.builds(
    Timing,
    source=sources,
    started_at=moments,
    outcome=st.sampled_from(list(map(int, Outcome))),
    status_code=st.sampled_from((None, 200, 529)),
    duration_ms=few,
    first_token_ms=few,
)
places = st.builds(
    Place,
    source=sources,
    session=texts,
    project=texts,
    folder=texts,
    branch=texts,
    agent=texts,
    copied=st.booleans(),
    billing=st.sampled_from((0, 1)),
)
parties = st.builds(Party, source=sources, access_token=texts, account=texts, user=texts, mode=texts)
exchanges = st.builds(
    Exchange,
    endpoint=st.sampled_from(("messages", "chat", "count_tokens", "v1/files")),
    stream=st.booleans(),
    failed_by=st.sampled_from(list(map(int, Failer))),
    error=texts,
    attempts=counts,
)
key_sets = st.one_of(
    st.tuples(st.sampled_from(STRONG)),
    st.tuples(st.sampled_from(STRONG), st.sampled_from(WEAK)).map(lambda keys: tuple(sorted(keys))),
    st.tuples(st.sampled_from(WEAK)),
    st.sets(st.sampled_from(STRONG + WEAK), min_size=1, max_size=4).map(lambda keys: tuple(sorted(keys))),
)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """Draw what some source may know; a fact without a place was placed at no time."""
    timing = draw(timings)
    place = draw(st.none() | places)
    return Fact(
        keys=draw(key_sets),
        timing=timing,
        reading=draw(st.none() | readings),
        place=place,
        placed_at=0 if place is None else draw(moments),
        party=draw(st.none() | parties),
        sources=1 << timing.source,
        exchange=draw(st.none() | exchanges),
    )


PARTS = {"timing": timings, "reading": readings, "place": places, "party": parties, "exchange": exchanges}
FIELDS = tuple(
    (part, field)
    for part, kind in (
        ("timing", Timing),
        ("reading", Reading),
        ("place", Place),
        ("party", Party),
        ("exchange", Exchange),
    )
    for field in kind.__struct_fields__
)


@st.composite
def twins(draw: st.DrawFn, part: str, field: str) -> tuple[Fact, Fact]:
    """Draw two facts that tie in all but one field of one part, if not in all."""
    one, other = draw(PARTS[part]), draw(PARTS[part])
    fact = replace(draw(facts()), **{part: one})
    return fact, replace(fact, **{part: replace(one, **{field: getattr(other, field)})})


def plain_groups(arrived: Sequence[Fact]) -> list[list[int]]:
    """Group facts that are one call by comparing each with each; both groups and members in order of appearance."""
    bare = {key for fact in arrived if all(key.startswith("req:") for key in fact.keys) for key in fact.keys}
    joining = [{key for key in fact.keys if not key.startswith("req:") or key in bare} for fact in arrived]
    groups: list[list[int]] = []
    for number, keys in enumerate(joining):
        met = [group for group in groups if any(keys & joining[member] for member in group)]
        rest = [group for group in groups if group not in met]
        groups = [*rest, sorted([number, *(member for group in met for member in group)])]
    return sorted(groups)


def plain_join(arrived: Sequence[Fact]) -> list[Fact]:
    """Join facts to calls, slowly."""
    return [merged(arrived[member] for member in group) for group in plain_groups(arrived)]


def merged(same: Iterable[Fact]) -> Fact:
    """Merge facts that are one call."""
    return reduce(merge, same)
