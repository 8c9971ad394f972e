"""The laws of joining facts: neither order nor grouping nor repetition of facts changes a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, pairwise, permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Fact, Origin, Outcome, Party, Place, Reading, Source, Timing, Usage
from ccledger.core.merge import is_bare, is_weak, join, merge
from tests.core.made_facts import FIELDS, facts, key_sets, plain_groups, plain_join, twins

TRANSCRIPT, GATEWAY, RUNNER = map(int, Source)
MESSAGE = ("msg:msg_a",)


def make_fact(
    *keys: str,
    timing: Timing | None = None,
    reading: Reading | None = None,
    place: Place | None = None,
    placed_at: int = 0,
    party: Party | None = None,
) -> Fact:
    return Fact(keys or MESSAGE, timing or Timing(TRANSCRIPT, 5), reading, place, placed_at, party)


def make_reading(*usage: int, origin: int = Origin.MEASURED, complete: bool = True, sidechain: bool = False) -> Reading:
    return Reading("claude-opus-5", Usage(*usage), 0, origin, complete, sidechain)


@given(facts(), facts())
def test_merge_does_not_care_which_comes_first(a: Fact, b: Fact) -> None:
    assert merge(a, b) == merge(b, a)


@pytest.mark.parametrize(("part", "field"), FIELDS)
@given(st.data())
def test_any_one_field_decides_a_tie(part: str, field: str, data: st.DataObject) -> None:
    a, b = data.draw(twins(part, field))
    assert merge(a, b) == merge(b, a)
    assert getattr(merge(a, b), part) in (getattr(a, part), getattr(b, part))


@pytest.mark.parametrize(("one", "other"), list(combinations(range(5), 2)))
def test_the_kinds_of_tokens_decide_between_equal_totals(one: int, other: int) -> None:
    a, b = (make_fact(reading=make_reading(*(int(kind == mine) for kind in range(5)))) for mine in (one, other))
    assert merge(a, b) == merge(b, a)


@given(facts(), facts(), facts())
def test_merge_does_not_care_about_grouping(a: Fact, b: Fact, c: Fact) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(facts(), facts())
def test_merging_again_changes_nothing(a: Fact, b: Fact) -> None:
    both = merge(a, b)
    assert merge(a, a) == a
    assert merge(both, a) == merge(both, b) == both


@given(facts(), facts())
def test_every_part_is_taken_whole(a: Fact, b: Fact) -> None:
    both = merge(a, b)
    assert both.timing in (a.timing, b.timing)
    assert both.reading in (a.reading, b.reading)
    assert (both.place, both.placed_at) in ((a.place, a.placed_at), (b.place, b.placed_at))
    assert both.party in (a.party, b.party)
    assert both.keys == tuple(sorted({*a.keys, *b.keys}))
    assert both.sources == a.sources | b.sources


@given(facts(), facts())
def test_what_only_one_knows_is_kept(a: Fact, b: Fact) -> None:
    both = merge(a, b)
    assert (both.reading is None) == (a.reading is None and b.reading is None)
    assert (both.place is None) == (a.place is None and b.place is None)
    assert (both.party is None) == (a.party is None and b.party is None)
    assert (both.exchange is None) == (a.exchange is None and b.exchange is None)


TIMINGS = [
    (Timing(GATEWAY, 9), Timing(RUNNER, 1)),
    (Timing(RUNNER, 9), Timing(TRANSCRIPT, 1)),
    (Timing(GATEWAY, 9), Timing(TRANSCRIPT, 1)),
    (Timing(TRANSCRIPT, 1), Timing(TRANSCRIPT, 2, Outcome.ERROR)),
    (Timing(GATEWAY, 1, Outcome.ABORTED), Timing(GATEWAY, 1, Outcome.OK, 200)),
    (Timing(GATEWAY, 1, Outcome.OK, 200), Timing(GATEWAY, 1, Outcome.OK)),
    (Timing(GATEWAY, 1, duration_ms=0), Timing(GATEWAY, 1)),
    (Timing(GATEWAY, 1, first_token_ms=0), Timing(GATEWAY, 1)),
]


@pytest.mark.parametrize(("better", "worse"), TIMINGS)
def test_the_time_is_the_gateways_else_the_runners_else_the_earliest_line(better: Timing, worse: Timing) -> None:
    assert merge(make_fact(timing=worse), make_fact(timing=better)).timing == better


READINGS = [
    (make_reading(1), make_reading(900, origin=Origin.ESTIMATED)),
    (make_reading(1, origin=Origin.ESTIMATED), make_reading(900, origin=Origin.UNKNOWN)),
    (make_reading(1), make_reading(900, sidechain=True)),
    (make_reading(0, 640), make_reading(500, 2)),
    (make_reading(5, 5, 0, 0, 0, 1), make_reading(5, 5)),
    (make_reading(1, complete=True), make_reading(1, complete=False)),
    (make_reading(0, 9), make_reading(9, 0)),
]


@pytest.mark.parametrize(("better", "worse"), READINGS)
def test_the_best_evidence_of_usage_wins_as_a_whole(better: Reading, worse: Reading) -> None:
    assert merge(make_fact(reading=worse), make_fact(reading=better)).reading == better


PLACES = [
    ((Place(TRANSCRIPT, copied=True), 9), (Place(RUNNER, "s"), 1)),
    ((Place(RUNNER), 9), (Place(GATEWAY, "s", "p"), 1)),
    ((Place(TRANSCRIPT, "own"), 9), (Place(TRANSCRIPT, "fork", copied=True), 1)),
    ((Place(TRANSCRIPT, "first"), 1), (Place(TRANSCRIPT, "second"), 2)),
    ((Place(TRANSCRIPT, "s"), 1), (Place(TRANSCRIPT), 1)),
]


@pytest.mark.parametrize(("better", "worse"), PLACES)
def test_a_call_stays_where_it_was_first_made(better: tuple[Place, int], worse: tuple[Place, int]) -> None:
    both = merge(make_fact(place=worse[0], placed_at=worse[1]), make_fact(place=better[0], placed_at=better[1]))
    assert (both.place, both.placed_at) == better


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Party(GATEWAY), Party(RUNNER, user="u")),
        (Party(RUNNER), Party(TRANSCRIPT, account="a")),
        (Party(GATEWAY, "key"), Party(GATEWAY)),
    ],
)
def test_the_gateway_knows_best_who_called(better: Party, worse: Party) -> None:
    assert merge(make_fact(party=worse), make_fact(party=better)).party == better


@given(key_sets)
def test_a_fact_is_bare_when_it_has_nothing_but_request_ids(keys: tuple[str, ...]) -> None:
    assert is_bare(keys) == all(map(is_weak, keys))


@given(st.lists(facts(), max_size=12))
def test_join_finds_what_comparing_each_with_each_finds(arrived: list[Fact]) -> None:
    joined = join(arrived)
    assert [fact for fact, _ in joined] == plain_join(arrived)
    assert all(known == () for _, known in joined)


@given(st.lists(facts(), max_size=10), st.randoms(use_true_random=False))
def test_join_does_not_care_about_order_or_repetition(arrived: list[Fact], random: Random) -> None:
    again = [*arrived, *random.choices(arrived, k=len(arrived))] if arrived else []
    random.shuffle(again)
    assert sort_calls(fact for fact, _ in join(again)) == sort_calls(plain_join(arrived))


@given(st.lists(facts(), max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_join_does_not_care_about_batches_and_the_older_call_stays(arrived: list[Fact], cuts: list[int]) -> None:
    bounds = sorted({0, len(arrived), *(min(cut, len(arrived)) for cut in cuts)})
    book: dict[int, Fact] = {}
    bare: set[str] = set()
    for first, last in pairwise(bounds):
        bare.update(key for fact in arrived[first:last] if is_bare(fact.keys) for key in fact.keys)
        write(book, dict(enumerate(arrived[first:last], first)), bare)
    assert [book[number] for number in sorted(book)] == plain_join(arrived)
    assert sorted(book) == [group[0] for group in plain_groups(arrived)]


def write(book: dict[int, Fact], batch: Mapping[int, Fact], bare: set[str]) -> None:
    """Book a batch as a ledger does: a new call is named by its first fact, of several known ones the oldest stays."""
    stored = sorted(book)
    before = [book[number] for number in stored]
    for fact, known in join(batch.values(), known=before, bare=bare):
        numbers = [stored[index] for index in known] or [first_of(fact, batch)]
        for number in numbers:
            book.pop(number, None)
        book[numbers[0]] = fact


def first_of(call: Fact, batch: Mapping[int, Fact]) -> int:
    """Find a call's first fact: it has no key that the call has not."""
    return next(number for number, fact in batch.items() if set(fact.keys) <= set(call.keys))


