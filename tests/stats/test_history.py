"""Pages and cursors give the plain list, cut: whatever is asked, in whatever zone the ledger counts its days."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.call import Fact, Origin, Party, Place, Reading, Source, Timing, Usage
from ccledger.core.errors import UsageError
from ccledger.core.periods import milliseconds
from ccledger.ledger.retention import let_go
from ccledger.ledger.store import Store, Wanted
from ccledger.stats.history import (
    Asked,
    CallRow,
    Cursor,
    Page,
    cursor_text,
    every_call,
    how_many,
    page_after,
    page_before,
    page_by_number,
    read_cursor,
    wanted_calls,
)
from tests.stats.facts import UNPRICED, fact, ledger

AT = 1_795_168_800_000
"""2026-11-20 10:00 UTC."""
HOUR = 3_600_000
ALL = Asked(0, 1 << 42, Wanted())
MODELS = ["claude-opus-4-5", "claude-haiku-4-5", UNPRICED]

calls = st.tuples(
    st.integers(0, 40),
    st.integers(-90 * HOUR, 90 * HOUR) | st.integers(-3, 3),
    st.sampled_from(MODELS),
    st.sampled_from("abc"),
)
"""A call's key, its distance from `AT`, its model, its project and session."""


def make(key: int, offset: int, model: str, place: str) -> Fact:
    return fact(str(key), AT + offset, model=model, place=Place(Source.TRANSCRIPT, f"s-{place}", f"/home/u/{place}"))


def walk_after(store: Store, asked: Asked, page: Page, limit: int) -> list[CallRow]:
    found = list(page.rows)
    while page.next is not None:
        page = page_after(store, asked, page.next, limit)
        found += page.rows
    return found


