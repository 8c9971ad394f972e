from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.access.vault import FILE_NAME, Vault, open_vault
from ccledger.core.errors import StoreError, UsageError

MASTER = bytes(range(32))


def vault(master: bytes = MASTER) -> Vault:
    return Vault(lambda: master)


def yes() -> bool:
    return True


def no() -> bool:
    return False


@given(st.binary(), st.text())
def test_what_is_sealed_opens_for_its_owner(value: bytes, owner: str) -> None:
    sealed = vault().seal(value, owner)
    assert vault().open(sealed, owner) == value
    assert len(value) < 4 or value not in sealed


def test_the_same_value_is_never_sealed_alike() -> None:
    assert vault().seal(b"value", "a") != vault().seal(b"value", "a")


@given(st.integers(0, 37), st.integers(1, 255))
def test_a_damaged_value_does_not_open(place: int, change: int) -> None:
    sealed = bytearray(vault().seal(b"value", "a"))
    sealed[place] ^= change
    with pytest.raises(StoreError, match="anew"):
        vault().open(bytes(sealed), "a")


@given(st.integers(0, 37))
def test_a_value_that_is_cut_off_does_not_open(length: int) -> None:
    with pytest.raises(StoreError, match="anew"):
        vault().open(vault().seal(b"value", "a")[:length], "a")


def test_a_value_of_another_owner_does_not_open() -> None:
    with pytest.raises(StoreError, match="damaged"):
        vault().open(vault().seal(b"value", "a"), "b")


def test_another_key_is_told_from_damage() -> None:
    with pytest.raises(StoreError, match=r"another key; bring that key back \(ccledger.key in the data directory"):
        vault(bytes(32)).open(vault().seal(b"value", "a"), "a")


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = {vault().key_for(purpose) for purpose in ("cookies", "jwt", "sealing", "mark")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
    assert vault().key_for("cookies") == vault().key_for("cookies") != vault(bytes(32)).key_for("cookies")


def test_the_key_is_made_when_it_is_needed_first_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = open_vault(tmp_path, "", no)
        assert list(tmp_path.iterdir()) == []
        sealed = first.seal(b"value", "a")
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert open_vault(tmp_path, "", yes).open(sealed, "a") == b"value"


def test_two_data_directories_have_different_keys(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    assert len({open_vault(folder, "", no).key_for("cookies") for folder in folders}) == 2


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    open_vault(tmp_path, "", no).key_for("cookies")
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(StoreError, match=f"chmod 600 {tmp_path / FILE_NAME}"):
        open_vault(tmp_path, "", yes).key_for("cookies")


def test_a_key_that_is_gone_is_not_replaced_while_something_is_sealed_with_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is gone.*bring it back.*account delete"):
        open_vault(tmp_path, "", yes).key_for("cookies")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_file_that_is_no_key_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    (tmp_path / FILE_NAME).chmod(0o600)
    with pytest.raises(StoreError, match="is no key of 32 bytes"):
        open_vault(tmp_path, "", no).key_for("cookies")
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(MASTER)
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="can't be read"):
        open_vault(tmp_path, "", no).key_for("cookies")


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be written"):
        open_vault(tmp_path / "nowhere", "", no).key_for("cookies")


@pytest.mark.parametrize(
    "given_key",
    [
        MASTER.hex(),
        MASTER.hex().upper(),
        base64.b64encode(MASTER).decode(),
        f" {base64.b64encode(MASTER).decode()}\n",
        base64.urlsafe_b64encode(MASTER).decode().rstrip("="),
    ],
)
def test_a_key_that_is_given_is_used_and_written_nowhere(tmp_path: Path, given_key: str) -> None:
    assert open_vault(tmp_path, given_key, yes).key_for("cookies") == vault().key_for("cookies")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given_key", ["secret", "00" * 31, "00" * 33, "é" * 43, base64.b64encode(b"x" * 31).decode()])
def test_what_is_given_and_is_no_key_is_refused_at_once_and_not_repeated(tmp_path: Path, given_key: str) -> None:
    with pytest.raises(UsageError, match="openssl rand") as refused:
        open_vault(tmp_path, given_key, no)
    assert given_key not in str(refused.value)