@given(st.lists(facts(), min_size=1, max_size=6), facts())
def test_known_calls_that_nothing_new_is_said_of_are_left_out(arrived: list[Fact], new: Fact) -> None:
    known = plain_join(arrived)
    bare = {key for fact in (*arrived, new) if is_bare(fact.keys) for key in fact.keys}
    (call,) = join([new], known=known, bare=bare)
    met = [number for number, fact in enumerate(known) if shares_a_joining_key(fact, new, bare)]
    assert set(met) <= set(call.known)
    assert set(new.keys) <= set(call.fact.keys)


def shares_a_joining_key(a: Fact, b: Fact, bare: set[str]) -> bool:
    return any(key in bare or not is_weak(key) for key in {*a.keys} & {*b.keys})


SHARED = "req:req_1"
FIRST, SECOND = make_fact("msg:msg_a", SHARED), make_fact("msg:msg_b", SHARED)
ANONYMOUS = make_fact(SHARED)


@pytest.mark.parametrize("order", list(permutations((FIRST, SECOND))))
def test_a_request_id_alone_does_not_join_two_identified_calls(order: tuple[Fact, ...]) -> None:
    assert [fact for fact, _ in join(order)] == list(order)
    assert [fact for fact, _ in join(order[1:], known=order[:1])] == [order[1]]


