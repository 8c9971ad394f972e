"""Months that are over: summed up once, kept right by corrections, and never seen in any number."""

# apsw's type stubs leave the types of bindings open, so every call of it looks partially unknown.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path

import apsw
import pytest

from ccledger.core.measures import Axis, Cut, Dimension, Grain
from ccledger.core.periods import day_number
from ccledger.ledger.months import first_day, month_of, split
from ccledger.ledger.store import Store
from tests.conformance.stores import fresh_store
from tests.conformance.test_store import make_fact, plain_sums, started, summed, value_of

DAY_MS = 86_400_000
FIRST = day_number(date(2026, 1, 20))
DAYS = range(FIRST, FIRST + 100)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh_store("sqlite", tmp_path) as opened:
        facts = [make_fact(f"msg:{day}", at=day * DAY_MS, output=day, project=f"/p{day % 3}") for day in DAYS]
        opened.append(facts, {}, now=1)
    with fresh_store("sqlite", tmp_path) as opened:
        yield opened


def months_kept(folder: Path) -> set[int]:
    connection = apsw.Connection(str(folder / "ledger.db"))
    found = {month for (month,) in connection.execute("SELECT month FROM usage_month")}
    connection.close()
    return found


def assert_sums_are_plain(store: Store) -> None:
    calls = store.calls(0, 1 << 42)
    bounds = [FIRST - 40, FIRST, FIRST + 11, FIRST + 12, FIRST + 39, FIRST + 40, FIRST + 100, FIRST + 200]
    stretches = [(first, last) for first, last in product(bounds, bounds) if first <= last]
    for dimension, by in product((Dimension.ALL, Dimension.PROJECT), ((), (Axis.MODEL,))):
        kept = [call for call in calls if value_of(call, dimension) is not None]
        found = summed(store.sum_spans(Grain.DAY, dimension, stretches, Cut(by)))
        assert {key: row for key, row in found.items() if row[0]} == plain_sums(
            kept, lambda call: started(call) // DAY_MS, stretches, Cut(by)
        )


def test_months_before_the_newest_day_are_closed_when_a_ledger_is_opened(store: Store, tmp_path: Path) -> None:
    assert months_kept(tmp_path) == {month_of(day_number(date(2026, month, 1))) for month in (1, 2, 3)}
    assert_sums_are_plain(store)


def test_what_is_booked_into_a_closed_month_reaches_its_sums(store: Store) -> None:
    moved = make_fact(f"msg:{FIRST + 20}", at=(FIRST + 3) * DAY_MS, output=9, project="/new")
    grown = make_fact(f"msg:{FIRST + 30}", at=(FIRST + 30) * DAY_MS, output=10**6, project="/p0")
    late = make_fact("msg:late", at=(FIRST - 30) * DAY_MS)
    store.append([moved, grown, late], {}, now=2)
    assert_sums_are_plain(store)


def test_a_rebuild_closes_months_anew(store: Store, tmp_path: Path) -> None:
    store.rebuild("Pacific/Kiritimati")
    store.rebuild("UTC")
    assert len(months_kept(tmp_path)) == 3
    assert_sums_are_plain(store)


def test_nonsense_too_large_to_add_up_leaves_months_open(tmp_path: Path) -> None:
    for _ in range(2):
        with fresh_store("sqlite", tmp_path) as store:
            days = [*DAYS[:5], DAYS[-1]]
            facts = [make_fact(f"msg:{day}", model="unpriced-1", at=day * DAY_MS, output=1 << 61) for day in days]
            store.append(facts, {}, now=1)
    assert months_kept(tmp_path) == set()


@pytest.mark.parametrize(
    ("first", "last", "months", "days"),
    [
        ((2026, 1, 1), (2026, 1, 31), (1, 1), []),
        ((2026, 1, 2), (2026, 1, 31), None, [((2026, 1, 2), (2026, 1, 31))]),
        ((2025, 12, 31), (2026, 3, 1), (1, 2), [((2025, 12, 31), (2025, 12, 31)), ((2026, 3, 1), (2026, 3, 1))]),
        ((2026, 2, 1), (2026, 6, 9), (2, 3), [((2026, 4, 1), (2026, 6, 9))]),
        ((2026, 4, 1), (2026, 4, 30), None, [((2026, 4, 1), (2026, 4, 30))]),
    ],
)
def test_days_are_split_at_months_that_are_closed(
    first: tuple[int, int, int],
    last: tuple[int, int, int],
    months: tuple[int, int] | None,
    days: list[tuple[tuple[int, int, int], tuple[int, int, int]]],
) -> None:
    closed = month_of(day_number(date(2026, 4, 1)))
    found = split(day_number(date(*first)), day_number(date(*last)), closed)
    january = closed - 3
    assert found.months == (None if months is None else tuple(january + month - 1 for month in months))
    assert list(found.days) == [(day_number(date(*a)), day_number(date(*b))) for a, b in days]
    assert first_day(january) == day_number(date(2026, 1, 1))
