"""Ids, keys and rows of a batch; and that compiled code books what Python would have booked."""

from decimal import Decimal
from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ccledger.core.call import Cost, Fact, Place, Reading, Timing, Usage
from ccledger.core.measures import widen
from ccledger.core.periods import Days, zone
from ccledger.core.prices import Card, Model, Modifiers, Period, PriceBook, read_book
from ccledger.ledger.booking import bare_keys, book_new, give_ids, pack_ids, unpack_ids
from ccledger.ledger.plan import Price
from ccledger.ledger.rows import Names
from tests.conformance.test_store import make_fact
from tests.core.made_facts import facts, places
from tests.lanes import leave_compiled_out

NOON, DAY_MS = 1_795_176_000_000, 86_400_000
BOOK = read_book(files("ccledger.core").joinpath("prices.toml").read_text("utf-8"))


def test_ids_of_a_batch_are_all_different_whatever_starts_together() -> None:
    facts = [make_fact(f"msg:{n}") for n in range(10_000)]
    assert len(set(give_ids(facts, 0))) == len(facts)


@pytest.mark.parametrize("at", [0, 1_500_000_000_000, 1_795_160_000_000])
def test_very_many_calls_of_one_moment_get_ids_at_once(at: int) -> None:
    taken = set(give_ids([make_fact(f"msg:a{n}", at=at) for n in range(10_000)], 0))
    ids = give_ids([make_fact(f"msg:b{n}", at=at) for n in range(10_000)], 0, taken.__contains__)
    assert len(taken.union(ids)) == 20_000


def test_taken_ids_are_passed_over() -> None:
    fact = make_fact()
    (first,) = give_ids([fact], 0)
    (second,) = give_ids([fact], 0, {first}.__contains__)
    assert first != second


def test_bare_keys_are_those_of_facts_without_an_identity() -> None:
    assert bare_keys([make_fact("msg:1", "req:1"), make_fact("req:2", "req:3")]) == {"req:2", "req:3"}


def test_packed_ids_come_back() -> None:
    assert unpack_ids(pack_ids([1, (1 << 63) - 1, 0])) == (1, (1 << 63) - 1, 0)


# The compiled booking against the one in Python.

numbers = st.sampled_from((0, 1, 7, 100_000, 10**13))
told = st.builds(
    Fact,
    keys=st.sampled_from((("msg:a",), ("msg:a", "req:1"), ("line:u",), ("msg:a", "req:1", "req:2"), ("req:1",))),
    timing=st.builds(Timing, st.just(1), st.sampled_from((0, 1, 899_999, 900_000, 86_400_000, 1_795_160_000_000))),
    reading=st.builds(
        Reading,
        model=st.sampled_from(("claude-opus-5", "claude-sonnet-5", "nobody's")),
        usage=st.builds(Usage, numbers, numbers, numbers, numbers, numbers, st.sampled_from((0, 0, 0, 2))),
        terms=st.sampled_from((0, 1, 2, 4)),
        complete=st.booleans(),
        sidechain=st.booleans(),
    ),
    place=st.none() | places,
    sources=st.just(2),
)


@st.composite
def calls(draw: st.DrawFn) -> list[Fact]:
    """Draw new calls: most are a transcript's, and placed when they ran."""
    plain = st.lists(told.map(lambda fact: replace(fact, placed_at=fact.timing.started_at)), max_size=12)
    return [*draw(plain), *draw(st.lists(told | facts(), max_size=3))]


def booked(new: list[Fact], price: Price) -> tuple[object, ...]:
    """What is booked, with names numbered in their order, and sums in full length."""
    known: dict[object, int] = {}

    def number(*name: object) -> int:
        return known.setdefault(name, len(known) + 1)

    days = Days(zone("Europe/Berlin"))
    booking = book_new(new, give_ids(new, 0), price, Names(number, number), days.of_quarter)
    sums = [{key: widen(measures) for key, measures in rows.items()} for rows in booking.roll]
    return (*booking[:-1], sums, known)


def booked_in_python(new: list[Fact], price: Price) -> tuple[object, ...]:
    with pytest.MonkeyPatch.context() as patch:
        leave_compiled_out(patch)
        return booked(new, price)


@given(calls())
def test_the_compiled_booking_says_what_python_says(new: list[Fact]) -> None:
    assert booked(new, BOOK.cost) == booked_in_python(new, BOOK.cost)


@pytest.mark.parametrize("billing", [0, 1])
@pytest.mark.parametrize("tokens", [10**13, 1 << 50, (1 << 60) - 1])
def test_sums_beyond_64_bits_are_exact(billing: int, tokens: int) -> None:
    place = Place(1, session="s", billing=billing)
    reading = Reading("dear", Usage(tokens, tokens))
    new = [replace(make_fact(f"msg:{n}"), place=place, reading=reading) for n in range(20)]
    cost = book_of("0.001").cost
    assert booked(new, cost) == booked_in_python(new, cost)


@pytest.mark.parametrize("price", ["5", "0.3", "0.0005"])
@pytest.mark.parametrize("prompt", [100, 101])
def test_every_card_is_reckoned_alike(price: str, prompt: int) -> None:
    new = [
        replace(make_fact(f"msg:{n}", at=at), reading=Reading(model, Usage(prompt, 3, 0, 0, 0)))
        for n, (at, model) in enumerate(product((NOON - 1, NOON, NOON + DAY_MS - 1, NOON + DAY_MS), ("dear", "other")))
    ]
    cost = book_of(price).cost
    assert booked(new, cost) == booked_in_python(new, cost)


def test_any_function_may_tell_the_price() -> None:
    def price(_: Reading, __: int) -> Cost:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        booked([make_fact()], price)


def test_what_goes_wrong_is_told() -> None:
    def number(*_: object) -> int:
        return 1

    def day_of(_: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        book_new([make_fact()], [1], BOOK.cost, Names(number, number), day_of)


def book_of(price: str) -> PriceBook:
    """A book with one model, whose price holds for a day and is another one from 101 tokens of prompt on."""
    card, long_card = (Card((Decimal(price) * factor,) * 5) for factor in (1, 2))
    period = Period(NOON, NOON + DAY_MS, card, "made up", long_over=100, long_card=long_card)
    everlasting = Period(0, 1 << 62, card, "made up")
    later = Period(1 << 42, 1 << 62, card, "made up")
    models = [Model("dear", (period, later)), Model("other", (everlasting,))]
    return PriceBook(models, Modifiers(Decimal(1), Decimal(1), Decimal(1), 1))