@pytest.mark.parametrize("order", list(permutations((FIRST, SECOND, ANONYMOUS))))
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_fact_with_nothing_but_a_request_id_joins_all_that_carry_it(order: tuple[Fact, ...], cut: int) -> None:
    known = [fact for fact, _ in join(order[:cut])]
    bare = {SHARED} if ANONYMOUS in order[:cut] else set[str]()
    (call,) = join(order[cut:], known=known, bare=bare)
    assert call.fact.keys == ("msg:msg_a", "msg:msg_b", SHARED)
    assert call.known == tuple(range(len(known)))


@pytest.mark.parametrize("kind", ["line:1", "own:1", "some-later-kind:1"])
def test_any_other_key_joins_whatever_kind_it_is(kind: str) -> None:
    calls = join([make_fact(*sorted((name, f"req:{name}", kind))) for name in ("msg:msg_a", "msg:msg_b")])
    assert len(calls) == 1


def test_a_request_id_that_was_bare_before_joins_all_that_carry_it() -> None:
    (call,) = join([FIRST, SECOND], bare={SHARED})
    assert call.fact.keys == ("msg:msg_a", "msg:msg_b", SHARED)


def test_calls_with_nothing_in_common_stay_apart_whatever_request_ids_were_bare() -> None:
    joined = join([FIRST, make_fact("msg:msg_b", "req:req_2")], bare={"req:req_3"})
    assert [fact.keys for fact, _ in joined] == [("msg:msg_a", SHARED), ("msg:msg_b", "req:req_2")]


def sort_calls(calls: Iterable[Fact]) -> list[Fact]:
    return sorted(calls, key=repr)