def walk_before(store: Store, asked: Asked, page: Page, limit: int) -> list[CallRow]:
    found = list(page.rows)
    while page.previous is not None:
        page = page_before(store, asked, page.previous, limit)
        found = [*page.rows, *found]
    return found


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(calls, max_size=25), min_size=1, max_size=3),
    limits=st.tuples(st.integers(-95 * HOUR, 95 * HOUR), st.integers(-95 * HOUR, 95 * HOUR)),
    model=st.none() | st.sampled_from([*MODELS, "nobody"]),
    project=st.none() | st.sampled_from(["/home/u/a", "b", "nowhere"]),
    session=st.none() | st.just("s-a"),
    limit=st.integers(1, 7),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_pages_are_the_plain_list_in_pieces(
    batches: list[list[tuple[int, int, str, str]]],
    limits: tuple[int, int],
    model: str | None,
    project: str | None,
    session: str | None,
    limit: int,
    zone: str,
) -> None:
    with TemporaryDirectory() as folder:
        store = ledger(Path(folder), zone)
        for batch in batches:
            store.append([make(*call) for call in batch], {}, now=AT)
        start, end = sorted(limits)
        asked = Asked(AT + start, AT + end, wanted_calls(store, model, project, session))
        plain = [
            row
            for row in sorted(every_call(store, ALL), key=lambda row: (row.timestamp, int(row.id)), reverse=True)
            if asked.start <= milliseconds_of(row) < asked.end
            and model in (None, row.model)
            and (project is None or (row.project or "").endswith(project))
            and session in (None, row.session_id)
        ]
        assert list(every_call(store, asked)) == plain
        pages = [page_by_number(store, asked, 1 + number, limit) for number in range(len(plain) // limit + 2)]
        assert [row for page in pages for row in page.rows] == plain
        assert {page.total for page in pages} == {len(plain)}
        assert [len(page.rows) for page in pages[:-2]] == [limit] * (len(pages) - 2)
        assert pages[0].previous is None
        for page, following in pairwise(pages):
            if following.rows:
                assert page.next is not None
                assert page_after(store, asked, page.next, limit).rows == following.rows
            else:
                assert page.next is None
        assert walk_after(store, asked, pages[0], limit) == plain
        last = pages[(len(plain) - 1) // limit if plain else 0]
        assert walk_before(store, asked, last, limit) == plain
        store.close()


def milliseconds_of(row: CallRow) -> int:
    return milliseconds(datetime.fromisoformat(row.timestamp))


def test_a_row_says_what_the_call_was(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([fact("1", AT, usage=Usage(1, 2, 3, 4, 5, 6))], {}, now=AT)
    [row] = page_by_number(store, ALL, 1, 10).rows
    cost = 1 * 4 + 2 * 20 + 3 * 5 + 4 * 8 + 5 + 6
    assert row == CallRow(
        id=str((AT - 1_600_000_000_000) << 20),
        timestamp="2026-11-20T10:00:00.000Z",
        model="claude-opus-4-5",
        input_tokens=1,
        output_tokens=2,
        cache_write_5m_tokens=3,
        cache_write_1h_tokens=4,
        cache_creation_tokens=7,
        cache_read_tokens=5,
        total_tokens=15,
        total_cost=cost / 1e9,
        total_cost_nano=str(cost),
        session_id="session-1",
        project="/home/u/app",
        source="transcript",
        origin="measured",
    )
    store.close()


def test_calls_that_are_kept_no_longer_are_not_counted(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([fact(str(number), AT + number * HOUR) for number in range(-30, 5)], {}, now=AT)
    assert let_go(store, AT) == 30
    pages = [page_by_number(store, ALL, number, 3) for number in (1, 2, 3)]
    assert [(len(page.rows), page.total, page.next is None) for page in pages] == [
        (3, 5, False),
        (2, 5, True),
        (0, 5, True),
    ]
    assert how_many(store, ALL) == how_many(store, Asked(AT - 5 * HOUR, 1 << 42, Wanted())) == 5
    assert how_many(store, Asked(AT - 9 * HOUR, AT - HOUR, Wanted())) == 0
    assert pages[1].previous is not None
    assert page_before(store, ALL, pages[1].previous, 3).total == 5
    store.close()


def test_what_is_not_known_is_null_and_never_zero_money(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    bare = Fact(("msg:1",), Timing(Source.GATEWAY, AT), None, None, 0, Party(Source.GATEWAY, "key"), 4)
    guess = Fact(("msg:2",), Timing(Source.RUNNER, AT + 1), Reading(UNPRICED, Usage(1), origin=Origin.ESTIMATED))
    store.append([bare, guess], {}, now=AT)
    guessed, unread = page_by_number(store, ALL, 1, 10).rows
    assert (unread.model, unread.total_tokens, unread.total_cost, unread.total_cost_nano) == ("", 0, None, None)
    assert (unread.session_id, unread.project, unread.source, unread.origin) == (None, None, "gateway", "unknown")
    assert (guessed.total_cost, guessed.source, guessed.origin) == (None, "runner", "estimated")
    store.close()


def test_a_cursor_survives_what_is_booked_meanwhile(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([fact(str(number), AT + number * HOUR) for number in range(6)], {}, now=AT)
    first = page_by_number(store, ALL, 1, 2)
    store.append([fact("new", AT + 9 * HOUR), fact("between", AT + 3 * HOUR + 1)], {}, now=AT)
    assert first.next is not None
    second = page_after(store, ALL, first.next, 2)
    assert [row.timestamp[11:] for row in second.rows] == ["13:00:00.001Z", "13:00:00.000Z"]
    assert second.total == 8
    assert second.previous is not None
    assert [row.timestamp[11:13] for row in page_before(store, ALL, second.previous, 2).rows] == ["15", "14"]
    store.close()


def test_a_cursor_outside_the_range_is_no_trouble(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    store.append([fact(str(number), AT + number) for number in range(5)], {}, now=AT)
    asked = Asked(AT + 1, AT + 4, Wanted())
    late, early = Cursor(AT + 4, 1 << 62), Cursor(AT, 0)
    assert len(page_after(store, asked, late, 9).rows) == len(page_before(store, asked, early, 9).rows) == 3
    assert page_after(store, asked, early, 9).rows == page_before(store, asked, late, 9).rows == []
    store.close()


@given(st.integers(0, 1 << 43), st.integers(0, (1 << 63) - 1))
def test_a_cursor_comes_back_as_it_was(at: int, number: int) -> None:
    assert read_cursor(cursor_text(Cursor(at, number))) == Cursor(at, number)


@pytest.mark.parametrize("text", ["", "x", "ü", "AAAA", "A" * 24, "A" * 300, "=", "../../etc", "f" + 20 * "_" + "w"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="next or previous"):
        read_cursor(text)
