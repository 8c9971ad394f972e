"""What was signed out stays so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccledger.access.signed_out import SignedOut
from ccledger.core.errors import StoreError


def test_what_was_signed_out_is_known_to_the_next_server(tmp_path: Path) -> None:
    path = tmp_path / "signed-out"
    ended = SignedOut(path)
    assert "a" not in ended
    ended["a"] = 5
    ended["b"] = 6
    assert dict(SignedOut(path)) == {"a": 5, "b": 6}
    del ended["a"]
    ended["c"] = 7
    assert dict(SignedOut(path)) == dict(ended) == {"b": 6, "c": 7}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["signed-out"]


@pytest.mark.parametrize("content", [b"a", b"a b", b"a 1 2", b"\xff 1", b"a 1\n\n"])
def test_a_file_that_is_damaged_is_said_and_not_passed_over(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "signed-out"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="delete it, and sign in anew"):
        SignedOut(path)
