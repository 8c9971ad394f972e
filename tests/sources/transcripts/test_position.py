"""What is remembered of a file: it comes back as it was, and tells a changed file from an unchanged one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.sources.transcripts.position import Position, decode, fingerprint, is_unchanged, signature
from ccledger.sources.transcripts.roots import Found

FOUND = Found("/c/projects/-a/s.jsonl", "/c", "-a", 42, 1000, 1_790_000_000_123_456_789)

found_files = st.builds(
    FOUND._replace,
    inode=st.integers(0, (1 << 128) - 1),
    size=st.integers(0, 1 << 62),
    modified_ns=st.integers(-(1 << 62), 1 << 62),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(found_files, st.integers(0, 1 << 62), st.integers(0, 1 << 31), st.binary(), st.none() | texts)
def test_a_position_comes_back_as_it_was(
    found: Found, offset: int, unreadable: int, text: bytes, project: str | None
) -> None:
    position = Position(signature(found), offset, unreadable, fingerprint(text), fingerprint(b"x" + text), project)
    assert decode(position.encode()) == position
    assert is_unchanged(position.encode(), found)


def make_position(found: Found, project: str | None = None) -> bytes:
    return Position(signature(found), 900, 0, fingerprint(b"head"), fingerprint(b"tail"), project).encode()


@pytest.mark.parametrize("change", [{"inode": 43}, {"size": 1001}, {"size": 999}, {"modified_ns": 0}])
def test_any_change_of_a_listing_shows(change: dict[str, int]) -> None:
    assert not is_unchanged(make_position(FOUND), FOUND._replace(**change))


def test_a_file_that_was_never_read_has_changed() -> None:
    assert not is_unchanged(b"", FOUND)


def test_a_file_dated_before_1970_is_a_file() -> None:
    old = FOUND._replace(modified_ns=-1)
    assert is_unchanged(make_position(old), old)


def test_where_a_file_lies_is_no_part_of_what_it_is() -> None:
    assert signature(FOUND) == signature(FOUND._replace(path="/elsewhere", root="/", folder="x"))


def test_a_project_whose_name_is_no_text_is_remembered_as_one() -> None:
    project = decode(make_position(FOUND, "/home/\udcff")).project
    assert project == "/home/?"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_different_texts_have_different_fingerprints(one: bytes, other: bytes) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert len(fingerprint(one)) == 8
