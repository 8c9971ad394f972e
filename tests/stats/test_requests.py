"""Lists of calls are the plain list, filtered, ordered and cut, on every engine, however little time there is."""

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ccledger.core.call import Call, Exchange, Fact, Outcome, Party, Reading, Source, Timing, Usage
from ccledger.core.errors import UsageError
from ccledger.ledger.retention import let_go
from ccledger.ledger.store import Ranking, Store, Wanted, engines
from ccledger.stats.requests import Place, Sort, every_request, list_requests, read_sort
from ccledger.stats.spans import Asked
from tests.conformance.stores import fresh_store
from tests.conformance.test_store import FOREVER, MORNING, facts, is_wanted, make_fact, ranked_by, times, wishes
from tests.stats.facts import fact, ledger

ALL = Asked(0, FOREVER, Wanted())


def never() -> bool:
    return False


def in_time_for(steps: int) -> Callable[[], bool]:
    """It is late after so many questions."""
    answers = chain(repeat(False, steps), repeat(True))
    return lambda: next(answers)


def plain(store: Store, asked: Asked, *, falling: bool) -> list[Call]:
    """The list that is meant, from all calls."""
    calls = [call for call in store.calls(asked.start, asked.end) if is_wanted(call, asked.wanted)]
    return calls[::-1] if falling else calls


def walk(store: Store, asked: Asked, sort: Sort, limit: int, steps: int) -> list[Call]:
    """All pages from the first on, by the cursors they give."""
    page = list_requests(store, asked, sort, Place(limit=limit), in_time_for(steps))
    found = list(page.calls)
    while page.next is not None:
        assert len(page.calls) <= limit
        page = list_requests(store, asked, sort, Place(limit=limit, after=page.next), in_time_for(steps))
        found += page.calls
    return found


@pytest.mark.parametrize("engine", engines())
@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(facts(), max_size=10), min_size=1, max_size=3),
    wanted=wishes,
    limits=st.tuples(times, times) | st.just((0, FOREVER)),
    limit=st.integers(1, 4),
    page=st.integers(0, 3),
    steps=st.sampled_from([0, 1, 1000]),
    falling=st.booleans(),
)
def test_a_list_is_the_plain_list_in_pieces(
    engine: str,
    batches: list[list[Fact]],
    wanted: Wanted,
    limits: tuple[int, int],
    limit: int,
    page: int,
    steps: int,
    falling: bool,
) -> None:
    start, end = sorted(limits)
    asked, sort = Asked(start, end, wanted), Sort(None, falling)
    with TemporaryDirectory() as folder, fresh_store(engine, Path(folder)) as store:
        for number, batch in enumerate(batches):
            store.append(batch, {}, now=number)
        expected = plain(store, asked, falling=falling)
        assert ids(walk(store, asked, sort, limit, steps)) == ids(expected)
        assert ids(every_request(store, asked)) == ids(plain(store, asked, falling=True))
        numbered = list_requests(store, asked, sort, Place(page, limit), never)
        assert ids(numbered.calls) == ids(expected)[page * limit : (page + 1) * limit]
        assert (numbered.total, numbered.total_is_exact) == (len(expected), True)
        hurried = list_requests(store, asked, sort, Place(page, limit), in_time_for(steps))
        assert hurried.total == len(expected) if hurried.total_is_exact else hurried.total <= len(expected)
        for place, call in enumerate(expected):
            assert_lies_beside(store, asked, sort, (place, call, limit), expected)


@pytest.mark.parametrize("engine", engines())
def test_a_page_that_nothing_was_found_for_tells_of_no_calls_before_it(engine: str, tmp_path: Path) -> None:
    with fresh_store(engine, tmp_path) as store:
        store.append([make_fact()], {}, now=1)
        asked = Asked(0, FOREVER, Wanted(status=200))
        assert list_requests(store, asked, Sort(), Place(page=1, limit=1), lambda: True).total == 0


def assert_lies_beside(
    store: Store, asked: Asked, sort: Sort, at: tuple[int, Call, int], expected: Sequence[Call]
) -> None:
    """What comes before and after each call, by its own id."""
    place, call, limit = at
    after = list_requests(store, asked, sort, Place(limit=limit, after=str(call.id)), never)
    assert ids(after.calls) == ids(expected)[place + 1 : place + 1 + limit]
    assert (after.next is None) == (place + 1 + limit >= len(expected))
    before = list_requests(store, asked, sort, Place(limit=limit, before=str(call.id)), never)
    assert ids(before.calls) == ids(expected)[max(0, place - limit) : place]
    assert (before.previous is None) == (place <= limit)


def ids(calls: object) -> list[int]:
    return [call.id for call in calls]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportGeneralTypeIssues] - lists and iterators of calls


