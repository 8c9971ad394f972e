"""A session's text is ours, whole and unchanged, or it is nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.access.sessions import Session, read_session, write_session

KEY = bytes(range(32))
NUMBERS = st.integers(0, 2**64 - 1)
SESSIONS = st.builds(Session, st.binary(min_size=16, max_size=16), NUMBERS, NUMBERS)
KEYS = st.binary(min_size=32, max_size=32)


@given(SESSIONS, KEYS)
def test_what_was_written_is_read(session: Session, key: bytes) -> None:
    text = write_session(session, key)
    assert read_session(text, key) == session
    assert len(text) == 86
    assert text.isascii()
    assert not set(text) & set(' ",;\\=')


@given(SESSIONS, KEYS, KEYS)
def test_another_key_reads_nothing(session: Session, key: bytes, other: bytes) -> None:
    assert key == other or read_session(write_session(session, key), other) is None


@given(SESSIONS, st.integers(0, 85), st.characters())
def test_a_session_of_which_anything_is_changed_is_none(session: Session, place: int, character: str) -> None:
    text = write_session(session, KEY)
    changed = text[:place] + character + text[place + 1 :]
    assert changed == text or read_session(changed, KEY) is None


@given(st.text())
def test_no_text_of_somebody_else_is_a_session(text: str) -> None:
    assert read_session(text, KEY) is None


@pytest.mark.parametrize("change", ["{}=", "{}==", "{}A", " {}", "{}\n", "{0}{0}"])
def test_only_one_text_is_a_session(change: str) -> None:
    text = write_session(Session(bytes(16), 1, 2), KEY)
    assert read_session(change.format(text), KEY) is None
    assert read_session(text[:-1], KEY) is None


def test_every_bit_of_the_bytes_counts() -> None:
    text = write_session(Session(bytes(16), 1, 2), KEY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = {text[:-1] + character for character in alphabet} - {text}
    assert [other for other in others if read_session(other, KEY)] == []
