from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.grid import Column, Row, columns_of, draw, fits, keep_end, keep_first, keep_start, printable

WORDS = st.text(st.sampled_from("abc 读写目录é-_/.\u0301"), max_size=30)


@given(WORDS, st.integers(2, 40))
def test_a_cut_text_never_takes_more_room_than_it_has(text: str, width: int) -> None:
    for cut in (keep_start(text, width), keep_end(text, width)):
        assert columns_of(cut) <= width
        assert cut == text or "…" in cut


@given(
    st.lists(st.sampled_from(["opus-5", "haiku-4-5", "a-model-with-a-very-long-name", "读"]), min_size=1),
    st.integers(8, 60),
)
def test_a_list_that_is_cut_says_how_many_are_missing(names: list[str], width: int) -> None:
    text = ", ".join(names)
    cut = keep_first(text, width)
    assert columns_of(cut) <= width
    shown, plus, missing = cut.rpartition(" +")
    if plus:
        assert len(shown.split(", ")) + int(missing) == len(names)
    elif cut != text:
        assert len(names) == 1


def test_chinese_characters_take_two_columns_and_accents_none() -> None:
    assert columns_of("ab") == 2
    assert columns_of("目录") == 4
    assert columns_of(unicodedata.normalize("NFD", "é")) == 1


def test_a_path_keeps_its_end_and_a_text_its_start() -> None:
    assert keep_end("/home/app/shop", 6) == "…/shop"
    assert keep_start("opus-4-8", 5) == "opus…"
    assert keep_start("目录名", 5) == "目录…"


def test_what_could_move_the_cursor_is_replaced() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\ufffd[2Jb\ufffdc"
    assert printable("目录") == "目录"


COLUMNS = [Column("Day"), Column("Name", least=4), Column("Cost", right=True)]
ROWS = [Row(["2026-11-01", "目录目录", "$1.00"]), Row(["2026-11-02", "a-long-name", "$12.00"])]
TOTAL = Row(["Total", "", "$13.00"], "bold")


def test_columns_line_up_whatever_the_characters() -> None:
    lines = draw(COLUMNS, ROWS, TOTAL, None, colour=False).split("\n")
    assert lines == [
        "Day         Name           Cost",
        "───────────────────────────────",
        "2026-11-01  目录目录      $1.00",
        "2026-11-02  a-long-name  $12.00",
        "───────────────────────────────",
        "Total                    $13.00",
    ]


def test_only_words_give_way_when_there_is_little_room() -> None:
    lines = draw(COLUMNS, ROWS, TOTAL, 27, colour=False).split("\n")
    assert lines[2:4] == ["2026-11-01  目录目…   $1.00", "2026-11-02  a-long…  $12.00"]
    assert {columns_of(line) for line in lines[1:]} == {27}


def test_a_table_fits_down_to_its_least_width() -> None:
    assert fits(COLUMNS, ROWS, 24)
    assert not fits(COLUMNS, ROWS, 23)
    assert fits(COLUMNS, ROWS, None)


def test_styles_are_escape_codes_only_where_colours_are_wanted() -> None:
    assert "\x1b" not in draw(COLUMNS, ROWS, TOTAL, None, colour=False)
    assert draw(COLUMNS, ROWS, TOTAL, None, colour=True).split("\n")[-1].startswith("\x1b[1mTotal")