@pytest.mark.parametrize("engine", engines())
@settings(max_examples=30, deadline=None)
@given(
    batch=st.lists(facts(), max_size=12),
    wanted=wishes,
    ranking=st.sampled_from(Ranking),
    falling=st.booleans(),
    limit=st.integers(1, 4),
    page=st.integers(0, 2),
)
def test_a_ranked_list_is_sorted_and_cut(
    engine: str, batch: list[Fact], wanted: Wanted, ranking: Ranking, falling: bool, limit: int, page: int
) -> None:
    with TemporaryDirectory() as folder, fresh_store(engine, Path(folder)) as store:
        store.append(batch, {}, now=1)
        calls = plain(store, ALL._replace(wanted=wanted), falling=True)
        valued = [call for call in calls if ranked_by(call, ranking) is not None]
        valued.sort(key=lambda call: ranked_by(call, ranking) or 0, reverse=falling)
        expected = [*valued, *(call for call in calls if ranked_by(call, ranking) is None)]
        found = list_requests(store, ALL._replace(wanted=wanted), Sort(ranking, falling), Place(page, limit), never)
        assert ids(found.calls) == ids(expected)[page * limit : (page + 1) * limit]
        assert (found.total, found.total_is_exact) == (len(expected), True)
        assert (found.next, found.previous) == (None, None)


def test_a_list_that_has_to_look_at_many_calls_stops_when_it_is_late_and_goes_on_from_there(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    rare = Party(Source.GATEWAY, "t", "a", "u", "web")
    store.append(
        [replace(gateway(n), party=rare if n in {100, 8_900} else None) for n in range(9_000)], {}, now=MORNING
    )
    asked = ALL._replace(wanted=Wanted(mode="web"))
    first = list_requests(store, asked, Sort(), Place(), in_time_for(0))
    assert (len(first.calls), first.total_is_exact) == (1, False)
    assert first.next is not None
    pages = 1
    found = list(first.calls)
    page = first
    while page.next is not None:
        page = list_requests(store, asked, Sort(), Place(after=page.next), in_time_for(0))
        found += page.calls
        pages += 1
    assert [call.fact.timing.started_at - MORNING for call in found] == [8_900 * 60_000, 100 * 60_000]
    assert 6 <= pages <= 12
    assert list_requests(store, asked, Sort(), Place(), never).total == 2
    store.close()


def gateway(number: int) -> Fact:
    at = MORNING + number * 60_000
    timing = Timing(Source.GATEWAY, at, Outcome.OK, 200, 900, 100)
    return Fact((f"msg:{number}",), timing, Reading("m", Usage(1)), sources=4, exchange=Exchange())


def test_what_lies_too_deep_or_is_too_much_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ledger(tmp_path)
    store.append([fact(str(n), MORNING + n) for n in range(3)], {}, now=1)
    with pytest.raises(UsageError, match="go on with after"):
        list_requests(store, ALL._replace(wanted=Wanted(mode="web")), Sort(), Place(101, 100), never)
    with pytest.raises(UsageError, match="too deep"):
        list_requests(store, ALL, Sort(Ranking.COST), Place(101, 100), never)
    with pytest.raises(UsageError, match="page"):
        list_requests(store, ALL, Sort(Ranking.COST), Place(after="1"), never)
    monkeypatch.setattr("ccledger.stats.requests._MOST_RANKED", 2)
    with pytest.raises(UsageError, match="each of 3 calls; narrow from_date"):
        list_requests(store, ALL, Sort(Ranking.TOKENS), Place(), never)
    assert list_requests(store, ALL, Sort(), Place(10**9, 50), never).calls == []
    store.close()


def test_a_list_goes_on_after_a_call_that_was_deleted(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([fact(str(n), MORNING + n * 86_400_000) for n in range(4)], {}, now=1)
    newest_first = plain(store, ALL, falling=True)
    let_go(store, MORNING + 2 * 86_400_000 - 1000)
    gone = str(newest_first[2].id)
    before = list_requests(store, ALL, Sort(), Place(before=gone), never)
    assert ids(before.calls) == ids(newest_first[:2])
    assert list_requests(store, ALL, Sort(), Place(after=gone), never).calls == []
    store.close()


@pytest.mark.parametrize("text", ["1e3", "-5", "٣", "9" * 19, "9" * 30, "x"])
def test_a_cursor_that_nobody_gave_is_refused(tmp_path: Path, text: str) -> None:
    store = ledger(tmp_path)
    with pytest.raises(UsageError, match="after and before"):
        list_requests(store, ALL, Sort(), Place(after=text), never)
    store.close()


def test_orders_are_read() -> None:
    assert read_sort("-time") == Sort()
    assert read_sort("cost") == Sort(Ranking.COST, falling=False)
    for nonsense in ("", "--time", "model"):
        with pytest.raises(UsageError, match="sort is time, status, tokens, cost"):
            read_sort(nonsense)


def test_sessions_are_counted_with_every_other_filter(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([make_fact(f"msg:{n}", at=MORNING + n, session="s") for n in range(5)], {}, now=1)
    found = list_requests(store, ALL._replace(wanted=Wanted(session="s", success=True)), Sort(), Place(0, 2), never)
    assert (len(found.calls), found.total, found.total_is_exact) == (2, 5, True)
    store.close()
